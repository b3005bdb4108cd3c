"""Runs a command that needs the engine, and ends it as a paid request deserves."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from ..engine import Engine
from ..profiles.profiles import PREVIEW
from ._terminal import say


def run_with_engine(run: Callable[[Engine, argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Its exit code. Raises the error tree, KeyboardInterrupt."""
    engine = Engine()
    try:
        return run(engine, arguments)
    except KeyboardInterrupt:
        _let_submissions_finish(engine)
        raise
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
