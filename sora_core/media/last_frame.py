"""A clip's last frame, without decoding the clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import MediaError
from .clip import Clip, Reader, scan, video_stream
from .container import open_video

if TYPE_CHECKING:
    import numpy as np
    from av import VideoFrame

    Floats = np.ndarray[Any, np.dtype[np.float32]]

_WHOLE = ("gif",)  # every packet says that it can be begun with, and each builds on the one before


def last_frame(path: Path, *, check: Callable[[], None] = lambda: None) -> Floats:
    """The last frame [H,W,3] float32 0..1, bit for bit as `decode` gives it.

    The file is read through; decoded is only what follows the last place at which decoding can begin. Raises
    MediaError for a file that is damaged or has no frame.
    """
    import numpy as np

    from .pixels import Painter

    clip = scan(path, check)
    if clip.broken(clip.frames):
        raise clip.error(clip.frames)
    frame = _from_last_keyframe(clip, check) or _last(_frames(clip, check))
    if frame is None:
        raise MediaError("media.no_frame_can_decoded", path=path.name)
    target = np.empty((1, clip.info.height, clip.info.width, 3), np.float32)
    with Painter(target, check) as painter:
        painter.paint(0, frame)
    return cast("Floats", target[0])


def _from_last_keyframe(clip: Clip, check: Callable[[], None]) -> VideoFrame | None:
    """None where the place cannot be found, or what is decoded from there is not sound."""
    if clip.info.codec in _WHOLE or len(clip.keyframes) < 2:
        return None
    with open_video(clip.path) as container:
        stream = video_stream(container, clip.path)
        begins = _place(clip, container, stream)
        if begins is None:
            return None
        container.seek(begins, stream=stream)
        reader = Reader(container, [stream], check)
        frame = _last(cast("Iterator[VideoFrame]", reader.frames()))
    return frame if frame and not frame.is_corrupt and not reader.errors else None


def _place(clip: Clip, container: Any, stream: Any) -> int | None:
    """The time of the last packet that decoding can begin with, once a seek to it has been seen to lead there."""
    wanted = None
    for packet in container.demux(stream):
        wanted = packet if packet.size and packet.is_keyframe else wanted
    begins = wanted and (wanted.dts if wanted.pts is None else wanted.pts)
    if wanted is None or begins is None or wanted.is_discard:
        return None
    container.seek(begins, stream=stream)
    found = next(iter(container.demux(stream)), None)
    is_there = found is not None and found.is_keyframe and bytes(found) == bytes(wanted)
    return int(begins) if is_there else None


def _frames(clip: Clip, check: Callable[[], None]) -> Iterator[VideoFrame]:
    with open_video(clip.path) as container:
        yield from cast("Iterator[VideoFrame]", Reader(container, [video_stream(container, clip.path)], check).frames())


def _last(frames: Iterator[VideoFrame]) -> VideoFrame | None:
    return next(iter(deque(frames, maxlen=1)), None)
