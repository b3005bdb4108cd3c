"""Frames of any kind as upright pictures of one size, in the colours that encoders are given."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from .clip import Orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

TICKS = Fraction(1, 90_000)
BT709, LIMITED, UNSPECIFIED = 1, 1, 2  # numbers of H.273, the range as FFmpeg counts it


def even(side: float) -> int:
    """The nearest length that 4:2:0 can have."""
    return max(round(side / 2) * 2, 2)


class Canvas:
    """Makes yuv420p of ``width`` x ``height`` in BT.709, limited range; BT.601 is taken where there is no tag.

    With ``shown``, the size as displayed, the shape is kept, and what is left over is black.
    """

    def __init__(self, width: int, height: int, *, shown: tuple[int, int] | None = None) -> None:
        self._size = width, height
        scale = min(width / shown[0], height / shown[1]) if shown else 1.0
        self._inner = (even(shown[0] * scale), even(shown[1] * scale)) if shown else (width, height)
        self._graphs: dict[tuple[object, ...], Graph] = {}

    def picture(self, frame: VideoFrame) -> VideoFrame:
        turn = Orientation.of(frame)
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, turn)
        if key not in self._graphs:
            self._graphs[key] = self._graph(frame, turn)
        self._graphs[key].push(frame)
        return cast("VideoFrame", self._graphs[key].pull())

    def _graph(self, frame: VideoFrame, turn: Orientation) -> Graph:
        import av

        (width, height), inner = self._size, self._inner
        graph = av.filter.Graph()
        matrix = "bt601" if int(frame.colorspace) == UNSPECIFIED else "auto"
        chain = [
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base or TICKS,
            ),
            *([graph.add("transpose", "cclock_flip")] if turn.swapped else []),
            *([graph.add("hflip")] if turn.left_right else []),
            *([graph.add("vflip")] if turn.upside_down else []),
            graph.add(
                "scale",
                f"{inner[0]}:{inner[1]}:flags=bicubic+accurate_rnd+full_chroma_int:"
                f"in_color_matrix={matrix}:out_color_matrix=bt709:out_range=tv",
            ),
            graph.add("format", "yuv420p"),
            *([graph.add("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2")] if inner != self._size else []),
            graph.add("buffersink"),
        ]
        for here, there in pairwise(chain):
            here.link_to(there)
        graph.configure()
        return graph
