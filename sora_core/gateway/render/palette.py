"""Colours of an animatic: a tint from its style, a variation from its seed, and the background made of both."""

from __future__ import annotations

import colorsys
import hashlib
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .planes import RGB

# Hue (0..1) and saturation (0..1) by a word in the style; other styles get theirs from a hash.
_TINTS = {
    "noir": (0.60, 0.06),
    "black and white": (0.60, 0.03),
    "documentary": (0.58, 0.22),
    "cinematic": (0.54, 0.62),
    "anime": (0.86, 0.58),
    "comic": (0.02, 0.62),
    "watercolor": (0.47, 0.45),
    "vintage": (0.09, 0.48),
    "retro": (0.93, 0.60),
    "fantasy": (0.77, 0.55),
    "horror": (0.99, 0.60),
    "nature": (0.36, 0.50),
    "cyberpunk": (0.80, 0.70),
}
_DEFAULT_TINT = (0.62, 0.52)
_GRID = 40  # of 255
SHOT_TINTS = 6
_SHOT_STEP = 0.38  # of the colour wheel; a little more than a third, so that neighbours lie far apart
_LEAST_SATURATION = 0.18  # a grey style still tells its shots apart
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class Palette:
    """What a card is painted with. ``angle`` turns the gradient, in radians."""

    dark: RGB
    light: RGB
    glow: RGB
    accent: RGB
    angle: float
    glow_at: tuple[float, float]


def palette_of(style: str, seed: int, shot: int = 1) -> Palette:
    """Neighbouring shots differ at a glance; a palette comes back after ``SHOT_TINTS`` shots."""
    hue, saturation = _tint(style)
    place = (shot - 1) % SHOT_TINTS
    hue, saturation = (hue + place * _SHOT_STEP) % 1.0, max(saturation, _LEAST_SATURATION if place else 0)
    turn = (seed * _GOLDEN) % 1.0
    hue = (hue + (turn - 0.5) * 0.16 * bool(seed)) % 1.0
    other = (hue + 0.09 + 0.10 * turn) % 1.0
    return Palette(
        dark=_rgb(hue, saturation, 0.13),
        light=_rgb(hue, saturation * 0.95, 0.34),
        glow=_rgb(other, saturation, 0.52),
        accent=_rgb((other + 0.03) % 1.0, min(saturation, 0.55), 1.0),
        angle=math.radians(-60 + 300 * turn),
        glow_at=(0.22 + 0.66 * ((turn * 7) % 1.0), 0.05 + 0.75 * ((turn * 3 + 0.2) % 1.0)),
    )


def background(palette: Palette, width: int, height: int) -> Image.Image:
    """A gradient with a soft glow, RGB. Dithered, so that the codec shows no bands."""
    columns, rows = max(width // 8, 8), max(height // 8, 8)
    x, y = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    along = (x - 0.5) * math.cos(palette.angle) + (y - 0.5) * math.sin(palette.angle)
    ramp = np.clip(along / 1.42 + 0.5, 0, 1)
    aspect = width / height
    distance = np.hypot((x - palette.glow_at[0]) * max(aspect, 1), (y - palette.glow_at[1]) * max(1 / aspect, 1))
    glow = np.exp(-((distance / 0.55) ** 2)) * 0.75
    edge = 1 - 0.35 * np.hypot(x - 0.5, y - 0.5) ** 2
    noise = np.random.default_rng(7).random((height, width), np.float32)
    channels = []
    for dark, light, shine in zip(palette.dark, palette.light, palette.glow, strict=True):
        level = (dark + (light - dark) * ramp) * edge
        level = level + (shine - level) * glow
        small = Image.fromarray(level.astype(np.float32))
        full = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) + noise
        channels.append(Image.fromarray(np.clip(full, 0, 255).astype(np.uint8)))
    return Image.merge("RGB", channels)


def stage(palette: Palette, width: int, height: int) -> Image.Image:
    """A background with a faint grid on it, so that a camera is seen to move."""
    ground = background(palette, width, height)
    lines = Image.new("L", (width, height))
    canvas = ImageDraw.Draw(lines)
    step = max(min(width, height) // 7, 8)
    thick = max(min(width, height) // 240, 1)
    for x in range(width // 2 % step, width, step):
        canvas.rectangle((x, 0, x + thick - 1, height), fill=_GRID)
    for y in range(height // 2 % step, height, step):
        canvas.rectangle((0, y, width, y + thick - 1), fill=_GRID)
    ground.paste((255, 255, 255), (0, 0), lines)
    return ground


def _tint(style: str) -> tuple[float, float]:
    words = style.strip().lower()
    if not words:
        return _DEFAULT_TINT
    for name, tint in _TINTS.items():
        if name in words:
            return tint
    number = int.from_bytes(hashlib.sha256(words.encode("utf-8", "replace")).digest()[:4], "big")
    return number / 2**32, 0.55


def _rgb(hue: float, saturation: float, value: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
