"""One job's life, from claim to delivered file, as a walk over the states of its ledger row.

The row is the truth: every step writes it and the next step reads it, so a walk that was cut short
anywhere, by a crash too, is taken up by the next one. What an answer proves about the row, `proof` says.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..clock import Clock
from ..connections.connection import Connection
from ..connections.costs import cost_of_settled
from ..errors import JobChanged, JobNotFound, LedgerAway, SoraError, StorageError
from ..ledger.ledger import Ledger
from ..ledger.row import DELIVERED, FAILED, FOLLOWED, FORGOTTEN, MISSING, SUBMITTING, SUCCEEDED, UNKNOWN, Job
from ..media import placing
from ..media.threads import in_file_thread
from ..models import Destination, Operation, Snapshot, State
from ..requests.kinds import Request
from .deliver import (
    WHOLE,
    adopt_announced,
    deliver,
    delivered_is_intact,
    planned_files_are_there,
    record_delivered,
    recover_media,
    redirect,
    redirect_if_needed,
)
from .elsewhere import elsewhere
from .follow import MADE_ANEW, Follower, ended
from .money import money_of
from .progress import ProgressReporter
from .proof import Answer, answer_about_job
from .reconcile import find_submission
from .submit import Standing, Submission, record_submitted

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0  # how often a ledger that is away is looked for
# ends after which the same claim is sent again: nobody knows, or the server took none of it
_SENT_AGAIN_AFTER = ("RateLimited", "Overloaded", "NetworkError")


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
        claiming: asyncio.Lock,
    ) -> None:
        self._claiming = claiming  # one after the other, so that the first is sent while the others are claimed
        self._connection = connection
        self._ledger = ledger
        self._owner = ledger.owner
        self._clock = clock
        self._report = report
        self._paid = connection.can.paid  # until one that cost nothing was made anew: once is enough
        self._may_be_announced = False  # a dead owner may have placed the file without telling the ledger
        self._snapshot: Snapshot | None = None
        self._place: Callable[[Job], Job] = lambda job: job  # settles where the file of a paid job goes
        self.job_id = ""
        self.standing = Standing()
        self._submission = functools.partial(
            Submission,
            ledger=ledger,
            clock=clock,
            report=report,
            standing=self.standing,
            stop_if_left=stop_if_left,
            adopt_orphans=adopt_orphans,
        )
        self.left_nothing = False  # it resumed what had not been paid: the request is free
        self.is_closing = False  # whoever ends all runs lets go of all rows at once

    async def generate(self, request: Request, fingerprints: Sequence[str], destination: Destination) -> Job:
        """Claims the request and sees it through. Raises the error tree, with the job's ids in it.

        ``fingerprints``: the request's own, then those that earlier recipes gave it.
        """
        if request.operation.makes_file:
            async with self._claiming:  # it tries the name; in the order of the calls
                await self._ledger.aside(self._check_destination, destination, fingerprints)
            self._place = lambda job: redirect(job, destination, self._ledger)  # the last run's word counts
        while True:
            async with self._claiming:
                job = await self._claim(request, fingerprints, destination)
            if job.state == SUBMITTING and job.sent_at is None and job.owner == self._owner.id:
                job = await self._earlier_that_lives(fingerprints, job) or job
            done = await self._guarded(job, request)
            if done:
                return done
            self._paid = True

    async def resume(self, job: Job, destination: Destination | None = None) -> Job:
        """Sees a job through that is in the ledger already. Never submits.

        Its file goes to ``destination`` when that is a file named by hand, or when its own place takes none.
        """
        if destination:
            self._place = lambda job: redirect_if_needed(job, destination, self._ledger)
        done = await self._guarded(job, None)
        if done is None:
            self.left_nothing = True
            raise JobNotFound("resume.nothing_there", job_id=job.job_id, money=money_of(None))
        return done

    async def _claim(self, request: Request, fingerprints: Sequence[str], destination: Destination) -> Job:
        own, *also = fingerprints
        claimed: list[Job] = []

        def claim() -> Job:
            earlier = self._history(fingerprints)
            job = self._ledger.claim(
                request,
                fingerprint=own,
                profile=self._connection.profile.name,
                place=self._connection.claim_place,
                owner=self._owner.id,
                destination=destination,
                also=also,
                idempotency_key=_key_of(earlier[0]) if earlier else "",
                cost=cost_of_settled(request, self._connection.provider),
            )
            claimed.append(job)
            return job

        try:
            return await self._ledger.aside(claim)
        except asyncio.CancelledError:
            for job in claimed:  # it was written, whoever still wants it
                await self._ledger.aside(self._ledger.release, job.job_id, self._owner.id)
            raise

    def _history(self, fingerprints: Sequence[str]) -> list[Job]:
        """Every row that the request ever had, newest first."""
        rows = [job for known_as in fingerprints for job in self._ledger.history(known_as)]
        return sorted(rows, key=lambda job: job.number, reverse=True)

    def _check_destination(self, destination: Destination, fingerprints: Sequence[str]) -> None:
        """Raises InputError; but the file that this very request delivered may be named as the output again."""
        own = destination.exact and any(
            str(destination.exact) in (job.planned_path, job.path) for job in self._history(fingerprints)
        )
        placing.check_destination(replace(destination, exact=None) if own else destination)

    async def _earlier_that_lives(self, fingerprints: Sequence[str], fresh: Job) -> Job | None:
        """An earlier job of the request that the server has after all: asked once, free, before anything is paid."""
        for job in await self._ledger.aside(self._history, fingerprints):
            if not job.over or not job.remote_id or not self.is_here(job):
                continue
            if job.state == FORGOTTEN and job.delivered_at:
                continue  # the user has its file, and wants another
            self.job_id = job.job_id
            self._report.say("looking up", job, note="whether an earlier job of this request is there after all")
            answer = await self._ask(job)
            # a forgotten one that still runs is what the user did not want to wait for
            if answer is Answer.DONE or (answer is Answer.ALIVE and job.state != FORGOTTEN):
                log.info("job %s is there after all, and is collected in place of a new one", job.job_id)
                return await self._ledger.aside(self._ledger.reopen, job.job_id, instead_of=fresh.job_id)
        return None

    async def _ask(self, job: Job) -> Answer:
        await self._connection.limits.pace()
        try:
            snapshot = await self._connection.provider.fetch(self._connection.http, job.remote_id or "", attempts=2)
        except SoraError as error:
            return answer_about_job(error)
        return answer_about_job(snapshot)

    async def _guarded(self, job: Job, request: Request | None) -> Job | None:
        self.job_id = job.job_id
        try:
            return await self._walk(job.job_id, request)
        except SoraError as error:
            current = await self._ledger.aside(self._ledger.peek, job.job_id)
            error.job_id = error.job_id or job.job_id
            error.remote_id = error.remote_id or (current.remote_id if current else None)
            error.provider = error.provider or job.provider
            error.money = error.money or money_of(current, paid=self._connection.can.paid, remote_id=error.remote_id)
            raise
        finally:
            try:
                if not self.is_closing:
                    await self._ledger.aside(self._ledger.release, job.job_id, self._owner.id)
            except StorageError as error:  # must not hide the error that is on its way, which may carry an id
                log.error("job %s is still held by this process: %s", job.job_id, error.message)

    async def _walk(self, job_id: str, request: Request | None) -> Job | None:
        """None when there is nothing, and nothing was paid: the caller may claim anew."""
        while True:
            job = await self._ledger.aside(self._ledger.peek, job_id)
            if job is None:
                return None  # another process dropped its claim before anything was sent
            self._connection = self._connection.at(job.place)
            if job.over:
                if job.error_kind == MADE_ANEW:
                    return None
                raise ended(job)
            if job.state == DELIVERED and await in_file_thread(delivered_is_intact, job, self._ledger):
                self.standing.submitted.set()
                return job
            is_unsent = job.state == SUBMITTING and job.sent_at is None
            if is_unsent and job.owner == self._owner.id and (request is None or not self.is_here(job)):
                return None
            try:
                await self._step(job, request)
            except JobChanged:
                continue  # the row says by now how to go on
            except LedgerAway as error:
                if error.remote_id:
                    raise  # accepted, and nowhere written
                self._report.say("waiting for the ledger", job, note=error.message)
                await self._clock.sleep(_LOOK_SECONDS)

    async def _step(self, job: Job, request: Request | None) -> None:
        """One step from what the row says. Raises JobChanged when the row says something else by now."""
        if job.state == DELIVERED:
            await self._ledger.aside(self._ledger.undeliver, job.job_id)
        elif job.owner != self._owner.id:
            await self._take_over(job)
        elif self._may_be_announced and job.state in FOLLOWED:
            await in_file_thread(adopt_announced, job, self._ledger)
            self._may_be_announced = False
        elif job.state == SUBMITTING and job.sent_at is None and request:
            self._snapshot = await self._submission(job, self._connection).send(request)
        elif job.state == SUBMITTING:
            if not await self._ledger.aside(recover_media, job, self._ledger):
                reason = "the process stopped before the answer arrived."
                await self._ledger.aside(self._ledger.record_unknown, job.job_id, reason, owner=self._owner.id)
        elif job.state in (SUCCEEDED, MISSING) and await in_file_thread(planned_files_are_there, job, self._ledger):
            await record_delivered(job, self._ledger, self._clock)
        elif not self.is_here(job):
            raise elsewhere(job, self._connection)
        elif job.state == UNKNOWN:
            await self._look_up(job)
        else:
            makes_file = Operation(job.operation).makes_file
            await self._collect(await in_file_thread(self._place, job) if makes_file else job)

    def is_here(self, job: Job) -> bool:
        """Whether the connection leads to where the job was made. Rows of old versions do not say where that was."""
        return not job.origin or job.place == self._connection.place

    async def _take_over(self, job: Job) -> None:
        """Becomes the row's owner, unless a living process is at it: then that one works and we watch."""
        if await self._ledger.aside(self._ledger.take_over, job, owner=self._owner.id):
            self._may_be_announced = self._ledger.can_be_away and Operation(job.operation).makes_file
        else:
            self._report.say("waiting for another process", job, note="which runs the same job")
            if job.remote_id:
                self.standing.submitted.set()
            await self._clock.sleep(0.5)

    async def _look_up(self, job: Job) -> None:
        if await self._ledger.aside(recover_media, job, self._ledger):
            return
        self._report.say("looking up", job, note="whether the server took the request")
        self.standing.committed = True
        found = await find_submission(
            job,
            provider=self._connection.provider,
            http=self._connection.http,
            ledger=self._ledger,
            clock=self._clock,
            paid=self._paid,
            pace=self._connection.limits.pace,
        )
        if found:
            await record_submitted(job, found, self._ledger, self._clock)
            self._snapshot = found
            return
        lost = "lost, and it cost nothing"
        await self._ledger.aside(self._ledger.record_over, job.job_id, FAILED, lost, MADE_ANEW, owner=self._owner.id)
        await self._ledger.aside(self._ledger.mark_told, job.job_id)
        log.info("job %s was lost, and is made anew", job.job_id)

    async def _collect(self, job: Job) -> None:
        self.standing.committed = self.standing.worked = True
        self.standing.submitted.set()
        snapshot, self._snapshot = self._snapshot, None
        kept = job.url or job.result or job.part_validator == WHOLE
        if snapshot is None and job.state == SUCCEEDED and kept:
            snapshot = Snapshot(State.SUCCEEDED, remote_id=job.remote_id or "", url=job.url)
        else:
            if job.url:
                self._connection.provider.recall(job.remote_id or "", job.url)
            follower = Follower(self._connection, self._ledger, self._clock, self._report, paid=self._paid)
            snapshot = await follower.run(job, snapshot)
            if snapshot is None:
                return
        if not Operation(job.operation).makes_file:
            made = snapshot.result or json.loads(job.result or "null") or {"id": snapshot.remote_id}
            await self._ledger.aside(self._ledger.record_result, job.job_id, made, owner=self._owner.id)
            return
        try:
            await deliver(
                await self._ledger.aside(self._ledger.get, job.job_id),
                snapshot,
                connection=self._connection,
                ledger=self._ledger,
                clock=self._clock,
                report=self._report,
            )
        except StorageError:
            if (await self._ledger.aside(self._ledger.get, job.job_id)).owner == self._owner.id:
                raise
            # another process took us for dead, and the file with the job: the row says how to go on


def _key_of(newest: Job) -> str:
    """The idempotency key of the newest row, when a new one would be the same claim sent again."""
    is_open = newest.state == FORGOTTEN and newest.sent_at is not None and not newest.remote_id
    was_not_taken = newest.state == FAILED and not newest.remote_id and newest.error_kind in _SENT_AGAIN_AFTER
    return newest.idempotency_key if is_open or was_not_taken else ""
