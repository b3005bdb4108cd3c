"""Takes secrets out of text before anyone reads it: known ones in every spelling, and what looks like one.

Every error, every note and every text of a server passes here on its way to the user, the ledger and the log.
All of it takes time in proportion to the text.
"""

from __future__ import annotations

import base64
import html
import re
import sys
import threading
from array import array
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from .secret_words import MEMBERS, is_secret_name

LEAST_CHARS = 8  # of a secret that is looked for everywhere; shorter ones would eat the text
MOST_KNOWN = 256
_LEAST_GIVEN = 4  # of one that a caller names
_EDGE_CHARS = 12  # of a long secret whose beginning or end is enough to know it by: texts are cut
_LONG_CHARS = 20
_MOST_UNESCAPED = 2**20  # characters; what is longer is a file, not a text
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # no text has one, every file does early on
_LOOKED_AT = 4096  # bytes
_LAYERS = 3  # of escapes in escapes that are read

_known: dict[str, None] = {}
_lock = threading.Lock()


def know(secret: str) -> None:
    """From here on it is taken out of every text of this process; the oldest of many are forgotten."""
    with _lock:
        for each in _parts_of(secret):
            if len(each) >= LEAST_CHARS:
                _known.pop(each, None)
                _known[each] = None
        while len(_known) > MOST_KNOWN:
            del _known[next(iter(_known))]


def _parts_of(secret: str) -> Iterator[str]:
    """What of it is to be hidden: of an address, the password; of a header, what stands after the scheme."""
    if "://" in secret:
        try:
            password = urlsplit(secret).password or ""
        except ValueError:
            password = secret
        yield from (password, unquote(password))
        return
    scheme, space, rest = secret.partition(" ")
    yield rest if space and scheme.lower() in ("bearer", "basic") else secret


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without the secrets that are given or known, and without anything that looks like one."""
    return _without_shapes(hide(text, secrets))


def hide(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without the secrets that are given or known, however they are spelled in it."""
    with _lock:
        wanted = dict(_known)
    wanted |= dict.fromkeys(each for each in secrets if len(each) >= _LEAST_GIVEN)
    if not wanted or not text:
        return text
    needles = [needle for secret in wanted for needle in _spellings(secret)]
    spans = [
        (places[start], places[end]) if places else (start, end)
        for reading, places in _readings(text)
        for start, end in (*_found(reading, needles), *_wrapped(reading, needles))
    ]
    if spans:  # a token of which a part is known goes as a whole: what is left of it looks like none
        spans += [match.span() for shape in (_KEY, _WEB_TOKEN) for match in shape.finditer(text)]
    return _cut_out(text, sorted(spans))


def _spellings(secret: str) -> Iterator[str]:
    """In lower case: as it is, in hex, and in base64 wherever it stands in what was encoded."""
    yield secret.lower()
    data = secret.encode("utf-8", "replace")
    if len(data) < LEAST_CHARS:
        return
    yield data.hex()
    for before in range(3):
        coded = base64.b64encode(bytes(before) + data).decode()
        core = coded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6].lower()
        yield core
        if "+" in core or "/" in core:
            yield core.replace("+", "-").replace("/", "_")


_KEY = re.compile(r"\b(?:sk|sess|rt|pk)-[\w\-.]{6,}")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?")  # JSON's
_ESCAPE = re.compile(
    r"\\u([0-9a-fA-F]{4})|\\u\{([0-9a-fA-F]{1,6})\}|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})"
    r"|\\([0-3][0-7]{2})|(&(?:#\d{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z]{2,31};))|\\(.)",
    re.DOTALL,
)
_WORD = re.compile(r"\S+")
_BLANKS = {"n": "\n", "r": "\r", "t": "\t"}
_OCTAL, _ENTITY = 6, 7  # their groups; those before them are of hexadecimal digits


def _readings(text: str) -> Iterator[tuple[str, array[int] | None]]:
    """The text in lower case, then what it stands for, unescaped again and again; with the place of each character."""
    yield _lower(text), None
    if len(text) > _MOST_UNESCAPED:
        return
    reading, places = text, array("L", range(len(text) + 1))
    for _ in range(_LAYERS):
        if not any(sign in reading for sign in "\\%&"):
            return
        plain, moved, at = [], array("L"), 0
        for match in _ESCAPE.finditer(reading):
            plain.append(reading[at : match.start()])
            moved.extend(places[at : match.start()])
            stands_for = _unescaped(match)
            plain.append(stands_for)
            moved.extend([places[match.start()]] * len(stands_for))
            at = match.end()
        plain.append(reading[at:])
        moved.extend(places[at:])
        reading, places = "".join(plain), moved
        yield _lower(reading), places


def _unescaped(match: re.Match[str]) -> str:
    group = match.lastindex or 0
    value = match[group]
    if group > _OCTAL:
        return html.unescape(value) if group == _ENTITY else _BLANKS.get(value, value)
    code = int(value, 8 if group == _OCTAL else 16)
    return chr(code) if code <= sys.maxunicode else "\ufffd"


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _lower(text: str) -> str:
    return text.translate(_LOWER)  # unlike lower() it never makes two characters of one


