"""A video file to frames and sound. Everything here blocks: call it from a thread."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import Interrupted, InvalidRequest, MediaError
from ..texts import size_of
from .clip import EARLY_SECONDS, Clip, Reader, VideoInfo, audio_stream, count_frames, scan, video_stream
from .container import open_video
from .memory import BUDGET_SHARE, available_bytes

if TYPE_CHECKING:
    import torch
    from av import AudioFrame

    from .pixels import Painter
    from .sound import Soundtrack

__all__ = ["Decoded", "VideoInfo", "decode", "decode_audio", "probe"]

MOST_RATE = 1000  # frames a second


@dataclass(frozen=True)
class Decoded:
    """``frames`` [N,H,W,3] float32 0..1 at ``fps``; ``waveform`` [1,C,T] float32, as long as the frames.

    ``notes`` say what the user should know of them: damage, a rate that varies, pixels that are not square.
    """

    frames: torch.Tensor
    waveform: torch.Tensor
    sample_rate: int
    fps: float
    notes: tuple[str, ...] = ()

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
    force_rate: float = 0.0,
    byte_budget: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Decoded:
    """Decodes every ``frame_step``-th frame, at most ``max_frames`` (0: all), and the sound that goes with them.

    With a ``force_rate`` (frames a second; 0: as they are) frames are repeated and left out first, so that
    each is what the clip shows at its time. The frames are written into one tensor, allocated once; its size
    and that of the sound are held against ``byte_budget`` (default: 70 % of the available memory) before.
    Without sound in the file the waveform is silence, stereo at 44100 Hz. ``fps`` is that of the frames
    handed out.

    Raises MediaError for a file that is damaged or too big, Interrupted soon after ``interrupted``
    says so, InvalidRequest for a bad count or rate.
    """
    if max_frames < 0 or frame_step < 1:
        raise InvalidRequest("media.max_frames_must_or_more", max_frames=max_frames, frame_step=frame_step)
    if not 0 <= force_rate <= MOST_RATE:
        raise InvalidRequest("media.force_rate_must_from_as", force_rate=force_rate, most_rate=MOST_RATE)

    def check() -> None:
        if interrupted():
            raise Interrupted("media.reading_interrupted_file_kept", path=path.name)

    clip = scan(path, check)
    choice = _Choice(max_frames, frame_step, Fraction(force_rate).limit_denominator(100_000))
    if clip.broken(clip.frames) and choice.count(clip) != max_frames:
        raise clip.error(clip.frames)
    try:
        return _decode(clip, choice, byte_budget, check)
    except _MoreFramesThanPackets:
        counted = replace(clip, frames=count_frames(path, check), starts=())
        return _decode(counted, choice, byte_budget, check)


def decode_audio(path: Path, *, byte_budget: int | None = None) -> tuple[torch.Tensor, int]:
    """The waveform [1,C,T] float32, as long as the clip and aligned to its pictures, and the sample rate in Hz.

    Raises MediaError for a file that is damaged or whose sound is larger than the budget.
    """
    import torch

    from .sound import Soundtrack

    clip = scan(path, _never)
    seconds = clip.frames / clip.fps
    need, budget = _sound_bytes(clip, seconds), _budget(byte_budget)
    if need > budget:
        raise MediaError(
            "media.s_sound_need_memory_may", seconds=float(seconds), need=size_of(need), budget=size_of(budget)
        )
    sound = Soundtrack(seconds, clip.origin)
    with open_video(path) as container:
        for frame in Reader(container, [audio_stream(container)], _never).frames():
            sound.add(cast("AudioFrame", frame))
            if sound.full:
                break
    return torch.from_numpy(sound.waveform)[None], sound.sample_rate


@dataclass(frozen=True)
class _Choice:
    """Which frames are handed out: every ``step``-th, ``most`` of them (0: all), at a steady ``rate`` (0: as they
    come)."""

    most: int
    step: int
    rate: Fraction

    def total(self, clip: Clip) -> int:
        """How many frames there are at this rate."""
        return min(max(1, round(clip.frames / clip.fps * self.rate)), sys.maxsize) if self.rate else clip.frames

    def count(self, clip: Clip) -> int:
        """How many are handed out. What a header says of time can make it any number."""
        among = -(-self.total(clip) // self.step)
        return min(among, self.most) if self.most else among

    def sources(self, clip: Clip) -> Sequence[int]:
        """For each frame that is handed out, the number of the clip's frame that it shows; never falling."""
        picks = range(0, self.total(clip), self.step)[: self.most or None]
        if not self.rate:
            return picks
        starts = _starts_of(clip)
        return [max(0, bisect_right(starts, self._moment(index)) - 1) for index in picks]

    def _moment(self, index: int) -> float:
        return float(index / self.rate) + float(EARLY_SECONDS)

    def _used(self, clip: Clip) -> int:
        """How many of the clip's frames are shown at all at this rate."""
        total = self.total(clip)
        firsts = [bisect_left(range(total), start, key=self._moment) for start in _starts_of(clip)[1:]]
        return sum(here < there for here, there in pairwise((0, *firsts, total)))

    def fps(self, clip: Clip) -> Fraction:
        return (self.rate or clip.fps) / self.step

    def note(self, clip: Clip) -> str:
        """What was done about the clip's rate; empty where there is nothing to say."""
        if self.rate:
            used, total = self._used(clip), self.total(clip)
            return (
                f"force_rate={float(self.rate):g}: {clip.frames} pictures of {float(clip.fps):.4g} fps make {total} "
                f"frames; {total - used} are repeated, {clip.frames - used} left out."
            )
        if not clip.is_variable:
            return ""
        shortest, longest = min(clip.lengths()) * 1000, max(clip.lengths()) * 1000
        return (
            f"The frame rate varies: pictures are shown for {shortest:.0f} to {longest:.0f} ms. All of them are handed "
            f"out, {float(clip.fps):.4g} a second on average; force_rate makes it steady."
        )


