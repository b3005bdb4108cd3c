"""Moves what one ledger knows into another: from a folder into a shared database, and back.

Two ledgers that both go on would each pay for what the other has paid. So nobody may be at work on either, and the
one that was moved says from then on where it went.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ..errors import StorageError
from ..models import Character
from .database import Session
from .ledger import Ledger
from .lookups import storable
from .row import COLUMNS

_TABLES = {  # the columns, and how many of the first ones name a row
    "jobs": (COLUMNS, 1),
    "workflows": (("job_id", "metadata", "written_at"), 1),
    "said": (("job_id", "facts"), 1),
    "outputs": (("job_id", "number", "url", "path", "sha256", "bytes"), 2),
    "characters": ((*(each.name for each in fields(Character)), "created_at"), 2),
    "meta": (("name", "value"), 1),
}
_PAGE = 500  # rows


@dataclass(frozen=True)
class Moved:
    jobs: int
    characters: int


def move(source: Ledger, target: Ledger) -> Moved:
    """All of it or nothing. Raises StorageError for ledgers that are in use, or that are not of one account key."""
    with source._file.change() as old, target._file.change() as new:
        for ledger, db in ((source, old), (target, new)):
            _refuse_if_in_use(ledger, db)
        if _has_jobs(new) and _account_key(old) != _account_key(new):
            raise StorageError("ledger.strangers", source=source.name, target=target.name)
        counts = {table: _copy(table, old, new) for table in _TABLES}
        new.execute("UPDATE jobs SET owner = NULL, slot = 0")
        new.execute("DELETE FROM meta WHERE name = 'moved_to'")
        old.execute(
            "INSERT INTO meta VALUES ('moved_to', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (target.name,),
        )
    return Moved(counts["jobs"], counts["characters"])


def _refuse_if_in_use(ledger: Ledger, db: Session) -> None:
    owners = [row[0] for row in db.execute("SELECT owner FROM owners").fetchall()]
    if any(ledger._leases.alive(db, owner) for owner in owners):
        raise StorageError("ledger.in_use", ledger=ledger.name)


def _has_jobs(db: Session) -> bool:
    return db.execute("SELECT 1 FROM jobs LIMIT 1").fetchone() is not None


def _account_key(db: Session) -> Any:
    return db.execute("SELECT value FROM meta WHERE name = 'account_key'").fetchone()


def _copy(table: str, old: Session, new: Session) -> int:
    """Jobs in the order in which they came; a row that is there already becomes what the source says."""
    columns, keys = _TABLES[table]
    names = [f'"{name}"' for name in columns]
    order = "rowid" if table == "jobs" else ", ".join(names[:keys])
    insert = (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 (own names)
        f" ON CONFLICT ({', '.join(names[:keys])}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in names[keys:])
    )
    copied = 0
    while True:
        rows = old.execute(
            f"SELECT {', '.join(names)} FROM {table} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608 (own names)
            (_PAGE, copied),
        ).fetchall()
        new.executemany(insert, [[storable(each) if isinstance(each, str) else each for each in row] for row in rows])
        copied += len(rows)
        if len(rows) < _PAGE:
            return copied
