"""How a node waits for the engine: progress, interrupts, and what its run says."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ..sora_core.engine import Handle
from ..sora_core.errors import Interrupted
from ..sora_core.jobs.progress import Progress
from . import _host as host
from ._comfy import ComfyAPI

T = TypeVar("T")

_waited_for: deque[str] = deque(maxlen=1000)  # ids of jobs whose end a node has seen
_waiting: set[Reports] = set()  # of the nodes that wait at this moment

PROGRESS_EVENT = "sora_video.progress"
ENDED = "ended"  # the last stage of a job that somebody waited for, however it ended
FOUND_EVENT = "sora_video.found"  # a video that was there already
PICTURE_EVENT = "sora_video.picture"
PICTURE_PX = 512  # longer side of a picture that is only to be looked at
SLICE_SECONDS = 0.05  # how often a waiting node looks up; an interrupt is noticed within it
BARS_A_SECOND = 20  # of all waiting nodes together: ComfyUI tells the page of all its nodes for every change of one


class Reports:
    """The latest progress of a job, handed from the engine's thread to the node's coroutine."""

    def __init__(self) -> None:
        self._latest: Progress | None = None
        self._shown: Progress | None = None
        self._bar, self._bar_at = -1.0, 0.0

    def __call__(self, progress: Progress) -> None:
        self._latest = progress

    @property
    def job_id(self) -> str:
        """Of the job that is waited for; empty before it has one."""
        return self._latest.job_id if self._latest else ""

    @property
    def percent(self) -> float:
        """How far the node's bar is."""
        return (self._latest.percent if self._latest else None) or 0.0

    async def show(self) -> None:
        """Bar and text on the node; must run in the node's own context."""
        latest = self._latest
        if latest is None:
            return
        now = time.monotonic()
        if self.percent != self._bar and now - self._bar_at >= len(_waiting) / BARS_A_SECOND:
            self._bar, self._bar_at = self.percent, now
            # the class: 0.8 declares the attribute `execution` and never sets it
            await ComfyAPI.Execution().set_progress(self.percent, 100.0)
        if latest != self._shown:
            self._shown = latest
            # not ComfyUI's own progress text: older front ends (1.35) save that with the workflow
            host.tell_node(PROGRESS_EVENT, asdict(latest))

    def end(self) -> None:
        """Nothing is waited for any more; the page need not say how far it is."""
        host.tell_node(PROGRESS_EVENT, {"stage": ENDED, "job_id": self.job_id})


async def show_picture(picture: Any, text: str) -> None:
    """A PIL picture and a text on the node, before there is progress to show.

    Not as a preview: the page takes a preview for the node's clip once there was one, and shows neither.
    """
    await ComfyAPI.Execution().set_progress(0.0, 100.0)
    source = await asyncio.to_thread(_data_url, picture)
    host.tell_node(PICTURE_EVENT, {"picture": source, "text": text})


def _data_url(picture: Any) -> str:
    small = picture.convert("RGB")
    small.thumbnail((PICTURE_PX, PICTURE_PX))
    held = io.BytesIO()
    small.save(held, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()


async def wait_for(handle: Handle[T], reports: Reports | None = None, *, to_the_end: bool = True) -> T:
    """The handle's result. An interrupt stops the waiting and raises ComfyUI's own exception.

    Without ``to_the_end`` the result is not yet how the job ended.
    Polls instead of awaiting the future: the prompt's loop may be closed before the job is done.
    """
    if reports:
        _waiting.add(reports)
    try:
        while not handle.future.done():
            if host.interrupted():
                raise host.Interrupt
            if reports:
                await reports.show()
            await asyncio.sleep(SLICE_SECONDS)
    finally:
        if not handle.future.done():
            handle.abandon()
        elif reports and reports.job_id and (to_the_end or handle.future.exception()):
            _waited_for.append(reports.job_id)
        if reports:
            _waiting.discard(reports)
            reports.end()
    try:
        return handle.result()
    except Interrupted:
        raise host.Interrupt from None


async def in_thread(work: Callable[[], T]) -> T:
    """Runs blocking work beside the prompt's loop."""
    try:
        return await asyncio.to_thread(work)
    except Interrupted:
        raise host.Interrupt from None


def was_waited_for(job_id: str) -> bool:
    """Whether a node waits for the job, or has handed out how it ended."""
    return job_id in _waited_for or any(each.job_id == job_id for each in tuple(_waiting))
