"""A storyboard's script, read as the node reads it."""

from __future__ import annotations

from typing import Any

from ...sora_core.models import Operation
from ...sora_core.requests.shots import parse_script
from .._engine import engine
from ._asked import Asked
from .profiles import seconds_of


def check(asked: Asked) -> Any:
    """The shots of a script, and what the profile allows. Pure: nothing is sent, nothing is written."""
    asked.only("script", "profile")
    shots = parse_script(asked.text("script", most=100_000, default=""))
    name = asked.text("profile", most=64, default="")
    return {
        "shots": [{"text": each.text, "seconds": each.seconds} for each in shots],
        "seconds": sum(each.seconds for each in shots),
        "allowed": _allowed(name) if name else None,
    }


def _allowed(name: str) -> dict[str, Any]:
    can = engine().capabilities(name)
    return {"storyboards": Operation.STORYBOARD in can.operations, "seconds": seconds_of(can)}
