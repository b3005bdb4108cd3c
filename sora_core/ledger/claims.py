"""Claims: the exclusive right to charge for a request, and who may write its row from then on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import JobChanged
from ..files.processes import this_host
from ..models import Destination
from ..profiles.prices import UNKNOWN as NO_PRICE
from ..profiles.prices import Cost
from ..requests.kinds import Request, facts
from .database import Session
from .lookups import JOB, Lookups, storable
from .row import ANYONE, JOB_ID_PREFIX, QUEUED, SUBMITTING, Job, Place
from .workflows import Workflows


class Claims(Lookups):
    """Rows come to be, pass from owner to owner, and are written by their owner alone."""

    workflows: Workflows

    def claim(
        self,
        request: Request,
        *,
        fingerprint: str,
        profile: str,
        place: Place,
        owner: str,
        destination: Destination,
        also: Sequence[str] = (),
        idempotency_key: str = "",
        cost: Cost = NO_PRICE,
    ) -> Job:
        """The live row of this request; made just now, for ``owner``, when there was none.

        ``also`` are fingerprints that earlier recipes gave the same request: a live row under one of them is its
        row, and is known by ``fingerprint`` from now on. ``idempotency_key`` is the key of an earlier row, when the
        same claim is sent again; a new one by default.
        """
        with self._file.change() as db:
            for known_as in (fingerprint, *also):
                live = self._live(db, known_as)
                if live:
                    return self._write(db, live.job_id, ANYONE, (live.state,), {"fingerprint": fingerprint})
            row = _new_row(profile, place, destination, db.now())
            row |= {
                "fingerprint": fingerprint,
                "request": json.dumps(facts(request), ensure_ascii=True),
                "operation": request.operation.value,
                "prompt": storable(request.prompt),
                "model": request.model,
                "seconds": request.seconds,
                "state": SUBMITTING,
                "owner": owner,
                "idempotency_key": idempotency_key or str(uuid.uuid4()),
                "cost": cost.millionths,
                "currency": cost.currency,
            }
            self._leases.renew(db, owner)
            self.workflows.keep(db, row["job_id"], destination.metadata)
            return self._insert(db, row)

    def adopt_remote(self, *, profile: str, place: Place, remote_id: str, destination: Destination) -> Job:
        """A row for a job that was submitted elsewhere, known by its remote id; the one there is, if any."""
        with self._file.change() as db:
            known = db.execute(
                f"SELECT {JOB} FROM jobs WHERE remote_id = ? AND profile = ? ORDER BY rowid DESC LIMIT 1",  # noqa: S608 (own)
                (storable(remote_id), profile),
            ).fetchone()
            if known:
                return Job(*known)
            row = _new_row(profile, place, destination, db.now())
            row |= {
                "fingerprint": f"remote:{profile}:{remote_id}",
                "request": "{}",
                "prompt": "",
                "model": "",
                "seconds": 0,
                "state": QUEUED,
                "idempotency_key": "",
                "remote_id": remote_id,
                "submitted_at": row["created_at"],
            }
            self.workflows.keep(db, row["job_id"], destination.metadata)
            return self._insert(db, row)

    def _insert(self, db: Session, row: Mapping[str, Any]) -> Job:
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 (own names)
        return self._get(db, row["job_id"])

    def _live(self, db: Session, fingerprint: str) -> Job | None:
        row = db.execute(
            f"SELECT {JOB} FROM jobs WHERE fingerprint = ? AND state NOT IN ('failed', 'canceled', 'forgotten')",  # noqa: S608 (own)
            (fingerprint,),
        ).fetchone()
        return Job(*row) if row else None

    def take_over(self, job: Job, *, owner: str) -> bool:
        """Makes ``owner`` the row's owner if its own is dead and the row still as ``job`` shows it.

        Exactly one caller succeeds.
        """
        if self.is_alive(job.owner):  # the common case is not worth a write
            return False
        with self._file.change() as db:
            if self._leases.alive(db, job.owner):
                return False
            self._leases.renew(db, owner)
            cursor = db.execute(
                "UPDATE jobs SET owner = ?, updated_at = ? WHERE job_id = ? AND coalesce(owner, '') = ? AND state = ?",
                (owner, db.now(), job.job_id, job.owner or "", job.state),
            )
            return cursor.rowcount == 1

    def release(self, job_id: str, owner: str) -> None:
        """Lets go of the row, so that any process may go on with it. One whose request never left is dropped."""
        self._release("job_id = ? AND owner = ?", (job_id, owner))

    def release_all(self, owner: str) -> None:
        """Lets go of every row of the owner, in one commit."""
        self._release("owner = ?", (owner,))

    def _release(self, rows: str, values: tuple[str, ...]) -> None:
        with self._file.change() as db:
            self._let_go(db, rows, values)

    def _let_go(self, db: Session, rows: str, values: tuple[str, ...]) -> None:
        unsent = f"{rows} AND state = 'submitting' AND sent_at IS NULL"
        db.execute(f"DELETE FROM workflows WHERE job_id IN (SELECT job_id FROM jobs WHERE {unsent})", values)  # noqa: S608 (own)
        db.execute(f"DELETE FROM jobs WHERE {unsent}", values)  # noqa: S608 (own)
        db.execute(f"UPDATE jobs SET owner = NULL WHERE {rows}", values)  # noqa: S608 (own)

    # Writing one row

    def _change(self, job_id: str, owner: str, states: Sequence[str], changes: Mapping[str, Any]) -> Job:
        with self._file.change() as db:
            return self._write(db, job_id, owner, states, changes)

    def _write(
        self,
        db: Session,
        job_id: str,
        owner: str,
        states: Sequence[str],
        changes: Mapping[str, Any],
        *,
        also: str = "1 = 1",
    ) -> Job:
        """The one row, if it is in one of the states and the owner's. Raises JobChanged."""
        sets = ", ".join(f"{name} = ?" for name in changes)
        marks = ", ".join("?" for _ in states)
        # servers write anything; half an emoji is no reason to lose a row
        values = [storable(value) if isinstance(value, str) else value for value in changes.values()]
        cursor = db.execute(
            f"UPDATE jobs SET {sets}, updated_at = ? WHERE job_id = ? AND state IN ({marks})"  # noqa: S608 (own names)
            f" AND ? IN ('{ANYONE}', owner) AND {also}",
            (*values, db.now(), job_id, *states, owner),
        )
        row = self._get(db, job_id)
        if cursor.rowcount != 1:
            raise changed(row, "nothing was written")
        return row


def _new_row(profile: str, place: Place, destination: Destination, now: float) -> dict[str, Any]:
    return {
        "job_id": JOB_ID_PREFIX + uuid.uuid4().hex[:20],
        "profile": profile,
        "provider": place.provider,
        "origin": place.origin,
        "account": place.account,
        **whereabouts(destination),
        "created_at": now,
        "updated_at": now,
    }


def whereabouts(destination: Destination) -> dict[str, Any]:
    return {
        "folder": str(destination.folder),
        "stem": destination.stem,
        "exact_path": str(destination.exact) if destination.exact else None,
        "host": this_host(),
    }


def changed(row: Job, what: str) -> JobChanged:
    owner = f"of owner {row.owner}" if row.owner else "of no owner"
    return JobChanged(
        "ledger.job_by_now",
        job=row.job_id,
        state=row.state,
        owner=owner,
        what=what,
        job_id=row.job_id,
        remote_id=row.remote_id,
        provider=row.provider,
    )
