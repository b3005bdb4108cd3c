"""The time of one case: minutes pass in seconds, for its servers and for the client alike."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pace:
    """``speed`` times as fast as the real clock since ``began`` (real seconds since the epoch), and wrong by ``skew``
    seconds."""

    speed: float = 1.0
    began: float = field(default_factory=time.time)
    skew: float = 0.0

    def now(self) -> float:
        return self.began + (time.time() - self.began) * self.speed + self.skew

    def make_it_so(self) -> None:
        """In a client's process: the clock that the contract says is injected runs at this pace."""
        from sora_core.clock import SystemClock

        start = time.monotonic()

        def monotonic(_: SystemClock) -> float:
            return start + (time.monotonic() - start) * self.speed

        async def sleep(_: SystemClock, seconds: float) -> None:
            await asyncio.sleep(seconds / self.speed)

        SystemClock.now = lambda _: self.now()  # type: ignore[method-assign]
        SystemClock.monotonic = monotonic  # type: ignore[method-assign]
        SystemClock.sleep = sleep  # type: ignore[method-assign]
