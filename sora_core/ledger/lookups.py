"""What can be asked of the ledger's rows. None of it writes; all of it is asked by an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import InvalidRequest, JobNotFound, UnknownJob
from .database import Database, Session
from .leases import Leases
from .row import COLUMNS, DELIVERED, FOLLOWED, UNFINISHED, Job, Place

PAGE = 1000  # rows
JOB = "rowid AS number, " + ", ".join(COLUMNS)  # in the order of the fields of Job
_LAST = 2**63 - 1  # no row's number is higher


class Lookups:
    """Reads of one ledger; `Claims` and `Ledger` add what writes."""

    _file: Database
    _leases: Leases

    def is_alive(self, owner: str | None) -> bool:
        """Whether a process still works on the owner's rows. None never does."""
        with self._file.read() as db:
            return self._leases.alive(db, owner)

    def living(self, owners: Iterable[str | None]) -> set[str]:
        """Those of the owners that are alive."""
        with self._file.read() as db:
            return self._leases.living(db, owners)

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        with self._file.read() as db:
            return self._get(db, job_id)

    def _get(self, db: Session, job_id: str) -> Job:
        row = db.execute(f"SELECT {JOB} FROM jobs WHERE job_id = ?", (job_id,)).fetchone()  # noqa: S608 (own names)
        if row is None:
            raise UnknownJob("ledger.there_no_job_ledger", value=job_id)
        return Job(*row)

    def peek(self, job_id: str) -> Job | None:
        """The row; None when it was dropped, as a claim that was never sent is."""
        try:
            return self.get(job_id)
        except JobNotFound:
            return None

    def find(self, name: str, profile: str | None = None) -> Job:
        """The job of that id, or of that remote id. Raises JobNotFound, InvalidRequest when two fit."""
        jobs = self._select("job_id = ?", (storable(name),)) or self._select(
            # a server that answers at once names no id: nothing is no name of such a job
            "remote_id = ? AND remote_id != '' ORDER BY rowid DESC",
            (storable(name),),
        )
        jobs = [job for job in jobs if profile in (None, job.profile)]
        if not jobs:
            raise UnknownJob("ledger.there_no_job_ledger", value=name)
        if len({job.profile for job in jobs}) > 1:
            raise InvalidRequest(
                "ledger.job_several_profiles_name_profile", name=name, listed=", ".join(job.profile for job in jobs)
            )
        return jobs[0]

    def history(self, fingerprint: str) -> list[Job]:
        """Every row that the request ever had, newest first."""
        return self._select("fingerprint = ? ORDER BY rowid DESC", (fingerprint,))

    def earlier(self, fingerprint: str) -> list[Job]:
        """Rows of the request that are over, but have a remote id: asked for once before it is paid anew."""
        return [job for job in self.history(fingerprint) if job.over and job.remote_id]

    def unfinished(self) -> list[Job]:
        """Every row that a process may go on with, oldest first."""
        marks = ", ".join(f"'{state}'" for state in UNFINISHED)
        return self._select(f"state IN ({marks}) ORDER BY rowid", ())

    def open_elsewhere(self, profile: str, place: Place) -> list[Job]:
        """The profile's jobs that were sent, are not over, and are known to have been made at another place."""
        marks = ", ".join(f"'{state}'" for state in UNFINISHED)
        return self._select(
            f"profile = ? AND state IN ({marks}) AND sent_at IS NOT NULL AND origin != ''"
            " AND (provider != ? OR origin != ? OR account != ?)",
            (profile, place.provider, place.origin, place.account),
        )

    def orphans(self, profile: str) -> list[Job]:
        """The profile's jobs that a server has and no living process is at."""
        marks = ", ".join(f"'{state}'" for state in FOLLOWED)
        jobs = self._select(f"profile = ? AND state IN ({marks}) AND remote_id != ''", (profile,))
        living = self.living(job.owner for job in jobs)
        return sorted((job for job in jobs if job.owner not in living), key=lambda job: job.number)

    def jobs(
        self, limit: int = PAGE, *, before: int | None = None, state: str | None = None, profile: str | None = None
    ) -> list[Job]:
        """A page of the rows, newest first; the next one is ``before`` the last one's number."""
        wanted = {"rowid < ?": before or _LAST, "state = ?": state, "profile = ?": profile}
        asked = {term: value for term, value in wanted.items() if value is not None}
        return self._select(f"{' AND '.join(asked)} ORDER BY rowid DESC LIMIT ?", (*asked.values(), limit))

    def all_jobs(self, *, state: str | None = None, profile: str | None = None) -> Iterator[Job]:
        """Every row, newest first, read page by page."""
        before: int | None = None
        while page := self.jobs(before=before, state=state, profile=profile):
            yield from page
            before = page[-1].number

    def collectable(self, limit: int) -> list[Job]:
        """Videos that are there or may still come, newest first; quick, however long the ledger is."""
        videos = "state = ? AND operation NOT IN ('create_character', 'enhance_prompt', 'image')"
        found = (
            job
            for state in (*UNFINISHED, DELIVERED)
            for job in self._select(f"{videos} ORDER BY rowid DESC LIMIT ?", (state, limit))
        )
        return sorted(found, key=lambda job: -job.number)[:limit]

    def _select(self, terms: str, values: tuple[Any, ...]) -> list[Job]:
        with self._file.read() as db:
            rows = db.execute(f"SELECT {JOB} FROM jobs WHERE {terms}", values).fetchall()  # noqa: S608 (own names)
        return [Job(*row) for row in rows]

    def known_ids(self, profile: str, origin: str, among: Iterable[str]) -> frozenset[str]:
        """Which of these remote ids a submission of ours is known by, in the profile or at that server.

        One that was only collected by hand may still be what a lost submission made.
        """
        found: set[str] = set()
        with self._file.read() as db:
            for remote_id in dict.fromkeys(filter(None, among)):
                found.update(
                    row[0]
                    for row in db.execute(
                        "SELECT remote_id FROM jobs WHERE remote_id = ? AND fingerprint NOT LIKE 'remote:%'"
                        " AND (profile = ? OR (origin = ? AND origin != '')) LIMIT 1",
                        (storable(remote_id), profile, origin),
                    )
                )
        return frozenset(found)

    def has_submitted(self, profile: str) -> bool:
        """Whether a job of the profile was ever taken by its server."""
        with self._file.read() as db:
            return bool(
                db.execute(
                    "SELECT 1 FROM jobs WHERE profile = ? AND coalesce(submitted_at, sent_at) > 0"
                    " AND idempotency_key != '' AND remote_id IS NOT NULL LIMIT 1",
                    (profile,),
                ).fetchone()
            )

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


def storable(text: str) -> str:
    """Without what not every database keeps: half an emoji, and the character number 0."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
