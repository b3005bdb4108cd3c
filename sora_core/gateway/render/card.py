"""The card of a shot: everything on it that stays the same from cut to cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageDraw

from ..animatic import Animatic, Scene
from ..camera import move_of
from .palette import Palette
from .planes import RGB
from .text import Ink, clean

WHITE = (255, 255, 255)
_DIM = (255, 255, 255, 176)
_LEAST_FOR_COMMON = 160  # pixels of the shorter side
_COMMON_LINES = 2
_LOOKED_AT = 2_000  # characters of a text, for glyphs that are missing
_TRACK = (255, 255, 255, 58)


@dataclass(frozen=True)
class Layout:
    """Where things are, in pixels, for any frame from 64x64 up; ``over_image`` leaves the upper part free.

    ``common_lines``: how many lines of what all shots have in common stand below the header.
    """

    width: int
    height: int
    over_image: bool = False
    common_lines: int = 0

    @property
    def short(self) -> int:
        return min(self.width, self.height)

    @cached_property
    def margin(self) -> int:
        return max(round(self.short * 0.062), 3)

    @cached_property
    def small(self) -> int:
        """Size of the small print."""
        return max(round(self.short * 0.032), 7)

    @cached_property
    def badge(self) -> int:
        """Size of the word PREVIEW."""
        return max(round(self.short * 0.042), 8)

    @cached_property
    def bar(self) -> tuple[int, int, int, int]:
        """The progress bar, on even pixels."""
        thick = max(round(self.short * 0.010) // 2 * 2, 2)
        top = (self.height - self.margin - round(self.small * 1.7)) // 2 * 2
        left = self.margin // 2 * 2
        return left, top, (self.width - self.margin) // 2 * 2, top + thick

    @property
    def clock_y(self) -> int:
        """Vertical centre of the line below the bar."""
        return self.bar[3] + round(self.small * 0.95)

    @property
    def header_y(self) -> int:
        return self.margin + round(self.badge * 0.7)

    @property
    def common_y(self) -> int:
        """Top of the lines below the header."""
        return self.header_y + round(self.small * 2.2)

    @property
    def line(self) -> int:
        """From line to line of the small print."""
        return round(self.small * 1.5)

    @cached_property
    def body(self) -> tuple[int, int, int, int]:
        """Room for the shot line, the text and the notes below it."""
        top = self.common_y + self.common_lines * self.line
        if self.over_image:
            top = max(top, round(self.height * 0.56))
        return self.margin, top, self.width - self.margin, self.bar[1] - round(self.small * 0.9)

    @property
    def sizes(self) -> range:
        """Sizes that the text may have."""
        largest = self.short * (0.064 if self.over_image else 0.108)
        return range(max(round(self.short * 0.030), 7), max(round(largest), 8) + 1)

    def bar_x(self, part: float) -> int:
        """The even column of the bar at ``part`` (0..1) of the clip."""
        left, _, right, _ = self.bar
        return left + round((right - left) * min(max(part, 0.0), 1.0) / 2) * 2


def common_lines(animatic: Animatic, layout: Layout) -> tuple[str, ...]:
    """What all shots have in common, in one or two lines."""
    text = clean(animatic.common).replace("\n", " ")
    if not text or layout.short < _LEAST_FOR_COMMON:
        return ()
    text = f"All shots: {text}"
    size, room = layout.small, layout.width - 2 * layout.margin
    return Ink(text).fit(text, room, size * 1.5 * _COMMON_LINES, range(size, size + 1)).lines


def draw_card(animatic: Animatic, scene: Scene, layout: Layout, palette: Palette) -> Image.Image:
    """RGBA, to lie over the background or the reference image; transparent where nothing is drawn."""
    # White below full transparency: the soft edges of light text get no dark fringe.
    ink = Image.new("RGBA", (layout.width, layout.height), (255, 255, 255, 0))
    canvas = ImageDraw.Draw(ink)
    if animatic.shot_count > 1:
        _number(canvas, scene, layout)
    _header(ink, animatic, layout, palette)
    _common(canvas, animatic, layout)
    _body(canvas, animatic, scene, layout, palette.accent)
    _bar(canvas, animatic, scene, layout)
    return Image.alpha_composite(_shade(layout), ink) if layout.over_image else ink


def _shade(layout: Layout) -> Image.Image:
    """Darkens the picture where text lies: a little at the top, much at the bottom."""
    rows = Image.new("L", (1, layout.height))
    start = layout.body[1] - layout.height * 0.14
    header = layout.common_y + layout.common_lines * layout.line if layout.common_lines else layout.header_y
    for row in range(layout.height):
        below = _smooth((row - start) / max(layout.height * 0.34, 1))
        above = _smooth(1 - row / max(header * 2.6, 1))
        rows.putpixel((0, row), round(max(214 * below, 140 * above)))
    shade = Image.new("RGBA", (layout.width, layout.height), (8, 8, 12, 0))
    shade.putalpha(rows.resize(shade.size))
    return shade


def _smooth(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def _header(card: Image.Image, animatic: Animatic, layout: Layout, palette: Palette) -> None:
    canvas = ImageDraw.Draw(card)
    ink, size, y = Ink(bold=True), layout.badge, layout.header_y
    pad_x, pad_y = round(size * 0.75), round(size * 0.72)
    left = layout.margin
    right = left + ink.width("PREVIEW", size) + 2 * pad_x
    _pill(card, (left, y - pad_y, round(right), y + pad_y), palette.accent)
    ink.draw(canvas, (left + pad_x, y), "PREVIEW", size, palette.dark)
    notes = [clean(animatic.label).replace("\n", " "), clean(animatic.style).replace("\n", " ")]
    if animatic.seed:
        notes.append(f"seed {animatic.seed}")
    note = " · ".join(part for part in notes if part)
    plain = Ink(note)
    size = layout.small
    room = layout.width - layout.margin - right - size
    if note and room > size * 3:
        line = plain.fit(note, room, size * 1.4, range(size, size + 1)).lines[0]
        plain.draw(canvas, (layout.width - layout.margin, y), line, size, _DIM, "right")


def _number(canvas: ImageDraw.ImageDraw, scene: Scene, layout: Layout) -> None:
    """Large and faint, behind everything: which shot this is, from across the room."""
    size = round(layout.short * 0.5)
    at = (layout.width - layout.margin, layout.height * (0.30 if layout.over_image else 0.5))
    Ink(bold=True).draw(canvas, at, str(scene.number), size, (255, 255, 255, 54), "right")


def _common(canvas: ImageDraw.ImageDraw, animatic: Animatic, layout: Layout) -> None:
    y = layout.common_y
    for line in common_lines(animatic, layout)[: layout.common_lines]:
        Ink(line).draw(canvas, (layout.margin, y + layout.line / 2), line, layout.small, _DIM)
        y += layout.line


def _pill(card: Image.Image, box: tuple[int, int, int, int], color: RGB) -> None:
    """A rectangle with round ends; drawn larger and reduced, because Pillow's own has jagged edges."""
    width, height = (box[2] - box[0]) * 4, (box[3] - box[1]) * 4
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), radius=height // 2, fill=255)
    card.paste((*color, 255), (box[0], box[1]), mask.reduce(4))


