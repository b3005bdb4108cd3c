"""Clocks for tests: one whose waiting takes no time and is on record, one that cuts waits short, one that leaps."""

from __future__ import annotations

import asyncio

from sora_core.conformance.clocks import HastyClock, LeapingClock

__all__ = ["FakeClock", "HastyClock", "LeapingClock"]


class FakeClock:
    """Sleeping advances the time at once and lets other tasks run. ``sleeps`` lists the waits in seconds."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += max(0.0, seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.time += seconds
