"""The stores that a ledger can lie in, as the contract suite opens, forces and kills on them."""

from __future__ import annotations

from pathlib import Path

from _clock import FakeClock

from sora_core.ledger.ledger import Ledger


class Sqlite:
    """`jobs.sqlite` in a folder. Another store gets a class of these four methods, and a place in STORES."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.clock = FakeClock()
        self._opened: list[Ledger] = []

    def open(self) -> Ledger:
        """One more process's view of the same ledger."""
        self._opened.append(Ledger(self._folder, self.clock))
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


STORES = {"sqlite": Sqlite}
