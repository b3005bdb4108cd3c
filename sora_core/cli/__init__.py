"""The command: `python -m sora_core`, installed as `sora-video`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from .. import __version__, logs
from ..engine import Engine
from ..errors import SoraError
from ..profiles.profiles import PREVIEW
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


def _parser() -> argparse.ArgumentParser:
    about = "Video through any server that speaks a Sora protocol."
    parser = argparse.ArgumentParser(prog="sora-video", description=about)
    parser.add_argument("--version", action="version", version=f"sora-video {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # every module here that adds commands: a new one is there by being there
    names = [each.name for each in pkgutil.iter_modules(__path__)]
    for module in (importlib.import_module(f".{name}", __name__) for name in names):
        if hasattr(module, "add"):
            module.add(commands, _command)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Engine, argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    return parser
