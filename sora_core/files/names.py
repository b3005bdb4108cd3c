"""Names of files: whether one is there, and what Windows cannot name one, on whatever system it is asked."""

from __future__ import annotations

import re
from pathlib import Path

_SIGNS = frozenset('<>:"|?*\\/')
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)


def is_file(path: Path) -> bool:
    """Path.is_file, which raises where it may not look and for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def windows_refuses(stem: str) -> str:
    """What is wrong with the name (without its ending): the signs or the device in it; "" for nothing."""
    signs = sorted(sign for sign in set(stem) if sign in _SIGNS or ord(sign) < 32)
    if signs:
        return " ".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in signs)
    device = _DEVICES.fullmatch(stem.partition(".")[0].rstrip(" "))
    return device[0] if device else ""
