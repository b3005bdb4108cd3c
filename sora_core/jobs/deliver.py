"""Brings a succeeded job's video or picture to the disk and into the ledger."""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import InputError, JobFailed, MediaError, StorageError
from ..ledger.ledger import Ledger
from ..ledger.outputs import Output
from ..ledger.row import Job
from ..media import placing
from ..media.download import Download, Source
from ..media.kind import PICTURE, VIDEO, Kind
from ..media.threads import in_file_thread
from ..models import Destination, Operation, Snapshot, State
from ..redaction import is_text
from ..transport import Call, Reply
from . import sidecar
from .progress import ProgressReporter

log = logging.getLogger(__name__)

_SMALLEST_FILE_BYTES = 1024  # below it nothing is a video or a picture worth keeping
WHOLE = "whole"  # in place of a validator: the part is complete


async def deliver(
    job: Job,
    snapshot: Snapshot | None,
    *,
    connection: Connection,
    ledger: Ledger,
    clock: Clock,
    report: ProgressReporter,
) -> None:
    """Bytes to `.part`, checked, metadata embedded, hashed, planned, renamed, recorded: in that order.

    A crash between any two leaves a row from which the next walk goes on. Raises the error tree;
    the row stays succeeded, so that the paid job can be collected again.
    """
    outputs = await ledger.aside(ledger.outputs.of, job.job_id)
    on_record = tuple(output.url for output in outputs)
    if snapshot and all(on_record):
        snapshot = replace(snapshot, further=snapshot.further or on_record)
    destination = replace(_destination(job), metadata=await ledger.aside(ledger.workflows.get, job.job_id))
    delivery = _Delivery(job, destination, _Links(job, snapshot, connection), connection, ledger, clock, report)
    if not await in_file_thread(_first_is_there, job):
        await delivery.first()
    for output in outputs:
        if not await in_file_thread(_is_there, output):
            await delivery.further(output)
    await record_delivered(await ledger.aside(ledger.get, job.job_id), ledger, clock)


class _Links:
    """Where the files of a job are; the server is asked again for what it has not told, or what has expired."""

    def __init__(self, job: Job, snapshot: Snapshot | None, connection: Connection) -> None:
        self._remote_id = job.remote_id or ""
        self._latest = snapshot
        self._connection = connection

    async def first(self, *, refresh: bool) -> Call:
        latest = self._latest if self._latest and not refresh else await self._ask()
        return self._connection.provider.encode_content(self._remote_id, latest)

    async def further(self, number: int, *, refresh: bool) -> Call:
        latest = self._latest if self._latest and self._latest.further and not refresh else await self._ask()
        return self._connection.provider.encode_further(self._remote_id, latest, number)

    async def _ask(self) -> Snapshot:
        await self._connection.limits.pace()
        fetched = await self._connection.provider.fetch(self._connection.http, self._remote_id, attempts=3)
        self._latest = replace(fetched, remote_id=self._remote_id)
        if fetched.state in (State.FAILED, State.CANCELED):
            raise JobFailed("collect.failed_since")
        return self._latest


async def _not_recorded(validator: str | None) -> None:
    """A file after the first one is fetched anew where it broke off."""


@dataclass(frozen=True)
class _Delivery:
    """How the files of one job come to their places."""

    job: Job
    destination: Destination
    links: _Links
    connection: Connection
    ledger: Ledger
    clock: Clock
    report: ProgressReporter

    async def first(self) -> None:
        job, ledger, owner = self.job, self.ledger, self.job.owner or ""
        sha256 = await self._fetch(
            _part_of(job, 0),
            self.links.first,
            validator=None if job.part_validator == WHOLE else job.part_validator,
            on_validator=lambda value: ledger.aside(ledger.record_part, job.job_id, value, owner=owner),
        )

        def plan(path: Path, sha256: str, size: int) -> None:
            ledger.record_plan(job.job_id, path, sha256, size, owner=owner)

        await self._place(0, self.destination, job.planned_path, plan, sha256)

    async def further(self, output: Output) -> None:
        """As the first one, beside it."""
        job, number = self.job, output.number
        sha256 = await self._fetch(
            _part_of(job, number), functools.partial(self.links.further, number), is_only_copy=not output.url
        )

        def plan(path: Path, sha256: str, size: int) -> None:
            self.ledger.record_output(job.job_id, number, path, sha256, size, owner=job.owner or "")

        exact = self.destination.exact
        beside = replace(self.destination, stem=exact.stem if exact else self.destination.stem, exact=None)
        path = await self._place(number, beside, output.path, plan, sha256)
        log.info("file %d of job %s is there: %s", number + 1, job.job_id, path)

    async def _fetch(
        self,
        part: Path,
        source: Source,
        *,
        is_only_copy: bool = True,
        validator: str | None = None,
        on_validator: Callable[[str | None], Awaitable[object]] = _not_recorded,
    ) -> str:
        """The hash of the part; empty for one that is here already, as a synchronous server's answer."""
        kind = _kind(self.job)
        if is_only_copy and self.job.part_validator == WHOLE and part.exists():
            await in_file_thread(_check_only_copy, part, kind)
            return ""
        return await Download(
            self.connection.http,
            part,
            clock=self.clock,
            validator=validator,
            on_validator=on_validator,
            on_bytes=lambda done, total: self.report.bytes(self.job, done, total),
            read=lambda reply: _named_in(reply, self.job, self.connection),
            check=kind.check,
            kind=kind,
        ).run(source)

    async def _place(
        self,
        number: int,
        destination: Destination,
        planned: str | None,
        plan: Callable[[Path, str, int], None],
        sha256: str,
    ) -> Path:
        job = self.job
        self.report.say("saving", job)
        return await in_file_thread(
            placing.place,
            _part_of(job, number),
            destination,
            planned=planned,
            plan=plan,
            taken=functools.partial(sidecar.announce, job, number),
            kind=_kind(job),
            sha256=sha256,
        )


