"""`script`: a storyboard's shots from one text form into the other."""

from __future__ import annotations

import argparse

from ..errors import InvalidRequest
from ..models import Shot
from ..requests.shots import format_script, parse_script, script_to_json
from ._parser import Add
from ._terminal import JSON_HELP, show, text_of


def add(command: Add) -> None:
    """Adds the command to the parser."""
    script = command("script", _script, needs_engine=False)
    script.add_argument("file", metavar="FILE", help="a script or JSON; - reads from stdin")
    script.add_argument("--json", action="store_true", help=JSON_HELP)


def shots_in(file: str) -> tuple[Shot, ...]:
    """The shots of a script or JSON file. Raises InvalidRequest, naming the line, also where there are none."""
    shots = parse_script(text_of(file))
    if not shots:
        raise InvalidRequest("cli.there_no_shots_write_lines", file=file)
    return shots


def _script(arguments: argparse.Namespace) -> int:
    shots = shots_in(arguments.file)
    show(script_to_json(shots) if arguments.json else format_script(shots).rstrip("\n"))
    return 0
