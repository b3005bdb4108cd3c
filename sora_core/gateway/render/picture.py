"""The reference image: checked when it arrives, then moved slowly behind the text."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageFilter, ImageOps

from ..camera import Move
from .planes import Planes

MAX_PIXELS = 64_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_SPARE = 1.16  # how much larger than the frame the picture is kept, for the camera to move in
_ZOOM = 0.6  # from the whole picture to so much closer
_ZOOM_OF_PANS = 1.45  # so that there is something left to move to
_MOST_CUT = 0.45  # of the picture; with more to lose it is shown whole before a blurred copy


def load(data: bytes) -> Image.Image:
    """The picture, upright, RGB. Raises ValueError if the bytes are not one that can be drawn."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"the image has {opened.width}x{opened.height} pixels; {MAX_PIXELS:,} are the most")
            opened.draft("RGB", (4096, 4096))
            upright = ImageOps.exif_transpose(opened)
            rgba = upright.convert("RGBA")
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError("the image cannot be decoded; send a PNG, JPEG or WebP file") from error
    flat = Image.new("RGB", rgba.size, (18, 18, 22))
    flat.paste(rgba, (0, 0), rgba)
    return flat


class Backdrop:
    """The picture as a camera sees it: it moves as the shot says, or drifts and zooms a little."""

    def __init__(self, picture: Image.Image, width: int, height: int, seed: int) -> None:
        self._size = (width, height)
        self._seed = seed
        self._planes = Planes.of(_composed(picture, spare(width, height)))

    def at(self, scene: int, progress: float, move: Move | None = None) -> Planes:
        """``progress`` runs from 0 to 1 in every scene."""
        if move is not None:
            return self._moved(move, progress)
        width, height = self._planes.size
        turn = 2 * math.pi * ((scene * 0.382 + self._seed * 0.618) % 1.0)
        zoom = 1.03 + 0.09 * (progress if scene % 2 else 1 - progress)
        seen = (width / zoom, height / zoom)
        drift = (progress - 0.5) * 0.9
        left = (width - seen[0]) / 2 * (1 + math.cos(turn) * drift)
        top = (height - seen[1]) / 2 * (1 + math.sin(turn) * drift)
        return self._planes.window((left, top, left + seen[0], top + seen[1]), self._size)

    def _moved(self, move: Move, progress: float) -> Planes:
        width, height = self._planes.size
        closer = progress if move.zoom > 0 else 1 - progress
        zoom = 1 + _ZOOM * closer if move.zoom else _ZOOM_OF_PANS
        seen = (width / zoom, height / zoom)
        left = (width - seen[0]) * (0.5 + move.x * (progress - 0.5))
        top = (height - seen[1]) * (0.5 + move.y * (progress - 0.5))
        return self._planes.window((left, top, left + seen[0], top + seen[1]), self._size)


def spare(width: int, height: int) -> tuple[int, int]:
    """Sides of the picture that a backdrop is made of."""
    return _even(width * _SPARE), _even(height * _SPARE)


def _composed(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    cover = max(size[0] / picture.width, size[1] / picture.height)
    kept = size[0] * size[1] / (picture.width * cover * picture.height * cover)
    if kept >= 1 - _MOST_CUT:
        return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    small = ImageOps.fit(picture, (max(size[0] // 8, 2), max(size[1] // 8, 2)), Image.Resampling.BOX)
    blurred = small.filter(ImageFilter.GaussianBlur(4)).resize(size, Image.Resampling.BICUBIC)
    ground = Image.blend(blurred, Image.new("RGB", size, (12, 12, 16)), 0.45)
    scale = min(size[0] / picture.width, size[1] / picture.height) * 0.94
    whole = picture.resize(
        (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)), Image.Resampling.LANCZOS
    )
    ground.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return ground


def _even(value: float) -> int:
    return int(value) // 2 * 2 + 2
