"""The text forms of a storyboard's shots: a script to read and write, JSON, and the prompt of a server. Pure.

    # a comment
    [5s] a door opens
    3.5s: rain on a window,
    seen from inside

A line without a length goes on with the shot before it; blank lines are skipped. A line that looks as if it were to
begin a shot, and does not, is refused.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from ..errors import InvalidRequest, Unsupported
from ..models import Shot

MAX_SECONDS = 3600.0  # of one shot
# "[5s] a door", "5s: a door", with brackets of any width; "1. " and "- " before it are no part of the text
_MARK = r"(?:[-*•‣·–—]\s+|[(（]?\d{1,3}[.)、．）](?!\d)\s*)?"
_NUMBER = r"\d+(?:\.\d+)?"
_HEAD = re.compile(rf"\s*{_MARK}(?:[\[【［]?\s*({_NUMBER})\s*s\s*(?:[\]】］]|:|：))\s*(.*)", re.DOTALL | re.IGNORECASE)
# What was meant as the head of a shot and is none. Taken for a part of the shot before it, it would be paid as that.
# Quotes, bullets, table bars, "a)" and the like may stand before it.
_LEAD = r"(?:[^\w\[【［(（{<〈《「#]|[(（]?(?:\d{1,3}|[a-z])[.)、](?!\d)|\d{1,2}(?=\[)|t(?=\+\d))*"
_OPEN, _CLOSE = r"[\[【［(（{<〈《「]", r"[\]】］)）}>〉》」]"
_SECONDS = r"(?:s|secs?|seconds?|秒钟?)(?![a-z])"
_MINUTES = r"(?:m|mins?|minutes?|分钟?)"
_LENGTH = r"[-+]?[\d.,]+"
_CLOCK = r"\d{1,3}[:：]\d{2}(?:[:：.]\d+)*"
_IN_WORDS = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|half)"
_TO = r"\s*(?:[-–—~～→]|to|至|到)+\s*"
_ODD_HEADS = tuple(
    re.compile(rf"{_LEAD}(?:{form})", re.IGNORECASE)
    for form in (
        rf"[\[【［]\s*{_LENGTH}\s*(?:{_SECONDS}|{_MINUTES})?\s*{_CLOSE}",  # "[5] a door", "[-1s] a door"
        rf"{_OPEN}\s*{_LENGTH}\s*{_SECONDS}",  # "(5s) a door", "[5s - 8s] a door"
        rf"{_LENGTH}\s*{_MINUTES}\s*[:：]",  # "5 min: a door"
        rf"{_LENGTH}\s*{_SECONDS}",  # "5s a door", "5 sec: a door", "5秒：门"
        rf"{_OPEN}\s*{_CLOCK}",  # "[0:05] a door", "[0:00-0:05] a door"
        rf"{_CLOCK}{_TO}{_CLOCK}",  # "0:00 - 0:05 a door"
        rf"{_LENGTH}{_TO}{_LENGTH}\s*{_SECONDS}",  # "0-5s a door"
        rf"{_OPEN}?(?:shot|scene|clip|segment|cut|part|panel)\s*#?(?:\d+\b|{_IN_WORDS}\s*[:：])",  # "Shot 2: a door"
        rf"{_OPEN}?\s*(?:duration|length|time|时长)\s*[:：=]?\s*{_LENGTH}\s*{_SECONDS}",  # "duration: 5s"
        rf"{_OPEN}?\s*{_IN_WORDS}\s+{_SECONDS}\s*(?:[:：]|{_CLOSE})",  # "five seconds: a door"
        rf"{_LENGTH}\s*(?:''|[\"″])\s*[:：]",  # 5": a door
        rf".*{_OPEN}\s*{_LENGTH}\s*{_SECONDS}\s*{_CLOSE}\W*$",  # "a door (5s)"
        r"(?:镜头|分镜|场景|第)\s*[\d一二三四五六七八九十]+(?:\s*[:：、.]|[个镜幕场段])",
    )
)
_HOW = "write '[5s] what it shows' or '5s: what it shows'"


def parse_shot(line: str) -> Shot:
    """ "[5s] text" or "5s: text" -> Shot. Raises InvalidRequest."""
    match = _HEAD.fullmatch(line)
    if not match or not match[2].strip() or not 0 < float(match[1]) <= MAX_SECONDS:
        raise InvalidRequest("requests.no_shot", line=line.strip()[:80], how=_HOW)
    return Shot(text=match[2].strip(), seconds=float(match[1]))


def parse_script(text: str) -> tuple[Shot, ...]:
    """A script, or the same as JSON -> shots; empty for an empty one. Raises InvalidRequest, naming the line."""
    if re.match(r"\s*\[\s*[{\]]", text):
        return script_from_json(text)
    shots: list[tuple[int, list[str]]] = []  # number of its first line, lines
    for number, line in enumerate(map(_visible, text.splitlines()), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _HEAD.fullmatch(line):
            shots.append((number, [line]))
        elif not shots or _looks_like_a_head(line):
            raise InvalidRequest("requests.line_script_begins_no_shot", number=number, line=line.strip()[:80], how=_HOW)
        else:
            shots[-1][1].append(line.strip())
    return tuple(_shot_of_lines(number, lines) for number, lines in shots)


def format_script(shots: Sequence[Shot]) -> str:
    """The script that parse_script reads as these shots. Raises InvalidRequest where only JSON can say it."""
    for number, shot in enumerate(shots, 1):
        script = _script_of(shot)
        if _read_again(script) != (shot,):
            raise InvalidRequest("requests.lines_shot_would_read_differently", number=number)
    return "".join(_script_of(shot) for shot in shots)


def script_from_json(text: str) -> tuple[Shot, ...]:
    """`[{"text": ..., "seconds": ...}]` -> shots. Raises InvalidRequest, naming the entry."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise InvalidRequest("requests.storyboard_looks_like_json_but", error=error) from error
    if not isinstance(entries, list):
        raise InvalidRequest("requests.storyboard_as_json_list")
    return tuple(shot_of(entry, number) for number, entry in enumerate(entries, 1))


