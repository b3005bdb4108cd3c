"""The command: `python -m sora_core`, installed as `sora-video`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import __version__, logs
from ..engine import Engine
from ..errors import SoraError
from ..profiles.profiles import PREVIEW
from . import _account, _characters, _enhance, _generate, _image, _jobs, _ledger, _loras, _profiles, _script
from ._terminal import say

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is the error tree's."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    logs.set_up()
    engine = Engine()
    try:
        code: int = arguments.run(engine, arguments)
        return code
    except SoraError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _let_submissions_finish(engine)
        say("Interrupted. 已中断。")
        return INTERRUPTED
    finally:
        engine.close()


def _let_submissions_finish(engine: Engine) -> None:
    """A request that has left may be paid already: its id is worth waiting for. Ctrl-C again does not wait."""
    if not engine.is_working:
        return
    finished, told = engine.finish_submissions(), False
    try:
        while not finished.future.done():
            if engine.open_submissions() and not told:
                say("The request is on its way; waiting for the job's id so that it is not lost.")
                told = True
            time.sleep(0.05)
        for job in finished.result():
            if job.profile == PREVIEW:  # its server ends with this process
                say(f"Job {job.job_id} ends with this command; the preview costs nothing, so run it again.")
                continue
            say(f"Job {job.job_id} goes on; `sora-video resume {job.job_id}` collects it for free.")
    except KeyboardInterrupt:
        say("The answer is not waited for; `sora-video jobs` shows what is known of it.")


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _gateway(engine: Engine, arguments: argparse.Namespace) -> int:
    from ..gateway import serve

    faults = Path(arguments.faults) if arguments.faults else None
    asyncio.run(
        serve(host=arguments.host, port=arguments.port, speed=arguments.speed, key=arguments.key, faults_file=faults)
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    about = "Video through any server that speaks a Sora protocol."
    parser = argparse.ArgumentParser(prog="sora-video", description=about)
    parser.add_argument("--version", action="version", version=f"sora-video {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (_generate, _script, _image, _enhance, _jobs, _ledger, _characters, _account, _loras, _profiles):
        module.add(commands, _command)
    gateway = _command(commands, "gateway", _gateway, "run the preview server")
    gateway.add_argument("--host", default="127.0.0.1")
    gateway.add_argument("--port", type=int, default=0)
    gateway.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time")
    gateway.add_argument("--key", help="the API key that clients must send")
    gateway.add_argument("--faults", metavar="FILE", help="fault rules as JSON")
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Engine, argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser
