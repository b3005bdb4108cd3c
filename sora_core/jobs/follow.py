"""Polls a submitted job until it has ended. What passes is waited out; what is paid is not given up."""

from __future__ import annotations

from dataclasses import replace

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import (
    BadResponse,
    ChallengePage,
    DeadlineExceeded,
    JobCanceled,
    JobError,
    JobFailed,
    JobNotFound,
    NetworkError,
    Overloaded,
    RateLimited,
    ServerError,
    SoraError,
)
from ..ledger.ledger import Ledger
from ..ledger.row import CANCELED, FAILED, FORGOTTEN, MISSING, Job
from ..models import Snapshot, State
from ..providers import job_error_class
from ..transport.http import REFUSED
from .poll_timing import Rhythm
from .progress import ProgressReporter
from .proof import Proof, Step, answer_about_job, proves

GRACE_SECONDS = 60.0  # a job may be missing this long after it was made
MISSES = 5  # times in a row that a known job must be missing until it is called so,
MISSING_AFTER_SECONDS = 120.0  # over at least this time: a relay that restarts knows nothing for a while
MISS_SECONDS = 10.0  # between looks for a missing job
RESTARTED_SECONDS = 20.0  # instead, where nobody listened at the server's port meanwhile: it forgets with its process
DELETED_AFTER_SECONDS = 20.0  # of one that costs nothing and was there: whoever canceled it has said so by then
MISSES_AGAIN = 2  # of a job that was missing already, or that costs nothing and was not seen
PATIENCE_SECONDS = 600.0  # how long a server may fail every poll
MADE_ANEW = "MadeAnew"  # the error_kind of a job that cost nothing and was given up for lost
_PASSING = (NetworkError, Overloaded, RateLimited, ServerError, BadResponse)