def _part_of(job: Job, number: int, folder: Path | None = None) -> Path:
    """Where the bytes of one of the job's files gather; number 0 is the first."""
    return placing.part_path(folder or Path(job.folder), f"{job.job_id}-{number}" if number else job.job_id)


def _is_there(output: Output) -> bool:
    return placing.is_intact(output.path, size=output.bytes, sha256=output.sha256)


def _named_in(reply: Reply, job: Job, connection: Connection) -> Call | bytes | None:
    """What an answer in the place of the file says of it: where it is, or its bytes; None: nothing of it."""
    said = connection.provider.result_in(reply)
    if said is None or said.url is None:
        return said.media if said and isinstance(said.media, bytes) else None
    return connection.provider.encode_content(job.remote_id or "", said)


def _check_only_copy(part: Path, kind: Kind) -> None:
    """Of bytes that cannot be asked for again. Raises MediaError; they stay where they are."""
    try:
        kind.check(part)
    except MediaError as error:
        raise MediaError("jobs.server_answered_file_itself_cannot", reason=error.message, part=part) from error


def keep_media(job: Job, files: Sequence[bytes | Path], ledger: Ledger) -> None:
    """The files that a synchronous server answered with, on the disk: they cannot be asked for again.

    The first one comes last: it stands for all (`recover_media`).
    """
    for number, media in reversed(list(enumerate(files))):
        part = _part_of(job, number)
        if not isinstance(media, Path):
            placing.write_part(part, media, _kind(job))
        elif media.exists() or not part.exists():  # otherwise an earlier try has taken it
            placing.take_part(part, media)
    ledger.record_part(job.job_id, WHOLE, owner=job.owner or "")


def keep_answer(job: Job, body: bytes) -> Path | None:
    """What was read of an answer that names no job, when it may be of a file, which cannot be asked for again.

    A long one is on the disk already; of a short one, ``body`` is all.
    """
    if not Operation(job.operation).makes_file:
        return None
    gathered, kept = spool_of(job), _kept_answer(job)
    try:
        if not gathered.exists():
            if is_text(body) or len(body) < _SMALLEST_FILE_BYTES:
                return None
            gathered.parent.mkdir(parents=True, exist_ok=True)
            gathered.write_bytes(body)
        gathered.replace(kept)
        return kept
    except OSError as error:
        log.error("what was answered to job %s cannot be kept: %s", job.job_id, error)
        return None


def _kept_answer(job: Job) -> Path:
    return placing.damaged_path(_part_of(job, 0), "bin")


def spool_of(job: Job) -> Path:
    """Where an answer goes that may be the file itself."""
    return placing.unfinished_path(_part_of(job, 0))


def redirect(job: Job, destination: Destination, ledger: Ledger) -> Job:
    """From here on the job's file goes there; what has gathered of it goes along. The row is not delivered yet.

    Raises InputError for a place that takes no file, StorageError for bytes that can only be had from the old one.
    """
    if _same_place(destination, _destination(job)):
        return job
    placing.check_destination(destination)
    numbers = (0, *(output.number for output in ledger.outputs.of(job.job_id)))
    is_only_copy = job.part_validator == WHOLE
    try:
        for number in numbers if is_only_copy else (0,):
            placing.move_part(_part_of(job, number), _part_of(job, number, destination.folder))
    except StorageError:
        if is_only_copy:
            raise
        ledger.record_part(job.job_id, None, owner=job.owner or "")  # it is fetched afresh
    ledger.record_destination(job.job_id, destination, owner=job.owner or "")
    if Path(job.folder) != destination.folder:
        for number in numbers:
            placing.discard(_part_of(job, number))
    if job.planned_path and placing.free_placeholder(Path(job.planned_path)):
        sidecar.remove(Path(job.planned_path), job.job_id)
    return ledger.get(job.job_id)


