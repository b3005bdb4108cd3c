"""A video file to frames and sound. Everything here blocks: call it from a thread."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Interrupted, InvalidRequest, MediaError
from .container import missing_bytes, open_video
from .memory import available_bytes

if TYPE_CHECKING:
    import torch
    from av import AudioFrame, AudioStream, Packet, VideoFrame, VideoStream
    from av.container import InputContainer

    from .pixels import Floats
    from .sound import Soundtrack

log = logging.getLogger(__name__)

BUDGET_SHARE = 0.7  # of the available memory, unless the caller names a budget
FRAMES_FORGIVEN = 2  # that damage may cost before the whole file counts as broken

_RATE_TOLERANCE = Fraction(1, 200)  # between the rate of the header and that of the timestamps
_MAX_DECODER_THREADS = 8  # each holds a frame


@dataclass(frozen=True)
class VideoInfo:
    """What is in the file. Width and height are as displayed; ``fps`` is the average.

    ``sample_rate`` and ``channels`` are None without sound.
    """

    width: int
    height: int
    fps: float
    seconds: float
    frame_count: int
    codec: str
    has_audio: bool
    sample_rate: int | None
    channels: int | None


@dataclass(frozen=True)
class Decoded:
    """``frames`` [N,H,W,3] float32 0..1 at ``fps``; ``waveform`` [1,C,T] float32, as long as the frames."""

    frames: torch.Tensor
    waveform: torch.Tensor
    sample_rate: int
    fps: float

    def __repr__(self) -> str:
        return (
            f"Decoded(frames={list(self.frames.shape)}, waveform={list(self.waveform.shape)}, "
            f"sample_rate={self.sample_rate}, fps={self.fps:g})"
        )


def probe(path: Path) -> VideoInfo:
    """Reads the file through and decodes its first frame. Raises MediaError that says what is wrong."""
    return _scan(path, _never).info


def decode(
    path: Path,
    *,
    max_frames: int = 0,
    frame_step: int = 1,
    byte_budget: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Decoded:
    """Decodes every ``frame_step``-th frame, at most ``max_frames`` (0: all), and the sound that goes with them.

    The frames are written into one tensor, allocated once; ``byte_budget`` (default: 70 % of the
    available memory) is held against its size before. Without sound in the file the waveform is
    silence, stereo at 44100 Hz. ``fps`` is that of the frames handed out.

    Raises MediaError for a file that is damaged or too big, Interrupted soon after ``interrupted``
    says so, InvalidRequest for a bad count.
    """
    if max_frames < 0 or frame_step < 1:
        raise InvalidRequest(f"max_frames={max_frames} must be 0 or more, frame_step={frame_step} 1 or more.")

    def check() -> None:
        if interrupted():
            raise Interrupted(f"Reading {path.name} was interrupted; the file is kept.")

    clip = _scan(path, check)
    choice = _Choice(max_frames, frame_step)
    try:
        return _decode(clip, choice, byte_budget, check)
    except _MoreFramesThanPackets:
        return _decode(replace(clip, frames=_count_frames(clip, check)), choice, byte_budget, check)


def decode_audio(path: Path) -> tuple[torch.Tensor, int]:
    """The waveform [1,C,T] float32, as long as the clip and aligned to its pictures, and the sample rate."""
    import torch

    from .sound import Soundtrack

    clip = _scan(path, _never)
    sound = Soundtrack(clip.frames / clip.fps, clip.origin)
    with open_video(path) as container:
        audio = _audio_stream(container)
        reader = _Reader(container, None, audio, _never)
        for _, frame in reader.frames():
            sound.add(frame)
            if sound.full:
                break
    return torch.from_numpy(sound.waveform)[None], sound.sample_rate


@dataclass(frozen=True)
class _Clip:
    """What reading a file through, without decoding, tells. ``frames`` is how many packets hold a picture.

    ``announced`` is how many the header promises, None where it is silent; ``origin`` is the time of the
    first picture in seconds.
    """

    path: Path
    info: VideoInfo
    frames: int
    announced: int | None
    damaged: bool
    fps: Fraction
    origin: Fraction

    def refuse_if_short(self, frames: int, wanted: int) -> None:
        """``frames`` of the first ``wanted`` are there: raises MediaError when damage took more than a couple."""
        if self.damaged and frames < wanted and (self.announced is None or self.announced - frames > FRAMES_FORGIVEN):
            promised = "an unknown number" if self.announced is None else str(self.announced)
            raise MediaError(f"{self.path.name} is damaged: {frames} of {promised} of frames can be read.")


@dataclass(frozen=True)
class _Choice:
    most: int
    step: int

    def count(self, frames: int) -> int:
        """How many of ``frames`` are handed out."""
        chosen = math.ceil(frames / self.step)
        return min(chosen, self.most) if self.most else chosen


class _MoreFramesThanPackets(Exception):  # noqa: N818 - control flow, not an error
    """Packets may hold several frames (VP9 superframes); then they are counted by decoding."""


def _never() -> None:
    """The check of those who cannot be interrupted."""


def _decode(clip: _Clip, choice: _Choice, byte_budget: int | None, check: Callable[[], None]) -> Decoded:
    import numpy as np
    import torch

    from .pixels import Painter
    from .sound import Soundtrack

    count = choice.count(clip.frames)
    clip.refuse_if_short(clip.frames, choice.most * choice.step if choice.most else clip.frames + 1)
    _refuse_if_too_big(clip, choice, byte_budget)
    # Not torch.empty: numpy asks Linux for huge pages, and touching the memory first is half of the work
    target: Floats = np.empty((count, clip.info.height, clip.info.width, 3), np.float32)
    sound = Soundtrack(count * choice.step / clip.fps, clip.origin)
    with open_video(clip.path) as container, Painter(target, check) as painter:
        reader = _Reader(container, _video_stream(container, clip.path), _audio_stream(container), check)
        painted = _run(reader, painter.paint, sound, count, choice)
    if painted < count:
        left = replace(clip, damaged=clip.damaged or reader.errors > 0, announced=clip.announced or clip.frames)
        left.refuse_if_short(reader.seen, clip.frames)
    if not painted:
        raise MediaError(f"No frame of {clip.path.name} can be decoded.")
    samples = round(painted * choice.step / clip.fps * sound.sample_rate)
    return Decoded(
        frames=torch.from_numpy(target[:painted]),
        waveform=torch.from_numpy(sound.waveform[:, :samples])[None],
        sample_rate=sound.sample_rate,
        fps=float(clip.fps / choice.step),
    )


def _run(
    reader: _Reader, paint: Callable[[int, VideoFrame], None], sound: Soundtrack, count: int, choice: _Choice
) -> int:
    """Hands every frame to where it belongs; returns how many pictures there were to paint."""
    painted = 0
    for kind, frame in reader.frames():
        if kind == "audio":
            sound.add(frame)
            if sound.full:
                reader.drop("audio")
            continue
        if (reader.seen - 1) % choice.step:
            continue
        if painted == count:
            raise _MoreFramesThanPackets
        paint(painted, frame)
        painted += 1
        if painted == choice.most:
            reader.drop("video")
    return painted
