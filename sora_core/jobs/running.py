"""The jobs that run in this process: whoever asks for the same video joins the same one."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import JobNotFound, SoraError, StorageError
from ..ledger.ledger import Ledger
from ..ledger.row import Job
from .follow import ended
from .money import money_of
from .progress import Progress, ProgressReporter
from .run import JobRun

log = logging.getLogger(__name__)

Watch = Callable[[Progress], None]


async def _resume(run: JobRun, job: Job) -> Job:
    return await run.resume(job)


class _Running:
    def __init__(self) -> None:
        self.watches: list[Watch] = []
        self.last: Progress | None = None
        self.run: JobRun
        self.task: asyncio.Task[Job]

    def tell(self, progress: Progress) -> None:
        self.last = progress
        for watch in list(self.watches):
            watch(progress)

    def stop_if_left(self) -> None:
        """Only while nothing is sent: what may be paid is seen through."""
        if not self.watches:
            self.task.cancel()


class RunningJobs:
    """Lives in the engine's loop."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._adopting: dict[str, asyncio.Task[None]] = {}
        self._claiming = asyncio.Lock()

    async def join(
        self,
        fingerprints: Sequence[str],
        connection: Connection,
        begin: Callable[[JobRun], Coroutine[Any, Any, Job]],
        watch: Watch,
        *,
        until_submitted: bool = False,
        unseen: bool = False,
    ) -> tuple[Job, bool]:
        """The finished row, and whether it took any work; ``begin`` starts the run when there is none.

        ``fingerprints``: the request's own, then those that earlier recipes gave it. With ``until_submitted`` the
        row as soon as the server's id is on the disk. A handle that is canceled leaves. The run goes on unless
        nothing was sent yet and nobody else waits for it. ``unseen`` is for one that no user watches: a failure
        is still to be told.
        """
        while running := next((self._running[each] for each in fingerprints if each in self._running), None):
            try:
                return await self._wait(running, watch, until_submitted, unseen)
            except JobNotFound:
                if not running.run.left_nothing:
                    raise
                # it only looked for what was left, and may not submit; this one may
        return await self._wait(self._start(fingerprints[0], connection, begin), watch, until_submitted, unseen)

    async def _wait(self, running: _Running, watch: Watch, until_submitted: bool, unseen: bool) -> tuple[Job, bool]:
        running.watches.append(watch)
        if running.last:
            watch(running.last)
        try:
            if until_submitted:
                submitted = asyncio.ensure_future(running.run.standing.submitted.wait())
                await asyncio.wait({running.task, submitted}, return_when=asyncio.FIRST_COMPLETED)
                submitted.cancel()
                if not running.task.done():
                    return await self._ledger.aside(self._ledger.get, running.run.job_id), running.run.standing.worked
            return await asyncio.shield(running.task), running.run.standing.worked
        except SoraError:
            if not unseen:
                await self._ledger.aside(self._ledger.mark_told, running.run.job_id)
            raise
        finally:
            running.watches.remove(watch)
            if not running.run.standing.committed:
                running.stop_if_left()

    async def tell_unseen_failure(self, fingerprints: Sequence[str]) -> None:
        """Raises, once, how the last job of the request failed while nobody waited: the next one may be paid again."""
        job = await self._ledger.aside(self._failed_unseen, fingerprints)
        if job:
            failure = ended(job)
            failure.money = money_of(job)
            raise failure

    def _failed_unseen(self, fingerprints: Sequence[str]) -> Job | None:
        untold = (self._ledger.untold(fingerprint) for fingerprint in fingerprints)
        return next((job for job in untold if job and self._ledger.mark_told(job.job_id)), None)

    def _start(
        self, fingerprint: str, connection: Connection, begin: Callable[[JobRun], Coroutine[Any, Any, Job]]
    ) -> _Running:
        running = _Running()
        report = ProgressReporter(self._clock, running.tell)
        running.run = JobRun(
            connection,
            ledger=self._ledger,
            clock=self._clock,
            report=report,
            adopt_orphans=lambda: self._adopt_orphans(connection),
            stop_if_left=running.stop_if_left,
            claiming=self._claiming,
        )
        running.task = asyncio.get_running_loop().create_task(begin(running.run))
        self._running[fingerprint] = running

        def ended(task: asyncio.Task[Job]) -> None:
            del self._running[fingerprint]
            error = None if task.cancelled() else task.exception()
            if error and not running.watches:
                log.warning(
                    "job %s ended while nobody waited for it: %s",
                    running.run.job_id,
                    getattr(error, "message", error),
                )

        running.task.add_done_callback(ended)
        return running

    def _adopt_orphans(self, connection: Connection) -> None:
        """Takes up the profile's submitted jobs that a dead process left. One look at a time, whoever asks for it."""
        profile = connection.profile.name
        if profile not in self._adopting:
            self._adopting[profile] = asyncio.get_running_loop().create_task(self._adopt(connection))
            self._adopting[profile].add_done_callback(lambda task: self._adopting.pop(profile))

    async def _adopt(self, connection: Connection) -> None:
        try:
            orphans = await self._ledger.aside(self._ledger.orphans, connection.profile.name)
        except StorageError as error:
            log.debug("nobody can tell what dead processes left: %s", error.message)
            return
        for job in orphans:
            if job.fingerprint not in self._running:
                self._start(job.fingerprint, connection, functools.partial(_resume, job=job))

    async def finish_submissions(self) -> list[Job]:
        """Stops what was not sent, and waits for the answers of what was: each may name a paid job.

        Gives the rows of the jobs that go on at their servers.
        """
        for running in self._running.values():
            if not running.run.standing.committed:
                running.task.cancel()
        while any(running.run.standing.posting for running in self._running.values()):
            await self._clock.sleep(0.05)
        ids = [running.run.job_id for running in self._running.values() if running.run.job_id]
        rows = await self._ledger.aside(lambda: [self._ledger.peek(job_id) for job_id in ids])
        return [job for job in rows if job and job.remote_id and not job.over]

    def open_submissions(self) -> int:
        """How many charges have left whose answers are not on the disk yet."""
        return sum(running.run.standing.posting for running in self._running.values())

    async def aclose(self) -> None:
        """Stops every walk where it is; the rows say how to go on. One commit lets go of them all."""
        looking = list(self._adopting.values())
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        ending = list(self._running.values())
        for running in ending:
            running.run.is_closing = True
            running.task.cancel()
        await asyncio.gather(*(running.task for running in ending), return_exceptions=True)
        if ending:
            try:
                await self._ledger.aside(self._ledger.release_all, self._ledger.owner.id)
            except StorageError as error:
                log.error("%d jobs are still held by this process: %s", len(ending), error.message)
