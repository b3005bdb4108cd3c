"""`gateway`: the preview as a server, for tests of other clients too."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from ._parser import Add

KEY_VARIABLE = "SORA_GATEWAY_KEY"


def add(command: Add) -> None:
    """Adds the command to the parser."""
    gateway = command("gateway", _gateway, needs_engine=False)
    gateway.add_argument("--host", default="127.0.0.1", help="where it listens; default: %(default)s")
    gateway.add_argument(
        "--port", type=int, default=0, help="default: a free one, which the first line on stdout names"
    )
    gateway.add_argument(
        "--speed", type=float, default=1.0, help="how many times faster than real time; default: %(default)s"
    )
    gateway.add_argument(
        "--key",
        help="the API key that clients must send; default: that of SORA_GATEWAY_KEY, which no list of processes shows, "
        "else none is asked for",
    )
    gateway.add_argument("--faults", metavar="FILE", help="fault rules as JSON")


def _gateway(arguments: argparse.Namespace) -> int:
    from ..gateway import serve

    faults = Path(arguments.faults) if arguments.faults else None
    key = arguments.key or os.environ.get(KEY_VARIABLE, "").strip() or None
    asyncio.run(serve(host=arguments.host, port=arguments.port, speed=arguments.speed, key=key, faults_file=faults))
    return 0
