"""A ledger that many hosts share, and what one of them keeps to itself while the database is away.

Nothing is claimed, sent or taken over then. But jobs that run are paid for: what is learned of them goes into a local
journal, a small ledger of rows that this host works on, and from there into the shared one when it is back. A row
that somebody else has taken over meanwhile stays theirs; a remote id is kept whatever became of the row.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

from ..clock import Clock, SystemClock
from ..errors import JobChanged, JobNotFound, LedgerAway, RemoteIdTaken, SoraError
from .database import Session
from .ledger import Ledger
from .lookups import JOB
from .postgres import Postgres
from .row import ANYONE, COLUMNS, QUEUED, UNFINISHED, UNKNOWN, Job
from .sqlite import Sqlite

Write = TypeVar("Write", bound=Callable[..., Job])

FILE = "journal.sqlite"
MERGE_SECONDS = 1.0
# whose a row is, and where it was made, is the shared ledger's to say; all else its owner knows best
_NOT_LEARNED = "job_id fingerprint profile provider origin account owner slot created_at updated_at".split()

log = logging.getLogger(__name__)


class Journal:
    """The rows that the shared ledger is to hear of. In a file: it outlives the process, and is merged by the next."""

    def __init__(self, home: Path, database: Postgres) -> None:
        self._path = home / FILE
        self._clock = _ServerClock(database)  # a worker's own may be wrong

    @functools.cached_property
    def rows(self) -> Ledger:
        return Ledger(self._path.parent, self._clock, Sqlite(self._path, self._clock))

    def has(self, job_id: str) -> bool:
        return self._path.exists() and self.rows.peek(job_id) is not None

    def all(self) -> list[tuple[Job, str]]:
        """Each row with the owner that it had when it came here, the first first."""
        if not self._path.exists():
            return []
        with self.rows._file.read() as db:
            owners = dict(db.execute("SELECT name, value FROM meta").fetchall())
        return [(job, owners[job.job_id]) for job in reversed(self.rows.jobs())]

    def take(self, job: Job) -> None:
        """From here on the row is written here."""
        names = ", ".join(COLUMNS)
        with self.rows._file.change() as db:
            db.execute(
                f"INSERT INTO jobs ({names}) VALUES ({', '.join('?' * len(COLUMNS))})",  # noqa: S608 (own names)
                [getattr(job, name) for name in COLUMNS],
            )
            db.execute("INSERT INTO meta VALUES (?, ?)", (job.job_id, job.owner or ""))

    def let_go(self, job_id: str) -> None:
        with self.rows._file.change() as db:
            db.execute("UPDATE jobs SET owner = NULL WHERE job_id = ?", (job_id,))

    def drop(self, db: Session, job_id: str) -> None:
        for table in ("jobs", "said", "workflows"):
            db.execute(f"DELETE FROM {table} WHERE job_id = ?", (job_id,))  # noqa: S608 (own names)
        db.execute("DELETE FROM meta WHERE name = ?", (job_id,))

    def close(self) -> None:
        if "rows" in vars(self):
            self.rows.close()


class _ServerClock(SystemClock):
    def __init__(self, database: Postgres) -> None:
        self._database = database

    def now(self) -> float:
        return self._database.now()


def _kept(method: Write) -> Write:
    """``method`` of the shared ledger, or of the journal while that is away and until it has heard of the row."""

    @functools.wraps(method)
    def kept(self: SharedLedger, job_id: str, *args: Any, **kwargs: Any) -> Job:
        if not self._journal.has(job_id):
            try:
                return self._remember(method(self, job_id, *args, **kwargs))
            except LedgerAway as away:
                self._keep(job_id, away)
        try:
            return method(self._journal.rows, job_id, *args, **kwargs)
        except JobNotFound:  # it was merged just now
            return method(self, job_id, *args, **kwargs)

    return cast(Write, kept)


class SharedLedger(Ledger):
    """As `Ledger`. LedgerAway is raised for whatever must not be done while the database is away."""

    can_be_away = True

    def __init__(self, home: Path, clock: Clock, database: Postgres) -> None:
        super().__init__(home, clock, database)
        self._journal = Journal(home, database)
        self._known: dict[str, Job] = {}  # the rows that this process works on, as they were last seen
        with contextlib.suppress(LedgerAway):
            self.merge()  # what the last process of this folder learned comes before what this one asks
        self._closing = threading.Event()
        self._merging = threading.Thread(target=self._merge_when_back, name="sora-ledger-merge", daemon=True)
        self._merging.start()

    def close(self) -> None:
        self._closing.set()
        self._merging.join()
        with contextlib.suppress(SoraError):  # it stays in the journal
            self.merge()
        super().close()
        self._journal.close()

    record_submitted = _kept(Ledger.record_submitted)
    record_unknown = _kept(Ledger.record_unknown)
    record_snapshot = _kept(Ledger.record_snapshot)
    record_missing = _kept(Ledger.record_missing)
    record_over = _kept(Ledger.record_over)
    record_destination = _kept(Ledger.record_destination)
    record_part = _kept(Ledger.record_part)
    record_plan = _kept(Ledger.record_plan)
    record_delivered = _kept(Ledger.record_delivered)
    record_result = _kept(Ledger.record_result)
    mark_refused = _kept(Ledger.mark_refused)

    def release(self, job_id: str, owner: str) -> None:
        """Lets go of the row; the shared ledger hears of it when it is back."""
        if not self._journal.has(job_id):
            try:
                super().release(job_id, owner)
                self._known.pop(job_id, None)
                return
            except LedgerAway as away:
                self._keep(job_id, away)
        self._journal.let_go(job_id)

    def get(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        if self._journal.has(job_id):
            return self._journal.rows.get(job_id)
        try:
            return self._remember(super().get(job_id))
        except LedgerAway:
            if job_id not in self._known:
                raise
            return self._known[job_id]

    def mark_sent(self, job_id: str, *, owner: str, daily_limit: int = 0, daily_cost: int = 0) -> Job:
        """On disk before the first byte of the charge leaves; while nobody can tell whether it is, nothing leaves."""
        if self._journal.has(job_id):
            self.merge()
        try:
            sent = super().mark_sent(job_id, owner=owner, daily_limit=daily_limit, daily_cost=daily_cost)
            return self._remember(sent)
        except LedgerAway:
            self.mark_refused(job_id, owner=owner)
            raise

    def mark_told(self, job_id: str) -> bool:
        try:
            return super().mark_told(job_id)
        except LedgerAway:
            return False  # it is told once more

    def durations(self, profile: str, model: str, seconds: int, limit: int = 20) -> list[float]:
        try:
            return super().durations(profile, model, seconds, limit)
        except LedgerAway:
            return []

    def known_ids(self, profile: str, origin: str, among: Iterable[str]) -> frozenset[str]:
        """While nobody can be asked, each may be one of ours."""
        asked = tuple(among)
        try:
            return super().known_ids(profile, origin, asked)
        except LedgerAway:
            return frozenset(asked)

    def _keep(self, job_id: str, away: LedgerAway) -> None:
        """Takes the row into the journal. Raises ``away`` for one that this process never saw as its own."""
        if job_id not in self._known:
            raise away
        log.warning("job %s: what is learned of it is kept in %s", job_id, FILE)
        self._journal.take(self._known[job_id])

    def _remember(self, job: Job) -> Job:
        if self._owner and job.owner == self._owner.id:
            self._known[job.job_id] = job
        else:
            self._known.pop(job.job_id, None)
        return job

    # The journal's way back

    def _merge_when_back(self) -> None:
        while not self._closing.wait(MERGE_SECONDS):
            try:
                self.merge()
            except LedgerAway:
                continue
            except SoraError as error:
                log.error("what was learned while the ledger was away stays in %s: %s", FILE, error.message)

    def merge(self) -> None:
        """Tells the shared ledger what was learned. Raises LedgerAway while it is."""
        for job, owner in self._journal.all():
            with self._journal.rows._file.change() as local:
                # the row as it is now: who works on it may have written since
                row = local.execute(f"SELECT {JOB} FROM jobs WHERE job_id = ?", (job.job_id,)).fetchone()  # noqa: S608
                if row is None:
                    continue  # another process of this folder was first
                with self._file.change() as db:
                    self._merge_one(db, Job(*row), owner)
                self._journal.drop(local, job.job_id)
            log.info("job %s: what was learned while the ledger was away is in it now", job.job_id)

    def _merge_one(self, db: Session, learned: Job, owner: str) -> None:
        try:
            there = self._get(db, learned.job_id)
        except JobNotFound:
            log.error("job %s is not in the ledger any more; its remote id is %s", learned.job_id, learned.remote_id)
            return
        try:
            self._check_remote_id(db, there, learned.remote_id or there.remote_id or "")
        except RemoteIdTaken as error:
            told = {"state": UNKNOWN, "error": error.message, "error_kind": "SubmissionUnknown"}
            self._write(db, there.job_id, ANYONE, (there.state,), told)
            return
        except JobChanged as error:  # the user has named another one meanwhile
            log.warning("%s", error.message)
            return
        if (there.owner or "") == owner and not there.over:
            changes = {name: getattr(learned, name) for name in COLUMNS if name not in _NOT_LEARNED}
            self._write(db, there.job_id, owner, (there.state,), changes)
            self.said.keep(db, there.job_id, self._journal.rows.said.get(there.job_id))
            self.workflows.keep(db, there.job_id, self._journal.rows.workflows.get(there.job_id))
            if learned.owner is None:
                self._let_go(db, "job_id = ? AND owner = ?", (there.job_id, owner))
        elif learned.remote_id and not there.remote_id:
            changes = {"remote_id": learned.remote_id, "submitted_at": learned.submitted_at}
            if there.state in UNFINISHED:
                changes |= {"state": QUEUED, "error": None, "error_kind": None}
            self._write(db, there.job_id, ANYONE, (there.state,), changes)
