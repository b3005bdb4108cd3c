"""A job's id out of answers that do not name it where the protocol has it: cut ones, errors, keys nobody documented.

A wrong guess would follow somebody else's job, or none: taken is only what the answer calls a job's, and only when
there is one. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .values import loads, parse, text_of

_NAMED = re.compile(r"(?:sora[\w.-]*:)?(?:task|video)_(?=[A-Za-z0-9-]*\d)[A-Za-z0-9][\w-]{4,}", re.ASCII)
_JOB = re.compile(r"task|job|video|generation|任务|作业|视频", re.IGNORECASE)
_ID = re.compile(r"(?:id|no|编号|号)$", re.IGNORECASE)
_NOT_ITS_OWN = re.compile(r"request|trace|session|user|account|model|source|remix|parent|from", re.IGNORECASE)
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(\d+)(?=[\s,}]))')
_ECHOES = ("input", "request", "messages", "metadata", "prompt")
_DEEPEST = 4


def named_in(body: bytes, *, is_error: bool) -> str | None:
    """The one job that a JSON answer names, whatever the key, also of one that was cut; None for none, or several.

    In an error a bare "id" may be the id of anything, unless it looks like a job's.
    """
    value = parse(body)
    leaves = list(_leaves(value, 0)) if isinstance(value, (dict, list)) else list(_pairs(body))
    told = {text for key, text in leaves if _is_told(key, text)}
    bare = set() if is_error else {text for key, text in leaves if key.lower() == "id"}
    found = told or bare
    return found.pop() if len(found) == 1 else None


def _is_told(key: str, text: str) -> bool:
    """Whether the key, or the look of it, says that it is a job's id."""
    if _NOT_ITS_OWN.search(key):
        return False
    return bool(_NAMED.fullmatch(text) or (_JOB.search(key) and _ID.search(key)))


def _pairs(body: bytes) -> Iterator[tuple[str, str]]:
    """What is whole of a JSON object that broke off."""
    text = body.decode("utf-8-sig", "replace").lstrip()
    for match in _PAIR.finditer(text) if text.startswith("{") else ():
        yield from _leaves(match[3] or loads(f'"{match[2]}"'), 0, match[1])


def _leaves(value: Any, depth: int, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and depth < _DEEPEST:
        for name, part in value.items():
            if name not in _ECHOES:
                yield from _leaves(part, depth + 1, name)
    elif isinstance(value, list) and depth < _DEEPEST:
        for part in value:
            yield from _leaves(part, depth + 1, key)
    elif (text := text_of(value)) and len(text) <= 1000 and not re.search(r"\s|://", text):
        yield key, text


def is_whole_object(body: bytes) -> bool:
    """Whether a body that broke off is a JSON object all the same: only what frames it is missing."""
    try:
        return isinstance(json.loads(body.decode("utf-8-sig")), dict)
    except (ValueError, RecursionError):
        return False
