"""A lock between processes: on an open file, so that the system drops it when its holder closes it or dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .home import open_private

_LOOK_SECONDS = 0.05

if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[bytes]) -> None:
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

    def can_lock(folder: Path) -> bool:
        """Whether parts of files in the folder can be locked, as databases do it."""
        return True

else:
    import fcntl

    def _lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def can_lock(folder: Path) -> bool:
        """Whether parts of files in the folder can be locked, as databases do it."""
        # a file of its own: whoever closes a database's file gives up all locks that his process has on it
        with tempfile.TemporaryFile(dir=folder) as stream:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return error.errno != errno.ENOLCK
        return True


def try_lock(stream: IO[bytes]) -> bool:
    """Whether the file is locked now by this opening of it. Raises OSError where its file system has no locks."""
    try:
        _lock(stream)
    except (BlockingIOError, PermissionError):  # PermissionError is how Windows says that it is taken
        return False
    return True


async def taken(path: Path, *, patience_seconds: float) -> IO[bytes]:
    """The open file, locked until it is closed; where its file system has no locks, just open.

    The file is only there for the lock, and stays: were it deleted, two could hold a lock on two files of its name.
    Raises TimeoutError when another has held it for ``patience_seconds``, and OSError when it cannot be opened.
    """
    import asyncio  # here for the reason in clock.py

    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_opened(path))
        for wait in _waits(path, stream, patience_seconds):
            await asyncio.sleep(wait)
        stack.pop_all()
        return stream


def held(path: Path, *, patience_seconds: float) -> IO[bytes]:
    """As `taken`, for who may block."""
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_opened(path))
        for wait in _waits(path, stream, patience_seconds):
            time.sleep(wait)
        stack.pop_all()
        return stream


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(open_private(path, os.O_RDWR | os.O_CREAT), "r+b")


def _waits(path: Path, stream: IO[bytes], patience_seconds: float) -> Iterator[float]:
    """Seconds to wait before each next try, until the lock is had."""
    until = time.monotonic() + patience_seconds
    while not _locked_or_no_locks(stream):
        if time.monotonic() >= until:
            raise TimeoutError(f"{path} has been locked by another process for {patience_seconds:g} s")
        yield _LOOK_SECONDS


def _locked_or_no_locks(stream: IO[bytes]) -> bool:
    try:
        return try_lock(stream)
    except OSError:
        return True
