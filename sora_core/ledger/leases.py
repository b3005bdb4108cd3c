"""Who is alive. An owner of rows holds a lease in the ledger and renews it for as long as it works on any.

No wall clock is asked, as it can be set. On one boot of one machine all processes see the same monotonic
clock, and the moment of the last beat is compared with it. Elsewhere (another host, another system) an owner
is dead when its count of beats has stood still for the length of a lease while we looked. Who is taken for
dead by mistake, as a machine that slept, is stopped by the conditional writes.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import uuid

from ..clock import Clock
from ..errors import StorageError
from ..files.processes import boot_id, is_gone, this_process
from .database import Database

LEASE_SECONDS = 15.0
BEAT_SECONDS = 3.0

log = logging.getLogger(__name__)

_RENEW = (
    "INSERT INTO owners (owner, beat, boot, beat_at, process) SELECT ?, 1, ?, ?, ? WHERE {}"
    " ON CONFLICT (owner) DO UPDATE SET beat = beat + 1, boot = excluded.boot, beat_at = excluded.beat_at"
)
_HAS_WORK = "EXISTS (SELECT 1 FROM jobs WHERE owner = ?) OR EXISTS (SELECT 1 FROM tickets WHERE owner = ?)"


class Leases:
    """The leases of all owners, in the ledger's file. Thread safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database
        self._clock = clock
        self._boot, self._process = boot_id(), this_process()
        self._own: set[str] = set()  # who lives in this process, and knows it
        self._seen: dict[str, tuple[int, float]] = {}  # owner: its count of beats, and since when we see that count

    def begin(self, owner: str) -> None:
        """An owner in this process; until ``end`` it is alive to itself, however late its beats."""
        self._own.add(owner)

    def renew(self, db: sqlite3.Connection, owner: str) -> None:
        """In the transaction that gives the owner something to do."""
        db.execute(_RENEW.format("1"), (owner, self._boot, self._clock.monotonic(), self._process))

    def beat(self, owner: str) -> None:
        """Renews the lease of an owner that has something to do; without that, nothing is written."""
        with self._file.change() as db:
            facts = (owner, self._boot, self._clock.monotonic(), self._process)
            db.execute(_RENEW.format(_HAS_WORK), (*facts, owner, owner))

    def end(self, owner: str) -> None:
        """Nobody has to wait for this owner any more."""
        self._own.discard(owner)
        with self._file.change() as db:
            db.execute("DELETE FROM owners WHERE owner = ?", (owner,))
            db.execute("DELETE FROM tickets WHERE owner = ?", (owner,))

    def sweep(self) -> None:
        """Drops the leases of those who have nothing to do; they get a new one with their next row."""
        with self._file.change() as db:
            db.execute(
                "DELETE FROM owners WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.owner = owners.owner)"
                " AND NOT EXISTS (SELECT 1 FROM tickets WHERE tickets.owner = owners.owner)"
            )

    def alive(self, db: sqlite3.Connection, owner: str | None) -> bool:
        """Whether the process that calls itself ``owner`` still works on its rows. None never does."""
        if owner is None:
            return False
        if owner in self._own:
            return True
        row = db.execute("SELECT beat, boot, beat_at, process FROM owners WHERE owner = ?", (owner,)).fetchone()
        if row is None:
            return False
        now = self._clock.monotonic()
        if row["boot"] and row["boot"] == self._boot:
            return now - row["beat_at"] < LEASE_SECONDS and not is_gone(row["process"])
        beat, since = self._seen.get(owner, (-1, now))
        if beat != row["beat"]:
            since = now
        self._seen[owner] = (row["beat"], since)
        return bool(now - since < LEASE_SECONDS)


class Owner:
    """This process as the owner of ledger rows, from construction to ``close`` or death. Beats in its own thread."""

    def __init__(self, leases: Leases) -> None:
        self.id = uuid.uuid4().hex
        self._leases = leases
        self._closing = threading.Event()
        leases.begin(self.id)
        leases.sweep()
        self._thread = threading.Thread(target=self._beat, name="sora-lease", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._leases.end(self.id)

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_SECONDS):
            try:
                self._leases.beat(self.id)
            except StorageError as error:  # the disk is full, say: others may take over, and our writes then stop
                log.warning("the lease on this process's jobs is not renewed: %s", error.message)
