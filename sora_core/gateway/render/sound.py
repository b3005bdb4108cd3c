"""The sound of an animatic: silence with a click at every cut, so that timing can be heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLE_RATE_HZ = 48_000
_TONE_HZ = 1_000
_CLICK_SECONDS = 0.12
_DECAY_SECONDS = 0.022
_PEAK = 0.5


def chunks(cuts_seconds: Sequence[float], total_samples: int, chunk_samples: int) -> Iterator[npt.NDArray[np.float32]]:
    """Stereo, planar [2, n], n = ``chunk_samples`` but in the last one, which ends the clip to the sample."""
    click = _click()
    starts = [round(cut * SAMPLE_RATE_HZ) for cut in cuts_seconds]
    for first in range(0, total_samples, chunk_samples):
        length = min(chunk_samples, total_samples - first)
        samples = np.zeros(length, np.float32)
        for start in starts:
            begin, end = max(start, first), min(start + len(click), first + length)
            if begin < end:
                samples[begin - first : end - first] += click[begin - start : end - start]
        yield np.ascontiguousarray(np.broadcast_to(samples, (2, length)))


def _click() -> npt.NDArray[np.float32]:
    time = np.arange(round(_CLICK_SECONDS * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    attack = np.minimum(time / 0.001, 1.0)
    tone = _PEAK * attack * np.exp(-time / _DECAY_SECONDS) * np.sin(2 * np.pi * _TONE_HZ * time)
    return tone.astype(np.float32)
