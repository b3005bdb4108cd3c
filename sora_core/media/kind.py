"""The two kinds of file that a job makes, and what is done with each on its way to the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import MediaError
from ..redaction import excerpt
from .container import HEAD_BYTES, embed_metadata, has_content_credentials, sniff
from .picture import embed_text, has_picture_credentials, picture_size, refuse_if_too_big, sniff_picture

_CANVASES = 4  # of a decoder of animations: this picture, the one before, and what Pillow makes of it
_MOST_PIXELS = 600 * 1920 * 1080  # of an animation that are decoded; the frames after them are taken to be alike


@dataclass(frozen=True)
class Shape:
    """Sides in pixels; a picture has 0 frames per second and 0 seconds."""

    width: int
    height: int
    fps: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Kind:
    """``sniff`` names the suffix of a file by its first bytes, None for another kind; ``probe``, ``check`` and
    ``embed`` raise MediaError, ``check`` for a file that is not sound; ``is_signed`` tells a file whose bytes must
    stay as they are (C2PA)."""

    word: str
    sniff: Callable[[bytes], str | None]
    probe: Callable[[Path], Shape]
    check: Callable[[Path], object]
    is_signed: Callable[[Path], bool]
    embed: Callable[[Path, Path, Mapping[str, object]], None]


def described(head: bytes) -> str:
    """What came in the place of a file, in a few words and without secrets."""
    return excerpt(head, 120) or f"{len(head)} bytes"


def _probe_video(path: Path) -> Shape:
    from .video import probe

    if _is_animation(path):
        return _probe_animation(path)

    info = probe(path)
    return Shape(info.width, info.height, info.fps, info.seconds)


def _check_video(path: Path) -> None:
    from .soundness import find_fault

    if _is_animation(path):
        _probe_animation(path)
    elif fault := find_fault(path):
        raise MediaError("said", said=fault)


def _is_animation(path: Path) -> bool:
    with path.open("rb") as stream:
        return sniff(stream.read(HEAD_BYTES)) == "webp"


def _probe_animation(path: Path) -> Shape:
    """PyAV reads no animated WebP; Pillow does, frame by frame. A few bytes can be thousands of large ones."""
    from PIL import Image

    try:
        with Image.open(path, formats=("WEBP",)) as picture:
            width, height = picture.size
            refuse_if_too_big(path, _CANVASES * width * height)
            count, lengths = getattr(picture, "n_frames", 1), []
            for number in range(min(count, max(1, _MOST_PIXELS // (width * height)))):
                picture.seek(number)
                picture.load()
                lengths.append(float(picture.info.get("duration", 0)) / 1000)
    except (OSError, SyntaxError, EOFError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError("media.no_whole_animated_webp", path=path.name, error=error) from error
    seconds = sum(lengths) * count / len(lengths)
    return Shape(width, height, round(count / seconds, 3) if seconds else 0.0, seconds)


def _probe_picture(path: Path) -> Shape:
    return Shape(*picture_size(path))


VIDEO = Kind("video", sniff, _probe_video, _check_video, has_content_credentials, embed_metadata)
PICTURE = Kind("picture", sniff_picture, _probe_picture, _probe_picture, has_picture_credentials, embed_text)
