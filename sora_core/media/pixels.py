"""Decoded frames to float RGB, in threads, straight into their place in one array."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from fractions import Fraction
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .clip import quarter_turn

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

    Floats = np.ndarray[Any, np.dtype[np.float32]]

_WORKERS = min(4, max(2, os.cpu_count() or 2))
_PATIENCE_SECONDS = 0.2
_CHUNK_BYTES = 2**17  # of RGB: with its floats it stays in a core's own cache
_TURNS = {
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}


class Painter:
    """Fills ``target`` [N,H,W,3] float32 with 0..1; a frame of another size is scaled to it.

    A context manager: at its end all frames are in place. Colour is that of ffmpeg's own rgb24:
    matrix and range as tagged, BT.601 where there is no tag. ``check`` is called while it waits.
    """

    def __init__(self, target: Floats, check: Callable[[], None]) -> None:
        self._target = target
        self._check = check
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="sora-pixels")
        self._running: deque[Future[None]] = deque()
        self._local = threading.local()

    def __enter__(self) -> Painter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._running and error is None:
                self._finish_one()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def paint(self, index: int, frame: VideoFrame) -> None:
        """Takes the frame for ``target[index]``; waits when too many are on their way."""
        if len(self._running) >= 2 * _WORKERS:
            self._finish_one()
        self._running.append(self._pool.submit(self._paint, index, frame))

    def _finish_one(self) -> None:
        oldest = self._running.popleft()
        while True:
            self._check()
            if wait([oldest], _PATIENCE_SECONDS).done:
                return oldest.result()

    def _paint(self, index: int, frame: VideoFrame) -> None:
        graph = self._graph(frame)
        graph.push(frame)
        plane = cast("VideoFrame", graph.pull()).planes[0]
        height, width = self._target.shape[1:3]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)[:, : width * 3]
        place = self._target[index].reshape(height, width * 3)
        step = max(1, _CHUNK_BYTES // (width * 3))
        for top in range(0, height, step):
            part = place[top : top + step]
            np.copyto(part, rows[top : top + step])
            part /= 255

    def _graph(self, frame: VideoFrame) -> Graph:
        """This thread's filter for frames like this one."""
        turn = quarter_turn(frame)
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, turn)
        if getattr(self._local, "key", None) != key:
            self._local.graph = _rgb_graph(frame, turn, *self._target.shape[1:3])
            self._local.key = key
        graph: Graph = self._local.graph
        return graph


def _rgb_graph(frame: VideoFrame, turn: int, height: int, width: int) -> Graph:
    """The chain of filters that ffmpeg itself would use.

    VideoFrame.reformat would be shorter, but its colours depend on the version of PyAV and, above
    8 bits, differ from ffmpeg's.
    """
    import av

    graph = av.filter.Graph()
    if hasattr(graph, "threads"):
        graph.threads = 1  # there are threads enough
    chain = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or Fraction(1, av.time_base),
        ),
        *(graph.add(name, argument) for name, argument in _TURNS.get(turn, ())),
        graph.add("scale", f"{width}:{height}:flags=bicubic"),
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ]
    for here, there in pairwise(chain):
        here.link_to(there)
    graph.configure()
    return graph
