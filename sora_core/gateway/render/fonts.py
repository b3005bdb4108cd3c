"""Fonts that exist on this machine, and which of them has a glyph."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# In order of preference, regular beside bold; lower-case file names.
_LATIN = (
    ("inter-regular.ttf", "inter-bold.ttf"),
    ("notosans-regular.ttf", "notosans-bold.ttf"),
    ("segoeui.ttf", "segoeuib.ttf"),
    ("helveticaneue.ttc", "helveticaneue.ttc"),
    ("roboto-regular.ttf", "roboto-bold.ttf"),
    ("opensans-regular.ttf", "opensans-bold.ttf"),
    ("liberationsans-regular.ttf", "liberationsans-bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
    ("dejavusans.ttf", "dejavusans-bold.ttf"),
)
_CJK = (
    ("notosanscjk-regular.ttc", "notosanscjk-bold.ttc"),
    ("notosanssc-regular.otf", "notosanssc-bold.otf"),
    ("notosanscjksc-regular.otf", "notosanscjksc-bold.otf"),
    ("sourcehansanssc-regular.otf", "sourcehansanssc-bold.otf"),
    ("pingfang.ttc", "pingfang.ttc"),
    ("hiragino sans gb.ttc", "hiragino sans gb.ttc"),
    ("stheiti medium.ttc", "stheiti medium.ttc"),
    ("msyh.ttc", "msyhbd.ttc"),
    ("wqy-microhei.ttc", "wqy-microhei.ttc"),
    ("wqy-zenhei.ttc", "wqy-zenhei.ttc"),
    ("droidsansfallbackfull.ttf", "droidsansfallbackfull.ttf"),
    ("simhei.ttf", "simhei.ttf"),
    ("simsun.ttc", "simsun.ttc"),
    ("yugothm.ttc", "yugothb.ttc"),
    ("meiryo.ttc", "meiryob.ttc"),
    ("msgothic.ttc", "msgothic.ttc"),
    ("malgun.ttf", "malgunbd.ttf"),
    ("applesdgothicneo.ttc", "applesdgothicneo.ttc"),
)
_NOTO_SCRIPTS = (
    *("arabic", "hebrew", "devanagari", "bengali", "tamil", "telugu", "gujarati", "gurmukhi", "kannada", "malayalam"),
    *("oriya", "sinhala", "thai", "lao", "khmer", "myanmar", "armenian", "georgian", "ethiopic", "symbols", "symbols2"),
)
_OTHER = (
    ("dejavusans.ttf", "dejavusans-bold.ttf"),
    ("arial unicode.ttf", "arial unicode.ttf"),
    ("seguisym.ttf", "seguisym.ttf"),
    ("apple symbols.ttf", "apple symbols.ttf"),
    *((f"notosans{script}-regular.ttf", f"notosans{script}-bold.ttf") for script in _NOTO_SCRIPTS),
    ("lohit-devanagari.ttf", "lohit-devanagari.ttf"),
    ("nirmala.ttf", "nirmalab.ttf"),
    ("nirmala.ttc", "nirmala.ttc"),
    ("mangal.ttf", "mangalb.ttf"),
    ("kohinoor.ttc", "kohinoor.ttc"),
    ("devanagarimt.ttc", "devanagarimt.ttc"),
    ("leelawui.ttf", "leelauib.ttf"),
    ("thonburi.ttc", "thonburi.ttc"),
    ("loma.ttf", "loma-bold.ttf"),
    ("garuda.ttf", "garuda-bold.ttf"),
    ("waree.ttf", "waree-bold.ttf"),
    ("seguiemj.ttf", "seguiemj.ttf"),
    ("notoemoji-regular.ttf", "notoemoji-bold.ttf"),
    ("symbola.ttf", "symbola.ttf"),
    ("notocoloremoji.ttf", "notocoloremoji.ttf"),
    ("apple color emoji.ttc", "apple color emoji.ttc"),
    ("freesans.ttf", "freesansbold.ttf"),
)
_KNOWN = frozenset(name for pairs in (_LATIN, _CJK, _OTHER) for pair in pairs for name in pair)
_BITMAP_PX = {"notocoloremoji.ttf": 109, "apple color emoji.ttc": 160}  # they exist in this size only
_VARIABLE = re.compile(r"(?:\[[\w,]+\]|-variablefont_[\w,]+|-vf)(?=\.)")
_MAX_FILES = 20_000  # a font folder on a network drive must not hold up a preview
_MISSING = "\U0010fffe"  # a noncharacter: what a font draws for it is its sign for "no such glyph"
_NOTO_CJK_FACE = {"ja": 0, "ko": 1, "zh": 2}  # order of the faces inside NotoSansCJK-*.ttc
_PROBE_PX = 24


def installed() -> list[str]:
    """The files that texts are drawn with on this machine."""
    return sorted(map(str, _installed().values()))


def east_asian(text: str) -> str:
    """Which of "ja", "ko", "zh" the text needs glyphs of; "" if none."""
    if any("぀" <= char <= "ヿ" for char in text):
        return "ja"
    if any("가" <= char <= "힣" for char in text):
        return "ko"
    return "zh" if any(wide(char) for char in text) else ""


def script_of(char: str) -> str:
    """The name of the script that the character belongs to, as a person would say it."""
    if unicodedata.category(char) == "So" or char >= "\U0001f000":
        return "emoji and symbols" if char < "\U00020000" else "rare ideographs"
    name = unicodedata.name(char, "")
    return name.split()[0].capitalize() if name else f"U+{ord(char):04X}"


def wide(char: str) -> bool:
    """Whether a line may break on either side of the character, as between ideographs."""
    return char > "⺀" and unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char) != "So"


class Typeface:
    """Regular or bold, for one text: a chain of fonts, each tried for a glyph before the next.

    Not shared between threads: a face of FreeType serves one at a time.
    """

    def __init__(
        self, *, bold: bool = False, language: str = "", sources: Sequence[tuple[Path, int] | None] | None = None
    ) -> None:
        """``sources``: files with the face in them, None for Pillow's own font; else what the machine has."""
        self._sources = list(_sources(bold, language) if sources is None else sources)
        self._fonts: dict[tuple[int, int], Font] = {}
        self._glyphs: dict[str, int | None] = {}
        self._missing: dict[int, bytes] = {}

    def font(self, source: int, size_px: int) -> Font:
        key = (source, size_px)
        if key not in self._fonts:
            self._fonts[key] = _load(self._sources[source], self.bitmap_px(source) or size_px)
        return self._fonts[key]

    def bitmap_px(self, source: int) -> int:
        """The only size of a font of colour bitmaps; 0 for one of outlines, which has any."""
        place = self._sources[source]
        return _BITMAP_PX.get(place[0].name.lower(), 0) if place is not None else 0

    def source_of(self, char: str) -> int | None:
        """Place in the chain of the first font that has the glyph, or None."""
        if char not in self._glyphs:
            places = range(len(self._sources))
            self._glyphs[char] = next((place for place in places if self.has(place, char)), None)
        return self._glyphs[char]

    def has(self, source: int, char: str) -> bool:
        """Whether that font of the chain has the glyph."""
        if char.isspace():
            return True
        if source not in self._missing:
            self._missing[source] = self._picture(source, _MISSING)
        return self._picture(source, char) != self._missing[source]

    def _picture(self, source: int, char: str) -> bytes:
        # Basic layout shows the glyph itself; shaping would put a combining mark on a dotted circle.
        key = (source, 0)
        if key not in self._fonts:
            size = self.bitmap_px(source) or _PROBE_PX
            self._fonts[key] = _load(self._sources[source], size, ImageFont.Layout.BASIC)
        if native := self.bitmap_px(source):
            return bitmap(char, self._fonts[key], native).tobytes()
        mask = self._fonts[key].getmask(char)
        return repr(mask.size).encode() + bytes(mask)


