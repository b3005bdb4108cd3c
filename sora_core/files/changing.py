"""One way to change a file of the state folder: read, changed and written whole, with no other process in between."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import StorageError
from . import locks
from .home import make_private_dir, write_private

PATIENCE_SECONDS = 30.0


@dataclass
class Changing:
    """``data`` is what the file holds; empty for one that is not there."""

    path: Path
    data: bytes

    def write(self, data: bytes) -> None:
        """All of it or nothing, for its owner only. Raises StorageError."""
        try:
            write_private(self.path, data)
        except OSError as error:
            raise StorageError("profiles.cannot_written", parent=self.path, reason=error.strerror) from error
        self.data = data


# the lock of a file is one of its opening: threads of one process need their own, and who has it has it once
_threads: dict[str, threading.RLock] = {}
_making = threading.Lock()  # of two threads that come first, both must get the same one
_open: dict[Path, Changing] = {}


@contextlib.contextmanager
def changing(path: Path) -> Iterator[Changing]:
    """The file, locked against every other change of it until the end. Raises StorageError."""
    path = path.absolute()
    with _thread_lock(path):
        if path in _open:
            yield _open[path]
            return
        with _locked(path):
            try:
                _open[path] = Changing(path, path.read_bytes() if path.exists() else b"")
            except OSError as error:
                raise StorageError("profiles.cannot_read", path=path, reason=error.strerror) from error
            try:
                yield _open[path]
            finally:
                del _open[path]


def _thread_lock(path: Path) -> threading.RLock:
    with _making:
        return _threads.setdefault(str(path), threading.RLock())


def _locked(path: Path) -> IO[bytes]:
    try:
        make_private_dir(path.parent)
        return locks.held(path.with_name(f".{path.name}.lock"), patience_seconds=PATIENCE_SECONDS)
    except TimeoutError as error:
        raise StorageError("profiles.locked_by_another", path=path, seconds=PATIENCE_SECONDS) from error
    except OSError as error:
        raise StorageError("profiles.cannot_written", parent=path, reason=error.strerror) from error
