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
from ..ledger.row import CANCELED, FAILED, Job
from ..models import Snapshot, State
from ..providers import job_error_class
from .poll_timing import Rhythm
from .progress import ProgressReporter

GRACE_SECONDS = 60.0  # a job may be missing this long after it was made
MISSES_UNTIL_GONE = 5  # times in a row that a known job must be missing,
GONE_AFTER_SECONDS = 120.0  # over at least this time: a relay that restarts knows nothing for a while
PATIENCE_SECONDS = 600.0  # how long a server may fail every poll
_PASSING = (NetworkError, Overloaded, RateLimited, ServerError, BadResponse)


class Follower:
    """One wait for one job."""

    def __init__(self, connection: Connection, ledger: Ledger, clock: Clock, report: ProgressReporter) -> None:
        self._connection = connection
        self._ledger = ledger
        self._clock = clock
        self._report = report
        self._since = clock.monotonic()  # how long things last is never told by a clock that can be set
        self._age = 0.0
        self._seen = False
        self._misses = 0
        self._failures = 0
        self._failing_since: float | None = None
        self._missing_since: float | None = None
        self._hint: float | None = None
        self._note = ""
        self._recorded: tuple[State, float | None, str | None] | None = None

    async def run(self, job: Job, snapshot: Snapshot | None) -> Snapshot:
        """The succeeded snapshot. Ends the row and raises when the job ended otherwise.

        ``snapshot`` is the create answer, None for a job that is taken up again.
        """
        base = self._connection.profile.poll_seconds or self._connection.can.poll_seconds
        history = self._ledger.durations(job.profile, job.model, job.seconds)
        rhythm = Rhythm(base, history)
        asked = snapshot is not None
        self._age = max(0.0, self._clock.now() - (job.submitted_at or job.created_at))
        while True:
            if snapshot:
                self._observe(job, snapshot)
                if snapshot.state is State.SUCCEEDED:
                    return snapshot
            await self._pause(job, snapshot, rhythm, wait=asked)
            asked = True
            job = self._ledger.get(job.job_id)
            if job.over:
                raise ended(job)
            snapshot = await self._poll(job) or snapshot

    async def _pause(self, job: Job, snapshot: Snapshot | None, rhythm: Rhythm, *, wait: bool) -> None:
        waited = self._clock.monotonic() - self._since
        limit = self._connection.can.deadline_seconds
        if waited > limit:
            raise DeadlineExceeded(f"The job is not done after {limit / 60:.0f} minutes of waiting.")
        elapsed = self._age + waited
        remaining = rhythm.remaining(elapsed, self._report.percent)
        self._report.status(job, snapshot, elapsed=elapsed, remaining=remaining, note=self._note)
        if wait:
            told = {"percent": self._report.percent, "hint": self._hint}
            await self._clock.sleep(rhythm.delay(elapsed, **told, failures=self._failures))
        await self._connection.limits.pace()

    async def _poll(self, job: Job) -> Snapshot | None:
        """One status read; None when it failed in a way that passes."""
        remote_id = job.remote_id or ""
        try:
            snapshot = await self._connection.provider.fetch(self._connection.http, remote_id)
        except ChallengePage:
            raise
        except JobNotFound as error:
            self._missed(job, error)
            return None
        except _PASSING as error:
            self._failed(error)
            return None
        self._seen, self._misses, self._failures, self._note = True, 0, 0, ""
        self._failing_since = self._missing_since = None
        return replace(snapshot, remote_id=remote_id)  # the id of the create answer is the one that counts

    def _missed(self, job: Job, error: JobNotFound) -> None:
        self._misses += 1
        self._failures += 1
        self._hint = None
        self._note = f"the server does not know the job ({error.message})"
        now = self._clock.monotonic()
        is_new = not self._seen and self._age + now - self._since < GRACE_SECONDS
        self._missing_since = self._missing_since or now
        is_brief = now - self._missing_since < GONE_AFTER_SECONDS
        may_come_back = is_new or is_brief or self._misses < MISSES_UNTIL_GONE
        if may_come_back and not self._connection.can.free:
            return
        reason = f"The server no longer knows this job: {error.message}"
        self._ledger.record_over(job.job_id, FAILED, reason, error.kind, owner=job.owner or "")
        again = f"sora-video resume {job.job_id}"
        raise JobNotFound(
            reason,
            fix=f"Should it come back, `{again}` collects it for free; running the request again submits a new job.",
            fix_zh=f"若服务器恢复，可用 {again} 免费收取；再次运行相同请求会提交新任务。",
        ) from error

    def _failed(self, error: SoraError) -> None:
        now = self._clock.monotonic()
        self._failures += 1
        self._failing_since = self._failing_since or now
        self._hint = error.retry_after
        self._note = f"the server cannot be asked right now, trying on ({error.message})"
        if now - self._failing_since > PATIENCE_SECONDS:
            raise error

    def _observe(self, job: Job, snapshot: Snapshot) -> None:
        self._hint = snapshot.poll_after if not self._failures else self._hint
        self._report.observed(snapshot)
        if snapshot.state in (State.FAILED, State.CANCELED):
            error = _job_error(snapshot)
            self._ledger.record_over(job.job_id, snapshot.state.value, error.message, error.kind, owner=job.owner or "")
            raise error
        observed = replace(snapshot, progress=self._report.percent)
        facts = (observed.state, observed.progress, observed.url)
        if facts != self._recorded:
            self._ledger.record_snapshot(job.job_id, observed, owner=job.owner or "")
            self._recorded = facts


def ended(job: Job) -> JobError:
    """The error that a row which is over stands for."""
    reason = f"Job {job.job_id} is {job.state}: {job.error or 'no reason on record'}"
    return JobCanceled(reason) if job.state == CANCELED else JobFailed(reason)


def _job_error(snapshot: Snapshot) -> SoraError:
    failure = snapshot.failure
    message = failure.message if failure else "the server gave no reason"
    if snapshot.state is State.CANCELED:
        return JobCanceled(f"The job was canceled on the server: {message}")
    kind = (job_error_class(failure) if failure else None) or JobFailed
    return kind(f"The job failed on the server: {message}", code=failure.code if failure else None)