def script_to_json(shots: Sequence[Shot]) -> str:
    return json.dumps([asdict(shot) for shot in shots], ensure_ascii=False, indent=1)


def as_prompt(shots: Sequence[Shot], prompt: str) -> str:
    """What a server without a field for shots is sent: the shots written out, and what the prompt says of them all.

    The form that Sora's own page sends; without a prompt, as its relays write it, only the shots.
    """
    if not shots:
        return prompt
    scenes = "\n\n".join(
        f"Shot {number}:\nduration: {shot.seconds:g}sec\nScene: {shot.text}" for number, shot in enumerate(shots, 1)
    )
    return f"current timeline:\n{scenes}\n\ninstructions:\n{prompt}" if prompt else scenes


def shot_of(value: Any, number: int) -> Shot:
    """A plain value, as sockets and JSON carry it -> Shot. Raises InvalidRequest, Unsupported for an image."""
    if not isinstance(value, Mapping):
        raise InvalidRequest("requests.shot_no_shot_has_text", number=number)
    if value.get("image"):
        raise Unsupported("requests.shot_has_image_own_no", number=number)
    unknown = sorted(str(name) for name in set(value) - {"text", "seconds", "image"})
    if unknown:
        raise InvalidRequest("requests.shot_has_no_shot_has", number=number, unknown=unknown[0])
    text, seconds = value.get("text"), value.get("seconds")
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest("requests.shot_has_no_text_write", number=number)
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < (seconds or 0) <= MAX_SECONDS:
        raise InvalidRequest("requests.shot_needs_seconds_number_above", number=number, max_seconds=MAX_SECONDS)
    return Shot(text=text.strip(), seconds=float(seconds or 0))


def _looks_like_a_head(line: str) -> bool:
    plain = unicodedata.normalize("NFKC", line)  # "5ｓ", "①"
    return any(form.match(plain) for form in _ODD_HEADS)


def _visible(line: str) -> str:
    """Without what cannot be seen in front of it: a copied line may begin with it, and would begin no shot."""
    return line.lstrip("\ufeff\u200b\u200c\u200d\u200e\u200f\u2060")


def _shot_of_lines(number: int, lines: Sequence[str]) -> Shot:
    text = "\n".join(lines)
    try:
        return parse_shot(text)
    except InvalidRequest as error:
        raise InvalidRequest("requests.line_script", number=number, reason=error.message) from error


def _script_of(shot: Shot) -> str:
    seconds = format(Decimal(repr(float(shot.seconds))), "f")  # in full, never with an exponent
    return f"[{seconds.removesuffix('.0')}s] {shot.text}\n"


def _read_again(script: str) -> tuple[Shot, ...]:
    try:
        return parse_script(script)
    except InvalidRequest:
        return ()
