"""`enhance`: a better prompt, in the words of a profile's text model."""

from __future__ import annotations

import argparse

from ..engine import Engine
from ..requests.kinds import EXPANSIONS, PromptRequest
from ._generate import add_profile
from ._parser import Add
from ._terminal import JSON_HELP, followed, show, show_json


def add(command: Add) -> None:
    """Adds the command to the parser."""
    parser = command("enhance", _enhance)
    parser.add_argument("prompt", metavar="PROMPT")
    add_profile(parser)
    parser.add_argument("--level", default="medium", choices=EXPANSIONS,
                        help="how long the text becomes; default: %(default)s")  # fmt: skip
    parser.add_argument("--seconds", type=int, default=0, metavar="N", help="length of the video that it is for")
    parser.add_argument("--json", action="store_true", help=JSON_HELP)


def _enhance(engine: Engine, arguments: argparse.Namespace) -> int:
    request = PromptRequest(arguments.prompt, seconds=arguments.seconds, expansion=arguments.level)
    text = followed(lambda line: engine.enhance_prompt(request, arguments.profile, line))
    if arguments.json:
        show_json({"prompt": text, "profile": arguments.profile, "level": arguments.level})
    else:
        show(text)
    return 0
