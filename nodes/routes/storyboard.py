"""A storyboard's script, read as the node reads it."""

from __future__ import annotations

from typing import Any

from ...sora_core.connections.describing import seconds_of
from ...sora_core.errors import InputError
from ...sora_core.models import Operation, Shot
from ...sora_core.requests.shots import parse_script
from .._engine import engine
from ._asked import Asked


def check(asked: Asked) -> Any:
    """The shots of a script or what is wrong with it, and what the profile allows. Nothing is sent or written."""
    asked.only("script", "profile")
    script, name = asked.text("script", most=100_000, default=""), asked.text("profile", most=64, default="")
    shots: tuple[Shot, ...] = ()
    problem = ""
    try:
        shots = parse_script(script)
    except InputError as error:
        problem = str(error)
    return {
        "problem": problem,
        "shots": [{"text": each.text, "seconds": each.seconds} for each in shots],
        "seconds": sum(each.seconds for each in shots),
        "allowed": _allowed(name) if name else None,
    }


def _allowed(name: str) -> dict[str, Any]:
    can = engine().capabilities(name)
    return {"storyboards": Operation.STORYBOARD in can.operations, "seconds": seconds_of(can)}
