"""Single values out of whatever a server answers: JSON, numbers, times, texts. Pure; nothing here raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from ...transport.call import is_html as is_html

_ECHOES = ("input", "request", "messages", "metadata", "prompt")
_DEEPEST = 4
MOST_VALUES = 1_000_000  # in one answer; the longest list of jobs has some thousands
_ABSENT = frozenset(("", "null", "<nil>", "none"))


def parse(body: bytes) -> Any:
    """The JSON of a body, whatever its content type says; None when it is none.

    A byte order mark, trailing junk and JSON in a JSON string are all seen in the wild.
    """
    value = loads(body.decode("utf-8-sig", errors="replace").strip())
    if isinstance(value, str):
        inner = loads(value.strip())
        value = inner if isinstance(inner, (dict, list)) else value
    return value


def loads(text: str) -> Any:
    """None for what is no JSON, or so much of it that its values would take many times its size in memory."""
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def dig(value: Any, path: str) -> Any:
    """``value["a"]["b"]`` for "a.b"; None where it leads nowhere."""
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def number_of(raw: Any) -> float | None:
    if isinstance(raw, str):
        raw = raw.strip().removesuffix("%").strip()
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return None
    try:
        number = float(raw)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def time_of(raw: Any) -> float | None:
    """Seconds since the epoch from seconds, milliseconds or ISO text; None for 0 and nonsense."""
    number = number_of(raw)
    if number is not None:
        return (number / 1000 if number > 1e11 else number) or None
    if isinstance(raw, str):
        try:
            moment = datetime.fromisoformat(raw.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return None


def text_of(raw: Any) -> str | None:
    """A non-empty string or an exact integer as text."""
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        return None
    text = raw.encode("utf-8", "replace").decode().strip() if isinstance(raw, str) else format(raw, "d")
    return None if is_absent(text) else text


def leaves(value: Any, skip: re.Pattern[str], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text with the keys that lead to it, but for what repeats the request and what lies under ``skip``."""
    if isinstance(value, dict) and len(path) < _DEEPEST:
        for name, part in value.items():
            if name not in _ECHOES and not skip.search(name):
                yield from leaves(part, skip, (*path, name))
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, skip, path)
    elif path and (text := text_of(value)):
        yield path, text


def is_absent(text: str) -> bool:
    """Whether a text is one of the ways in which servers write nothing."""
    return text.strip().lower() in _ABSENT
