"""Text that fits: cleaned, wrapped, sized to its box, drawn with whatever fonts have the glyphs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageChops, ImageDraw

from .fonts import Font, Typeface, bitmap, east_asian, script_of, wide

ELLIPSIS = "…"
_LONGEST = 8_000  # characters; more fits into no frame at a legible size
_NO_LINE_START = frozenset(",.;:!?)]}%'\"…、。，．：；！？）】》」』〉〕’”ー々")
_NO_LINE_END = frozenset("([{（【《「『〈〔‘“")
_STAND_INS = {"–": "-", "—": "-", "…": "...", "×": "x", "‘": "'", "’": "'", "“": '"', "”": '"'}
_JOINERS = frozenset("\u200c\u200d")  # they join emoji to one, and shape some scripts
_DRAWN = _JOINERS | {"\n"}
_LEAST_SHADE = 90  # of 255: of what is black in a picture of a glyph
_PIECES = re.compile(r"\n|[^\S\n]+|[^\s]+")

Color = tuple[int, int, int] | tuple[int, int, int, int]


def clean(text: str) -> str:
    """Only what can be drawn: no control or format characters, no halves of surrogate pairs."""
    text = text[: _LONGEST * 4].replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\t", " ")
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs":
            kept.append("\ufffd")
        elif char in _DRAWN or not (category in ("Cc", "Cf") or "\ufe00" <= char <= "\ufe0f"):
            kept.append(char)
    return re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip()


@dataclass(frozen=True)
class Block:
    """Lines that fit a box: ``size_px`` is the size of the font, ``line_px`` the step from line to line."""

    lines: tuple[str, ...]
    size_px: int
    line_px: int
    truncated: bool

    @property
    def height_px(self) -> int:
        return self.line_px * len(self.lines)


class Ink:
    """Measures and draws one text's script, regular or bold."""

    def __init__(self, text: str = "", *, bold: bool = False, face: Typeface | None = None) -> None:
        self._face = face or Typeface(bold=bold, language=east_asian(text[:_LONGEST]))
        self._widths: dict[tuple[str, int], float] = {}

    def width(self, text: str, size_px: int) -> float:
        """Pixels from the first to past the last glyph."""
        key = (text, size_px)
        if key not in self._widths:
            self._widths[key] = sum(self._run_width(run, source, size_px) for run, source in self._runs(text))
        return self._widths[key]

    def missing(self, text: str) -> set[str]:
        """The scripts in it that no font of this machine has: boxes are drawn for them."""
        return {script_of(char) for run, source in self._runs(text) if source is None for char in run}

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        at: tuple[float, float],
        text: str,
        size_px: int,
        fill: Color | int,
        anchor: Literal["left", "right", "middle"] = "left",
    ) -> None:
        """One line with its vertical centre at ``at[1]``."""
        x, y = at
        if anchor != "left":
            x -= self.width(text, size_px) / (1 if anchor == "right" else 2)
        for run, source in self._runs(text):
            if source is None:
                self._draw_boxes(canvas, x, y, len(run), size_px, fill)
            elif native := self._face.bitmap_px(source):
                mask = _bitmap(run, self._face.font(source, size_px), native, size_px)
                canvas.bitmap((round(x), round(y - mask.height / 2)), mask, fill)
            else:
                # The baseline is placed by hand: fonts disagree about where their middle is.
                _draw(canvas, (x, y + size_px * 0.36), run, self._face.font(source, size_px), fill)
            x += self._run_width(run, source, size_px)

    def fit(self, text: str, width_px: float, height_px: float, sizes_px: range) -> Block:
        """The largest size of ``sizes_px`` at which all of the text fits; else the smallest, cut off."""
        text = clean(text)
        whole = len(text) <= _LONGEST
        pieces = _pieces(text[:_LONGEST])
        low, high = 0, len(sizes_px) - 1
        best: Block | None = None
        while whole and low <= high:
            middle = (low + high) // 2
            block = self._block(pieces, width_px, height_px, sizes_px[middle])
            if block.truncated:
                high = middle - 1
            else:
                best, low = block, middle + 1
        if best is not None:
            return best
        block = self._block(pieces, width_px, height_px, sizes_px[0])
        return block if block.truncated else self._cut(block, width_px)

    def _block(self, pieces: list[str], width_px: float, height_px: float, size_px: int) -> Block:
        line_px = max(round(size_px * 1.34), 1)
        room = max(int(height_px // line_px), 1)
        lines, all_in = self._wrap(pieces, width_px, size_px, room)
        block = Block(tuple(lines), size_px, line_px, truncated=not all_in)
        return block if all_in else self._cut(block, width_px)

    def _cut(self, block: Block, width_px: float) -> Block:
        last = block.lines[-1].rstrip() if block.lines else ""
        while last and self.width(last + ELLIPSIS, block.size_px) > width_px:
            last = last[:-1].rstrip()
        return Block((*block.lines[:-1], last + ELLIPSIS), block.size_px, block.line_px, truncated=True)

    def _wrap(self, pieces: list[str], width_px: float, size_px: int, room: int) -> tuple[list[str], bool]:
        """At most ``room`` lines, and whether that was all."""
        lines: list[str] = []
        line, used = "", 0.0
        for piece in pieces:
            if piece == "\n":
                lines.append(line.rstrip())
                line, used = "", 0.0
            else:
                width = self.width(piece, size_px)
                if line and used + width > width_px and not piece.isspace():
                    lines.append(line.rstrip())
                    line, used = "", 0.0
                if width > width_px:
                    *full, piece = self._split(piece, width_px, size_px)
                    lines += full
                    width = self.width(piece, size_px)
                if line or not piece.isspace():
                    line, used = line + piece, used + width
            if len(lines) > room:
                return lines[:room], False
        if line.strip():
            lines.append(line.rstrip())
        return lines[:room], len(lines) <= room

    def _split(self, word: str, width_px: float, size_px: int) -> list[str]:
        parts, part, used = [], "", 0.0
        for char in word:
            width = self.width(char, size_px)
            if part and used + width > width_px and not unicodedata.category(char).startswith(("M", "Cf")):
                parts.append(part)
                part, used = "", 0.0
            part, used = part + char, used + width
        return [*parts, part]

    def _runs(self, text: str) -> list[tuple[str, int | None]]:
        """The text cut where the font changes; None: no font has it."""
        runs: list[tuple[str, int | None]] = []
        for char in text:
            if char in _JOINERS:
                before, source = runs[-1] if runs else ("", None)
                if source is not None and self._face.has(source, char):  # else it would be a box
                    runs[-1] = (before + char, source)
                continue
            source = self._source_after(runs, char)
            if source is None and char in _STAND_INS:
                char = _STAND_INS[char]
                source = self._face.source_of(char[0])
            if source is None and unicodedata.category(char).startswith("M"):
                continue  # a mark that cannot be drawn: the letter below it says enough
            if runs and (runs[-1][1] == source or (char == " " and self._takes_spaces(runs[-1][1]))):
                runs[-1] = (runs[-1][0] + char, runs[-1][1])
            else:
                runs.append((char, source))
        return runs

    def _source_after(self, runs: list[tuple[str, int | None]], char: str) -> int | None:
        """Of the font that the character is drawn with: the one before a joiner, where that has it."""
        before, source = runs[-1] if runs else ("", None)
        is_joined = source is not None and before[-1] in _JOINERS and self._face.has(source, char)
        return source if is_joined else self._face.source_of(char)

    def _takes_spaces(self, source: int | None) -> bool:
        """A space of a font of emoji is as wide as one of them."""
        return source is not None and not self._face.bitmap_px(source)

    def _run_width(self, run: str, source: int | None, size_px: int) -> float:
        if source is None:
            return len(run) * size_px * 0.72
        length = float(self._face.font(source, size_px).getlength(run))
        native = self._face.bitmap_px(source)
        return length * size_px / native if native else length

    def _draw_boxes(
        self, canvas: ImageDraw.ImageDraw, x: float, y: float, count: int, size_px: int, fill: Color | int
    ) -> None:
        for place in range(count):
            left = x + (place + 0.1) * size_px * 0.72
            box = (left, y - size_px * 0.36, left + size_px * 0.58, y + size_px * 0.36)
            canvas.rectangle(box, outline=fill, width=max(size_px // 16, 1))


def _bitmap(run: str, font: Font, native_px: int, size_px: int) -> Image.Image:
    """Glyphs that are pictures, as light and shade, so that they take the colour of the text."""
    tile = bitmap(run, font, native_px)
    light = tile.convert("L").point(lambda value: _LEAST_SHADE + value * (255 - _LEAST_SHADE) // 255)
    shade = ImageChops.multiply(light, tile.getchannel("A"))
    sides = (max(round(tile.width * size_px / native_px), 1), max(round(tile.height * size_px / native_px), 1))
    return shade.resize(sides, Image.Resampling.BILINEAR)


def _draw(canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, font: Font, fill: Color | int) -> None:
    canvas.text(at, text, fill=fill, font=font, anchor="ls")


def _pieces(text: str) -> list[str]:
    """What a line may not break inside: words, single ideographs with their punctuation, spaces, newlines."""
    pieces: list[str] = []
    for match in _PIECES.finditer(text):
        word = match[0]
        if word.isspace():
            pieces.append(word if word == "\n" else " ")
            continue
        start = len(pieces)
        for char in word:
            if len(pieces) > start and _clings(pieces[-1][-1], char):
                pieces[-1] += char
            else:
                pieces.append(char)
    return pieces


def _clings(before: str, char: str) -> bool:
    if char in _NO_LINE_START or before in _NO_LINE_END:
        return True
    return not (wide(before) or wide(char))
