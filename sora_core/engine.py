"""The engine: one daemon thread with one event loop that owns every connection and every job.

ComfyUI runs each prompt in a fresh event loop and cancels what is left in it at the end. Nothing
that must outlive a prompt lives there: nodes hold a `Handle`, the job itself runs here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from .clock import Clock, SystemClock
from .connections import editing
from .connections.connection import Connection, Connections
from .connections.costs import estimate
from .connections.listed import ListedModels
from .errors import InvalidRequest, JobNotFound, SoraError, StorageError, UnknownJob
from .files.home import state_dir
from .jobs import by_hand, sources
from .jobs.fingerprint import fingerprints_of
from .jobs.handle import Handle
from .jobs.money import money_of
from .jobs.running import RunningJobs, Watch
from .jobs.work import work_told
from .ledger.characters import check_name
from .ledger.ledger import FILE, Ledger
from .ledger.opening import open_ledger, shared_address
from .ledger.row import JOB_ID_PREFIX, Job
from .ledger.workflows import KEPT_DAYS
from .media.images import ImageNeeds
from .media.placing import check_destination
from .media.references import clip_from_file
from .models import Capabilities, Character, ClipForm, Delivery, Destination, Operation, Quota, Upload
from .profiles.credentials import Credentials
from .profiles.prices import Cost
from .profiles.profiles import Profile, Profiles
from .providers import provider_for
from .requests.checks import check_part, picture_size, resolve
from .requests.kinds import (
    CharacterRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)
from .requests.references import image_bytes_limit

log = logging.getLogger(__name__)

CLOSE_SECONDS = 60.0  # the longest wait at the end: a token that is just being renewed, a ledger that others hold
TAKE_UP_SECONDS = 0.05  # between two jobs that are taken up in the background

T = TypeVar("T")


@dataclass(frozen=True)
class _Parts:
    """What lives in the engine's loop."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    connections: Connections
    preparing: asyncio.Lock  # a graph can ask for hundreds at once: between two of them the loop does other things