def bitmap(text: str, font: Font, native_px: int) -> Image.Image:
    """RGBA, of glyphs that are colour bitmaps; a font without bitmaps of that size draws nothing."""
    tile = Image.new("RGBA", (max(round(font.getlength(text)), 1), round(native_px * 1.3)))
    at = (0, round(native_px * 1.15))
    ImageDraw.Draw(tile).text(at, text, fill=(255, 255, 255), font=font, anchor="ls", embedded_color=True)
    return tile


def _sources(bold: bool, language: str) -> Iterator[tuple[Path, int] | None]:
    """Files with the index of the face in them; None is Pillow's own font, which always exists."""
    files = _installed()

    def present(pairs: tuple[tuple[str, str], ...], limit: int) -> list[tuple[Path, int]]:
        found = []
        for pair in pairs:
            path = files.get(pair[bold]) or files.get(pair[0])
            if path is not None:
                face = _NOTO_CJK_FACE.get(language, 2) if path.name.lower().startswith("notosanscjk-") else 0
                found.append((path, face))
        return found[:limit]

    latin, cjk = present(_LATIN, 1), present(_CJK, 3)
    yield from (*cjk, *latin) if language else (*latin, *cjk)
    yield from present(_OTHER, len(_OTHER))
    yield None


def _load(source: tuple[Path, int] | None, size_px: int, layout: ImageFont.Layout | None = None) -> Font:
    if source is None:
        return ImageFont.load_default(size_px)
    path, face = source
    try:
        return ImageFont.truetype(str(path), size_px, index=face, layout_engine=layout)
    except OSError:  # unreadable, or a collection without that face
        return ImageFont.load_default(size_px)


@lru_cache(maxsize=1)
def _installed() -> dict[str, Path]:
    """The fonts of the tables above that this machine has, by lower-case file name."""
    found: dict[str, Path] = {}
    seen = 0
    for folder in _folders():
        for root, _, names in os.walk(folder):
            for name in names:
                plain = _VARIABLE.sub("-regular", name.lower())
                if plain in _KNOWN:
                    found.setdefault(plain, Path(root) / name)
            seen += len(names)
            if seen > _MAX_FILES:
                return found
    return found


def _folders() -> list[Path]:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is no home
    if sys.platform == "win32":
        return [
            Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts",
            Path(os.environ.get("LOCALAPPDATA", str(home))) / "Microsoft" / "Windows" / "Fonts",
        ]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        Path("/run/current-system/sw/share/X11/fonts"),
        home / ".local" / "share" / "fonts",
        home / ".fonts",
    ]
