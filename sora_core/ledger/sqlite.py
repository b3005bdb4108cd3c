"""A ledger in one file: SQLite opened so that a commit survives a power cut, safe with several processes."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ..clock import Clock
from ..errors import StorageError
from ..files.home import make_private_dir
from ..files.locks import can_lock
from ..files.processes import boot_id
from .database import newer_ledger
from .schema import MIGRATIONS

_PATIENCE_SECONDS = 10.0
_SCRUB_MS = 500


class _Connection(sqlite3.Connection):
    """Knows the time as this process does: whoever shares the file shares the machine's clocks."""

    clock: Clock

    def now(self) -> float:
        return self.clock.now()

    def lease_time(self) -> tuple[str, float, float]:
        """On one boot of one machine all processes see the same monotonic clock, and it cannot be set."""
        return boot_id(), self.clock.monotonic(), float("-inf")


class Sqlite:
    """One open `jobs.sqlite`. A `Database`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._read_lock = threading.RLock()
        with self._translated():
            make_private_dir(path.parent)
            # made for its owner before SQLite opens it: the files beside it take the same rights
            self.path.touch(mode=0o600, exist_ok=True)
            if self.path.stat().st_size == 0 and _size(Path(f"{self.path}-wal")):
                raise sqlite3.DatabaseError("it is empty, but its log is not")  # SQLite would drop the log
            self._connection = self._connect()
            try:
                self._use_wal()
                # FULL: a commit survives a power cut, which WAL alone does not promise
                self._connection.execute("PRAGMA synchronous=FULL")
                # what is taken out of a row, such as a signed link, does not stay in the file
                self._connection.execute("PRAGMA secure_delete=ON")
                self._migrate()
                # a second one, so that who only looks does not wait for who writes, or waits to write
                self._reader = self._connect()
                self._reader.execute("PRAGMA query_only=ON")
            except BaseException:
                self._connection.close()  # an open file could not be moved away on Windows
                raise

    @property
    def name(self) -> str:
        return str(self.path)

    def _connect(self) -> _Connection:
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        connection.clock = self._clock
        return connection

    def _use_wal(self) -> None:
        """SQLite does not wait for another process that is just changing the mode, so we do."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                if self._connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if time.monotonic() > until or "locked" not in str(error):
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        with self._lock, self._read_lock:
            self._reader.close()
            self._connection.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _unusable(self.path, error) from error

    @contextlib.contextmanager
    def read(self) -> Iterator[_Connection]:
        """Sees what is on disk, and cannot change it. Raises StorageError."""
        with self._read_lock, self._translated():
            yield self._reader

    @contextlib.contextmanager
    def change(self) -> Iterator[_Connection]:
        """All of it or nothing; on disk at the end. Raises StorageError."""
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def touch(self) -> contextlib.AbstractContextManager[_Connection]:
        return self.change()

    def scrub(self) -> None:
        """Out of the log beside the file, which has each row as it was; with the next one when others are reading."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA busy_timeout={_SCRUB_MS}")
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout={int(_PATIENCE_SECONDS * 1000)}")

    def stamp(self) -> object:
        """SQLite appends to the file beside it, and starts that anew."""
        found: list[tuple[int, int]] = []
        for each in (self.path, Path(f"{self.path}-wal")):
            with contextlib.suppress(OSError):
                stat = each.stat()
                found.append((stat.st_mtime_ns, stat.st_size))
        return found

    def _migrate(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise newer_ledger(self.path)
        if version == len(MIGRATIONS):
            return
        with self.change() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]  # another process may have been first
            for number, script in enumerate(MIGRATIONS[version:], version + 1):
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")


def _unusable(path: Path, error: sqlite3.Error | OSError) -> StorageError:
    if type(error) is sqlite3.DatabaseError:  # "malformed", "not a database"; the subclasses are other troubles
        return StorageError("ledger.unusable", path=path, reason=error, fix="ledger.damaged")
    if "locked" in str(error) and not _can_lock(path.parent):
        return StorageError("ledger.ledger_cannot_kept_there_file", path=path)
    return StorageError("ledger.unusable", path=path, reason=error)


def _can_lock(folder: Path) -> bool:
    try:
        return can_lock(folder)
    except OSError:
        return True  # the folder has another trouble, which the message names


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
