"""Takes secrets out of text before anyone reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+"), r"\1 ***"),
    (re.compile(r"\b(?:sk|sess|rt|pk)-[\w\-.]{6,}"), "***"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?"), "***"),  # JSON web tokens
    (
        re.compile(
            r"(?i)([?&](?:sig|signature|token|key|api[_-]?key|x-(?:amz|goog)-[\w-]+|access_token)=)[^&\s\"'<>]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)(\w+://)[^\s/@:]+:[^\s/@]+@"), r"\1***@"),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without the given secrets and without anything that looks like one."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
