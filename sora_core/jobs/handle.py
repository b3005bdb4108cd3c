"""A wait for something that the engine's loop does, from any thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from ..errors import Interrupted

T = TypeVar("T")


class Handle(Generic[T]):
    """Someone's wait for something the engine does, after ``ready``; may be used from any thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], ready: Callable[[], Awaitable[None]]
    ) -> None:
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._loop = loop
        self._work = work
        self._ready = ready
        self._task: asyncio.Task[None] | None = None
        self._loop.call_soon_threadsafe(self._begin)

    def result(self, timeout: float | None = None) -> T:
        """Blocks. Raises the error tree, or TimeoutError after ``timeout`` seconds."""
        return self.future.result(timeout)

    def abandon(self) -> None:
        """Stops waiting: the result becomes Interrupted. A job that was sent goes on."""
        self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    async def end(self) -> None:
        """Abandons, and is back when nothing is at work any more. In the loop."""
        if self._task and not self._task.done():  # done in a loop that is closed by now, perhaps
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._work.close()  # it may never have begun
        if not self.future.done():
            self.future.set_exception(Interrupted("jobs.waiting_interrupted"))

    async def _run(self) -> None:
        try:
            await self._ready()
            result = await self._work
        except asyncio.CancelledError:
            self.future.set_exception(Interrupted("jobs.waiting_interrupted"))
        except Exception as error:  # noqa: BLE001 (the thread's boundary: every error is the handle's to raise)
            self.future.set_exception(error)
        else:
            self.future.set_result(result)
