"""Pictures as the encoder wants them: 8-bit 4:2:0 planes in BT.709, limited range.

The conversion is done here and not by swscale, whose choice of matrix differs between versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt

RGB = tuple[int, int, int]
Box = tuple[int, int, int, int]

_KR, _KG, _KB = 0.2126, 0.7152, 0.0722
_STRIP_ROWS = 128  # bounds the floats that exist at one time


@dataclass(frozen=True)
class Planes:
    """Y at full size, U and V at half; three greyscale images of Pillow, which crops and blends them in C."""

    y: Image.Image
    u: Image.Image
    v: Image.Image

    @classmethod
    def of(cls, picture: Image.Image) -> Planes:
        """Converts an RGB picture with even sides."""
        rgb = np.asarray(picture.convert("RGB"))
        height, width = rgb.shape[:2]
        y = np.empty((height, width), np.uint8)
        u = np.empty((height // 2, width // 2), np.uint8)
        v = np.empty_like(u)
        for top in range(0, height, _STRIP_ROWS):
            rows = slice(top, min(top + _STRIP_ROWS, height))
            half = slice(rows.start // 2, rows.stop // 2)
            y[rows], u[half], v[half] = _convert(rgb[rows])
        return cls(Image.fromarray(y), Image.fromarray(u), Image.fromarray(v))

    @property
    def size(self) -> tuple[int, int]:
        return self.y.size

    def copy(self) -> Planes:
        return Planes(self.y.copy(), self.u.copy(), self.v.copy())

    def window(self, box: tuple[float, float, float, float], size: tuple[int, int]) -> Planes:
        """The part inside ``box`` (left, top, right, bottom in fractions of pixels) at another size."""
        half_box = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
        half = (size[0] // 2, size[1] // 2)
        bilinear = Image.Resampling.BILINEAR
        return Planes(
            self.y.resize(size, bilinear, box=box),
            self.u.resize(half, bilinear, box=half_box),
            self.v.resize(half, bilinear, box=half_box),
        )

    def blend(self, over: Planes, alpha: Alpha) -> None:
        """Lays a picture of the same size over this one, in place."""
        self.y.paste(over.y, (0, 0), alpha.full)
        self.u.paste(over.u, (0, 0), alpha.half)
        self.v.paste(over.v, (0, 0), alpha.half)

    def fill(self, box: Box, color: RGB) -> None:
        """A rectangle with even corners, in place."""
        y, u, v = yuv_of(color)
        half = (box[0] // 2, box[1] // 2, box[2] // 2, box[3] // 2)
        self.y.paste(y, box)
        self.u.paste(u, half)
        self.v.paste(v, half)

    def stencil(self, at: tuple[int, int], mask: Image.Image, color: RGB) -> None:
        """Colours what the mask covers; ``at`` and the mask's sides are even. In place."""
        y, u, v = yuv_of(color)
        half_at, half = (at[0] // 2, at[1] // 2), mask.reduce(2)
        self.y.paste(y, at, mask)
        self.u.paste(u, half_at, half)
        self.v.paste(v, half_at, half)

    def packed(self) -> npt.NDArray[np.uint8]:
        """All three, [height * 3 / 2, width], as PyAV takes yuv420p."""
        width, height = self.size
        parts = [np.asarray(plane).reshape(-1) for plane in (self.y, self.u, self.v)]
        return np.concatenate(parts).reshape(height * 3 // 2, width)


@dataclass(frozen=True)
class Alpha:
    """How far a picture covers what is below it, at the sizes of its planes."""

    full: Image.Image
    half: Image.Image

    @classmethod
    def of(cls, mask: Image.Image) -> Alpha:
        return cls(mask, mask.reduce(2))


@lru_cache(maxsize=64)
def yuv_of(color: RGB) -> tuple[int, int, int]:
    y, u, v = _convert(np.array([[color, color], [color, color]], np.uint8))
    return int(y[0, 0]), int(u[0, 0]), int(v[0, 0])


def _convert(rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    red, green, blue = (rgb[..., channel].astype(np.float32) for channel in range(3))
    luma = _KR * red + _KG * green + _KB * blue
    y = luma * (219 / 255) + 16.5
    u = _halved(blue - luma) * (224 / 255 / (2 * (1 - _KB))) + 128.5
    v = _halved(red - luma) * (224 / 255 / (2 * (1 - _KR))) + 128.5
    return y.astype(np.uint8), u.astype(np.uint8), v.astype(np.uint8)


def _halved(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    quarter: npt.NDArray[Any] = (
        values[0::2, 0::2] + values[0::2, 1::2] + values[1::2, 0::2] + values[1::2, 1::2]
    ) * 0.25
    return quarter
