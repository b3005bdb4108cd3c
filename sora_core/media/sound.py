"""Decoded audio, laid into a waveform at its time on the clip's own clock."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MediaError
from ..texts import size_of
from .memory import BUDGET_SHARE, available_bytes

if TYPE_CHECKING:
    from av import AudioFrame, AudioLayout
    from av.audio.resampler import AudioResampler

    Floats = np.ndarray[Any, np.dtype[np.float32]]

SILENT_RATE = 44100
SILENT_CHANNELS = 2
_JUMP_SECONDS = 0.005  # smaller steps between frames are the rounding of their timestamps


class Soundtrack:
    """A waveform [C,T] of exactly ``seconds``; silence where the file has no sound.

    ``origin`` is the time of the first picture: sound before it is cut, sound after it starts late.
    """

    def __init__(self, seconds: Fraction, origin: Fraction) -> None:
        self._seconds = seconds
        self._origin = origin
        self._cursor: int | None = None
        self._resamplers: dict[tuple[str, str, int], AudioResampler] = {}
        self._layout: AudioLayout | None = None
        self.layout = "stereo"
        self.sample_rate = SILENT_RATE
        self._refuse_if_too_big(SILENT_CHANNELS)
        self.waveform: Floats = np.zeros((SILENT_CHANNELS, self._samples()), np.float32)

    def _samples(self) -> int:
        return round(self._seconds * self.sample_rate)

    @property
    def full(self) -> bool:
        return self._cursor is not None and self._cursor >= self.waveform.shape[1]

    def add(self, frame: AudioFrame) -> None:
        """Lays one frame; the first one decides rate and channels."""
        if self._cursor is None:
            self.sample_rate = frame.sample_rate
            self._layout = frame.layout
            self.layout = frame.layout.name
            self._refuse_if_too_big(frame.layout.nb_channels)
            self.waveform = np.zeros((frame.layout.nb_channels, self._samples()), np.float32)
        for planar in self._planar(frame):
            samples = planar.to_ndarray()
            start = self._start_of(planar)
            end = min(start + samples.shape[1], self.waveform.shape[1])
            first = max(start, 0)
            if end > first:
                self.waveform[:, first:end] = samples[:, first - start : end - start]
            self._cursor = start + samples.shape[1]

    def _refuse_if_too_big(self, channels: int) -> None:
        """How long it is, a header says; the frames may have more channels, and faster ones, than it said."""
        need, budget = self._samples() * channels * 4, int(available_bytes() * BUDGET_SHARE)
        if need > budget:
            raise MediaError(
                "media.s_sound_need_memory_may",
                seconds=float(self._seconds),
                need=size_of(need),
                budget=size_of(budget),
            )

    def _start_of(self, frame: AudioFrame) -> int:
        """The sample at which the frame starts."""
        cursor = self._cursor
        if frame.pts is None or frame.time_base is None:
            return cursor or 0
        told = math.floor((frame.pts * frame.time_base - self._origin) * self.sample_rate + Fraction(1, 2))
        if cursor is None or abs(told - cursor) > _JUMP_SECONDS * self.sample_rate:
            return told
        return cursor

    def _planar(self, frame: AudioFrame) -> list[AudioFrame]:
        """The frame as planar float in the track's rate and channels, whatever it is itself."""
        import av

        layout = self._layout or frame.layout
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape == ("fltp", layout.name, self.sample_rate):
            return [frame]
        if shape not in self._resamplers:
            self._resamplers[shape] = av.AudioResampler("fltp", layout, self.sample_rate)
        return self._resamplers[shape].resample(frame)
