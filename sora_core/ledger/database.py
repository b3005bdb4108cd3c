"""What the ledger asks of the database below it. Everything above is written once, for all of them.

SQL is the part that all databases share, with `?` for values; rows are tuples, in the order of their columns. Every
table of rows that are counted has a number, `rowid`, that grows in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ..errors import StorageError


class Rows(Protocol):
    """What a statement found, or how many rows it touched."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Session(Protocol):
    """Between two points in time at which the database is consistent."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows: ...

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> object: ...

    def now(self) -> float:
        """Seconds since the epoch, by the ledger's clock."""

    def lease_time(self) -> tuple[str, float, float]:
        """The clock that leases are counted by: its name, its seconds, and since when beats could be written.

        Times of two clocks of the same name can be compared.
        """


class Database(Protocol):
    """One open ledger, its tables as this version knows them. Thread safe."""

    @property
    def name(self) -> str:
        """What users know it by. Holds no secret."""

    def read(self) -> AbstractContextManager[Session]:
        """Sees what was committed, and cannot change it. Raises StorageError."""

    def change(self) -> AbstractContextManager[Session]:
        """All of it or nothing; on disk at the end. No other change happens meanwhile. Raises StorageError."""

    def touch(self) -> AbstractContextManager[Session]:
        """A change of one row, that may be lost with the machine, as a sign of life. Raises StorageError."""

    def scrub(self) -> None:
        """What was taken out of rows is to be nowhere any more, as far as that is in this process's hands."""

    def stamp(self) -> object:
        """Differs when something was written. Raises StorageError."""

    def close(self) -> None: ...


def newer_ledger(name: object) -> StorageError:
    """The refusal of tables that this version does not know."""
    return StorageError("ledger.ledger_written_by_newer_version", path=name)
