"""The command: `python -m sora_core`, installed as `sora-video`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from .. import logs
from ..errors import SoraError
from ._parser import parser_of
from ._terminal import say

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is the error tree's."""
    words = sys.argv[1:] if argv is None else argv
    arguments = parser_of(words).parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    logs.set_up()
    try:
        if arguments.needs_engine:
            from ._with_engine import run_with_engine  # what it imports takes longer than some commands

            return run_with_engine(arguments.run, arguments)
        code: int = arguments.run(arguments)
        return code
    except SoraError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("Interrupted. 已中断。")
        return INTERRUPTED


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt
