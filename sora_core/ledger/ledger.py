"""The ledger: every paid job on disk, before it is paid. SQLite, safe with several processes.

A row's life: submitting -> queued/running -> succeeded -> delivered, or failed, canceled; `unknown`
when the submission's answer was lost; `forgotten` when the user freed the request for a new try.
The fingerprint of a row that is not over is unique: that is the claim, the exclusive right to charge.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..errors import InvalidRequest, JobNotFound, QuotaExceeded
from ..models import Destination, Snapshot, State
from ..requests.kinds import Request, facts
from .characters import CharacterLibrary
from .database import Database
from .pages import JobPages
from .row import DELIVERED, FORGOTTEN, JOB_ID_PREFIX, SUBMITTING, SUCCEEDED, UNKNOWN, Job

DAY_SECONDS = 86_400.0
_COLUMNS = frozenset(each.name for each in fields(Job))
# a forgotten row has given its request away: what it still learns must not make it live again
_STATE = "state = CASE state WHEN 'forgotten' THEN state ELSE ? END"


def too_many_submissions(profile: str, limit: int) -> QuotaExceeded:
    """The refusal of a profile's own daily limit."""
    return QuotaExceeded(
        f"Profile '{profile}' allows {limit} submissions in 24 hours, and they were made.",
        fix="Wait, or raise max_submissions_per_day in profiles.toml; nothing was sent.",
        fix_zh="请等待，或在 profiles.toml 中调高 max_submissions_per_day；尚未发送。",
    )


