"""One job's life, from claim to delivered file, as a walk over the states of its ledger row.

The row is the truth: every step writes it and the next step reads it, so a walk that was cut short
anywhere, by a crash too, is taken up by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import (
    AccountError,
    BadResponse,
    InputError,
    JobChanged,
    JobNotFound,
    ModerationRejected,
    RemoteIdTaken,
    RequestRejected,
    SoraError,
    StorageError,
    SubmissionUnknown,
)
from ..ledger.ledger import Ledger
from ..ledger.row import DELIVERED, FAILED, SUBMITTING, SUCCEEDED, UNKNOWN, Job
from ..media import placing
from ..models import Destination, Operation, Snapshot, State
from ..providers import HTML_ANSWER, Attempt
from ..requests.kinds import Request
from .deliver import (
    WHOLE,
    deliver,
    delivered_is_intact,
    keep_media,
    planned_file_is_there,
    record_delivered,
    recover_media,
    redirect,
    redirect_if_needed,
    spool_of,
)
from .follow import Follower, ended
from .progress import ProgressReporter
from .reconcile import find_submission
from .spending import check_spending

log = logging.getLogger(__name__)

_NOT_ACCEPTED = "NotAccepted"


class JobRun:
    """Walks one row to its end. Whoever wants the same video waits for the same run."""

    def __init__(
        self,
        connection: Connection,
        *,
        ledger: Ledger,
        clock: Clock,
        report: ProgressReporter,
        adopt_orphans: Callable[[], None],
        stop_if_left: Callable[[], None],
    ) -> None:
        self._stop_if_left = stop_if_left
        self._adopt_orphans = adopt_orphans
        self._connection = connection
        self._ledger = ledger
        self._owner = ledger.owner
        self._clock = clock
        self._report = report
        self.worked = False
        self._submitted = False
        self._early_id = ""  # of a job whose answer is still being read
        self._snapshot: Snapshot | None = None
        self._lost: SubmissionUnknown | None = None
        self._place: Callable[[Job], Job] = lambda job: job  # settles where the file of a paid job goes
        self.job_id = ""
        self.submitted = asyncio.Event()  # the server's id is on the disk
        self.committed = False  # from here on, an interrupt only stops the waiting
        self.failed = False  # a job that the server had taken, and may have charged

    async def generate(self, request: Request, fingerprint: str, destination: Destination) -> Job:
        """Claims the request and sees it through. Raises the error tree, with the job's ids in it."""
        if request.operation.makes_file:
            placing.check_destination(self._except_own_file(destination, fingerprint))
            self._place = lambda job: redirect(job, destination, self._ledger)  # the last run's word counts
        while True:
            job = self._ledger.claim(
                request,
                fingerprint=fingerprint,
                profile=self._connection.profile.name,
                place=self._connection.place,
                owner=self._owner.id,
                destination=destination,
            )
            try:
                done = await self._guarded(job, request)
            except JobNotFound:
                if self._submitted or not self._connection.can.free:
                    raise
                continue  # the preview was restarted and knows nothing of earlier jobs; they cost nothing
            if done:
                return done

    async def resume(self, job: Job, destination: Destination | None = None) -> Job:
        """Sees a job through that is in the ledger already. Never submits.

        Its file goes to ``destination`` when that is a file named by hand, or when its own place takes none.
        """
        if destination:
            self._place = lambda job: redirect_if_needed(job, destination, self._ledger)
        done = await self._guarded(job, None)
        if done is None:
            raise JobNotFound(
                f"Job {job.job_id} never reached the server.", fix="Run its request again; nothing was charged."
            )
        return done

    def _except_own_file(self, destination: Destination, fingerprint: str) -> Destination:
        """The file that this very request delivered may be named as the output again."""
        own = destination.exact and any(
            str(destination.exact) in (job.planned_path, job.path) for job in self._ledger.history(fingerprint)
        )
        return replace(destination, exact=None) if own else destination

    async def _guarded(self, job: Job, request: Request | None) -> Job | None:
        self.job_id = job.job_id
        try:
            return await self._walk(job.job_id, request)
        except SoraError as error:
            current = self._ledger.peek(job.job_id)
            self.failed = bool(current and current.state == FAILED and current.submitted_at)
            error.job_id = error.job_id or job.job_id
            error.remote_id = error.remote_id or (current.remote_id if current else None)
            error.provider = error.provider or job.provider
            if current and current.submitted_at and not current.over:
                _speak_of_paid_job(error, current)
            raise
        finally:
            try:
                self._ledger.release(job.job_id, self._owner.id)
            except StorageError as error:  # must not hide the error that is on its way, which may carry an id
                log.error("job %s is still held by this process: %s", job.job_id, error.message)

    async def _walk(self, job_id: str, request: Request | None) -> Job | None:
        """None when it turns out that the request was never accepted: the caller may claim anew."""
        while True:
            job = self._ledger.peek(job_id)
            if job is None:
                return None  # another process dropped its claim before anything was sent
            if job.over:
                if job.error_kind == _NOT_ACCEPTED:
                    return None
                raise ended(job)
            if job.state == DELIVERED and await asyncio.to_thread(delivered_is_intact, job):
                self.submitted.set()
                return job
            if job.state == SUBMITTING and job.sent_at is None and job.owner == self._owner.id and request is None:
                return None
            with contextlib.suppress(JobChanged):  # another process was at it: the row says how to go on
                await self._step(job, request)

    async def _step(self, job: Job, request: Request | None) -> None:
        """One step from what the row says. Raises JobChanged when the row says something else by now."""
        if job.state == DELIVERED:
            self._ledger.undeliver(job.job_id)
        elif job.owner != self._owner.id:
            await self._take_over(job)
        elif job.state == SUBMITTING and job.sent_at is None and request:
            await self._submit(job, request)
        elif job.state == SUBMITTING:
            if not recover_media(job, self._ledger):
                reason = "the process stopped before the answer arrived."
                self._ledger.record_unknown(job.job_id, reason, owner=self._owner.id)
        elif job.state == UNKNOWN:
            await self._look_up(job)
        elif job.state == SUCCEEDED and await asyncio.to_thread(planned_file_is_there, job):
            await record_delivered(job, Path(job.planned_path or ""), self._ledger, self._clock)
        else:
            makes_file = Operation(job.operation).makes_file
            await self._collect(await asyncio.to_thread(self._place, job) if makes_file else job)

    async def _take_over(self, job: Job) -> None:
        """Becomes the row's owner, unless a living process is at it: then that one works and we watch."""
        if not self._ledger.take_over(job, owner=self._owner.id):
            self._report.say("waiting for another process", job, note="which runs the same job")
            if job.remote_id:
                self.submitted.set()
            await self._clock.sleep(0.5)

    async def _submit(self, job: Job, request: Request) -> None:
        limits = self._connection.limits
        await limits.slot(job.job_id, on_wait=lambda: self._wait_for_slot(job))
        await check_spending(self._connection, self._ledger, self._clock)
        await limits.pace(ahead=True)
        self.worked = self._submitted = True
        self._report.say("submitting", job)

        limit = self._connection.profile.max_submissions_per_day

        def on_sent() -> None:
            self._ledger.mark_sent(job.job_id, owner=self._owner.id, daily_limit=limit)
            self.committed = True

        def on_refused() -> None:
            self._ledger.mark_refused(job.job_id, owner=self._owner.id)
            self.committed = False
            self._stop_if_left()  # who was interrupted in a POST that was refused wants no second one

        attempt = Attempt(
            job.idempotency_key,
            on_sent,
            on_refused,
            tell=lambda text: self._report.say("running", job, note=text),
            on_early=lambda snapshot: self._record_early(job, snapshot),
            spool=spool_of(job) if request.operation.makes_file else None,
        )
        try:
            snapshot = await self._connection.provider.submit(self._connection.http, request, attempt)
        except JobChanged:
            raise
        except SoraError as error:
            if self._early_id:
                return  # whatever became of the answer: the job is there, and is followed by its id
            if isinstance(error, SubmissionUnknown):
                await self._keep_open(job, request, error)
                return
            self._ledger.record_over(job.job_id, FAILED, error.message, error.kind, owner=self._owner.id)
            raise
        try:
            await self._record_submitted(job, snapshot)
        except RemoteIdTaken as error:
            await self._keep_open(job, request, SubmissionUnknown(error.message))

    def _record_early(self, job: Job, snapshot: Snapshot) -> None:
        """What was read before the answer ended. When the disk fails, the end of the answer tries again."""
        remote_id = snapshot.remote_id
        try:
            self._ledger.record_submitted(job.job_id, snapshot, owner=self._owner.id)
        except StorageError as error:
            log.error("job %s has the remote id %s, which is not on disk yet: %s", job.job_id, remote_id, error.message)
            return
        self._early_id = remote_id
        self.submitted.set()

    async def _keep_open(self, job: Job, request: Request, lost: SubmissionUnknown) -> None:
        """The row stays unknown, unless there is no API that could have taken the request. Raises BadResponse."""
        self._lost = lost
        self._ledger.record_unknown(job.job_id, lost.message, owner=self._owner.id)
        # where a job has been made before, an API was there: two pages are a passing trouble
        if lost.code != HTML_ANSWER or self._ledger.has_submitted(job.profile):
            return
        await self._connection.limits.pace()
        if await self._connection.provider.is_web_page(self._connection.http, request):
            reason = f"{lost.message} Such a page stands at this address anyway, so nothing was accepted."
            self._ledger.record_over(job.job_id, FAILED, reason, BadResponse.__name__, owner=self._owner.id)
            raise BadResponse(reason) from lost

    def _wait_for_slot(self, job: Job) -> None:
        self._report.say("waiting for a free slot", job)
        self._adopt_orphans()  # a slot that a dead process held is only freed by whoever ends its job

    async def _record_submitted(self, job: Job, snapshot: Snapshot) -> None:
        """Keeps trying: this id is money."""
        if snapshot.media is not None:
            keep_media(job, snapshot.media, self._ledger)
        for wait in (0.2, 1.0, 3.0, None):
            try:
                self._ledger.record_submitted(job.job_id, snapshot, owner=self._owner.id)
                self._snapshot = snapshot
                return
            except StorageError as error:
                log.error("job %s has the remote id %s, which is not on disk yet", job.job_id, snapshot.remote_id)
                if wait is None:
                    error.remote_id = snapshot.remote_id
                    raise
                await self._clock.sleep(wait)

    async def _look_up(self, job: Job) -> None:
        self._report.say("looking up", job, note="whether the server took the request")
        self.committed = True
        found = await find_submission(
            job,
            provider=self._connection.provider,
            http=self._connection.http,
            ledger=self._ledger,
            clock=self._clock,
            settle=self._lost is None,  # in the run that lost the answer it is too early to say "never"
            pace=self._connection.limits.pace,
        )
        if found:
            await self._record_submitted(job, found)
        else:
            reason = "The server's list shows that the request was never accepted."
            self._ledger.record_over(job.job_id, FAILED, reason, _NOT_ACCEPTED, owner=self._owner.id)

    async def _collect(self, job: Job) -> None:
        self.committed = self.worked = True
        self.submitted.set()
        snapshot, self._snapshot = self._snapshot, None
        kept = job.url or job.result or job.part_validator == WHOLE
        if snapshot is None and job.state == SUCCEEDED and kept:
            snapshot = Snapshot(State.SUCCEEDED, remote_id=job.remote_id or "", url=job.url)
        else:
            if job.url:
                self._connection.provider.recall(job.remote_id or "", job.url)
            follower = Follower(self._connection, self._ledger, self._clock, self._report)
            snapshot = await follower.run(job, snapshot)
        if not Operation(job.operation).makes_file:
            made = snapshot.result or json.loads(job.result or "null") or {"id": snapshot.remote_id}
            self._ledger.record_result(job.job_id, made, owner=self._owner.id)
            return
        await deliver(
            self._ledger.get(job.job_id),
            snapshot,
            connection=self._connection,
            ledger=self._ledger,
            clock=self._clock,
            report=self._report,
        )


def _speak_of_paid_job(error: SoraError, job: Job) -> None:
    """The class of an error may say that nothing was charged; of a job that the server has taken that is not so."""
    of_class = isinstance(error, (AccountError, InputError, RequestRejected, ModerationRejected))
    if not of_class or "fix" in vars(error) or isinstance(error, StorageError):
        return
    error.fix = (
        "The server has taken the job, and may have charged it. When what stands in the way is settled, "
        f"`sora-video resume {job.job_id}` or running again collects it for free."
    )
    error.fix_zh = f"任务已被服务器受理，可能已扣费；问题解决后用 sora-video resume {job.job_id} 或再次运行可免费收取。"
    if isinstance(error, InputError):
        error.title_zh = "任务已提交，但暂时无法收取"
