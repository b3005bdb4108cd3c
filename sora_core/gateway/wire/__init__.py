"""The wire protocols that the gateway speaks, one file each."""

from __future__ import annotations

from ..core import Core, Wire
from .openai import OpenAIWire


def wires(core: Core) -> tuple[Wire, ...]:
    """All of them, each below a prefix of its own."""
    return (OpenAIWire(core),)
