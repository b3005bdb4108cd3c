"""Whose turn it is: the jobs that a profile may have at once, and its requests a minute. Over all processes."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Clock
from .database import Database


class Turns:
    """Slots and pace of every profile, in the ledger's file. Thread safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._file = database
        self._clock = clock

    def take_slot(self, job_id: str, limit: int, alive: Callable[[str | None], bool]) -> bool:
        """Whether the job may be submitted now: ``limit`` jobs of its profile at once, first come, first served.

        False too when the claim is gone: forgotten, dropped or sent by another.
        """
        with self._file.change() as db:
            row = db.execute(
                "SELECT rowid, profile FROM jobs WHERE job_id = ? AND state = 'submitting' AND sent_at IS NULL",
                (job_id,),
            ).fetchone()
            if row is None:
                return False
            # the clock may be set back at any time; rows are numbered in the order in which they came
            earlier = db.execute(
                "SELECT owner FROM jobs WHERE profile = ? AND state = 'submitting' AND slot = 0 AND sent_at IS NULL"
                " AND rowid < ?",
                (row["profile"], row["rowid"]),
            ).fetchall()
            # one that no process is at is no reason to wait for ever: for an hour, or ten minutes if it may not exist
            now = self._clock.now()
            others = db.execute(
                "SELECT owner, CASE WHEN state = 'submitting' THEN 0 WHEN state IN ('unknown', 'missing')"
                " THEN updated_at > ? ELSE updated_at > ? END FROM jobs WHERE profile = ? AND job_id != ?"
                " AND (state IN ('queued', 'running', 'unknown', 'missing') OR (state = 'submitting' AND slot))",
                (now - 600, now - 3600, row["profile"], job_id),
            ).fetchall()
            busy = [owner for owner, is_fresh in others if is_fresh or alive(owner)]
            if len(busy) + sum(alive(owner) for (owner,) in earlier) >= limit:
                return False
            db.execute("UPDATE jobs SET slot = 1 WHERE job_id = ?", (job_id,))
            return True

    def reserve(self, profile: str, spacing: float, *, ahead: bool) -> float:
        """Seconds until the profile may send; 0 means now, and the moment is taken.

        ``ahead`` takes the next moment even if it lies in the future (a submission); without it, one
        that is not now is not taken (a poll comes back), so that submissions go before polls.
        """
        now = self._clock.now()
        with self._file.change() as db:
            row = db.execute("SELECT next_free, written_at FROM pace WHERE profile = ?", (profile,)).fetchone()
            # written in the future: the clock was set back since
            start = max(now, row[0]) if row and row[1] <= now else now
            if start > now and not ahead:
                return start - now
            db.execute("INSERT OR REPLACE INTO pace VALUES (?, ?, ?)", (profile, start + spacing, now))
            return start - now