def _starts_of(clip: Clip) -> Sequence[float]:
    return clip.starts or [float(index / clip.fps) for index in range(clip.frames)]


class _MoreFramesThanPackets(Exception):
    """A packet may hold several frames (a VP9 superframe); then they have to be counted by decoding."""


def _never() -> None:
    """The check of those who cannot be interrupted."""


def _decode(clip: Clip, choice: _Choice, byte_budget: int | None, check: Callable[[], None]) -> Decoded:
    import numpy as np
    import torch

    from .pixels import Painter
    from .sound import Soundtrack

    fps = choice.fps(clip)
    _refuse_if_too_big(clip, choice.count(clip), fps, _budget(byte_budget))
    sources = choice.sources(clip)
    sound = Soundtrack(len(sources) / fps, clip.origin)
    with open_video(clip.path) as container:
        # not torch.empty: numpy asks Linux for huge pages, and the first touch of the memory is half of the work
        target = np.empty((len(sources), clip.info.height, clip.info.width, 3), np.float32)
        with Painter(target, check) as painter:
            reader = Reader(container, [video_stream(container, clip.path), audio_stream(container)], check)
            stop = len(sources) == choice.most
            painted, seen = _fill(reader, painter, sound, sources, clip.frames, stop=stop)
    if painted < len(sources):
        found = replace(clip, damaged=clip.damaged or reader.errors > 0)
        if found.broken(seen):
            raise found.error(seen)
    if not painted:
        raise MediaError("media.no_frame_can_decoded", path=clip.path.name)
    samples = round(painted / fps * sound.sample_rate)
    return Decoded(
        frames=torch.from_numpy(target[:painted]),
        waveform=torch.from_numpy(sound.waveform[:, :samples])[None],
        sample_rate=sound.sample_rate,
        fps=float(fps),
        notes=tuple(filter(None, (*clip.notes, choice.note(clip), _damage_note(clip, reader, None if stop else seen)))),
    )


def _fill(
    reader: Reader, painter: Painter, sound: Soundtrack, sources: Sequence[int], frames: int, *, stop: bool
) -> tuple[int, int]:
    """Hands every frame to its places; returns how many places were painted and how many pictures seen.

    With ``stop`` the pictures after the last place are not even decoded; without it, one beyond the ``frames``
    that were counted raises _MoreFramesThanPackets.
    """
    import av

    painted = seen = 0
    for frame in reader.frames():
        if isinstance(frame, av.AudioFrame):
            sound.add(frame)
            if sound.full:
                reader.drop("audio")
            continue
        if stop and painted == len(sources):  # the rest of the packet that held the last
            continue
        if seen == frames:
            raise _MoreFramesThanPackets
        while painted < len(sources) and sources[painted] == seen:
            painter.paint(painted, frame)
            painted += 1
        seen += 1
        if stop and painted == len(sources):
            reader.drop("video")
    return painted, seen


def _damage_note(clip: Clip, reader: Reader, seen: int | None) -> str:
    """What damage there is; ``seen`` pictures came out of the whole file, None when it was not read to its end."""
    expected = max(clip.frames, (clip.announced or 0) if clip.damaged else 0)
    missing = expected - seen if seen is not None and (clip.damaged or reader.errors) else 0
    said = [
        f"{count} {what if count == 1 else what + 's'} {fate}"
        for count, what, fate in (
            (missing, "frame", "missing"),
            (reader.corrupt, "frame", "patched up by the decoder"),
            (0 if missing else reader.errors, "piece", "left out"),
        )
        if count > 0
    ]
    return f"The file is damaged: {', '.join(said)}." if said else ""


def _budget(byte_budget: int | None) -> int:
    return int(available_bytes() * BUDGET_SHARE) if byte_budget is None else byte_budget


def _sound_bytes(clip: Clip, seconds: Fraction) -> int:
    from .sound import SILENT_CHANNELS, SILENT_RATE

    rate, channels = clip.info.sample_rate or SILENT_RATE, clip.info.channels or SILENT_CHANNELS
    return math.ceil(seconds * rate) * channels * 4


def _refuse_if_too_big(clip: Clip, count: int, fps: Fraction, budget: int) -> None:
    """Raises MediaError, which says what would fit, before anything is allocated."""
    frame_bytes = clip.info.width * clip.info.height * 3 * 4
    need = count * frame_bytes + _sound_bytes(clip, count / fps)
    if need <= budget:
        return
    facts: dict[str, Any] = {
        "count": count,
        "width": clip.info.width,
        "height": clip.info.height,
        "need": size_of(need),
        "budget": size_of(budget),
        "path": clip.path,
    }
    fitting = budget // (frame_bytes + _sound_bytes(clip, 1 / fps))
    if not fitting:
        raise MediaError("media.frames_exceed_memory", fix="media.not_even_one_frame", **facts)
    steps = range(2, clip.frames + 1)
    step = next((step for step in steps if _bytes_in_steps(clip, step, frame_bytes) <= budget), None)
    ways = f"max_frames={fitting}" + (f", frame_step={step}" if step else "")
    raise MediaError("media.frames_exceed_memory", ways=ways, **facts)


def _bytes_in_steps(clip: Clip, step: int, frame_bytes: int) -> int:
    count = math.ceil(clip.frames / step)
    return count * frame_bytes + _sound_bytes(clip, count * step / clip.fps)
