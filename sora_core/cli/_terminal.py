"""The terminal: what is printed where, what is read, and waiting that Ctrl-C can stop."""

from __future__ import annotations

import concurrent.futures
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from ..errors import InvalidRequest
from ..texts import runnable

if TYPE_CHECKING:
    from ..jobs.handle import Handle
    from ..jobs.progress import Progress

T = TypeVar("T")
JSON_HELP = "the result as JSON on stdout"


def say(text: str) -> None:
    """To stderr."""
    _write(sys.stderr, runnable(text))


def show(text: str) -> None:
    """To stdout: the command's product."""
    _write(sys.stdout, text)


def _write(stream: TextIO, text: str) -> None:
    """As much of it as the stream's encoding can show; a prompt may hold what a terminal cannot."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def text_of(file: str, *, cannot_read: str = "cli.script_cannot_read") -> str:
    """The text of a file; `-` is stdin. Raises InvalidRequest; ``cannot_read`` is the id of its words for no file."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest("cli.no_text_utf", file=file) from error
    except OSError as error:
        raise InvalidRequest(cannot_read, file=file, reason=error.strerror or error) from error


def show_json(value: Any) -> None:
    show(json.dumps(value, ensure_ascii=True, default=str))


class ProgressLine:
    """Progress on stderr: one line that is rewritten on a terminal, else a line a change of stage or 10 s."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._shown = ("", 0.0)
        self.job_id = ""

    def __call__(self, progress: Progress) -> None:
        self.job_id = progress.job_id or self.job_id
        stage, at = self._shown
        if self._tty:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{str(progress)[:width]}")
            sys.stderr.flush()
        elif progress.stage != stage or time.monotonic() - at > 10:
            self._shown = (progress.stage, time.monotonic())
            say(str(progress))

    def end(self) -> None:
        if self._tty:
            sys.stderr.write("\r\x1b[K")


def followed(ask: Callable[[ProgressLine], Handle[T]]) -> T:
    """The result of what is asked for, with its progress shown until then. Raises as wait does."""
    progress = ProgressLine()
    try:
        return wait(ask(progress))
    finally:
        progress.end()


def wait(handle: Handle[T]) -> T:
    """The result. Raises the error tree, KeyboardInterrupt."""
    # in slices: a blocked wait would not notice Ctrl-C on every platform
    while True:
        try:
            return handle.result(0.2)
        except concurrent.futures.TimeoutError:
            if handle.future.done():
                raise
