"""Time as a dependency, so that tests run in none of it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the client knows of time; all values in seconds."""

    def now(self) -> float:
        """Wall clock, seconds since the epoch."""

    def monotonic(self) -> float:
        """A clock that never jumps; only differences mean anything."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The real clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # here, as who only reads a ledger runs no loop, and its import takes long

        await asyncio.sleep(seconds)
