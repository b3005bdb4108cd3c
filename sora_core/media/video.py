"""A video file to frames and sound. Everything here blocks: call it from a thread."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Interrupted, InvalidRequest, MediaError
from .container import missing_bytes, open_video
from .memory import available_bytes

if TYPE_CHECKING:
    import torch
    from av import AudioStream, Packet, VideoFrame, VideoStream
    from av.container import InputContainer

    from .sound import Soundtrack

log = logging.getLogger(__name__)

BUDGET_SHARE = 0.7  # of the memory that is available, unless the caller names a budget
FRAMES_FORGIVEN = 2  # that damage at the end of a file may cost before it counts as broken

_RATE_TOLERANCE = Fraction(1, 200)  # between the rate in the header and the one the timestamps tell
_MAX_DECODER_THREADS = 8
_MOST_TRIES_FOR_A_FRAME = 300


@dataclass(frozen=True)
class VideoInfo:
    """What a video's headers and its first frame say. Width and height are as displayed.

    ``frame_count`` is None where the header has none; ``fps`` is the average.
    """

    width: int
    height: int
    fps: float
    seconds: float
    frame_count: int | None
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


@dataclass(frozen=True)
class _Clip:
    """The file on its own clock: what there is to decode, found by reading it once without decoding."""

    name: str
    width: int
    height: int
    packets: int
    announced: int
    damaged: bool
    fps: Fraction
    origin: Fraction

    def frames_of(self, source_frames: int, step: int, most: int) -> int:
        frames = math.ceil(source_frames / step)
        return min(frames, most) if most else frames

    def too_short(self, frames: int) -> MediaError:
        return MediaError(f"{self.name} is damaged: {frames} of its {self.announced} frames can be read.")


def probe(path: Path) -> VideoInfo:
    """Reads the headers and decodes the first frame. Raises MediaError that says what is wrong."""
    from .pixels import displayed_size

    with open_video(path) as container:
        stream = _video_stream(container, path)
        audio = _audio_stream(container)
        width, height = displayed_size(_first_frame(container, stream, path))
        fps, frame_count, codec = stream.average_rate, stream.frames, stream.codec_context.name
        has_audio, rate = audio is not None, audio.sample_rate if audio else None
        channels = audio.channels if audio else None
        seconds = _header_seconds(container, stream)
    clip: _Clip | None = None
    if not fps or not seconds or missing_bytes(path):
        clip = _scan(path)
        _refuse_if_short(clip, clip.packets, clip.announced)
    return VideoInfo(
        width=width,
        height=height,
        fps=float(fps or (clip.fps if clip else 1)),
        seconds=seconds or (float(clip.packets / clip.fps) if clip else 0.0),
        frame_count=frame_count or None,
        codec=codec,
        has_audio=has_audio,
        sample_rate=rate,
        channels=channels,
    )


def decode(
    path: Path,
    *,
    max_frames: int = 0,
    frame_step: int = 1,
    byte_budget: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Decoded:
    """Decodes every ``frame_step``-th frame, at most ``max_frames`` of them (0: all), and the sound that belongs to them.

    The frames are written into one tensor, allocated once; ``byte_budget`` (default: 70 % of the
    available memory) is checked before. A file without sound gives silence, stereo at 44100 Hz.
    Raises MediaError for a file that is damaged or does not fit, Interrupted when ``interrupted``
    says so, InvalidRequest for a bad count.
    """
    import torch

    if max_frames < 0 or frame_step < 1:
        raise InvalidRequest(f"max_frames={max_frames} must be 0 or more, frame_step={frame_step} 1 or more.")
    clip = _scan(path, interrupted)
    for _ in range(2):
        run = _Run(path, clip, max_frames, frame_step, interrupted)
        run.allocate(byte_budget)
        decoded = run.go()
        if decoded is not None:
            ...
    raise NotImplementedError
