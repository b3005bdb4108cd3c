"""A damaged ledger, set aside on the user's word: kept byte for byte, and a new one with what can still be read.

Never done by itself: a ledger that forgot what was paid would let it be paid again.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..errors import InvalidRequest, StorageError
from ..models import Character
from .database import newer_ledger
from .ledger import FILE, Ledger
from .row import COLUMNS, SUBMITTING, UNKNOWN
from .schema import MIGRATIONS

_COMPANIONS = ("-wal", "-shm")  # what SQLite keeps beside the file
_LOCK_BYTES = (0x40000002, 510)  # where SQLite holds its lock while a ledger is open: offset, length
_MOST_PROBED = 100_000  # rows that are asked for one by one
_TABLES = {
    "jobs": (*COLUMNS, "metadata"),
    "workflows": ("job_id", "metadata", "written_at"),
    "said": ("job_id", "facts"),
    "characters": (*(each.name for each in fields(Character)), "created_at"),
    "meta": ("name", "value"),
}


@dataclass(frozen=True)
class SetAside:
    """Where the damaged file lies now, and how many of its jobs and characters the new ledger knows."""

    path: Path
    jobs: int
    characters: int


def set_aside(home: Path, clock: Clock) -> SetAside:
    """Raises InvalidRequest when the ledger is not damaged, StorageError when it is in use or newer."""
    ledger = home / FILE
    if not ledger.is_file():
        raise InvalidRequest("ledger.there_no_ledger", home=home)
    try:
        with _alone_with(ledger), tempfile.TemporaryDirectory(dir=home, prefix=".salvage-") as folder:
            copy = Path(folder) / "old" / ledger.name
            copy.parent.mkdir()
            _copy(ledger, copy)
            if _is_sound(copy):
                raise InvalidRequest("ledger.ledger_not_damaged_stays_where", ledger=ledger)
            fresh = Path(folder) / "new"
            jobs, characters = _rebuild(copy, fresh, clock)
            kept = ledger.with_name(f"{ledger.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
            _copy(ledger, kept)
            for ending in _COMPANIONS:  # first: they must never lie beside the new file
                Path(f"{ledger}{ending}").unlink(missing_ok=True)
            (fresh / ledger.name).replace(ledger)
    except OSError as error:
        raise StorageError("ledger.ledger_cannot_set_aside", ledger=ledger, error=error) from error
    return SetAside(kept, jobs, characters)


@contextlib.contextmanager
def _alone_with(ledger: Path) -> Iterator[None]:
    """Holds the lock that an open ledger has. Windows: a file that is open cannot be replaced anyway."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with ledger.open("r+b") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES[1], _LOCK_BYTES[0])
        except OSError as error:
            raise StorageError("ledger.another_program_has_ledger_open", ledger=ledger) from error
        yield


def _copy(ledger: Path, target: Path) -> None:
    for ending in ("", *_COMPANIONS):
        if Path(f"{ledger}{ending}").exists():
            shutil.copy2(f"{ledger}{ending}", f"{target}{ending}")


def _is_sound(copy: Path) -> bool:
    """Raises StorageError when a newer version of the pack wrote it."""
    try:
        with contextlib.closing(sqlite3.connect(copy)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] > len(MIGRATIONS):
                raise newer_ledger(copy)
            findings = db.execute("PRAGMA integrity_check(1)").fetchall()
            has_jobs = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'").fetchone()[0]
    except sqlite3.DatabaseError:
        return False
    return bool(findings == [("ok",)] and has_jobs)


def _rebuild(copy: Path, home: Path, clock: Clock) -> tuple[int, int]:
    """A new ledger in ``home`` with every row of the copy that can be read; how many jobs and characters."""
    Ledger(home, clock).close()
    counts: dict[str, int] = {}
    with contextlib.closing(sqlite3.connect(home / FILE)) as new:
        with contextlib.closing(sqlite3.connect(copy)) as old:
            old.row_factory = sqlite3.Row
            old.text_factory = lambda data: data.decode("utf-8", "replace")
            for table, columns in _TABLES.items():
                found = (_mended(row, columns) for row in _readable(old, table))
                counts[table] = sum(_insert(new, table, row) for row in found)
        # as an earlier version kept them
        new.execute(
            "INSERT OR IGNORE INTO workflows SELECT job_id, metadata, created_at FROM jobs WHERE metadata IS NOT NULL"
        )
        new.execute("UPDATE jobs SET metadata = NULL WHERE metadata IS NOT NULL")
        # without its key, what rows say of accounts means nothing
        new.execute("UPDATE jobs SET account = '' WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = 'account_key')")
        new.commit()
        new.execute("PRAGMA journal_mode=DELETE")  # one file, which one rename puts in its place
    return counts["jobs"], counts["characters"]


def _readable(db: sqlite3.Connection, table: str) -> list[sqlite3.Row]:
    """The rows from both ends up to the damage, and those between that can be had one by one."""
    ends: list[dict[int, sqlite3.Row]] = []
    for order in ("ASC", "DESC"):
        found: dict[int, sqlite3.Row] = {}
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in db.execute(f"SELECT rowid AS number, * FROM {table} ORDER BY rowid {order}"):  # noqa: S608 (own)
                found[row["number"]] = row
        ends.append(found)
    rows = {**ends[0], **ends[1]}
    first, last = max(ends[0], default=0) + 1, min(ends[1], default=0)
    for number in range(first, min(last, first + _MOST_PROBED)):
        with contextlib.suppress(sqlite3.DatabaseError):
            row = db.execute(f"SELECT rowid AS number, * FROM {table} WHERE rowid = ?", (number,)).fetchone()  # noqa: S608
            if row:
                rows[number] = row
    return [rows[number] for number in sorted(rows)]


def _mended(row: sqlite3.Row, columns: tuple[str, ...]) -> dict[str, Any]:
    """Nobody owns it any more; and whether a claim was sent is not taken from a damaged file's word."""
    values = {name: row[name] for name in columns if name in row.keys()}  # noqa: SIM118 (a Row holds values)
    if "owner" in values:
        values |= {"owner": None, "slot": 0}
        values |= {f"planned_{name}": values.get(f"planned_{name}") or values[name] for name in ("sha256", "bytes")}
    if values.get("state") == SUBMITTING:
        reason = "the ledger was damaged, and it may have been sent."
        sent_at = values["sent_at"] or values["created_at"]
        values |= {"state": UNKNOWN, "sent_at": sent_at, "error": reason, "error_kind": "SubmissionUnknown"}
    return values


def _insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> int:
    """1 when the row was taken; one that breaks the table's own rules is not."""
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" for _ in row)
    return db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", tuple(row.values())).rowcount  # noqa: S608
