"""`name_`: what it does, in one line."""

from __future__ import annotations

import argparse

from ..engine import Engine
from ..profiles.profiles import PREVIEW
from ._parser import Add
from ._terminal import show, show_json


def add(command: Add) -> None:
    """Adds the command to the parser."""
    parser = command("name_", _name_)
    parser.add_argument("--profile", default=PREVIEW)
    parser.add_argument("--json", action="store_true")


def _name_(engine: Engine, arguments: argparse.Namespace) -> int:
    profile = engine.profiles.get(arguments.profile)
    if arguments.json:
        show_json({"profile": profile.name, "provider": profile.provider})
    else:
        show(f"{profile.name} · {profile.provider}")
    return 0
