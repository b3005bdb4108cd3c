"""Clips and sounds on their way up."""

from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from ..models import Upload
from .container import sniff

CLIPS = {"mp4": "video/mp4", "mov": "video/quicktime"}
SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg"}


def clip_upload(data: bytes) -> Upload:
    """The clip as it is. Raises InvalidRequest for anything but MP4 and QuickTime, which is what servers read."""
    kind = sniff(data[:1024])
    if kind not in CLIPS:
        raise InvalidRequest("media.reference_clip_kind", kind=kind or "?")
    return Upload(data, CLIPS[kind], f"reference.{kind}")


def clip_from_file(path: Path) -> Upload:
    """As clip_upload, of a file. Raises InvalidRequest when it cannot be read too."""
    return clip_upload(_read(path))


def sound_upload(waveform: Any, sample_rate_hz: int) -> Upload:
    """[channels, samples] of floats, -1..1, as a WAV file of 16 bits. Raises InvalidRequest when there is none."""
    import numpy as np

    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim != 2 or not samples.size or sample_rate_hz <= 0:
        raise InvalidRequest("media.reference_sound_empty")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes((np.clip(samples.T, -1, 1) * 32767).round().astype("<i2").tobytes())
    identity = hashlib.sha256(samples.tobytes() + f"{samples.shape} {sample_rate_hz}".encode()).hexdigest()
    return Upload(written.getvalue(), SOUNDS["wav"], "reference.wav", identity)


def reference_from_file(path: Path) -> Upload | None:
    """A clip or a sound as it is; None for another kind of file. Raises InvalidRequest when it cannot be read."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in {**CLIPS, **SOUNDS}:
        return None
    if suffix in CLIPS:
        return clip_from_file(path)
    data = _read(path)
    is_sound = (
        data[:4] == b"RIFF" and data[8:12] == b"WAVE" if suffix == "wav" else data[:3] == b"ID3" or data[:1] == b"\xff"
    )
    if not is_sound:
        raise InvalidRequest("media.reference_no_sound", path=path)
    return Upload(data, SOUNDS[suffix], f"reference.{suffix}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequest("media.reference_cannot_read", path=path, reason=reason) from error
