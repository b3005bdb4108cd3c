"""A value for every setting that a server's table names, and what its engine is to be asked for then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..models import Setting

LORA = "loras/style.safetensors"
KINDS: dict[str, Any] = {
    "integer": 5,  # as many frames as a model takes, too
    "number": 1.5,
    "boolean": True,
    "string": "some text 文字",
    "object": {"inner": 7},
    "list": [1, 2],
    "lora": [{"name": LORA, "scale": 0.75}],
    "sound": 2.5,
}


def said(table: Mapping[str, Setting]) -> dict[str, Any]:
    """Each within its limits, and of no setting the usual value."""
    return {name: _within(setting) for name, setting in table.items()}


def beyond(table: Mapping[str, Setting]) -> dict[str, Any]:
    """A number that is too large, for each that has a limit."""
    return {name: each.high + 1 for name, each in table.items() if each.high is not None and each.kind != "lora"}


def _within(setting: Setting) -> Any:
    if setting.choices:
        return setting.choices[-1]
    value = KINDS[setting.kind]
    is_less = setting.kind == "number" and setting.high is not None and value > setting.high
    return float(setting.high or 0) / 2 if is_less else value


def seen(table: Mapping[str, Setting]) -> dict[str, Any]:
    """By the names on the wire. LoRA and sound have a shape of their own; an object is looked into."""
    found: dict[str, Any] = {}
    for name, value in said(table).items():
        kind = table[name].kind
        if kind == "lora":
            found["lora"] = {"name": "style", "path": LORA, "scale": 0.75}
        elif kind == "sound":
            found |= {"generate_sound": True, "sound_duration": value}
        else:
            found[table[name].field or name] = value
    return found
