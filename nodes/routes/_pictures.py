"""Small pictures of what was made, and a clip's last frame."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...sora_core.errors import MediaError
from ...sora_core.media.container import open_video
from ...sora_core.media.frame import last_frame

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 256  # pixels
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def small_picture(path: Path) -> bytes:
    """A JPEG of up to SIDE pixels. Raises MediaError."""
    return _small(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=512)  # of some 10 kB
def _small(path: Path, _stamp: int) -> bytes:
    picture = _open(path) if path.suffix.lower() in _PICTURES else _first_frame(path)
    picture.thumbnail((SIDE, SIDE))
    held = io.BytesIO()
    picture.convert("RGB").save(held, "JPEG", quality=80)
    return held.getvalue()


def save_last_frame(path: Path, target: Path) -> None:
    """As PNG. Raises MediaError."""
    picture = _open(path) if path.suffix.lower() in _PICTURES else _picture_of(last_frame(path))
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


def _picture_of(frame: Any) -> Image:
    import numpy as np
    from PIL import Image

    return Image.fromarray(np.rint(frame * 255).astype(np.uint8))


def _first_frame(path: Path) -> Image:
    from av.error import FFmpegError

    try:
        with open_video(path) as container:
            found = next(container.decode(container.streams.video[0]))
            picture: Image = found.to_image()  # type: ignore[no-untyped-call]
            return picture.rotate(round(found.rotation / 90) * 90 % 360, expand=True)
    except (FFmpegError, IndexError, StopIteration) as error:
        raise MediaError("route_no_picture", path=path.name) from error