class Ledger:
    """One state folder's `jobs.sqlite`. Thread safe; every change is on disk when its method returns."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._clock = clock
        self._file = Database(home / "jobs.sqlite")
        self.characters = CharacterLibrary(self._file, clock)
        self.pages = JobPages(self._file)

    @property
    def path(self) -> Path:
        return self._file.path

    def close(self) -> None:
        self._file.close()

    def claim(
        self,
        request: Request,
        *,
        fingerprint: str,
        profile: str,
        provider: str,
        owner: str,
        destination: Destination,
    ) -> Job:
        """The live row of this fingerprint; made just now, for ``owner``, when there was none."""
        now = self._clock.now()
        row: dict[str, Any] = {
            "job_id": JOB_ID_PREFIX + uuid.uuid4().hex[:20],
            "fingerprint": fingerprint,
            "profile": profile,
            "provider": provider,
            "request": json.dumps(facts(request), ensure_ascii=True),
            "operation": request.operation.value,
            "prompt": request.prompt.encode("utf-8", "replace").decode(),
            "model": request.model,
            "seconds": request.seconds,
            "state": SUBMITTING,
            "owner": owner,
            "idempotency_key": str(uuid.uuid4()),
            "folder": str(destination.folder),
            "stem": destination.stem,
            "exact_path": str(destination.exact) if destination.exact else None,
            "metadata": json.dumps(destination.metadata) if destination.metadata else None,
            "created_at": now,
            "updated_at": now,
        }
        with self._file.change() as db:
            live = db.execute(
                "SELECT * FROM jobs WHERE fingerprint = ? AND state NOT IN ('failed', 'canceled', 'forgotten')",
                (fingerprint,),
            ).fetchone()
            if live:
                return Job(**live)
            self._insert(db, row)
            return self._get(db, row["job_id"])

    def adopt_remote(self, *, profile: str, provider: str, remote_id: str, destination: Destination) -> Job:
        """A row for a job that was submitted elsewhere, known by its remote id; the one there is, if any."""
        now = self._clock.now()
        with self._file.change() as db:
            known = db.execute(
                "SELECT * FROM jobs WHERE profile = ? AND remote_id = ? ORDER BY created_at DESC", (profile, remote_id)
            ).fetchone()
            if known:
                return Job(**known)
            row: dict[str, Any] = {
                "job_id": JOB_ID_PREFIX + uuid.uuid4().hex[:20],
                "fingerprint": f"remote:{profile}:{remote_id}",
                "profile": profile,
                "provider": provider,
                "request": "{}",
                "prompt": "",
                "model": "",
                "seconds": 0,
                "state": State.QUEUED.value,
                "idempotency_key": "",
                "remote_id": remote_id,
                "folder": str(destination.folder),
                "stem": destination.stem,
                "exact_path": str(destination.exact) if destination.exact else None,
                "metadata": json.dumps(destination.metadata) if destination.metadata else None,
                "created_at": now,
                "submitted_at": now,
                "updated_at": now,
            }
            self._insert(db, row)
            return self._get(db, row["job_id"])

    def _insert(self, db: sqlite3.Connection, row: Mapping[str, Any]) -> None:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 (own names)

    def take_over(self, job_id: str, *, owner: str, from_owner: str | None) -> bool:
        """Makes ``owner`` the row's owner if ``from_owner`` still is; exactly one caller succeeds."""
        with self._file.change() as db:
            cursor = db.execute(
                "UPDATE jobs SET owner = ?, updated_at = ? WHERE job_id = ? AND owner IS ?",
                (owner, self._clock.now(), job_id, from_owner),
            )
            return cursor.rowcount == 1

    def release(self, job_id: str, owner: str) -> None:
        """Lets go of the row, so that any process may go on with it. One whose request never left is dropped."""
        with self._file.change() as db:
            db.execute(
                "DELETE FROM jobs WHERE job_id = ? AND owner = ? AND state = 'submitting' AND sent_at IS NULL",
                (job_id, owner),
            )
            db.execute("UPDATE jobs SET owner = NULL WHERE job_id = ? AND owner = ?", (job_id, owner))

    def unfinished(self) -> list[Job]:
        """Every row that a process may go on with, oldest first."""
        with self._file.read() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE state IN ('submitting', 'unknown', 'queued', 'running', 'succeeded')"
                " ORDER BY created_at"
            ).fetchall()
        return [Job(**row) for row in rows]

    def take_slot(self, job_id: str, limit: int, alive: Callable[[str | None], bool]) -> bool:
        """Whether the job may be submitted now: ``limit`` jobs of its profile at once, first come, first served."""
        with self._file.change() as db:
            profile = self._get(db, job_id).profile
            # the clock may be set back at any time; rows are numbered in the order in which they came
            earlier = db.execute(
                "SELECT owner FROM jobs WHERE profile = ? AND state = 'submitting' AND slot = 0 AND sent_at IS NULL"
                " AND rowid < (SELECT rowid FROM jobs WHERE job_id = ?)",
                (profile, job_id),
            ).fetchall()
            # one that no process is at is no reason to wait for ever: for an hour, or ten minutes if it may not exist
            now = self._clock.now()
            others = db.execute(
                "SELECT owner, CASE state WHEN 'submitting' THEN 0 WHEN 'unknown' THEN updated_at > ?"
                " ELSE updated_at > ? END FROM jobs WHERE profile = ? AND job_id != ?"
                " AND (state IN ('queued', 'running', 'unknown') OR (state = 'submitting' AND slot))",
                (now - 600, now - 3600, profile, job_id),
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

    def submissions_since(self, profile: str, moment: float) -> int:
        """How many jobs of the profile were, or may have been, charged since then."""
        with self._file.read() as db:
            return self._submissions(db, profile, moment)

    def _submissions(self, db: sqlite3.Connection, profile: str, moment: float) -> int:
        row = db.execute(
            "SELECT count(*) FROM jobs WHERE profile = ? AND coalesce(submitted_at, sent_at) >= ?"
            " AND idempotency_key != '' AND (submitted_at IS NOT NULL OR state IN ('submitting', 'unknown'))",
            (profile, moment),
        ).fetchone()
        return int(row[0])

    def mark_sent(self, job_id: str, *, daily_limit: int = 0) -> None:
        """On disk before the first byte of the charge leaves.

        Raises QuotaExceeded when ``daily_limit`` jobs of the profile may have been charged in 24 hours.
        """
        now = self._clock.now()
        with self._file.change() as db:
            profile = self._get(db, job_id).profile
            if daily_limit and self._submissions(db, profile, now - DAY_SECONDS) >= daily_limit:
                raise too_many_submissions(profile, daily_limit)
            db.execute("UPDATE jobs SET sent_at = ?, updated_at = ? WHERE job_id = ?", (now, now, job_id))

    def mark_refused(self, job_id: str) -> None:
        """The server proved that it did not take what was sent."""
        self._update(job_id, sent_at=None)

    def record_submitted(self, job_id: str, snapshot: Snapshot) -> None:
        self._update(
            job_id,
            remote_id=snapshot.remote_id,
            state=_live_state(snapshot),
            submitted_at=self._clock.now(),
            progress=snapshot.progress,
            url=snapshot.url,
            result=json.dumps(snapshot.result) if snapshot.result else None,
            error=None,
            error_kind=None,
        )

    def record_snapshot(self, job_id: str, snapshot: Snapshot) -> None:
        changes: dict[str, Any] = {"state": _live_state(snapshot)}
        if snapshot.progress is not None:
            changes["progress"] = snapshot.progress
        if snapshot.url or snapshot.state is State.SUCCEEDED:
            changes.update(url=snapshot.url)
        self._update(job_id, unless_over=True, **changes)
        if snapshot.state is State.SUCCEEDED:
            with self._file.change() as db:  # collecting it once more is no news of how long it took
                db.execute(
                    "UPDATE jobs SET finished_at = coalesce(finished_at, ?) WHERE job_id = ?",
                    (self._clock.now(), job_id),
                )

    def record_unknown(self, job_id: str, reason: str) -> None:
        self._update(job_id, state=UNKNOWN, error=reason, error_kind="SubmissionUnknown")

    def record_over(self, job_id: str, state: str, reason: str, kind: str) -> None:
        """Ends the row as failed or canceled; the request may be submitted anew."""
        self._update(job_id, state=state, error=reason, error_kind=kind, owner=None, finished_at=self._clock.now())

    def record_part(self, job_id: str, validator: str | None) -> None:
        """The ETag or date that the partial file belongs to, for If-Range."""
        self._update(job_id, part_validator=validator)

    def record_destination(self, job_id: str, destination: Destination) -> None:
        """The file goes there from now on; the name that was planned is given up."""
        self._update(
            job_id,
            folder=str(destination.folder),
            stem=destination.stem,
            exact_path=str(destination.exact) if destination.exact else None,
            planned_path=None,
        )

    def record_plan(self, job_id: str, path: Path, sha256: str, size: int) -> None:
        self._update(job_id, planned_path=str(path), sha256=sha256, bytes=size)

    def record_delivered(self, job_id: str, *, width: int, height: int, fps: float, duration: float) -> Job:
        now = self._clock.now()
        with self._file.change() as db:
            db.execute(
                f"UPDATE jobs SET {_STATE}, path = planned_path, width = ?, height = ?, fps = ?,"  # noqa: S608 (own)
                " duration = ?, progress = 100, owner = NULL, delivered_at = ?,"
                " finished_at = coalesce(finished_at, ?), updated_at = ? WHERE job_id = ?",
                (DELIVERED, width, height, fps, duration, now, now, now, job_id),
            )
            return self._get(db, job_id)

    def record_result(self, job_id: str, result: Mapping[str, str]) -> Job:
        """Ends a job that makes no video: what it made is on record."""
        now = self._clock.now()
        self._update(
            job_id, state=DELIVERED, result=json.dumps(result), progress=100.0, owner=None, finished_at=now,
            delivered_at=now,
        )  # fmt: skip
        return self.get(job_id)

    def undeliver(self, job_id: str) -> None:
        """The file is gone or changed: the paid job is to be collected again."""
        self._update(job_id, state=SUCCEEDED, path=None, planned_path=None, part_validator=None)

    def forget(self, job_id: str) -> None:
        """Frees the request for a new, paid submission. The row stays for the record."""
        self._update(job_id, state=FORGOTTEN, owner=None)

    def reopen(self, job_id: str) -> None:
        """A job that the server did not know may be asked for again, unless its request was submitted anew since."""
        with self._file.change() as db:
            db.execute(
                "UPDATE OR IGNORE jobs SET state = 'queued', error = NULL, error_kind = NULL, finished_at = NULL"
                " WHERE job_id = ? AND state = 'failed' AND error_kind = 'JobNotFound' AND remote_id != ''",
                (job_id,),
            )

    def _update(self, job_id: str, *, unless_over: bool = False, **changes: Any) -> None:
        assert changes.keys() <= _COLUMNS
        live = " AND state NOT IN ('failed', 'canceled', 'forgotten')" if unless_over else ""
        # servers write anything; half an emoji is no reason to lose a row
        values = [
            value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for value in changes.values()
        ]
        sets = ", ".join(_STATE if name == "state" else f"{name} = ?" for name in (*changes, "updated_at"))
        with self._file.change() as db:
            db.execute(
                f"UPDATE jobs SET {sets} WHERE job_id = ?{live}",  # noqa: S608 (own names)
                (*values, self._clock.now(), job_id),
            )

    def get(self, job_id: str) -> Job:
        with self._file.read() as db:
            return self._get(db, job_id)

    def _get(self, db: sqlite3.Connection, job_id: str) -> Job:
        row = db.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            raise JobNotFound(f"There is no job '{job_id}' in the ledger.")
        return Job(**row)

    def peek(self, job_id: str) -> Job | None:
        """The row; None when it was dropped, as a claim that was never sent is."""
        try:
            return self.get(job_id)
        except JobNotFound:
            return None

    def find(self, name: str, profile: str | None = None) -> Job:
        """The job of that id, or of that remote id. Raises JobNotFound, InvalidRequest when two fit."""
        with self._file.read() as db:
            rows = db.execute(
                # a server that answers at once names no id: nothing is no name of such a job
                "SELECT * FROM jobs WHERE (job_id = ? OR (remote_id = ? AND remote_id != ''))"
                " AND (? IS NULL OR profile = ?) ORDER BY created_at DESC",
                (name, name, profile, profile),
            ).fetchall()
        if not rows:
            raise JobNotFound(f"There is no job '{name}' in the ledger.")
        jobs = [Job(**row) for row in rows]
        if len({job.profile for job in jobs}) > 1:
            raise InvalidRequest(
                f"'{name}' is a job of several profiles: {', '.join(job.profile for job in jobs)}; name the profile."
            )
        return jobs[0]

    def jobs(self, limit: int = 1000) -> list[Job]:
        """Newest first."""
        with self._file.read() as db:
            rows = db.execute("SELECT * FROM jobs ORDER BY created_at DESC LIMIT ?", (limit,)).fetchall()
        return [Job(**row) for row in rows]

    def collectable(self, limit: int) -> list[Job]:
        """Videos that are there or may still come, newest first; quick, however long the ledger is."""
        with self._file.read() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE state NOT IN ('failed', 'canceled', 'forgotten')"
                " AND operation NOT IN ('create_character', 'enhance_prompt', 'image') ORDER BY rowid DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [Job(**row) for row in rows]

    def rename_profile(self, name: str, new_name: str) -> None:
        """The jobs and characters of the profile follow its name; not those that the new name had before."""
        with self._file.change() as db:
            db.execute("UPDATE jobs SET profile = ? WHERE profile = ?", (new_name, name))
            db.execute("UPDATE OR IGNORE characters SET profile = ? WHERE profile = ?", (new_name, name))

    def remote_ids(self, profile: str) -> frozenset[str]:
        """Every remote id that a submission of ours is known by.

        One that was only collected by hand may still be what a lost submission made.
        """
        with self._file.read() as db:
            rows = db.execute(
                "SELECT remote_id FROM jobs"
                " WHERE profile = ? AND remote_id IS NOT NULL AND fingerprint NOT LIKE 'remote:%'",
                (profile,),
            ).fetchall()
        return frozenset(row[0] for row in rows)

    def durations(self, profile: str, model: str, seconds: int, limit: int = 20) -> list[float]:
        """How long the last jobs like this took from submission to success, in seconds."""
        with self._file.read() as db:
            rows = db.execute(
                "SELECT finished_at - submitted_at FROM jobs WHERE profile = ? AND model = ? AND seconds = ?"
                " AND finished_at > submitted_at AND state IN ('succeeded', 'delivered')"
                " ORDER BY finished_at DESC LIMIT ?",
                (profile, model, seconds, limit),
            ).fetchall()
        return [row[0] for row in rows]


def _live_state(snapshot: Snapshot) -> str:
    """A row ends by `record_over` and nothing else, so that its reason is on record too."""
    return State.RUNNING.value if snapshot.state in (State.FAILED, State.CANCELED) else snapshot.state.value
