"""The frames of an animatic, one at a time: a card drawn once per shot, small parts of it redrawn per frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from ..animatic import Animatic, Scene
from ..camera import Move, move_of
from .card import WHITE, Layout, common_lines, draw_card
from .palette import SHOT_TINTS, Palette, background, palette_of, stage
from .picture import Backdrop, load, spare
from .planes import Alpha, Planes
from .text import Ink

_FLASH_SECONDS = 0.125


@dataclass(frozen=True)
class Frame:
    """One picture; ``cut``: the first of its shot."""

    planes: Planes
    cut: bool


class Painter:
    """Draws one animatic. Raises ValueError if an image of it cannot be decoded."""

    def __init__(self, animatic: Animatic) -> None:
        self._animatic = animatic
        plain = Layout(animatic.width, animatic.height)
        lines = len(common_lines(animatic, plain))
        self._layouts = {over: replace(plain, over_image=over, common_lines=lines) for over in (False, True)}
        self._layout = self._layouts[False]
        self._clock = _Clock(self._layout, animatic.fps)
        self._palette = self._palette_of(1)
        self._border = max(round(plain.short * 0.018) // 2 * 2, 2)
        self._flash_frames = max(round(animatic.fps * _FLASH_SECONDS), 1)
        self._grounds: dict[int, Planes] = {}
        self._backdrop: tuple[bytes | None, int, Backdrop] | None = None

    def frames(self) -> Iterator[Frame]:
        for scene in self._animatic.scenes:
            self._palette = self._palette_of(scene.number)
            image, move = self._animatic.image_of(scene), move_of(scene.text)
            card = draw_card(self._animatic, scene, self._layouts[image is not None], self._palette)
            moves = image is not None or move is not None
            shown = self._moving(card, scene, image, move) if moves else self._still(card, scene)
            for index, planes in zip(range(scene.first, scene.stop), shown, strict=False):
                self._mark(planes, index)
                if scene.first and index < scene.first + self._flash_frames:
                    self._flash(planes)
                yield Frame(planes, cut=index == scene.first)

    def _palette_of(self, shot: int) -> Palette:
        return palette_of(self._animatic.style, self._animatic.seed, shot)

    def _still(self, card: Image.Image, scene: Scene) -> Iterator[Planes]:
        tint = scene.number % SHOT_TINTS
        if tint not in self._grounds:
            self._grounds[tint] = Planes.of(background(self._palette, self._layout.width, self._layout.height))
        planes = self._grounds[tint].copy()
        planes.blend(Planes.of(card), Alpha.of(card.getchannel("A")))
        while True:
            yield planes.copy()

    def _moving(self, card: Image.Image, scene: Scene, image: bytes | None, move: Move | None) -> Iterator[Planes]:
        over, alpha = Planes.of(card), Alpha.of(card.getchannel("A"))
        backdrop = self._backdrop_of(image, scene)
        count = scene.stop - scene.first
        for index in range(count):
            planes = backdrop.at(scene.number, index / max(count - 1, 1), move)
            planes.blend(over, alpha)
            yield planes

    def _backdrop_of(self, image: bytes | None, scene: Scene) -> Backdrop:
        """The last one is kept: neighbouring shots often share it."""
        tint = 0 if image is not None else scene.number % SHOT_TINTS
        if self._backdrop is None or self._backdrop[:2] != (image, tint):
            width, height = self._animatic.width, self._animatic.height
            picture = load(image) if image is not None else stage(self._palette, *spare(width, height))
            self._backdrop = image, tint, Backdrop(picture, width, height, self._animatic.seed)
        return self._backdrop[2]

    def _flash(self, planes: Planes) -> None:
        """A frame around the first moments of a shot: a cut that cannot be missed."""
        width, height, thick = self._layout.width, self._layout.height, self._border
        for box in (
            (0, 0, width, thick),
            (0, height - thick, width, height),
            (0, 0, thick, height),
            (width - thick, 0, width, height),
        ):
            planes.fill(box, self._palette.accent)

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
