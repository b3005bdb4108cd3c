"""What a server says of a result beyond what is acted on, for the record beside the file. Pure; holds no secret."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from ...transport.redact import redact

_KNOWN = ("prompt", "choices", "messages")  # of the request, or of the talk around the result
_DEEPEST, _MOST_VALUES, _LONGEST_TEXT = 5, 200, 1000


def said_of(value: Any) -> Mapping[str, Any] | None:
    """A plain copy of an answer's facts: links without their query, which may sign them; long texts cut.

    None where there are none.
    """
    if not isinstance(value, Mapping):
        return None
    left = [_MOST_VALUES]

    def plain(value: Any, depth: int) -> Any:
        left[0] -= 1
        if depth > _DEEPEST:
            return None
        if isinstance(value, Mapping):
            items = islice(value.items(), max(left[0], 0))
            return _filled({redact(str(key)): plain(each, depth + 1) for key, each in items})
        if isinstance(value, list):
            return [plain(each, depth + 1) for each in value[: max(left[0], 0)]]
        return redact(_short(value)) if isinstance(value, str) else value

    return plain({key: each for key, each in value.items() if key not in _KNOWN}, 0) or None


def _short(text: str) -> str:
    """Without what is no text: the query of a link, and data."""
    if text.startswith(("http://", "https://")):
        try:
            parts = urlsplit(text)
        except ValueError:
            return ""
        text = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    is_data = len(text) > _LONGEST_TEXT and not any(mark in text[:_LONGEST_TEXT] for mark in " \n，。")
    return "" if is_data or text.startswith("data:") else text[:_LONGEST_TEXT]


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
