"""One frame of a clip, without decoding the clip."""

from __future__ import annotations

import bisect
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import InvalidRequest, MediaError
from ..models import Delivery
from .clip import EARLY_SECONDS, Clip, Reader, scan, video_stream
from .container import open_video

if TYPE_CHECKING:
    import numpy as np
    import torch
    from av import VideoFrame

    Floats = np.ndarray[Any, np.dtype[np.float32]]

_WHOLE = ("gif",)  # every packet says that it can be begun with, and each builds on the one before


@dataclass(frozen=True)
class Pick:
    """Which frame: ``number`` from the first (0) or, below 0, from the end; or the one shown at so many seconds."""

    number: int = -1
    seconds: Fraction | None = None

    @staticmethod
    def of(text: str) -> Pick:
        """From "last" or nothing, a number, or a time as "1.5s". Raises InvalidRequest."""
        written = text.strip().lower()
        if written in ("", "last"):
            return Pick()
        if _NUMBER.fullmatch(written):
            return Pick(int(written))
        timed = _TIME.fullmatch(written)
        if timed is None:
            raise InvalidRequest("media.names_no_frame", given=text)
        return Pick(0, Fraction(timed[1]))

    def __str__(self) -> str:
        return str(self.number) if self.seconds is None else f"{float(self.seconds):g}s"

    def index(self, clip: Clip) -> int:
        """Counted from the first. Raises InvalidRequest for one that the clip does not have."""
        at = self.number if self.number >= 0 else clip.frames + self.number
        if self.seconds is not None:
            early = EARLY_SECONDS / 100  # a start is a rounded number
            shown = bisect.bisect_right(clip.starts, float(self.seconds + early)) - 1
            at = shown if clip.starts else int((self.seconds + early) * clip.fps)
            at = at if self.seconds < Fraction(clip.info.seconds) else clip.frames
        if not 0 <= at < clip.frames:
            raise self.refusal(clip.path, clip.frames, clip.info.seconds)
        return at

    def refusal(self, path: Path, count: int, seconds: float) -> InvalidRequest:
        return InvalidRequest(
            "media.no_such_frame", path=path.name, asked=self, count=count, most=count - 1, seconds=seconds
        )


LAST = Pick()
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_TIME = re.compile(r"([0-9]{1,6}(?:\.[0-9]{0,6})?)\s*(?:s|秒)")


def still_of_file(path: Path, pick: Pick) -> torch.Tensor:
    """The picked frame of a clip, [1,H,W,3], as `frame_of` has it."""
    import torch

    return torch.from_numpy(frame_of(path, pick))[None]


def still_of(made: Delivery, pick: Pick) -> torch.Tensor:
    """The picked frame of what a job made, [1,H,W,3] float32 0..1; a picture is a clip of one.

    Raises InvalidRequest for a frame that is not there, MediaError.
    """
    from .picture import picture_tensor

    if made.fps:
        return still_of_file(made.path, pick)
    if pick.seconds or pick.number not in (0, -1):
        raise pick.refusal(made.path, 1, 0.0)
    return picture_tensor(made.path)


def last_frame(path: Path) -> Floats:
    """As `frame_of`."""
    return frame_of(path, LAST)


def frame_of(path: Path, pick: Pick, *, check: Callable[[], None] = lambda: None) -> Floats:
    """The frame [H,W,3] float32 0..1, bit for bit as `decode` gives it.

    The file is read through; decoded is only what follows the place before it at which decoding can begin. Raises
    InvalidRequest for a frame that the clip does not have, MediaError for a file that is damaged or has no frame.
    """
    import numpy as np

    from .pixels import Painter

    clip = scan(path, check)
    if clip.broken(clip.frames):
        raise clip.error(clip.frames)
    if pick == LAST:
        frame = _from_keyframe(clip, None, check) or _last(_frames(clip, check))
    else:
        at = pick.index(clip)
        frame = _from_keyframe(clip, at, check) or next(itertools.islice(_frames(clip, check), at, None), None)
    if frame is None:
        raise MediaError("media.no_frame_can_decoded", path=path.name)
    target = np.empty((1, clip.info.height, clip.info.width, 3), np.float32)
    with Painter(target, check) as painter:
        painter.paint(0, frame)
    return cast("Floats", target[0])


def _from_keyframe(clip: Clip, at: int | None, check: Callable[[], None]) -> VideoFrame | None:
    """The frame with that number, or the last one.

    None where the place to begin cannot be found, or what is decoded from there is not sound.
    """
    if clip.info.codec in _WHOLE or len(clip.keyframes) < 2 or (at is not None and not clip.starts):
        return None
    with open_video(clip.path) as container:
        stream = video_stream(container, clip.path)
        shown = None if at is None else round((clip.origin + Fraction(clip.starts[at])) / (stream.time_base or 1))
        begins = _place(clip, container, stream, shown)
        if begins is None:
            return None
        container.seek(begins, stream=stream)
        reader = Reader(container, [stream], check)
        frames = cast("Iterator[VideoFrame]", reader.frames())
        frame = _last(frames) if at is None else next((each for each in frames if each.pts == shown), None)
    return frame if frame and not frame.is_corrupt and not reader.errors else None


def _place(clip: Clip, container: Any, stream: Any, shown: int | None) -> int | None:
    """The time of the last packet that decoding can begin with, of all or of those not shown after ``shown``.

    Given once a seek to it has been seen to lead there.
    """
    wanted = None
    for packet in container.demux(stream):
        is_before = shown is None or (packet.pts is not None and packet.pts <= shown)
        wanted = packet if packet.size and packet.is_keyframe and is_before else wanted
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
