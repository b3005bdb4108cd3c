"""`image`: a picture from text."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..engine import Engine
from ..requests.kinds import ORIENTATIONS, QUALITIES, PictureRequest
from ._generate import add_image, add_output, add_profile, add_seed, deliver, destination
from ._parser import Add
from ._references import images


def add(command: Add) -> None:
    """Adds the command to the parser."""
    parser = command("image", _image)
    parser.add_argument("prompt", metavar="PROMPT")
    add_profile(parser)
    parser.add_argument("--model", default="", help="default: the profile's own")
    shown = "default: %(default)s"
    parser.add_argument("--orientation", default="landscape", choices=ORIENTATIONS, help=shown)
    parser.add_argument("--size", default="", metavar="WxH", help="default: by orientation and quality")
    parser.add_argument("--quality", default="standard", choices=QUALITIES, help=shown)
    add_image(parser, "a picture to start from (repeat)")
    add_seed(parser)
    add_output(parser)


def _image(engine: Engine, arguments: argparse.Namespace) -> int:
    request = PictureRequest(
        prompt=arguments.prompt,
        model=arguments.model,
        orientation=arguments.orientation,
        quality=arguments.quality,
        size=arguments.size,
        seed=arguments.seed,
    )
    request = replace(request, images=images(engine, request, arguments))
    to = destination(arguments.out)
    return deliver(engine, lambda line: engine.generate(request, arguments.profile, to, line), arguments)
