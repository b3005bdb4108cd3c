"""The stores that a ledger can lie in, as the contract suite opens, forces and kills on them."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest
from _clock import FakeClock
from _postgres import MISSING, PostgresServer, programs

from sora_core.ledger.database import Database
from sora_core.ledger.ledger import FILE, Ledger
from sora_core.ledger.postgres import Postgres
from sora_core.ledger.sqlite import Sqlite
from sora_core.models import Secret


class Store:
    """One ledger. A store of another kind says how its database is opened, and gets a place in STORES."""

    def __init__(self, folder: Path, clock: FakeClock | None = None) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self._opened: list[Ledger] = []

    def database(self) -> Database:
        raise NotImplementedError

    def open(self) -> Ledger:
        """One more process's view of the same ledger."""
        self._opened.append(Ledger(self.folder, self.clock, self.database()))
        return self._opened[-1]

    def force(self, job_id: str, **columns: object) -> None:
        """Writes what no method of the ledger would."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        with self._opened[0]._file.change() as db:
            db.execute(f"UPDATE jobs SET {sets} WHERE job_id = ?", (*columns.values(), job_id))  # (own names)

    def kill(self, owner: str) -> None:
        """The owner's process is gone."""
        self._opened[0]._leases.end(owner)

    def close(self) -> None:
        for ledger in self._opened:
            ledger.close()


class InSqlite(Store):
    """`jobs.sqlite` in the folder."""

    def database(self) -> Database:
        return Sqlite(self.folder / FILE, self.clock)


class InPostgres(Store):
    """A database of its own on the tests' server."""

    def __init__(self, folder: Path, clock: FakeClock | None = None) -> None:
        if programs() is None:
            pytest.skip(MISSING)
        super().__init__(folder, clock)
        self.url = Secret(server().url(new_database()))

    def database(self) -> Database:
        return Postgres(self.url, clock=self.clock.now)


STORES = {"sqlite": InSqlite, "postgres": InPostgres}


@functools.cache
def server() -> PostgresServer:
    """One for all tests of a process; it ends with them."""
    import atexit

    started = PostgresServer()
    atexit.register(started.close)
    return started


def new_database() -> str:
    """Empty, and nobody else's."""
    import psycopg

    name = f"ledger_{next(_NUMBERS)}"
    with psycopg.connect(server().url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    return name


_NUMBERS = itertools.count()
