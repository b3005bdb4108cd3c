"""Clocks for tests: one whose waiting takes no time and is on record, one that cuts waits short, one that leaps."""

from __future__ import annotations

import asyncio

from sora_core.clock import SystemClock


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


class HastyClock(SystemClock):
    """The machine's own, but no wait is longer than 0.05 s."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.05))


class LeapingClock(HastyClock):
    """A wait is cut short, and what is left of it has passed all the same."""

    def __init__(self) -> None:
        self._leapt = 0.0

    def now(self) -> float:
        return super().now() + self._leapt

    def monotonic(self) -> float:
        return super().monotonic() + self._leapt

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self._leapt += max(0.0, seconds - 0.05)
