"""Clocks that cut waits short, for servers that are quick or have a tape in their place."""

from __future__ import annotations

from ..clock import SystemClock


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
