"""Who is alive. An owner of rows holds a lease in the ledger and renews it for as long as it works on any.

The moment of the last beat is compared with the clock that it was written by: the database's own, or that of the
machine's boot, which all of its processes see. Where that is another's clock (a file that two hosts share), an owner
is dead when its count of beats has stood still for the length of a lease while we looked. No clock is asked that can
be set on a worker. Who is taken for dead by mistake, as a machine that slept, is stopped by the conditional writes.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable

from ..errors import StorageError
from ..files.processes import is_gone, this_process
from .database import Database, Session

LEASE_SECONDS = 15.0
BEAT_SECONDS = 3.0

log = logging.getLogger(__name__)

_RENEW = (
    "INSERT INTO owners (owner, beat, boot, beat_at, process) SELECT ?, 1, ?, ?, ? WHERE {}"
    " ON CONFLICT (owner) DO UPDATE SET beat = owners.beat + 1, boot = excluded.boot, beat_at = excluded.beat_at"
)
_HAS_WORK = "EXISTS (SELECT 1 FROM jobs WHERE owner = ?) OR EXISTS (SELECT 1 FROM tickets WHERE owner = ?)"


class Leases:
    """The leases of all owners, in the ledger. Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database
        self._process = this_process()
        self._own: set[str] = set()  # who lives in this process, and knows it
        self._seen: dict[str, tuple[int, float]] = {}  # owner: its count of beats, and since when we see that count

    def begin(self, owner: str) -> None:
        """An owner in this process; until ``end`` it is alive to itself, however late its beats."""
        self._own.add(owner)

    def renew(self, db: Session, owner: str) -> None:
        """In the transaction that gives the owner something to do."""
        clock, now, _ = db.lease_time()
        db.execute(_RENEW.format("1 = 1"), (owner, clock, now, self._process))

    def beat(self, owner: str) -> None:
        """Renews the lease of an owner that has something to do; without that, nothing is written."""
        with self._file.touch() as db:
            clock, now, _ = db.lease_time()
            db.execute(_RENEW.format(_HAS_WORK), (owner, clock, now, self._process, owner, owner))

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

    def alive(self, db: Session, owner: str | None) -> bool:
        """Whether the process that calls itself ``owner`` still works on its rows. None never does."""
        return owner in self.living(db, [owner])

    def living(self, db: Session, owners: Iterable[str | None]) -> set[str]:
        """Those of the owners that are alive, by one question."""
        asked = {each for each in owners if each}
        found = asked & self._own
        others = tuple(asked - found)
        if not others:
            return found
        ours, now, writable_since = db.lease_time()
        marks = ", ".join("?" * len(others))
        rows = db.execute(
            f"SELECT owner, beat, boot, beat_at, process FROM owners WHERE owner IN ({marks})",  # noqa: S608 (own)
            others,
        )
        for owner, beat, clock, beat_at, process in rows:
            if ours and clock == ours:
                is_alive = now - max(beat_at, writable_since) < LEASE_SECONDS and not is_gone(process)
            else:
                is_alive = now - self._still_since(owner, beat, now) < LEASE_SECONDS
            if is_alive:
                found.add(owner)
        return found

    def _still_since(self, owner: str, beat: int, now: float) -> float:
        """Since when we see its count of beats stand still."""
        known, since = self._seen.get(owner, (-1, now))
        self._seen[owner] = beat, (since if beat == known else now)
        return self._seen[owner][1]


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