def _body(canvas: ImageDraw.ImageDraw, animatic: Animatic, scene: Scene, layout: Layout, accent: RGB) -> None:
    left, top, right, bottom = layout.body
    small, gap = layout.small, round(layout.small * 0.5)
    indent = max(round(layout.short * 0.030), 3)
    width = right - left - indent
    title = f"Shot {scene.number}/{animatic.shot_count} · {scene.start:.1f}–{scene.end:.1f} s"
    move = move_of(scene.text)
    if move is not None:
        title += f" · {move.name}"
    head = Ink(title, bold=True)
    titled = head.width(title, small) <= width and bottom - top > small * 4
    head_px = round(small * 1.3) + gap if titled else 0
    ink = Ink(scene.text)
    notes = _notes(animatic, ink.missing(clean(scene.text)[:_LOOKED_AT])) if bottom - top > small * 8 else []
    notes_px = layout.line * len(notes) + gap if notes else 0
    block = ink.fit(scene.text, width, bottom - top - head_px - notes_px, layout.sizes)
    total = head_px + block.height_px + notes_px
    y = bottom - total if layout.over_image else top + (bottom - top - total) / 2
    bar_width = max(round(layout.short * 0.006), 1)
    canvas.rectangle((left, y, left + bar_width, y + total), fill=(*accent, 255))
    if titled:
        head.draw(canvas, (left + indent, y + small * 0.65), title, small, accent)
    y += head_px
    for line in block.lines:
        ink.draw(canvas, (left + indent, y + block.line_px / 2), line, block.size_px, WHITE)
        y += block.line_px
    y += gap
    for note in notes:
        plain = Ink(note)
        line = plain.fit(note, width, small * 1.4, range(small, small + 1)).lines[0]
        plain.draw(canvas, (left + indent, y + layout.line / 2), line, small, _DIM)
        y += layout.line


def _notes(animatic: Animatic, missing: set[str]) -> list[str]:
    """Below the text, in small print."""
    for text in (animatic.common, animatic.label, animatic.style, animatic.negative_prompt):
        missing |= Ink(text).missing(clean(text)[:_LOOKED_AT])
    avoid = clean(animatic.negative_prompt).replace("\n", " ")
    return [
        *([f"Avoid: {avoid}"] if avoid else []),
        *([f"No font on this machine has: {', '.join(sorted(missing))}"] if missing else []),
    ]


def _bar(canvas: ImageDraw.ImageDraw, animatic: Animatic, scene: Scene, layout: Layout) -> None:
    """The track with a gap at every cut, and the length of the clip."""
    _, top, _, bottom = layout.bar
    for other in animatic.scenes:
        here = (255, 255, 255, 104) if other.number == scene.number else _TRACK
        start, stop = layout.bar_x(other.start / animatic.seconds), layout.bar_x(other.end / animatic.seconds)
        gap = 2 if other.end < animatic.seconds and stop - start > 4 else 0
        if stop - gap > start:
            canvas.rectangle((start, top, stop - gap - 1, bottom - 1), fill=here)
    length = f"{animatic.seconds:.1f} s"
    facts = f"{animatic.width}×{animatic.height} · {animatic.fps} fps · {length}"
    ink = Ink()
    clock_px = ink.width("00:00:00", layout.small) + layout.small * 2
    for text in (facts, length):
        if ink.width(text, layout.small) + clock_px <= layout.width - 2 * layout.margin:
            at = (layout.width - layout.margin, layout.clock_y)
            ink.draw(canvas, at, text, layout.small, _DIM, "right")
            return