def redirect_if_needed(job: Job, destination: Destination, ledger: Ledger) -> Job:
    """As `redirect`, for a file that is named by hand, or when the row's own place takes no file."""
    own = _destination(job)
    if job.planned_path and placing.is_placeholder(Path(job.planned_path)):
        own = replace(own, exact=None)  # an earlier walk has taken its name
    if not destination.exact:
        try:
            placing.check_destination(own)
            return job
        except InputError as error:
            log.warning("job %s goes to %s: %s", job.job_id, destination.folder, error.message)
    return redirect(job, destination, ledger)


def _same_place(one: Destination, other: Destination) -> bool:
    return (one.folder, one.stem, one.exact) == (other.folder, other.stem, other.exact)


def recover_media(job: Job, ledger: Ledger) -> bool:
    """Whether the answer of a submission that no row tells of is on the disk: nothing else makes a part that early."""
    if not _part_of(job, 0).exists():
        return False
    further = tuple("" for _ in itertools.takewhile(lambda number: _part_of(job, number).exists(), itertools.count(1)))
    ledger.record_part(job.job_id, WHOLE, owner=job.owner or "")
    ledger.record_submitted(job.job_id, Snapshot(State.SUCCEEDED, further=further), owner=job.owner or "")
    return True


async def record_delivered(job: Job, ledger: Ledger, clock: Clock) -> None:
    """The sidecar, and the last commit. The file is in its place; a crash between the two repeats both."""
    shape = await in_file_thread(_kind(job).probe, Path(job.planned_path or ""))
    width, height, fps, duration = shape.width, shape.height, shape.fps, shape.seconds
    now = clock.now()
    done = replace(job, width=width, height=height, fps=fps, duration=duration)
    done = replace(done, delivered_at=now, finished_at=job.finished_at or now)
    await in_file_thread(_tidy, done, ledger)
    record, owner = ledger.record_delivered, job.owner or ""
    await ledger.aside(record, job.job_id, width=width, height=height, fps=fps, duration=duration, owner=owner)
    log.info("job %s is delivered: %s", job.job_id, job.planned_path)


def _tidy(job: Job, ledger: Ledger) -> None:
    """The folder as it is left: the sidecars are written, and what gathered for the files is gone."""
    outputs = ledger.outputs.of(job.job_id)
    for part in (_kept_answer(job), *(_part_of(job, number) for number in range(len(outputs) + 1))):
        placing.discard(part)
    sidecar.write_all(job, outputs, ledger.said.get(job.job_id))


def adopt_announced(job: Job, ledger: Ledger) -> None:
    """Files of the job, and names taken for them, of which nothing but their sidecars tells: now the row does too."""
    owner, outputs = job.owner or "", ledger.outputs.of(job.job_id)
    unknown = {output.number for output in outputs if not _is_there(output)}
    if not _first_is_there(job):
        unknown.add(0)
    for number, path, sha256, size in sidecar.announced(_destination(job), job, unknown):
        log.info("job %s: %s is its file, by what stands beside it", job.job_id, path)
        if number:
            ledger.record_output(job.job_id, number, path, sha256, size, owner=owner)
        else:
            ledger.record_plan(job.job_id, path, sha256, size, owner=owner)


def delivered_is_intact(job: Job, ledger: Ledger) -> bool:
    if job.result is not None:
        return True
    is_there = placing.is_intact(job.path, size=job.bytes, sha256=job.sha256)
    return is_there and all(map(_is_there, ledger.outputs.of(job.job_id)))


def planned_files_are_there(job: Job, ledger: Ledger) -> bool:
    """Whether a crash came between the last rename and the last commit."""
    return _first_is_there(job) and all(map(_is_there, ledger.outputs.of(job.job_id)))


def _first_is_there(job: Job) -> bool:
    return placing.is_intact(job.planned_path, size=job.planned_bytes, sha256=job.planned_sha256)


def _kind(job: Job) -> Kind:
    return PICTURE if job.operation == Operation.IMAGE.value else VIDEO


def _destination(job: Job) -> Destination:
    """Where the row says that the file goes."""
    return Destination(
        folder=Path(job.folder),
        stem=job.stem,
        exact=Path(job.exact_path) if job.exact_path else None,
    )
