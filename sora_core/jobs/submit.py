"""The one paid POST of a job: its row is written before it, the server's id right after, and it is sent once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import JobChanged, LedgerAway, NetworkError, RemoteIdTaken, SoraError, StorageError, SubmissionUnknown
from ..ledger.ledger import Ledger
from ..ledger.row import FAILED, SUBMITTING, Job
from ..media.threads import in_file_thread
from ..models import Snapshot
from ..providers import Attempt
from ..redaction import excerpt
from ..requests.kinds import Request
from .deliver import keep_answer, keep_media, spool_of
from .elsewhere import elsewhere
from .progress import ProgressReporter
from .proof import Proof, Step, answer_to_submit, proves
from .spending import check_spending

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0  # how often a claim that waits for a slot is looked at
_LONGEST_QUOTE = 2000  # characters of an answer that is kept in the row


@dataclass
class Standing:
    """How far a run is, for whoever waits for it or wants to stop it."""

    submitted: asyncio.Event = field(default_factory=asyncio.Event)  # the server's id is on the disk
    committed: bool = False  # from here on, an interrupt only stops the waiting
    posting: bool = False  # a charge has left, and its answer is not on the disk yet
    worked: bool = False  # something was done for it that had not been done before


class Submission:
    """Sends one claim. ``stop_if_left`` ends the run when nobody waits for it; ``adopt_orphans`` sees to the slots
    that dead processes hold."""

    def __init__(
        self,
        job: Job,
        connection: Connection,
        *,
        ledger: Ledger,
        clock: Clock,
        report: ProgressReporter,
        standing: Standing,
        stop_if_left: Callable[[], None],
        adopt_orphans: Callable[[], None],
    ) -> None:
        self._job = job
        self._connection = connection
        self._ledger = ledger
        self._owner = ledger.owner
        self._clock = clock
        self._report = report
        self._standing = standing
        self._stop_if_left = stop_if_left
        self._adopt_orphans = adopt_orphans
        self._early_id = ""  # of a job whose answer is still being read

    async def send(self, request: Request) -> Snapshot | None:
        """What the server said of the job that it took, with its id in the row; None where the row says what came of
        it: nothing that is known, an id that was read early, or a server that was not reached and is not the only one.

        Raises JobChanged when the claim was given up, and the error tree when nothing was taken.
        """
        await self._refuse_if_open_elsewhere(request)
        await self._slot()
        if self._connection.servers:
            up = self._connection.up(self._clock.monotonic())
            self._job = await self._ledger.aside(self._ledger.place_claim, self._job.job_id, up, owner=self._owner.id)
            self._connection = self._connection.at(self._job.place)
        await check_spending(self._job, self._connection, self._ledger, self._clock)
        await self._connection.limits.pace(ahead=True)
        self._standing.worked = True
        self._report.say("submitting", self._job, note=self._connection.provider.remark(request))
        try:
            snapshot = await self._connection.provider.submit(self._connection.http, request, self._attempt(request))
            await record_submitted(self._job, snapshot, self._ledger, self._clock)
            return snapshot
        except JobChanged as error:
            if isinstance(error, RemoteIdTaken):
                await self._keep_open(error)
        except LedgerAway:
            raise  # nothing has left: that needs a ledger that says so
        except SoraError as error:
            if self._early_id:
                return None  # whatever became of the answer: the job is there, and is followed by its id
            if isinstance(error, StorageError) and self._standing.posting:
                raise  # accepted: the id is in the error, or the file on the disk, and the row is open
            if proves(Step.SUBMIT, answer_to_submit(error)) is Proof.UNKNOWN:
                await self._keep_open(error)
                return None
            if self._fails_over(error):
                return None  # the row says that it was not sent: the next step sends it to another server
            await self._record_refused(error)
            raise
        finally:
            self._standing.posting = False
        return None

    def _fails_over(self, error: SoraError) -> bool:
        """Whether no byte has left, and there is another server."""
        not_sent = isinstance(error, NetworkError) and not self._standing.committed
        return not_sent and self._connection.fails_over(self._clock.monotonic())

    async def _refuse_if_open_elsewhere(self, request: Request) -> None:
        """Raises ProfileError when the profile led elsewhere, and a job of the same words is still open there.

        Another protocol has another wire, and so another claim: it is not the user's wish to pay for both.
        """
        if not request.prompt:
            return
        words = (request.operation.value, request.prompt.encode("utf-8", "replace").decode())
        own = {each.place for each in self._connection.servers}
        profile, place = self._connection.profile.name, self._connection.place
        for other in await self._ledger.aside(self._ledger.open_elsewhere, profile, place):
            if other.place in own:
                continue
            same = (other.operation, other.prompt) == words
            take = json.loads(other.request).get("seed", 0) == getattr(request, "seed", 0)
            if same and take:
                raise elsewhere(other, self._connection)

    async def _slot(self) -> None:
        """Waits for a slot. Raises JobChanged when the claim was given up meanwhile: nobody will call it."""
        called = asyncio.ensure_future(self._connection.limits.slot(self._job.job_id, on_wait=self._wait_for_slot))
        gone = asyncio.ensure_future(self._given_up())
        try:
            await asyncio.wait({called, gone}, return_when=asyncio.FIRST_COMPLETED)
            if called.done():
                return await called
        finally:
            called.cancel()
            gone.cancel()
        raise JobChanged("submit.given_up", job_id=self._job.job_id)

    async def _given_up(self) -> None:
        current: Job | None = self._job
        while current and current.state == SUBMITTING and current.owner == self._owner.id:
            await self._clock.sleep(_LOOK_SECONDS)
            current = await self._ledger.aside(self._ledger.peek, self._job.job_id)

    def _wait_for_slot(self) -> None:
        self._report.say("waiting for a free slot", self._job)
        self._adopt_orphans()  # a slot that a dead process held is only freed by whoever ends its job

    def _attempt(self, request: Request) -> Attempt:
        job, profile = self._job, self._connection.profile

        async def on_sent() -> None:
            self._standing.committed = self._standing.posting = True  # whoever leaves from here on comes too late
            try:
                await self._ledger.aside(
                    self._ledger.mark_sent,
                    job.job_id,
                    owner=self._owner.id,
                    daily_limit=profile.max_submissions_per_day,
                    daily_cost=profile.max_cost_millionths,
                )
            except BaseException:
                self._nothing_left()
                raise

        async def on_refused() -> None:
            await self._ledger.aside(self._ledger.mark_refused, job.job_id, owner=self._owner.id)
            self._nothing_left()

        return Attempt(
            job.idempotency_key,
            on_sent,
            on_refused,
            tell=lambda text: self._report.say("running", job, note=text),
            on_early=self._record_early,
            spool=spool_of(job) if request.operation.makes_file else None,
        )

    def _nothing_left(self) -> None:
        """Or it was refused: who was interrupted meanwhile wants no second try."""
        self._standing.committed = self._standing.posting = False
        self._stop_if_left()

    def _record_early(self, snapshot: Snapshot) -> None:
        """What was read before the answer ended. When it cannot be written, the end of the answer tries again."""
        job, remote_id = self._job, snapshot.remote_id
        try:
            self._ledger.record_submitted(job.job_id, snapshot, owner=self._owner.id)
        except (StorageError, JobChanged) as error:
            log.error("job %s has the remote id %s, which is not on disk yet: %s", job.job_id, remote_id, error.message)
            return
        self._early_id = remote_id
        self._standing.submitted.set()

    async def _keep_open(self, lost: SoraError) -> None:
        """The row is unknown, with what was answered."""
        job, unknown, reason = self._job, self._ledger.record_unknown, lost.message
        body = lost.body if isinstance(lost, SubmissionUnknown) else b""
        if kept := await in_file_thread(keep_answer, job, body):
            reason = f"{reason.rstrip('. ')}. What came is kept as {kept}."
        await self._ledger.aside(unknown, job.job_id, reason, owner=self._owner.id, answer=_quote(lost))

    async def _record_refused(self, error: SoraError) -> None:
        job_id, record = self._job.job_id, self._ledger.record_over
        await self._ledger.aside(record, job_id, FAILED, error.message, error.kind, owner=self._owner.id)
        log.info("job %s was not taken: %s", job_id, error.message)


async def record_submitted(job: Job, snapshot: Snapshot, ledger: Ledger, clock: Clock) -> None:
    """Keeps trying: this id is money. What was read is written, whoever stops waiting meanwhile."""
    kept = False

    def record() -> None:
        nonlocal kept
        if snapshot.media is not None and not kept:
            keep_media(job, (snapshot.media, *snapshot.further_media), ledger)
            kept = True
        ledger.record_submitted(job.job_id, snapshot, owner=ledger.owner.id)

    for wait in (0.2, 1.0, 3.0, None):
        try:
            await ledger.aside(record)
            log.info("job %s was taken by its server, as %s", job.job_id, snapshot.remote_id)
            return
        except StorageError as error:
            log.error("job %s has the remote id %s, which is not on disk yet", job.job_id, snapshot.remote_id)
            if wait is None:
                error.remote_id = snapshot.remote_id
                raise
            await clock.sleep(wait)


def _quote(lost: SoraError) -> str | None:
    """What was read of the answer, for the row; None when nothing was."""
    if not isinstance(lost, SubmissionUnknown) or not lost.body:
        return None
    return f"HTTP {lost.status}: {excerpt(lost.body, _LONGEST_QUOTE)}"