class Engine:
    """Everything the client does, for one state folder. Methods may be called from any thread."""

    def __init__(self, home: Path | None = None, *, clock: Clock | None = None) -> None:
        self.home = home or state_dir()
        self.profiles = Profiles(self.home)
        self.credentials = Credentials(self.home)
        self._clock = clock or SystemClock()
        self.listed = ListedModels(self._clock)
        self._lock = threading.RLock()
        self._opening = threading.Lock()  # one of its own: the loop must not wait for a database
        self._parts: _Parts | None = None
        self._ledger: Ledger | None = None
        self._running_jobs: RunningJobs | None = None
        self._is_draining = False
        self._background: set[asyncio.Task[None]] = set()
        self._handles: weakref.WeakSet[Handle[Any]] = weakref.WeakSet()

    @property
    def ledger(self) -> Ledger:
        """Opened when first used. Raises StorageError."""
        with self._opening:
            if self._ledger is None:
                self._ledger = open_ledger(self.home, self._clock, shared_address(self.profiles))
            return self._ledger

    def has_ledger(self) -> bool:
        """Whether there was ever a job: looking must not make a ledger. Raises ProfileError."""
        return bool(shared_address(self.profiles)) or (self.home / FILE).is_file()

    def capabilities(self, profile: str) -> Capabilities:
        """What the profile can do; no network. Raises ProfileError."""
        return provider_for(self.profiles.get(profile)).capabilities()

    def work_told(self, job_id: str) -> str:
        """What the server said of its work on the job, in one line; "" where it said nothing."""
        return work_told(self.ledger.said.get(job_id))

    def image_needs(
        self, request: VideoRequest | PictureRequest, profile: str, images: int, *, and_last: bool = False
    ) -> ImageNeeds:
        """How that many reference images of the request are to be encoded; no network. Raises as generate does.

        ``and_last``: a last frame is encoded too.
        """
        provider = provider_for(self.profiles.get(profile))
        prepared = provider.prepared(request, images_to_come=images)
        assert isinstance(prepared, (VideoRequest, PictureRequest))
        limit = image_bytes_limit(request, provider.capabilities(), images + and_last)
        return ImageNeeds(*picture_size(prepared), limit)

    def check(self, request: Request, profile: str, *, images_to_come: int = 0, source_to_come: bool = False) -> None:
        """Raises as generate does for what can be told at once: no network, no ledger, nothing that waits.

        ``images_to_come`` reference images are not encoded yet, and with ``source_to_come`` the request's source only
        stands in for another. A list of models that is not known is read in the background, for the next time.
        """
        connected = self.profiles.get(profile)
        provider = provider_for(connected)
        if source_to_come:  # some protocols tell by its form what a source is
            resolve(request, provider.capabilities(), profile, images_to_come=images_to_come)
        else:
            provider.prepared(request, images_to_come=images_to_come)
        if not isinstance(request, CharacterRequest) and request.model and not connected.embedded:
            if self.listed.fresh(connected) is None:
                self.models(profile)
            self.listed.check(connected, request.model.strip())

    def models(self, profile: str) -> Handle[tuple[str, ...]]:
        """What the server lists, empty where it has no list. A free read."""
        return self.ask(profile, self.listed.read)

    def estimate(self, request: Request, profile: str) -> Cost:
        """What a job of the request will cost, by the prices that the user has entered; no network.

        A prompt and images may still be missing. Raises ProfileError, Unsupported, InvalidRequest.
        """
        return estimate(request, self.profiles.get(profile))

    def generate(self, request: Request, profile: str, destination: Destination, watch: Watch) -> Handle[Delivery]:
        """A video or picture, paid once however often it is asked for. ``watch`` is called in the engine's thread."""
        return self._wait(self._generate(request, profile, destination, watch))

    def submit(self, request: Request, profile: str, destination: Destination, watch: Watch) -> Handle[Job]:
        """As generate, but done when the server's id is on the disk. The job goes on; resume collects it."""

        async def run() -> Job:
            job, _ = await self._run(request, profile, destination, watch, until_submitted=True)
            return job

        return self._wait(run())

    def take_up(self) -> Handle[int]:
        """Goes on, in the background, with every job that a dead process left unfinished; how many there are."""
        return self._wait(self._take_up())

    def name_remote(self, name: str, remote_id: str) -> Handle[Job]:
        """Tells the ledger which remote job a submission made; an earlier word is corrected. The server is asked first.

        Raises InvalidRequest when the server knows no such job, or it is another job's.
        """
        return self._wait(self._name_remote(name.strip(), remote_id.strip()))

    def add_profile(self, profile: Profile) -> None:
        """Writes it down; that the caller names its variables is the permission to send them to its server.

        Raises ProfileError, InvalidRequest, StorageError.
        """
        editing.add(self.profiles, profile)
        self.credentials.trust.allow(profile)

    def edit_profile(
        self, name: str, changes: Mapping[str, Any], *, new_name: str = "", may_allow: bool = True
    ) -> Profile:
        """Changes a profile; its key and its jobs follow its name. Raises ProfileError, InvalidRequest."""
        with self._lock:
            profile = editing.edit(
                self.profiles, self.credentials, name, changes, new_name=new_name, may_allow=may_allow
            )
            if profile.name != name and self.has_ledger():
                self.ledger.rename_profile(name, profile.name)
        return profile

    def resume(self, name: str, profile: str | None, destination: Destination, watch: Watch) -> Handle[Delivery]:
        """Collects a job by our id or, with its profile, by the server's. Never submits."""
        return self._wait(self._resume(name.strip(), profile, destination, watch))

    def create_character(self, request: CharacterRequest, profile: str, name: str, watch: Watch) -> Handle[Character]:
        """Makes a character and puts it into the library as ``name`` (empty: as the server calls it)."""
        return self._wait(self._create_character(request, profile, name.strip(), watch))

    def enhance_prompt(self, request: PromptRequest, profile: str, watch: Watch) -> Handle[str]:
        """A better prompt in the server's words. The same request is paid once; its answer is in the ledger."""
        return self._wait(self._enhance_prompt(request, profile, watch))

    def source_id(self, name: str, profile: str) -> str:
        """The remote id of a source job, from our id or the server's. Raises InvalidRequest for a foreign job."""
        name = name.strip()
        try:
            job = self._own_first(name, profile)
        except JobNotFound:
            if name.startswith(JOB_ID_PREFIX):
                raise
            return name
        if job.profile != profile:
            raise InvalidRequest("source.other_profile", job_id=job.job_id, owner=job.profile, profile=profile)
        if not job.remote_id:
            raise InvalidRequest("source.no_video", job_id=job.job_id, state=job.state)
        return job.remote_id

    def edit_source(
        self, name: str, profile: str, destination: Destination, watch: Watch
    ) -> Handle[tuple[str, Upload | None]]:
        """What an edit of a job's video is given: the job's remote id, or the clip where the profile takes only files.

        A clip that is not here (any more) is collected to ``destination`` first, for free. Raises as source_id and
        resume do.
        """
        return self._wait(self._edit_source(name.strip(), profile, destination, watch))

    def cancel(self, name: str) -> Handle[Job]:
        """Cancels at the provider where the protocol can, and says so when the server does.

        Raises Unsupported, JobNotFound, InvalidRequest, NotReady while the server has not stopped it.
        """
        return self._wait(self._cancel(name.strip()))

    def forget(self, name: str) -> Job:
        """The user's word: its request may be submitted, and paid, anew. The row as it was. Raises JobNotFound."""
        job = self.ledger.find(name.strip())
        self.ledger.forget(job)
        return job

    def finish_submissions(self) -> Handle[list[Job]]:
        """For one who leaves: what was not sent is not, and the answers of what was are waited for.

        Gives the jobs that go on at their servers. More than a moment is only waited while `open_submissions`.
        """

        async def finish() -> list[Job]:
            return await self._running_jobs.finish_submissions() if self._running_jobs else []

        return self._wait(finish(), ready=_at_once)

    def drain(self) -> Handle[list[Job]]:
        """As finish_submissions, for good: whatever is asked for from here on is refused."""
        self._is_draining = True
        return self.finish_submissions()

    @property
    def is_draining(self) -> bool:
        """Whether it takes nothing new, as its process is about to end."""
        return self._is_draining

    @property
    def is_working(self) -> bool:
        """Whether any job was begun here."""
        return self._running_jobs is not None

    def open_submissions(self) -> int:
        """How many charges have left whose answers are not on the disk yet."""
        return self._running_jobs.open_submissions() if self._running_jobs else 0

    def quota(self, profile: str) -> Handle[Quota]:
        """What the account has left. A free read. Raises Unsupported where the protocol has none."""

        async def read(connection: Connection) -> Quota:
            return await connection.provider.quota(connection.http)

        return self.ask(profile, read)

    def ask(self, profile: str, read: Callable[[Connection], Coroutine[Any, Any, T]]) -> Handle[T]:
        """Runs free reads over a profile's connection in the engine's loop."""

        async def run() -> T:
            return await read(await self._connections.get(profile))

        return self._wait(run())

    def close(self) -> None:
        """Stops everything. Jobs stay in the ledger; the next engine goes on with them."""
        with self._lock:
            parts, self._parts = self._parts, None
        if parts:
            winding_down = asyncio.run_coroutine_threadsafe(self._wind_down(parts), parts.loop)
            try:
                winding_down.result(CLOSE_SECONDS)
            except concurrent.futures.TimeoutError:  # a disk or a server does not answer: the rows say how to go on
                left = sorted(_name_of(task) for task in asyncio.all_tasks(parts.loop))
                log.error("still at work after %g s, and left: %s", CLOSE_SECONDS, ", ".join(left))
            parts.loop.call_soon_threadsafe(parts.loop.stop)
            parts.thread.join(CLOSE_SECONDS)
            if not parts.thread.is_alive():
                parts.loop.close()
        if self._ledger:
            self._ledger.close()
        self._ledger, self._running_jobs = None, None

    async def _generate(self, request: Request, profile: str, destination: Destination, watch: Watch) -> Delivery:
        return await self._delivered(*await self._run(request, profile, destination, watch))

    async def _create_character(self, request: CharacterRequest, profile: str, name: str, watch: Watch) -> Character:
        check_name(name)
        if request.clip:
            request = replace(request, name=name)  # protocols that take a clip ask for a name with it
        job, _ = await self._run(request, profile, Destination(self.home), watch)
        made = json.loads(job.result or "{}")
        character_id = made.get("id") or job.remote_id or ""
        character = Character(
            profile=profile,
            name=name or made.get("username") or character_id or job.job_id,
            character_id=character_id,
            username=made.get("username", ""),
            source_url=request.source_url,
            start=request.start,
            end=request.end,
        )
        return await self.ledger.aside(self.ledger.characters.add, character)

    async def _enhance_prompt(self, request: PromptRequest, profile: str, watch: Watch) -> str:
        job, _ = await self._run(request, profile, Destination(self.home), watch)
        return str(json.loads(job.result or "{}").get("prompt", ""))

    async def _take_up(self) -> int:
        left = await self.ledger.aside(self._left_by_the_dead)
        if left:
            log.info("taking up %d unfinished jobs: %s", len(left), ", ".join(job.job_id for job in left))
            self._in_background(self._take_up_gently(left))
        return len(left)

    def _left_by_the_dead(self) -> list[Job]:
        aged = self.ledger.workflows.age_out()
        if aged:
            log.info("%d workflows older than %d days were dropped from the ledger", aged, KEPT_DAYS)
        jobs = self.ledger.unfinished()
        living = self.ledger.living(job.owner for job in jobs)
        return [job for job in jobs if job.owner not in living]

    async def _take_up_gently(self, jobs: list[Job]) -> None:
        """One after the other: what is asked for now goes before what was left."""
        for job in jobs:
            self._in_background(self._take_up_one(job))
            await self._clock.sleep(TAKE_UP_SECONDS)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)  # the loop keeps only a weak reference
        task.add_done_callback(self._background.discard)

    async def _take_up_one(self, job: Job) -> None:
        try:
            connection = await self._connections.get(job.profile)
            joined = await self._joined()
            done, _ = await joined.join(
                [job.fingerprint], connection, lambda run: run.resume(job), lambda progress: None, unseen=True
            )
        except SoraError as error:
            log.warning("job %s was taken up, but: %s", job.job_id, error.message)
            return
        log.info("job %s is done: %s", done.job_id, done.path or done.result)

    async def _run(
        self,
        request: Request,
        profile: str,
        destination: Destination,
        watch: Watch,
        *,
        until_submitted: bool = False,
    ) -> tuple[Job, bool]:
        self._refuse_if_draining()
        async with self._spun().preparing:
            connection = await self._connections.get(profile)
            prepared, fingerprints = await asyncio.to_thread(self._settled, request, connection)
        joined = await self._joined()
        await joined.tell_unseen_failure(fingerprints)
        self._refuse_if_draining()  # it may have begun meanwhile, and has looked for what runs
        return await joined.join(
            fingerprints,
            connection,
            lambda run: run.generate(prepared, fingerprints, destination),
            watch,
            until_submitted=until_submitted,
        )

    def _refuse_if_draining(self) -> None:
        if self._is_draining:
            raise StorageError("engine.draining")

    def _settled(self, request: Request, connection: Connection) -> tuple[Request, tuple[str, ...]]:
        """The request as it is sent, checked, and what it is known by: its own fingerprint first. Raises InputError."""
        try:
            known = sources.as_source(request, connection, self.ledger)
            prepared = self._prepared(known, connection)
            fingerprints = fingerprints_of(prepared, connection.provider)
            if known != request:  # it may have been asked for before that was known
                fingerprints += fingerprints_of(self._prepared(request, connection), connection.provider)
        except SoraError as error:
            error.money = money_of(None)
            raise
        return prepared, fingerprints

    def _prepared(self, request: Request, connection: Connection) -> Request:
        """The request as it is sent, checked. Raises InputError."""
        profile = connection.profile.name
        if isinstance(request, (VideoRequest, RemixRequest, PictureRequest)):
            cast = tuple(self.ledger.characters.pick(profile, name) for name in request.characters)
            request = replace(request, cast=cast)
        prepared = connection.provider.prepared(request)
        if isinstance(prepared, CharacterRequest):
            length = sources.length_of(prepared.source_id, profile, self.ledger)
            check_part(prepared.start, prepared.end, connection.can, profile, length)
        return prepared

    async def _resume(self, name: str, profile: str | None, destination: Destination, watch: Watch) -> Delivery:
        job = await self._find(name, profile, destination)
        connection = await self._connections.get(job.profile)
        if not Operation(job.operation).makes_file:
            made = "a character" if job.operation == Operation.CREATE_CHARACTER.value else "a prompt"
            raise InvalidRequest("resume.no_file", job_id=job.job_id, made=made)
        joined = await self._joined()
        done = await joined.join([job.fingerprint], connection, lambda run: run.resume(job, destination), watch)
        return await self._delivered(*done)

    async def _delivered(self, job: Job, worked: bool) -> Delivery:
        further = await self.ledger.aside(self.ledger.outputs.paths, job.job_id)
        return Delivery(
            path=Path(job.path or ""),
            job_id=job.job_id,
            remote_id=job.remote_id or "",
            profile=job.profile,
            seconds=job.duration or 0.0,
            width=job.width or 0,
            height=job.height or 0,
            fps=job.fps or 0.0,
            reused=not worked,
            further=tuple(further),
        )

    async def _edit_source(
        self, name: str, profile: str, destination: Destination, watch: Watch
    ) -> tuple[str, Upload | None]:
        if ClipForm.JOB in self.capabilities(profile).edit_forms:
            return await self.ledger.aside(self.source_id, name, profile), None
        job = await self.ledger.aside(self._own_first, name, profile)
        path = sources.file_of(job) or (await self._resume(job.job_id, None, destination, watch)).path
        return "", await asyncio.to_thread(clip_from_file, path)

    def _own_first(self, name: str, profile: str) -> Job:
        """Another profile may lead to the same server, and know the same remote id."""
        try:
            return self.ledger.find(name, profile)
        except JobNotFound:
            return self.ledger.find(name)

    async def _find(self, name: str, profile: str | None, destination: Destination) -> Job:
        """The row of a job that is to be collected, live; made now for one that the server at ``profile`` knows."""
        if not name:
            raise InvalidRequest("job.empty_id")
        try:
            job = await self.ledger.aside(self.ledger.find, name, None if name.startswith(JOB_ID_PREFIX) else profile)
        except JobNotFound:
            if profile is None or name.startswith(JOB_ID_PREFIX):
                raise
            connection = await self._connections.get(profile)
            check_destination(destination)
            try:
                place = await by_hand.found(connection, name)  # a mistyped id leaves no row
            except JobNotFound as error:
                error.exit_code = UnknownJob.exit_code
                raise
            return await self.ledger.aside(
                self.ledger.adopt_remote, profile=profile, place=place, remote_id=name, destination=destination
            )
        if destination.exact and str(destination.exact) not in (job.planned_path, job.path):
            check_destination(destination)
        connection = await self._connection_of(job, profile)
        return await by_hand.taken_up(job, connection, self.ledger, moved=profile is not None)

    async def _name_remote(self, name: str, remote_id: str) -> Job:
        job = await self.ledger.aside(self.ledger.find, name)
        return await by_hand.named(job, remote_id, await self._connection_of(job), self.ledger)

    async def _cancel(self, name: str) -> Job:
        job = await self.ledger.aside(self.ledger.find, name)
        return await by_hand.canceled(job, await self._connection_of(job), self.ledger)

    async def _connection_of(self, job: Job, profile: str | None = None) -> Connection:
        """The way to where the job was made, over its own profile or the one that the user says."""
        return (await self._connections.get(profile or job.profile)).at(job.place)

    async def _joined(self) -> RunningJobs:
        if self._running_jobs is None:
            await self.ledger.aside(lambda: self.ledger.owner)  # its lease begins
        if self._running_jobs is None:
            self._running_jobs = RunningJobs(self.ledger, self._clock)
        return self._running_jobs

    @property
    def _connections(self) -> Connections:
        return self._spun().connections

    def _spun(self) -> _Parts:
        with self._lock:
            if self._parts is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever, name="sora-engine", daemon=True)
                thread.start()
                self._parts = _Parts(
                    loop,
                    thread,
                    Connections(self.profiles, self.credentials, self._clock, lambda: self.ledger),
                    asyncio.Lock(),
                )
            return self._parts

    def _wait(self, work: Coroutine[Any, Any, T], *, ready: Callable[[], Awaitable[None]] | None = None) -> Handle[T]:
        with self._lock:
            handle = Handle(self._spun().loop, work, ready or self._open_ledger)
            self._handles.add(handle)
            return handle

    async def _open_ledger(self) -> None:
        if self._ledger is None:
            await asyncio.to_thread(lambda: self.ledger)

    async def _wind_down(self, parts: _Parts) -> None:
        """Ends whatever is at work before its connections are closed: one that is opened later, nobody would close."""
        for handle in list(self._handles):
            await handle.end()
        await _end(self._background)
        if self._running_jobs:
            await self._running_jobs.aclose()
        await parts.connections.aclose()  # where the renewal of a token that has begun comes to its end
        await _end(asyncio.all_tasks() - {asyncio.current_task()})


def _name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


async def _at_once() -> None:
    """Nothing to wait for."""


async def _end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    left = [task for task in tasks if task]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


__all__ = ["Engine", "Handle", "Watch"]
