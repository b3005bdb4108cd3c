"""Whose turn it is: the jobs that a profile may have at once, and its requests a minute. Over all processes."""

from __future__ import annotations

from collections.abc import Collection

from .database import Database, Session
from .leases import Leases

# a job that no process is at is no reason to wait for ever; less so one that may not exist
_HELD_SECONDS, _DOUBTFUL_HELD_SECONDS = 3600.0, 600.0
_BUSY = (
    "SELECT owner, state IN ('queued', 'running') AND updated_at > ?"
    " OR state IN ('unknown', 'missing') AND updated_at > ? FROM jobs WHERE profile = ?"
    " AND state IN ('queued', 'running', 'unknown', 'missing', 'submitting') AND (state != 'submitting' OR slot = 1)"
)
_FRESH = (
    "SELECT 1 FROM jobs WHERE profile = ? AND state IN ('queued', 'running', 'unknown', 'missing')"
    " AND updated_at > CASE WHEN state IN ('queued', 'running') THEN ? ELSE ? END LIMIT ?"
)
_WAITING = (
    "SELECT owner, job_id FROM jobs WHERE profile = ? AND state = 'submitting' AND slot = 0 AND sent_at IS NULL"
    " ORDER BY rowid"  # the clock may be set back at any time; rows are numbered in the order in which they came
)
_CALLED = (
    "SELECT job_id FROM jobs WHERE profile = ? AND state = 'submitting' AND slot = 1 AND sent_at IS NULL AND owner = ?"
)
_SHARERS = (
    "SELECT count(DISTINCT owner), count(DISTINCT CASE WHEN owner < ? THEN owner END)"
    " FROM jobs WHERE profile = ? AND owner IS NOT NULL"
)
_IN_LINE = "SELECT ticket, owner FROM tickets WHERE profile = ? ORDER BY ahead DESC, ticket"
_PACE = (
    "INSERT INTO pace (profile, next_free, written_at) VALUES (?, ?, ?)"
    " ON CONFLICT (profile) DO UPDATE SET next_free = excluded.next_free, written_at = excluded.written_at"
)


class Turns:
    """Slots and pace of every profile, in the ledger's file. Thread safe."""

    def __init__(self, database: Database, leases: Leases) -> None:
        self._file = database
        self._leases = leases

    def hand_out_slots(self, profile: str, limit: int, owner: str) -> list[str]:
        """The owner's claims that may be submitted now: ``limit`` jobs at once, first come, first served.

        A slot is held until the job has ended, or its claim is gone. Looking costs no write.
        """
        with self._file.read() as db:
            if not self._next(db, profile, limit, owner):
                return self._called(db, profile, owner)
        with self._file.change() as db:
            for job_id in self._next(db, profile, limit, owner):
                db.execute("UPDATE jobs SET slot = 1 WHERE job_id = ?", (job_id,))
            return self._called(db, profile, owner)

    def _next(self, db: Session, profile: str, limit: int, owner: str) -> list[str]:
        now = db.now()
        fresh = (profile, now - _HELD_SECONDS, now - _DOUBTFUL_HELD_SECONDS, limit)
        if len(db.execute(_FRESH, fresh).fetchall()) >= limit:
            return []  # however many wait: most looks end here
        waiting = db.execute(_WAITING, (profile,)).fetchall()
        if not any(each == owner for each, _ in waiting):
            return []
        held = db.execute(_BUSY, (now - _HELD_SECONDS, now - _DOUBTFUL_HELD_SECONDS, profile)).fetchall()
        living = self._leases.living(db, {row[0] for row in (*held, *waiting)})
        busy = sum(1 for each, is_fresh in held if is_fresh or each in living)
        in_line = [(each, job_id) for each, job_id in waiting if each in living]
        return [job_id for each, job_id in in_line[: max(0, limit - busy)] if each == owner]

    def _called(self, db: Session, profile: str, owner: str) -> list[str]:
        return [row[0] for row in db.execute(_CALLED, (profile, owner))]

    def sharers(self, profile: str, owner: str) -> tuple[int, int]:
        """How many processes are at jobs of the profile, at least 1; and how many of them come before this one."""
        with self._file.read() as db:
            count, before = db.execute(_SHARERS, (owner, profile)).fetchone()
        return max(1, count), before

    def draw_ticket(self, profile: str, owner: str, *, ahead: bool) -> int:
        """A place in the line for one request of the profile; those ``ahead`` (submissions) go before all others."""
        with self._file.change() as db:
            self._leases.renew(db, owner)
            db.execute("INSERT INTO tickets (profile, owner, ahead) VALUES (?, ?, ?)", (profile, owner, int(ahead)))
            drawn: int = db.execute("SELECT max(ticket) FROM tickets WHERE owner = ?", (owner,)).fetchone()[0]
            return drawn

    def drop_tickets(self, profile: str, owner: str, kept: Collection[int]) -> None:
        """Who drew the owner's others does not want to send any more."""
        marks = ", ".join("?" * len(kept))
        others = f"AND ticket NOT IN ({marks})" if kept else ""
        with self._file.change() as db:
            db.execute(
                f"DELETE FROM tickets WHERE owner = ? AND profile = ? {others}",  # noqa: S608 (own)
                (owner, profile, *kept),
            )

    def call_next(self, profile: str, spacing: float, owner: str) -> tuple[int | None, float]:
        """The owner's ticket whose turn has come, and seconds until it is worth to look again.

        One request of the profile every ``spacing`` seconds, first come, first served; the tickets of the dead are
        void. Looking costs no write.
        """
        with self._file.read() as db:
            wait = self._until_free(db, profile)
            ticket, void = self._first(db, profile)
            if ticket is None or wait > 0:
                return None, wait
            if ticket[1] != owner:
                return None, 0.0  # its own process is just about to take it
        with self._file.change() as db:
            ticket, void = self._first(db, profile)
            wait = self._until_free(db, profile)
            if ticket is None or ticket[1] != owner or wait > 0:
                return None, wait
            now = db.now()
            db.executemany("DELETE FROM tickets WHERE ticket = ?", [(each,) for each in (*void, ticket[0])])
            db.execute(_PACE, (profile, now + spacing, now))
            return ticket[0], spacing

    def _first(self, db: Session, profile: str) -> tuple[tuple[int, str] | None, list[int]]:
        """The first ticket of the living, and those of the dead before it."""
        void: list[int] = []
        living: dict[str, bool] = {}
        for ticket, owner in db.execute(_IN_LINE, (profile,)):
            if owner not in living:
                living[owner] = self._leases.alive(db, owner)
            if living[owner]:
                return (ticket, owner), void
            void.append(ticket)
        return None, void

    def _until_free(self, db: Session, profile: str) -> float:
        now = db.now()
        row = db.execute("SELECT next_free, written_at FROM pace WHERE profile = ?", (profile,)).fetchone()
        # written in the future: the clock was set back since
        return max(0.0, row[0] - now) if row and row[1] <= now else 0.0
