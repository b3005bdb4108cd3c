"""What a profile may do at once and per minute; shared by all its jobs in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from .clock import Clock


class Limits:
    """Slots for jobs and a pace for requests. Lives in one event loop."""

    def __init__(self, clock: Clock, *, max_jobs: int | None, requests_per_minute: int | None) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(max_jobs) if max_jobs else None
        self._spacing = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._next_free = 0.0  # monotonic

    @contextlib.asynccontextmanager
    async def slot(self, on_wait: Callable[[], None]) -> AsyncIterator[None]:
        """One of the profile's jobs at once; ``on_wait`` is told when there is none free."""
        if self._slots is None:
            yield
            return
        if self._slots.locked():
            on_wait()
        async with self._slots:
            yield

    async def pace(self) -> None:
        """Waits until the profile's requests per minute allow one more request."""
        if not self._spacing:
            return
        now = self._clock.monotonic()
        start = max(now, self._next_free)
        self._next_free = start + self._spacing
        if start > now:
            await self._clock.sleep(start - now)
