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
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .clip import Orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

    Floats = np.ndarray[Any, np.dtype[np.float32]]

_WORKERS = min(4, max(2, os.cpu_count() or 2))
_PATIENCE_SECONDS = 0.2
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_RED_GREEN_BLUE = (2, 0, 1)  # planes of GBR


class Painter:
    """Fills ``target`` [N,H,W,3] float32 with 0..1, upright; a frame of another size is scaled to it.

    A context manager: at its end all frames are in place. Colours are those of the formula: matrix and range
    as tagged, BT.601 where there is no tag, chroma between its samples linear and sited at the left, all bits
    kept. ``check`` is called while it waits.
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
        place = Orientation.of(frame).stored(self._target[index])
        planar = _Planar.of(frame)
        graph = self._graph(frame, planar, *place.shape[:2])
        graph.push(frame)
        rgb = cast("VideoFrame", graph.pull())
        for channel, number in enumerate(_RED_GREEN_BLUE):
            plane = rgb.planes[number]
            values = np.frombuffer(memoryview(plane), planar.dtype).reshape(rgb.height, -1)[:, : rgb.width]
            np.multiply(values, np.float32(1 / planar.white), out=place[..., channel], dtype=np.float32)
        if planar.can_be_whiter:
            np.clip(place, 0, 1, out=place)  # three times as fast as np.minimum

    def _graph(self, frame: VideoFrame, planar: _Planar, height: int, width: int) -> Graph:
        """This thread's filter for frames like this one."""
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, height, width)
        if getattr(self._local, "key", None) != key:
            self._local.graph = _planar_graph(frame, planar.format, height, width)
            self._local.key = key
        graph: Graph = self._local.graph
        return graph


class _Planar(NamedTuple):
    """The planar RGB that a frame becomes on its way, and the value that is white there."""

    format: str
    dtype: str
    white: float
    can_be_whiter: bool = False

    @staticmethod
    def of(frame: VideoFrame) -> _Planar:
        """RGB keeps its values; YUV becomes floats, of which swscale takes white to be the source's, shifted
        to 16 bits and divided by 65535. A planar 8-bit target would round, a packed one truncates."""
        bits = max(component.bits for component in frame.format.components)
        if frame.format.is_rgb or frame.format.has_palette:
            if bits <= 8:
                return _Planar("gbrp", "<u1", 255)
            kind = (
                "gbrap" if frame.format.name.startswith("gbrap") else "gbrp"
            )  # to drop alpha, swscale mixes planes up
            if bits > 16:
                return _Planar(f"{kind}f32le", "<f4", 1)
            return _Planar(f"{kind}{bits}le", "<u2", 2**bits - 1)
        full = frame.color_range == _FULL_RANGE or frame.format.name.startswith(("gray", "ya", "yuvj"))
        white = (2**bits - 1) << (16 - bits) if full else 255 << 8
        return _Planar("gbrpf32le", "<f4", white / 65535, can_be_whiter=True)


def _planar_graph(frame: VideoFrame, planar: str, height: int, width: int) -> Graph:
    """A filter to planar RGB. VideoFrame.reformat would be shorter, but cannot be told where chroma is sited."""
    import av

    graph = av.filter.Graph()
    if hasattr(graph, "threads"):
        graph.threads = 1  # there are threads enough
    # for chroma linear, as zimg does it; a picture that is scaled stays sharper with bicubic
    way = "bilinear" if (frame.width, frame.height) == (width, height) else "bicubic"
    chain = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or Fraction(1, av.time_base),
        ),
        graph.add("scale", f"{width}:{height}:flags={way}+accurate_rnd:in_h_chr_pos=0"),
        graph.add("format", planar),
        graph.add("buffersink"),
    ]
    for here, there in pairwise(chain):
        here.link_to(there)
    graph.configure()
    return graph
