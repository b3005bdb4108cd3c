"""A video file to frames and sound. Everything here blocks: call it from a thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..errors import Interrupted, InvalidRequest, MediaError
from .clip import Clip, Reader, VideoInfo, audio_stream, count_frames, scan, video_stream
from .container import open_video
from .memory import available_bytes

if TYPE_CHECKING:
    import torch
    from av import AudioFrame

    from .pixels import Painter
    from .sound import Soundtrack

__all__ = ["Decoded", "VideoInfo", "decode", "decode_audio", "probe"]

BUDGET_SHARE = 0.7  # of the available memory, unless the caller names a budget


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
    clip = scan(path, _never)
    if clip.broken(clip.frames):
        raise clip.error(clip.frames)
    return clip.info


def decode(
    path: Path,
    *,
    max_frames: int = 0,
    frame_step: int = 1,
    byte_budget: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Decoded:
    """Decodes every ``frame_step``-th frame, at most ``max_frames`` (0: all), and the sound that goes with them.

    The frames are written into one tensor, allocated once; its size is held against ``byte_budget``
    (default: 70 % of the available memory) before. Without sound in the file the waveform is silence,
    stereo at 44100 Hz. ``fps`` is that of the frames handed out.

    Raises MediaError for a file that is damaged or too big, Interrupted soon after ``interrupted``
    says so, InvalidRequest for a bad count.
    """
    if max_frames < 0 or frame_step < 1:
        raise InvalidRequest(f"max_frames={max_frames} must be 0 or more, frame_step={frame_step} 1 or more.")

    def check() -> None:
        if interrupted():
            raise Interrupted(f"Reading {path.name} was interrupted; the file is kept.")

    clip = scan(path, check)
    choice = _Choice(max_frames, frame_step)
    if clip.broken(clip.frames) and choice.count(clip.frames) != max_frames:
        raise clip.error(clip.frames)
    try:
        return _decode(clip, choice, byte_budget, check)
    except _MoreFramesThanPackets:
        return _decode(replace(clip, frames=count_frames(path, check)), choice, byte_budget, check)


def decode_audio(path: Path) -> tuple[torch.Tensor, int]:
    """The waveform [1,C,T] float32, as long as the clip and aligned to its pictures, and the sample rate in Hz."""
    import torch

    from .sound import Soundtrack

    clip = scan(path, _never)
    sound = Soundtrack(clip.frames / clip.fps, clip.origin)
    with open_video(path) as container:
        for frame in Reader(container, [audio_stream(container)], _never).frames():
            sound.add(cast("AudioFrame", frame))
            if sound.full:
                break
    return torch.from_numpy(sound.waveform)[None], sound.sample_rate


@dataclass(frozen=True)
class _Choice:
    """Which frames are handed out: every ``step``-th, ``most`` of them (0: all)."""

    most: int
    step: int

    def count(self, frames: int) -> int:
        """How many of that many frames are handed out."""
        chosen = math.ceil(frames / self.step)
        return min(chosen, self.most) if self.most else chosen


class _MoreFramesThanPackets(Exception):
    """A packet may hold several frames (a VP9 superframe); then they have to be counted by decoding."""


def _never() -> None:
    """The check of those who cannot be interrupted."""


def _decode(clip: Clip, choice: _Choice, byte_budget: int | None, check: Callable[[], None]) -> Decoded:
    import numpy as np
    import torch

    from .pixels import Painter
    from .sound import Soundtrack

    _refuse_if_too_big(clip, choice, byte_budget)
    count = choice.count(clip.frames)
    sound = Soundtrack(count * choice.step / clip.fps, clip.origin)
    with open_video(clip.path) as container:
        # not torch.empty: numpy asks Linux for huge pages, and the first touch of the memory is half of the work
        target = np.empty((count, clip.info.height, clip.info.width, 3), np.float32)
        with Painter(target, check) as painter:
            reader = Reader(container, [video_stream(container, clip.path), audio_stream(container)], check)
            painted, seen = _fill(reader, painter, sound, choice, count)
    if painted < count and reader.errors:
        found = replace(clip, damaged=True, announced=clip.announced or clip.frames)
        if found.broken(seen):
            raise found.error(seen)
    if not painted:
        raise MediaError(f"No frame of {clip.path.name} can be decoded.")
    samples = round(painted * choice.step / clip.fps * sound.sample_rate)
    return Decoded(
        frames=torch.from_numpy(target[:painted]),
        waveform=torch.from_numpy(sound.waveform[:, :samples])[None],
        sample_rate=sound.sample_rate,
        fps=float(clip.fps / choice.step),
    )


def _fill(reader: Reader, painter: Painter, sound: Soundtrack, choice: _Choice, count: int) -> tuple[int, int]:
    """Hands every frame to its place; returns how many pictures were painted and how many were seen."""
    import av

    painted = seen = 0
    for frame in reader.frames():
        if isinstance(frame, av.AudioFrame):
            sound.add(frame)
            if sound.full:
                reader.drop("audio")
            continue
        chosen = seen % choice.step == 0
        seen += 1
        if not chosen or painted == choice.most > 0:
            continue
        if painted == count:
            raise _MoreFramesThanPackets
        painter.paint(painted, frame)
        painted += 1
        if painted == choice.most:
            reader.drop("video")
    return painted, seen


def _refuse_if_too_big(clip: Clip, choice: _Choice, byte_budget: int | None) -> None:
    """Raises MediaError, which says what would fit, before anything is allocated."""
    budget = int(available_bytes() * BUDGET_SHARE) if byte_budget is None else byte_budget
    frame_bytes = clip.info.width * clip.info.height * 3 * 4
    count = choice.count(clip.frames)
    if count * frame_bytes <= budget:
        return
    fitting = budget // frame_bytes
    problem = (
        f"{count} frames of {clip.info.width}x{clip.info.height} need {_amount(count * frame_bytes)} of memory, "
        f"{_amount(budget)} may be used."
    )
    kept = f"The video itself is safe in {clip.path}; nothing has to be paid again."
    kept_zh = f"视频文件完好，保存在 {clip.path}，无需再次付费。"
    if not fitting:
        raise MediaError(
            f"{problem} Not even one frame fits.",
            fix=f"Free some memory, or leave frames undecoded (frames=skip). {kept}",
            fix_zh=f"请释放内存，或将 frames 设为 skip。{kept_zh}",
        )
    step = math.ceil(clip.frames / fitting)
    raise MediaError(
        problem,
        fix=f"Set max_frames={fitting} or frame_step={step}, or leave frames undecoded (frames=skip). {kept}",
        fix_zh=f"请设 max_frames={fitting} 或 frame_step={step}，或将 frames 设为 skip。{kept_zh}",
    )


def _amount(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 / 10 else f"{size / 2**20:.1f} MiB"
