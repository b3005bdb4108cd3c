"""Small pictures of what was made, and a clip's last frame."""

from __future__ import annotations

import collections
import functools
import io
from pathlib import Path
from typing import TYPE_CHECKING

from ...sora_core.errors import MediaError
from ...sora_core.media.container import open_video

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 256  # pixels
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def small_picture(path: Path) -> bytes:
    """A JPEG of up to SIDE pixels. Raises MediaError."""
    return _small(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=512)  # of some 10 kB
def _small(path: Path, _stamp: int) -> bytes:
    picture = _open(path) if path.suffix.lower() in _PICTURES else _frame(path, last=False)
    picture.thumbnail((SIDE, SIDE))
    held = io.BytesIO()
    picture.convert("RGB").save(held, "JPEG", quality=80)
    return held.getvalue()


def save_last_frame(path: Path, target: Path) -> None:
    """As PNG. Raises MediaError."""
    picture = _open(path) if path.suffix.lower() in _PICTURES else _frame(path, last=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    picture.save(part, "PNG")
    part.replace(target)


def _open(path: Path) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(path)
        picture.load()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise MediaError("route_no_picture", path=path.name) from error
    return picture


def _frame(path: Path, *, last: bool) -> Image:
    """The first frame, or the last one: from the last key frame on, nothing else is decoded."""
    from av.error import FFmpegError

    try:
        with open_video(path) as container:
            stream = container.streams.video[0]
            if last and stream.duration:
                container.seek(stream.duration + (stream.start_time or 0), stream=stream)
            frames = container.decode(stream)
            found = collections.deque(frames, maxlen=1).pop() if last else next(frames)
            picture: Image = found.to_image()  # type: ignore[no-untyped-call]
            return picture.rotate(round(found.rotation / 90) * 90 % 360, expand=True)
    except (FFmpegError, IndexError, StopIteration) as error:
        raise MediaError("route_no_picture", path=path.name) from error
