"""The ledger: every paid job on disk, before it is paid. Safe with several processes.

A row's life: submitting -> queued/running -> succeeded -> delivered, or failed, canceled; `unknown`
when the submission's answer was lost, `missing` while the server does not know the job; `forgotten`
when the user freed the request for a new try. The fingerprint of a row that is not over is unique:
that is the claim, the exclusive right to charge.

Every write names the owner and the states that it expects, and touches that one row or raises JobChanged:
that is the fence between processes. ANYONE is the owner of the user's word, which holds whoever is at the job.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ..clock import Clock
from ..errors import RemoteIdTaken, StorageError
from ..files.processes import this_host
from ..models import Destination, Secret, Snapshot, State
from ..redaction import redact
from .characters import CharacterLibrary
from .claims import Claims, changed, whereabouts
from .costs import CHARGED, WHEN, Costs, spent
from .database import Database, Session
from .leases import Leases, Owner
from .lookups import storable
from .metrics import lines_of
from .outputs import Outputs
from .pages import JobPages
from .refusals import refuse_too_dear, too_many_submissions
from .row import (
    ANYONE,
    CANCELED,
    DELIVERED,
    FAILED,
    FOLLOWED,
    FORGOTTEN,
    MISSING,
    OVER,
    QUEUED,
    RUNNING,
    SUBMITTING,
    SUCCEEDED,
    UNFINISHED,
    UNKNOWN,
    Job,
    Place,
)
from .said import Said
from .sqlite import Sqlite
from .turns import Turns
from .workflows import Workflows

FILE = "jobs.sqlite"
P = ParamSpec("P")
T = TypeVar("T")

DAY_SECONDS = 86_400.0
_BUSY_AT = (
    "SELECT origin, count(*) FROM jobs WHERE profile = ? AND state IN ('submitting', 'queued', 'running')"
    " AND job_id != ? AND origin != '' GROUP BY origin"
)
_RENAME_CHARACTERS = (
    "UPDATE characters SET profile = ? WHERE profile = ?"
    " AND name NOT IN (SELECT name FROM characters WHERE profile = ?)"
)


class Ledger(Claims):
    """Thread safe; every change is on disk when its method returns.

    In `jobs.sqlite` of the state folder ``home``, or in the ``database`` that is given in its place.
    """

    can_be_away = False  # then what is learned waits on this host's disk, and others do not hear of it

    def __init__(self, home: Path, clock: Clock, database: Database | None = None) -> None:
        self._file: Database = database or Sqlite(home / FILE, clock)
        self._leases = Leases(self._file)
        self._thread = ThreadPoolExecutor(1, "sora-ledger")
        self._lock = threading.Lock()
        self._owner: Owner | None = None
        self.characters = CharacterLibrary(self._file)
        self.turns = Turns(self._file, self._leases)
        self.workflows = Workflows(self._file)
        self.said = Said(self._file)
        self.outputs = Outputs(self._file)
        self.pages = JobPages(self._file)
        self.costs = Costs(self._file)

    @property
    def name(self) -> str:
        """What users know it by: a path, or an address without its password."""
        return self._file.name

    def metrics(self) -> list[str]:
        """Its figures, as lines in Prometheus' text form. Raises StorageError."""
        return lines_of(self._file)

    def stamp(self) -> object:
        """Differs when something was written, by whomever. Raises StorageError."""
        return self._file.stamp()

    def moved_to(self) -> str:
        """The ledger that goes on in the place of this one; empty for one that is in use."""
        with self._file.read() as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'moved_to'").fetchone()
        return row[0] if row else ""

    @property
    def owner(self) -> Owner:
        """This opening of the ledger as the owner of rows; it lives until ``close``, or until its process dies."""
        with self._lock:
            self._owner = self._owner or Owner(self._leases)
            return self._owner

    async def aside(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` (a method of this ledger) returns, done in the ledger's thread: no loop waits for a disk.

        One after the other, in the order of the calls. A cancel does not tear a write: it is passed on when
        the write has ended.
        """
        import asyncio  # here for the reason in clock.py

        doing = asyncio.wrap_future(self._thread.submit(functools.partial(work, *args, **kwargs)))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait([doing])
            raise

    def close(self) -> None:
        self._thread.shutdown()
        if self._owner:
            with contextlib.suppress(StorageError):  # its lease ends by itself
                self._owner.close()
        self._file.close()

    def account(self, secret: Secret) -> str:
        """What rows know an account by: a hash under a key that only this ledger has. Empty for no secret."""
        if not secret:
            return ""
        with self._file.change() as db:
            db.execute("INSERT INTO meta VALUES ('account_key', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(32),))
            key: str = db.execute("SELECT value FROM meta WHERE name = 'account_key'").fetchone()[0]
        return hmac.new(bytes.fromhex(key), secret.reveal().encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    # The submission

    def submissions_since(self, profile: str, moment: float) -> int:
        """How many jobs of the profile were, or may have been, charged since then."""
        with self._file.read() as db:
            return self._submissions(db, profile, moment)

    def _submissions(self, db: Session, profile: str, moment: float) -> int:
        row = db.execute(
            f"SELECT count(*) FROM jobs WHERE profile = ? AND {WHEN} >= ? AND {CHARGED}",  # noqa: S608 (own names)
            (profile, moment),
        ).fetchone()
        return int(row[0])

    def place_claim(self, job_id: str, places: Sequence[Place], *, owner: str) -> Job:
        """The claim, which is to be made at the least busy of the places: the first of equals. Raises JobChanged."""
        with self._file.change() as db:
            busy = dict(db.execute(_BUSY_AT, (self._get(db, job_id).profile, job_id)).fetchall())
            place = min(places, key=lambda each: busy.get(each.origin, 0))
            changes = {"provider": place.provider, "origin": place.origin, "account": place.account}
            return self._write(db, job_id, owner, (SUBMITTING,), changes, also="sent_at IS NULL")

    def busy_at(self, profile: str) -> dict[str, int]:
        """How many of the profile's jobs are at work at each origin."""
        with self._file.read() as db:
            return dict(db.execute(_BUSY_AT, (profile, "")).fetchall())

    def mark_sent(self, job_id: str, *, owner: str, daily_limit: int = 0, daily_cost: int = 0) -> Job:
        """On disk before the first byte of the charge leaves.

        Raises JobChanged when the claim is not the owner's any more, or was sent already, and QuotaExceeded when
        ``daily_limit`` jobs of the profile may have been charged in 24 hours, or with this one they would have cost
        more than ``daily_cost`` millionths.
        """
        with self._file.change() as db:
            now = db.now()
            row = self._get(db, job_id)
            if daily_limit and self._submissions(db, row.profile, now - DAY_SECONDS) >= daily_limit:
                raise too_many_submissions(row.profile, daily_limit)
            if daily_cost:
                refuse_too_dear(row, spent(db, row.profile, row.currency, now - DAY_SECONDS), daily_cost)
            return self._write(db, job_id, owner, (SUBMITTING,), {"sent_at": now}, also="sent_at IS NULL")

    def mark_refused(self, job_id: str, *, owner: str) -> Job:
        """The server proved that it did not take what was sent."""
        return self._change(job_id, owner, (SUBMITTING,), {"sent_at": None})

    def record_submitted(self, job_id: str, snapshot: Snapshot, *, owner: str) -> Job:
        """The server's id, which is money: a row without one keeps it, whatever became of the row meanwhile.

        Raises RemoteIdTaken, with nothing written, when the id is another row's; JobChanged when the row has another
        id already (nothing written), or when it is over or not the owner's any more (the id is kept).
        """
        with self._file.change() as db:
            row = self._get(db, job_id)
            self._check_remote_id(db, row, snapshot.remote_id)
            changes: dict[str, Any] = {"remote_id": snapshot.remote_id}
            if row.submitted_at is None:
                changes["submitted_at"] = db.now()
            if row.state in UNFINISHED:
                changes |= {
                    "state": _live_state(snapshot),
                    "progress": snapshot.progress,
                    "url": snapshot.url,
                    "result": json.dumps(snapshot.result) if snapshot.result else None,
                    "error": None,
                    "error_kind": None,
                }
            self.said.keep(db, job_id, snapshot.said)
            self.outputs.keep(db, job_id, snapshot.further)
            written = self._write(db, job_id, ANYONE, (row.state,), changes)
        if row.state not in UNFINISHED or owner not in (ANYONE, row.owner):
            raise changed(written, "its remote id is kept")
        return written

    def _check_remote_id(self, db: Session, row: Job, remote_id: str) -> None:
        if row.remote_id and row.remote_id != remote_id:
            raise changed(row, f"'{remote_id}' was not recorded")
        other = db.execute(
            "SELECT job_id FROM jobs WHERE remote_id = ? AND origin = ? AND job_id != ? AND origin != ''"
            " AND remote_id != '' AND idempotency_key != '' AND operation != 'clean_link'",
            (storable(remote_id), row.origin, row.job_id),
        ).fetchone()
        if other and row.idempotency_key and row.operation != "clean_link":
            raise RemoteIdTaken("ledger.remote_id_job_already", value=remote_id, other=other[0], job_id=row.job_id)

    def name_remote(self, job_id: str, remote_id: str) -> Job:
        """The user's word for which remote job it is; an earlier word is corrected, and a job that is over goes on.

        Raises JobChanged when the job is delivered or not submitted, RemoteIdTaken.
        """
        with self._file.change() as db:
            row = self._get(db, job_id)
            self._check_remote_id(db, replace(row, remote_id=None), remote_id)
            changes: dict[str, Any] = {"remote_id": remote_id, "progress": None, "url": None}
            changes |= {"submitted_at": row.submitted_at or db.now(), **self._live_again(db, row)}
            return self._write(db, job_id, ANYONE, (UNKNOWN, *FOLLOWED, *OVER), changes)

    def rehome(self, job_id: str, *, profile: str, place: Place) -> Job:
        """The user's word that the job is at that place, which has answered for its id. Raises RemoteIdTaken."""
        with self._file.change() as db:
            row = self._get(db, job_id)
            self._check_remote_id(db, replace(row, origin=place.origin), row.remote_id or "")
            changes = {"profile": profile, "provider": place.provider, "origin": place.origin, "account": place.account}
            return self._write(db, job_id, ANYONE, (row.state,), changes)

    def record_unknown(self, job_id: str, reason: str, *, owner: str, answer: str | None = None) -> Job:
        """Sent, and nobody knows whether it was taken. ``answer`` is what came instead of an id, redacted."""
        changes = {"state": UNKNOWN, "error": reason, "error_kind": "SubmissionUnknown"}
        if answer is not None:
            changes["answer"] = answer
        return self._change(job_id, owner, (SUBMITTING, UNKNOWN), changes)

    # The job

    def record_snapshot(self, job_id: str, snapshot: Snapshot, *, owner: str) -> Job:
        changes: dict[str, Any] = {"state": _live_state(snapshot), "error": None, "error_kind": None}
        if snapshot.progress is not None:
            changes["progress"] = snapshot.progress
        with self._file.change() as db:
            if snapshot.url or snapshot.state is State.SUCCEEDED:
                changes["url"] = snapshot.url
            if snapshot.state is State.SUCCEEDED:
                # collecting it once more is no news of how long it took
                changes["finished_at"] = self._get(db, job_id).finished_at or db.now()
                self.said.keep(db, job_id, snapshot.said)
                self.outputs.keep(db, job_id, snapshot.further)
            return self._write(db, job_id, owner, FOLLOWED, changes)

    def record_missing(self, job_id: str, reason: str, *, owner: str) -> Job:
        """The server does not know the job at the moment: it stays live, and is asked for again."""
        return self._change(job_id, owner, FOLLOWED, {"state": MISSING, "error": reason, "error_kind": "JobNotFound"})

    def record_over(self, job_id: str, state: str, reason: str, kind: str, *, owner: str) -> Job:
        """Ends the row as failed or canceled, on proof; the request may be submitted anew.

        What a run learns of a job that was sent is `untold` until `mark_told`.
        """
        assert state in (FAILED, CANCELED)
        with self._file.change() as db:
            untold = int(owner != ANYONE and self._get(db, job_id).sent_at is not None)
            changes = {"state": state, "error": reason, "error_kind": kind, "finished_at": db.now(), "untold": untold}
            return self._write(db, job_id, owner, UNFINISHED, {**changes, "owner": None})

    def untold(self, fingerprint: str) -> Job | None:
        """The last job of the request whose end nobody was told."""
        return next((job for job in self.history(fingerprint) if job.over and job.untold), None)

    def mark_told(self, job_id: str) -> bool:
        """Whether the end was still to be told; exactly one caller tells it."""
        with self._file.change() as db:
            cursor = db.execute("UPDATE jobs SET untold = 0 WHERE job_id = ? AND untold = 1", (job_id,))
            return cursor.rowcount == 1

    def forget(self, job: Job) -> Job:
        """The user's word: frees the request for a new, paid submission. The row stays for the record.

        Raises JobChanged when the job is not in the state any more that the user saw.
        """
        return self._change(job.job_id, ANYONE, (job.state,), {"state": FORGOTTEN, "owner": None, "untold": 0})

    def reopen(self, job_id: str, *, instead_of: str | None = None) -> Job:
        """A job that is over, but has a remote id, goes on: the server knows it after all.

        Where its request was submitted anew since, it goes on beside that one, under a fingerprint of its own;
        ``instead_of`` is a new claim that has not been sent yet and is dropped for it.
        """
        with self._file.change() as db:
            if instead_of:
                db.execute(
                    "DELETE FROM jobs WHERE job_id = ? AND state = 'submitting' AND sent_at IS NULL", (instead_of,)
                )
            changes = self._live_again(db, self._get(db, job_id))
            return self._write(db, job_id, ANYONE, OVER, changes, also="remote_id != ''")

    def _live_again(self, db: Session, row: Job) -> dict[str, Any]:
        changes: dict[str, Any] = {"state": QUEUED, "error": None, "error_kind": None, "finished_at": None, "untold": 0}
        live = self._live(db, row.fingerprint)
        return changes if live is None or live.job_id == row.job_id else {**changes, "fingerprint": f"job:{row.job_id}"}

    # The file

    def record_destination(self, job_id: str, destination: Destination, *, owner: str) -> Job:
        """Another place for the file, after payment too. What was planned for the old one is given up."""
        changes = {**whereabouts(destination), "planned_path": None, "planned_sha256": None, "planned_bytes": None}
        with self._file.change() as db:
            row = self._write(db, job_id, owner, (*UNFINISHED, DELIVERED), changes)
            self.workflows.keep(db, job_id, destination.metadata)
            return row

    def record_part(self, job_id: str, validator: str | None, *, owner: str) -> Job:
        """The ETag or date that the partial file belongs to, for If-Range."""
        return self._change(job_id, owner, UNFINISHED, {"part_validator": validator})

    def record_plan(self, job_id: str, path: Path, sha256: str, size: int, *, owner: str) -> Job:
        """The name that is about to be taken, and what will stand there."""
        changes = {"planned_path": str(path), "planned_sha256": sha256, "planned_bytes": size}
        changes["host"] = this_host()  # another one may have begun it
        return self._change(job_id, owner, FOLLOWED, changes)

    def record_output(self, job_id: str, number: int, path: Path, sha256: str, size: int, *, owner: str) -> None:
        """As record_plan, for a file after the first one."""
        with self._file.change() as db:
            row = self._get(db, job_id)
            if row.state not in FOLLOWED or owner not in (ANYONE, row.owner):
                raise changed(row, f"its file {number + 1} was not recorded")
            self.outputs.plan(db, job_id, number, path, sha256, size)

    def record_delivered(self, job_id: str, *, width: int, height: int, fps: float, duration: float, owner: str) -> Job:
        """The file stands under the planned name."""
        with self._file.change() as db:
            row = self._get(db, job_id)
            changes: dict[str, Any] = {"width": width, "height": height, "fps": fps, "duration": duration}
            changes |= {"path": row.planned_path, "sha256": row.planned_sha256, "bytes": row.planned_bytes}
            changes["url"] = row.url if row.url and redact(row.url) == row.url else None  # a signed one is a key
            dropped = self.outputs.drop_signed_links(db, job_id)
            done = self._write(db, job_id, owner, FOLLOWED, {**changes, **_done(row, db.now())})
        if dropped or done.url != row.url:
            self._file.scrub()
        return done

    def record_result(self, job_id: str, result: Mapping[str, str], *, owner: str) -> Job:
        """Ends a job that makes no video: what it made is on record."""
        with self._file.change() as db:
            done = _done(self._get(db, job_id), db.now())
            return self._write(db, job_id, owner, FOLLOWED, {"result": json.dumps(result), **done})

    def undeliver(self, job_id: str) -> Job:
        """The file is away or changed: the paid job is to be collected again. Where it was, and what, stays known."""
        return self._change(job_id, ANYONE, (DELIVERED,), {"state": SUCCEEDED, "part_validator": None})

    def rename_profile(self, name: str, new_name: str) -> None:
        """The jobs and characters of the profile follow its name; not those that the new name had before."""
        with self._file.change() as db:
            db.execute("UPDATE jobs SET profile = ? WHERE profile = ?", (new_name, name))
            db.execute(_RENAME_CHARACTERS, (new_name, name, new_name))


def _done(row: Job, now: float) -> dict[str, Any]:
    return {
        "state": DELIVERED, "owner": None, "progress": 100.0, "delivered_at": now,
        "finished_at": row.finished_at or now, "error": None, "error_kind": None,
    }  # fmt: skip


def _live_state(snapshot: Snapshot) -> str:
    """A row ends by `record_over` and nothing else, so that its reason is on record too."""
    return RUNNING if snapshot.state in (State.FAILED, State.CANCELED) else snapshot.state.value