class Follower:
    """One wait for one job."""

    def __init__(
        self, connection: Connection, ledger: Ledger, clock: Clock, report: ProgressReporter, *, paid: bool
    ) -> None:
        self._paid = paid
        self._connection = connection
        self._ledger = ledger
        self._clock = clock
        self._report = report
        self._since = clock.monotonic()  # how long things last is never told by a clock that can be set
        self._age = 0.0
        self._seen = False
        self._misses = 0
        self._failures = 0
        self._was_down = False  # nobody listened, since the job was last seen
        self._failing_since: float | None = None
        self._missing_since: float | None = None
        self._hint: float | None = None
        self._note = ""
        self._why = ""
        self._was_missing = False
        self._remote_id: str | None = None
        self._recorded: tuple[State, float | None, str | None] | None = None

    async def run(self, job: Job, snapshot: Snapshot | None) -> Snapshot | None:
        """The succeeded snapshot. Ends the row and raises when the job ended otherwise, by the server's word.

        None when the job is lost and cost nothing: its row has ended, and it may be made anew. One that may be
        paid is `missing` then, and JobNotFound is raised.
        ``snapshot`` is the create answer, None for a job that is taken up again.
        """
        base = self._connection.profile.poll_seconds or self._connection.can.poll_seconds
        history = await self._ledger.aside(self._ledger.durations, job.profile, job.model, job.seconds)
        rhythm = Rhythm(base, history)
        asked = snapshot is not None
        self._remote_id = job.remote_id
        self._age = max(0.0, self._clock.now() - (job.submitted_at or job.created_at))
        self._was_missing = job.state == MISSING
        while True:
            if snapshot:
                await self._observe(job, snapshot)
                if snapshot.state is State.SUCCEEDED:
                    return snapshot
            await self._pause(job, snapshot, rhythm, wait=asked)
            asked = True
            job = await self._ledger.aside(self._ledger.get, job.job_id)
            if job.over:
                raise ended(job)
            if job.remote_id != self._remote_id:
                self._remote_id, snapshot = job.remote_id, None  # the user has corrected it
            snapshot = await self._poll(job) or snapshot
            if self._is_lost:
                await self._give_up(job)
                return None

    async def _pause(self, job: Job, snapshot: Snapshot | None, rhythm: Rhythm, *, wait: bool) -> None:
        waited = self._clock.monotonic() - self._since
        limit = self._connection.can.deadline_seconds
        if waited > limit:
            raise DeadlineExceeded("poll.deadline", minutes=round(limit / 60))
        elapsed = self._age + waited
        remaining = rhythm.remaining(elapsed, self._report.percent)
        self._report.status(job, snapshot, elapsed=elapsed, remaining=remaining, note=self._note)
        if wait:
            told = {"percent": self._report.percent, "hint": self._hint}
            wait_for = rhythm.delay(elapsed, **told, failures=self._failures)
            if self._misses and not self._failures:
                wait_for = max(MISS_SECONDS / 2 if self._was_down else MISS_SECONDS, rhythm.base)
            await self._clock.sleep(wait_for)
        await self._connection.limits.pace()

    async def _poll(self, job: Job) -> Snapshot | None:
        """One status read; None when it failed in a way that passes."""
        remote_id = job.remote_id or ""
        try:
            snapshot = await self._connection.provider.fetch(self._connection.http, remote_id)
            await self._check_identity(job, snapshot)
        except ChallengePage:
            raise
        except JobNotFound as error:
            self._missed(error)
            return None
        except _PASSING as error:
            self._failed(error)
            return None
        self._seen, self._was_down, self._misses, self._failures, self._note = True, False, 0, 0, ""
        self._failing_since = self._missing_since = None
        return replace(snapshot, remote_id=remote_id)  # the id of the create answer is the one that counts

    async def _check_identity(self, job: Job, snapshot: Snapshot) -> None:
        """Servers may write an id in another way; but the id of another job of ours is not about this one."""
        other = snapshot.remote_id
        if not other or other == job.remote_id:
            return
        if await self._ledger.aside(self._ledger.known_ids, job.profile, job.origin, [other]):
            raise BadResponse("poll.other_job", asked=job.remote_id, told=other)

    def _missed(self, error: JobNotFound) -> None:
        self._misses, self._failures = self._misses + 1, 0
        self._hint = None
        self._note = f"the server does not know the job ({error.message})"
        self._why = error.message
        self._missing_since = self._missing_since or self._clock.monotonic()

    @property
    def _is_lost(self) -> bool:
        """Whether the server has not known the job for so long that it is not waited for any more."""
        if self._missing_since is None:
            return False
        if self._was_missing or not (self._paid or self._seen):
            return self._misses >= MISSES_AGAIN
        now = self._clock.monotonic()
        is_new = not self._seen and self._age + now - self._since < GRACE_SECONDS
        usual = MISSING_AFTER_SECONDS if self._paid else DELETED_AFTER_SECONDS
        enough = RESTARTED_SECONDS if self._was_down else usual
        return (not is_new or self._was_down) and self._misses >= MISSES and now - self._missing_since >= enough

    async def _give_up(self, job: Job) -> None:
        """Raises JobNotFound for a job that may be paid; its row stays live."""
        gone = JobNotFound("poll.missing", error=self._why)
        owner = job.owner or ""
        if proves(Step.POLL, answer_about_job(gone), paid=self._paid) is Proof.FREE:
            await self._ledger.aside(self._ledger.record_over, job.job_id, FAILED, gone.message, MADE_ANEW, owner=owner)
            await self._ledger.aside(self._ledger.mark_told, job.job_id)
            return
        await self._ledger.aside(self._ledger.record_missing, job.job_id, gone.message, owner=owner)
        raise gone

    def _failed(self, error: SoraError) -> None:
        now = self._clock.monotonic()
        self._failures += 1
        self._was_down = self._was_down or error.code == REFUSED
        self._failing_since = self._failing_since or now
        self._hint = error.retry_after
        self._note = f"the server cannot be asked right now, trying on ({error.message})"
        if now - self._failing_since > PATIENCE_SECONDS:
            raise error

    async def _observe(self, job: Job, snapshot: Snapshot) -> None:
        self._hint = snapshot.poll_after if not self._failures else self._hint
        self._report.observed(snapshot)
        if proves(Step.POLL, answer_about_job(snapshot)) is Proof.OVER:
            error = job_error(snapshot)
            over = self._ledger.record_over
            state = snapshot.state.value
            await self._ledger.aside(over, job.job_id, state, error.message, error.kind, owner=job.owner or "")
            raise error
        observed = replace(snapshot, progress=self._report.percent)
        facts = (observed.state, observed.progress, observed.url)
        if facts != self._recorded:
            await self._ledger.aside(self._ledger.record_snapshot, job.job_id, observed, owner=job.owner or "")
            self._recorded = facts


def ended(job: Job) -> JobError:
    """The error that a row which is over stands for."""
    if job.state == FORGOTTEN:
        return JobFailed("job.forgotten", job_id=job.job_id, remote_id=job.remote_id, job=job.job_id)
    kind = JobCanceled if job.state == CANCELED else JobFailed
    reason = job.error or "no reason on record"
    return kind("job.over", job_id=job.job_id, remote_id=job.remote_id, job=job.job_id, state=job.state, reason=reason)


def job_error(snapshot: Snapshot) -> SoraError:
    """The error that a job's terminal state stands for."""
    failure = snapshot.failure
    message = failure.message if failure else "the server gave no reason"
    if snapshot.state is State.CANCELED:
        return JobCanceled("job.canceled", reason=message)
    kind = (job_error_class(failure) if failure else None) or JobFailed
    return kind("job.failed", reason=message, code=failure.code if failure else None)