def _found(text: str, needles: Iterable[str]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        is_long = len(needle) >= _LONG_CHARS
        for edge in (needle[:_EDGE_CHARS], needle[-_EDGE_CHARS:]) if is_long else (needle,):
            at = text.find(edge)
            while at >= 0:
                start, end = _grown(text, at, needle, edge)
                yield start, end
                at = text.find(edge, end)


def _wrapped(text: str, needles: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Long ones that stand over several lines, as base64 does in mails; a short one might be made of words."""
    if len(text) > _MOST_UNESCAPED:
        return
    kept, joined = array("L"), []
    for word in _WORD.finditer(text):
        joined.append(word[0])
        kept.extend(range(word.start(), word.end()))
    long = [needle for needle in needles if len(needle) >= _LONG_CHARS]
    for start, end in _found("".join(joined), long):
        yield kept[start], kept[end - 1] + 1


def _grown(text: str, at: int, needle: str, edge: str) -> tuple[int, int]:
    """As much of the needle as is there, around the edge that was found."""
    offset = 0 if needle.startswith(edge) else len(needle) - len(edge)
    start, end = at, at + len(edge)
    while offset > 0 and start > 0 and text[start - 1] == needle[offset - 1]:
        start, offset = start - 1, offset - 1
    rest = offset + end - start
    while rest < len(needle) and end < len(text) and text[end] == needle[rest]:
        end, rest = end + 1, rest + 1
    return start, end


def _cut_out(text: str, spans: list[tuple[int, int]]) -> str:
    kept, at = [], 0
    for start, end in spans:
        if start >= at:
            kept += [text[at:start], "***"]
        at = max(at, end)
    return "".join((*kept, text[at:]))


_AND = r"[?&#;]|\\u0026|%(?:25)?(?:26|3[fF]|23)"
_PARAMETER = re.compile(rf"({_AND})([\w.\-]{{1,64}})(=|%(?:25)?3[dD])((?:(?!%(?:25)?26)[^&\s\"'<>#\\;])+)", re.ASCII)
_SETTING = re.compile(r"(?<![\w.\-?&#;])([\w.\-]{1,64})(=)([^\s;,&\"'<>\\]{6,})", re.ASCII)
_MEMBER = re.compile(
    rf"(?i)(?<![\w-])((?:{'|'.join(sorted(MEMBERS, key=len, reverse=True))})\\*[\"']\s*[:=,]\s*\\*[\"'])([^\"'\\]+)"
)
_HEADER = re.compile(
    rf"(?i)(?<![\w-])((?:{'|'.join(sorted(MEMBERS, key=len, reverse=True))})\s*:\s*)(?=[^\s\"',;]*\d)([^\s\"',;]{{8,}})"
)
_PATTERNS = (
    (re.compile(r"(?i)\b((?:set-)?cookie\\*[\"']?\s*[:,]\s*\\*[\"']?)[^\r\n\"']+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), r"\1 ***"),
    (_KEY, "***"),
    (_WEB_TOKEN, "***"),
    (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,15}://)[^\s/?#\"'<>]*@"), r"\1***@"),
    (_MEMBER, r"\1***"),
    (_HEADER, r"\1***"),
)


def _without_shapes(text: str) -> str:
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    text = _PARAMETER.sub(_parameter, text)
    return _SETTING.sub(_setting, text)


def _parameter(match: re.Match[str]) -> str:
    sign, name, equals, value = match.groups()
    return f"{sign}{name}{equals}***" if is_secret_name(name) or looks_random(value) else match[0]


def _setting(match: re.Match[str]) -> str:
    name, equals, _ = match.groups()
    return f"{name}{equals}***" if name.lower() in MEMBERS or "token" in name.lower() else match[0]


_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[a-z]{2,12}_[\w-]+", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_CODED = re.compile(r"[\w\-+/=%.~]{20,}", re.ASCII)


def looks_random(value: str) -> bool:
    """Whether a parameter's value has the look of a signature; ids of jobs and UUIDs have not."""
    if _ID.fullmatch(value):
        return False
    mixed = any("a" <= c <= "z" for c in value) and any("A" <= c <= "Z" for c in value) and any(map(str.isdigit, value))
    return bool(_HEX.fullmatch(value) or (mixed and _CODED.fullmatch(value)))


def excerpt(body: bytes, longest: int) -> str:
    """The beginning of an answer in one line that a person may read, without what looks like a secret."""
    if not is_text(body):
        return "bytes that are no text"
    words = " ".join(body[: 8 * longest].decode("utf-8", "replace").split())
    return redact("".join(filter(str.isprintable, words)))[:longest].rstrip()


def is_text(body: bytes) -> bool:
    """Whether bytes are text, of whatever encoding."""
    return not _CONTROL.search(body, 0, _LOOKED_AT)
