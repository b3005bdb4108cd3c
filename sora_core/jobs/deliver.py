"""Brings a succeeded job's video or picture to the disk and into the ledger."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import InputError, JobFailed, MediaError, StorageError
from ..ledger.ledger import Ledger
from ..ledger.row import Job
from ..media import placing
from ..media.download import Download
from ..media.kind import PICTURE, VIDEO, Kind
from ..models import Destination, Operation, Snapshot, State
from ..redaction import is_text
from ..transport import Call, Reply
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
    destination = replace(_destination(job), metadata=ledger.workflows.get(job.job_id))
    latest = snapshot

    async def source(*, refresh: bool) -> Call:
        nonlocal latest
        if refresh or latest is None:
            await connection.limits.pace()
            fetched = await connection.provider.fetch(connection.http, job.remote_id or "", attempts=3)
            latest = replace(fetched, remote_id=job.remote_id or "")
            if latest.state in (State.FAILED, State.CANCELED):
                raise JobFailed("collect.failed_since")
        return connection.provider.encode_content(job.remote_id or "", latest)

    part, kind = placing.part_path(destination.folder, job.job_id), _kind(job)
    if job.part_validator == WHOLE and part.exists():
        await asyncio.to_thread(_check_only_copy, part, kind)
        sha256 = ""
    else:
        sha256 = await Download(
            connection.http,
            part,
            clock=clock,
            validator=None if job.part_validator == WHOLE else job.part_validator,
            on_validator=lambda value: ledger.record_part(job.job_id, value, owner=job.owner or ""),
            on_bytes=lambda done, total: report.bytes(job, done, total),
            read=lambda reply: _named_in(reply, job, connection),
            check=kind.check,
            kind=kind,
        ).run(source)
    report.say("saving", job)

    def plan(path: Path, sha256: str, size: int) -> None:
        ledger.record_plan(job.job_id, path, sha256, size, owner=job.owner or "")

    path = await asyncio.to_thread(
        placing.place, part, destination, planned=job.planned_path, plan=plan, kind=kind, sha256=sha256
    )
    await record_delivered(ledger.get(job.job_id), path, ledger, clock)


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


def keep_media(job: Job, media: bytes | Path, ledger: Ledger) -> None:
    """The file that a synchronous server answered with, on the disk: it cannot be asked for again."""
    part = placing.part_path(_destination(job).folder, job.job_id)
    if isinstance(media, Path):
        placing.take_part(part, media)
    else:
        placing.write_part(part, media, _kind(job))
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
    return placing.damaged_path(placing.part_path(_destination(job).folder, job.job_id), "bin")


def spool_of(job: Job) -> Path:
    """Where an answer goes that may be the file itself."""
    return placing.unfinished_path(placing.part_path(_destination(job).folder, job.job_id))


def redirect(job: Job, destination: Destination, ledger: Ledger) -> Job:
    """From here on the job's file goes there; what has gathered of it goes along. The row is not delivered yet.

    Raises InputError for a place that takes no file, StorageError for bytes that can only be had from the old one.
    """
    if _same_place(destination, _destination(job)):
        return job
    placing.check_destination(destination)
    old, new = (placing.part_path(folder, job.job_id) for folder in (Path(job.folder), destination.folder))
    is_only_copy = job.part_validator == WHOLE
    try:
        placing.move_part(old, new)
    except StorageError:
        if is_only_copy:
            raise
        ledger.record_part(job.job_id, None, owner=job.owner or "")  # it is fetched afresh
    ledger.record_destination(job.job_id, destination, owner=job.owner or "")
    if old != new:
        placing.discard(old)
    if job.planned_path:
        placing.free_placeholder(Path(job.planned_path))
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
    if not placing.part_path(_destination(job).folder, job.job_id).exists():
        return False
    ledger.record_part(job.job_id, WHOLE, owner=job.owner or "")
    ledger.record_submitted(job.job_id, Snapshot(State.SUCCEEDED), owner=job.owner or "")
    return True


async def record_delivered(job: Job, path: Path, ledger: Ledger, clock: Clock) -> None:
    """The sidecar, and the last commit. The file is in its place; a crash between the two repeats both."""
    shape = await asyncio.to_thread(_kind(job).probe, path)
    width, height, fps, duration = shape.width, shape.height, shape.fps, shape.seconds
    now = clock.now()
    done = replace(job, width=width, height=height, fps=fps, duration=duration)
    done = replace(done, delivered_at=now, finished_at=job.finished_at or now)
    for left_over in (placing.part_path(Path(job.folder), job.job_id), _kept_answer(job)):
        placing.discard(left_over)
    try:
        await asyncio.to_thread(placing.write_sidecar, path, _provenance(done, ledger.said.get(done.job_id)))
    except StorageError as error:  # the file is safe, and that is what was paid for
        log.warning("%s", error.message)
    record, owner = ledger.record_delivered, job.owner or ""
    await ledger.aside(record, job.job_id, width=width, height=height, fps=fps, duration=duration, owner=owner)
    log.info("job %s is delivered: %s", job.job_id, path)


def delivered_is_intact(job: Job) -> bool:
    if job.result is not None:
        return True
    return placing.is_intact(job.path, size=job.bytes, sha256=job.sha256)


def planned_file_is_there(job: Job) -> bool:
    """Whether a crash came between the rename and the last commit."""
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


def _provenance(job: Job, said: Mapping[str, Any] | None) -> dict[str, object]:
    request = json.loads(job.request)
    times = {
        name: datetime.fromtimestamp(value, timezone.utc).isoformat(timespec="seconds")
        for name in ("created_at", "submitted_at", "finished_at", "delivered_at")
        if (value := getattr(job, name))
    }
    return {
        "generator": "Sora Video Nodes",
        "job_id": job.job_id,
        "remote_id": job.remote_id,
        "provider": job.provider,
        "profile": job.profile,
        "model": job.model,
        "prompt": job.prompt,
        "seed": request.get("seed"),
        "request": request,
        "sha256": job.planned_sha256,
        "bytes": job.planned_bytes,
        "width": job.width,
        "height": job.height,
        "fps": job.fps,
        "seconds": job.duration,
        **times,
        **({"server": said} if said else {}),
    }
