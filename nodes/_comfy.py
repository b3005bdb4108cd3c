"""The one import of comfy_api, and what this ComfyUI knows of it."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

try:
    from comfy_api.v0_0_2 import ComfyAPI, ComfyExtension, InputImpl, io
except ImportError:  # a ComfyUI that has dropped the versioned module
    from comfy_api.latest import ComfyAPI, ComfyExtension, InputImpl, io

_SCHEMA_FIELDS = frozenset(field.name for field in dataclasses.fields(io.Schema))
_KNOWS_ADVANCED = "advanced" in inspect.signature(io.String.Input.__init__).parameters


def known(**fields: Any) -> dict[str, Any]:
    """The Schema fields that this ComfyUI has: an unknown one would keep the whole pack from loading."""
    return {name: value for name, value in fields.items() if name in _SCHEMA_FIELDS}


def found_by(*words: str) -> dict[str, Any]:
    """The words, in both languages, by which people look for a node that makes something through a server."""
    return known(search_aliases=[*words, "sora", "api", "relay", "wan", "veo", "kling", "hailuo", "生成"])


def advanced() -> dict[str, Any]:
    """Marks an input as rarely used: for the page, and for hosts that know of it themselves (0.11 and later)."""
    return {"advanced": True} if _KNOWS_ADVANCED else {"extra_dict": {"advanced": True}}


__all__ = ["ComfyAPI", "ComfyExtension", "InputImpl", "advanced", "found_by", "io", "known"]
