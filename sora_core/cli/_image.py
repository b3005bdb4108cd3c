"""`image`: a picture from text."""

from __future__ import annotations

import argparse
from typing import Any

from ..engine import Engine
from ..profiles.profiles import PREVIEW
from ..requests.checks import ORIENTATIONS, QUALITIES
from ..requests.kinds import PictureRequest
from ._generate import add_output, deliver, destination
from ._references import images
from ._terminal import ProgressLine


def add(commands: Any, command: Any) -> None:
    """Adds the command to the parser."""
    parser = command(commands, "image", _image, "make a picture; the same request is paid once")
    parser.add_argument("prompt", metavar="PROMPT")
    parser.add_argument("--profile", default=PREVIEW)
    parser.add_argument("--model", default="")
    parser.add_argument("--orientation", default="landscape", choices=ORIENTATIONS)
    parser.add_argument("--size", default="", metavar="WxH")
    parser.add_argument("--quality", default="standard", choices=QUALITIES)
    parser.add_argument("--image", action="append", default=[], metavar="FILE", help="a picture to start from")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another take, and another payment")
    add_output(parser)


def _image(engine: Engine, arguments: argparse.Namespace) -> int:
    request = PictureRequest(
        prompt=arguments.prompt,
        model=arguments.model,
        orientation=arguments.orientation,
        quality=arguments.quality,
        size=arguments.size,
        seed=arguments.seed,
        images=images(engine, arguments),
    )
    progress = ProgressLine()
    handle = engine.generate(request, arguments.profile, destination(arguments.out), progress)
    return deliver(engine, handle, progress, arguments)
