"""`loras`: the LoRA of a server that has routes for them."""

from __future__ import annotations

import argparse
from typing import Any

from ..connections.connection import Connection
from ..engine import Engine
from ..errors import InvalidRequest
from ..requests.settings import pair_of, settings_of
from ._parser import Add
from ._terminal import JSON_HELP, show, show_json, wait


def add(command: Add) -> None:
    """Adds the command to the parser."""
    loras = command("loras", _loras)
    loras.add_argument("profile", metavar="PROFILE")
    loras.add_argument(
        "--use", action="append", default=[], metavar="NAME:STRENGTH", help="use it from now on, for everybody (repeat)"
    )
    loras.add_argument("--use-none", action="store_true", help="use none from now on, for everybody")
    loras.add_argument(
        "--load", action="append", default=[], metavar="NAME=PATH", help="from now on requests can name it (repeat)"
    )
    loras.add_argument("--unload", action="append", default=[], metavar="NAME", help="take it off the server (repeat)")
    loras.add_argument("--json", action="store_true", help=JSON_HELP)


def _loras(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.use and arguments.use_none:
        raise InvalidRequest("cli.use_or_use_none")
    wanted = settings_of({"lora": arguments.use}).lora
    new = [pair_of(each) for each in arguments.load]

    async def run(connection: Connection) -> list[dict[str, Any]]:
        if arguments.use or arguments.use_none:
            await connection.provider.use_loras(connection.http, wanted)
        for name, path in new:
            await connection.provider.load_lora(connection.http, name, path)
        for name in arguments.unload:
            await connection.provider.unload_lora(connection.http, name)
        return await connection.provider.loras(connection.http)

    found = wait(engine.ask(arguments.profile, run))
    if arguments.json:
        show_json(found)
        return 0
    for each in found:
        show(f"{each['name']}  {each['strength']:g}  {each['path']}")
    return 0
