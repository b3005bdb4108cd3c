"""profiles.toml as text: what is written of a profile, and where in the file it stands. All else stays as it is.

Not tomlkit: with a table it takes away the remark that stands above the next one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def parted(text: str, kept: str) -> tuple[str, str]:
    """The lines that were kept, before and after the place where some were not."""
    lines, others = lines_of(text), lines_of(kept)
    same = next((at for at, (a, b) in enumerate(zip(lines, others, strict=False)) if a != b), len(others))
    return "".join(others[:same]), "".join(others[same:])


def tables_of(name: str, values: Mapping[str, Any], extra: Mapping[str, str]) -> str:
    """The tables of one profile."""
    lines = [f"[profiles.{_key(name)}]", *(f"{field} = {_value(value)}" for field, value in values.items())]
    if extra:
        lines += ["", f"[profiles.{_key(name)}.extra]"]
        lines += [f"{_key(key)} = {_value(value)}" for key, value in extra.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """JSON is TOML, but for DEL, which TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def lines_of(text: str) -> list[str]:
    """With their ends. Lines of TOML end in LF or CRLF; str.splitlines knows more ends, which may stand in texts."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _value(name)


def without(text: str, name: str) -> str:
    """The text without the profile's own tables, from their header to the next one."""
    spelled = "|".join(re.escape(form) for form in {name, json.dumps(name), f"'{name}'"})
    own = re.compile(rf"\s*\[\s*profiles\s*\.\s*(?:{spelled})\s*(?:\.[^\]]*)?\]")
    kept: list[str] = []
    skipping, pending = False, list[str]()  # what stands right above a header may belong to that header
    for line in lines_of(text):
        if line.lstrip().startswith("["):
            was_skipping, skipping = skipping, bool(own.match(line))
            kept += pending if not (was_skipping and skipping) else []
            pending = []
        elif skipping:
            is_remark = not line.strip() or line.lstrip().startswith("#")
            pending = [*pending, line] if is_remark else []
            continue
        if not skipping:
            kept.append(line)
    kept += pending
    return "".join(kept)
