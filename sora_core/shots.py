"""The text form of a storyboard's shots. Pure."""

from __future__ import annotations

import re

from .errors import InvalidRequest
from .models import Shot

_SHOT = re.compile(r"\s*\[?\s*(\d+(?:\.\d+)?)\s*s\s*(?:\]|:|：)\s*(\S.*)", re.DOTALL)


def parse_shot(line: str) -> Shot:
    """ "[5s] text" or "5s: text" -> Shot. Raises InvalidRequest."""
    match = _SHOT.fullmatch(line)
    if not match or float(match[1]) <= 0:
        raise InvalidRequest(f"'{line.strip()}' is no shot; write '[5s] what it shows' or '5s: what it shows'.")
    return Shot(text=match[2].strip(), seconds=float(match[1]))
