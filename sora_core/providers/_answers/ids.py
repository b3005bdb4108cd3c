"""A job's id out of answers that do not name it where the protocol has it: cut ones, errors, keys nobody documented.

A wrong guess would follow somebody else's job, or none: taken is only what the answer calls a job's, and only when
there is one. Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .values import leaves, parse

_NAMED = re.compile(r"(?:sora[\w.-]*:)?(?:task|video)_(?=[A-Za-z0-9-]*\d)[A-Za-z0-9][\w-]{4,}", re.ASCII)
_JOB = re.compile(r"task|job|video|generation|任务|作业|视频", re.IGNORECASE)
_ID = re.compile(r"(?:id|no|编号|号)$", re.IGNORECASE)
_NOT_ITS_OWN = re.compile(r"request|trace|session|user|account|model|source|remix|parent|from", re.IGNORECASE)


def named_in(body: bytes, *, is_error: bool) -> str | None:
    """The one job that a JSON answer names, whatever the key, also of one that was cut; None for none, or several.

    In an error a bare "id" may be the id of anything, unless it looks like a job's.
    """
    value = parse(body)
    if not isinstance(value, (dict, list)):
        value = _whole_part(body.decode("utf-8-sig", "replace").strip())
    known = [(path, text) for path, text in leaves(value, _NOT_ITS_OWN) if _may_be_id(text)]
    told = {text for path, text in known if _NAMED.fullmatch(text) or (_JOB.search(path[-1]) and _ID.search(path[-1]))}
    bare = set() if is_error else {text for path, text in known if path[-1].lower() == "id"}
    found = told or bare
    return found.pop() if len(found) == 1 else None


def _may_be_id(text: str) -> bool:
    return len(text) <= 1000 and not re.search(r"\s|://", text)


def _whole_part(text: str) -> Any:
    """What is whole of a JSON object that broke off; None when nothing is."""
    if not text.startswith("{"):
        return None
    ends, closers, in_string, escaped = list[str](), "", False, False
    for number, character in enumerate(text):
        if in_string:
            in_string, escaped = escaped or character != '"', character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            closers = ("}" if character == "{" else "]") + closers
        elif character in "}]":
            closers = closers[1:]
        elif character == ",":
            ends.append(text[:number] + closers)
    if not in_string and text[-1] in '"}]':  # a number or a word may go on
        ends.append(text + closers)
    return next((value for end in reversed(ends) if (value := _object(end)) is not None), None)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_whole_object(body: bytes) -> bool:
    """Whether a body that broke off is a JSON object all the same: only what frames it is missing."""
    try:
        return isinstance(json.loads(body.decode("utf-8-sig")), dict)
    except (ValueError, RecursionError):
        return False
