"""The frames of an animatic, one at a time: a card drawn once per shot, small parts of it redrawn per frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw

from ..animatic import Animatic, Scene
from .card import WHITE, Layout, draw_card
from .palette import background, palette_of
from .picture import Backdrop, load
from .planes import Alpha, Planes
from .text import Ink


@dataclass(frozen=True)
class Frame:
    """One picture; ``cut``: the first of its shot."""

    planes: Planes
    cut: bool


class Painter:
    """Draws one animatic. Raises ValueError if its image cannot be decoded."""

    def __init__(self, animatic: Animatic) -> None:
        self._animatic = animatic
        self._layout = Layout(animatic.width, animatic.height, over_image=animatic.image is not None)
        self._palette = palette_of(animatic.style, animatic.seed)
        self._backdrop: Backdrop | None = None
        if animatic.image is not None:
            self._backdrop = Backdrop(load(animatic.image), animatic.width, animatic.height, animatic.seed)
        self._clock = _Clock(self._layout, animatic.fps)

    def frames(self) -> Iterator[Frame]:
        for scene in self._animatic.scenes:
            card = draw_card(self._animatic, scene, self._layout, self._palette)
            moving = self._still(card) if self._backdrop is None else self._moving(card, scene, self._backdrop)
            for index, planes in zip(range(scene.first, scene.stop), moving, strict=False):
                self._mark(planes, index)
                yield Frame(planes, cut=index == scene.first)

    def _still(self, card: Image.Image) -> Iterator[Planes]:
        ground = background(self._palette, self._layout.width, self._layout.height)
        ground.paste(card, (0, 0), card)
        planes = Planes.of(ground)
        while True:
            yield planes.copy()

    def _moving(self, card: Image.Image, scene: Scene, backdrop: Backdrop) -> Iterator[Planes]:
        over, alpha = Planes.of(card), Alpha.of(card.getchannel("A"))
        count = scene.stop - scene.first
        for index in range(count):
            planes = backdrop.at(scene.number, index / max(count - 1, 1))
            planes.blend(over, alpha)
            yield planes

    def _mark(self, planes: Planes, index: int) -> None:
        left, top, _, bottom = self._layout.bar
        now = self._layout.bar_x((index + 1) / self._animatic.frame_count)
        if now > left:
            planes.fill((left, top, now, bottom), self._palette.accent)
        self._clock.draw(planes, index)


class _Clock:
    """The running time, minutes:seconds:frames, in cells of equal width so that it does not jitter."""

    def __init__(self, layout: Layout, fps: int) -> None:
        ink, size = Ink(bold=True), layout.small
        widest = max(ink.width(char, size) for char in "0123456789:")
        self._cell = max(round(widest / 2 + 0.5) * 2, 2)
        height = round(size * 0.6 + 0.5) * 2
        self._masks = {}
        for char in "0123456789:":
            mask = Image.new("L", (self._cell, height))
            ink.draw(ImageDraw.Draw(mask), (self._cell / 2, height / 2), char, size, 255, "middle")
            self._masks[char] = mask
        self._at = (layout.bar[0], (layout.clock_y - height // 2) // 2 * 2)
        self._fps = fps

    def draw(self, planes: Planes, index: int) -> None:
        seconds, frame = divmod(index, self._fps)
        x, y = self._at
        for char in f"{seconds // 60:02}:{seconds % 60:02}:{frame:02}":
            planes.stencil((x, y), self._masks[char], WHITE)
            x += self._cell
