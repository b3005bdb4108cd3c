"""Brings a succeeded job's video or picture to the disk and into the ledger."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import JobFailed, StorageError
from ..ledger.ledger import Ledger
from ..ledger.row import Job
from ..media import files
from ..media.kind import PICTURE, VIDEO, Kind
from ..models import Destination, Operation, Snapshot, State
from ..transport import Call
from .progress import ProgressReporter

log = logging.getLogger(__name__)

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
    destination = replace(_destination(job), metadata=ledger.workflow(job.job_id))
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

    part = files.part_path(destination.folder, job.job_id)
    if not (job.part_validator == WHOLE and part.exists()):
        await files.Download(
            connection.http,
            part,
            clock=clock,
            validator=None if job.part_validator == WHOLE else job.part_validator,
            on_validator=lambda value: ledger.record_part(job.job_id, value, owner=job.owner or ""),
            on_bytes=lambda done, total: report.bytes(job, done, total),
            kind=_kind(job),
        ).run(source)
    report.say("saving", job)

    def plan(path: Path, sha256: str, size: int) -> None:
        ledger.record_plan(job.job_id, path, sha256, size, owner=job.owner or "")

    path = await asyncio.to_thread(files.place, part, destination, planned=job.planned_path, plan=plan, kind=_kind(job))
    await record_delivered(ledger.get(job.job_id), path, ledger, clock)


def keep_media(job: Job, media: bytes, ledger: Ledger) -> None:
    """The bytes that a synchronous server answered with, on the disk: they cannot be asked for again."""
    files.write_part(files.part_path(_destination(job).folder, job.job_id), media, _kind(job))
    ledger.record_part(job.job_id, WHOLE, owner=job.owner or "")


def recover_media(job: Job, ledger: Ledger) -> bool:
    """Whether the answer of a submission that no row tells of is on the disk: nothing else makes a part that early."""
    if not files.part_path(_destination(job).folder, job.job_id).exists():
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
    files.discard(files.part_path(Path(job.folder), job.job_id))
    try:
        await asyncio.to_thread(files.write_sidecar, path, _provenance(done))
    except StorageError as error:  # the file is safe, and that is what was paid for
        log.warning("%s", error.message)
    ledger.record_delivered(job.job_id, width=width, height=height, fps=fps, duration=duration, owner=job.owner or "")


def delivered_is_intact(job: Job) -> bool:
    if job.result is not None:
        return True
    return files.is_intact(job.path, size=job.bytes, sha256=job.sha256)


def planned_file_is_there(job: Job) -> bool:
    """Whether a crash came between the rename and the last commit."""
    return files.is_intact(job.planned_path, size=job.planned_bytes, sha256=job.planned_sha256)


def _kind(job: Job) -> Kind:
    return PICTURE if job.operation == Operation.IMAGE.value else VIDEO


def _destination(job: Job) -> Destination:
    """Where the row said that the file goes; a later run with another prefix does not move it."""
    return Destination(
        folder=Path(job.folder),
        stem=job.stem,
        exact=Path(job.exact_path) if job.exact_path else None,
    )


def _provenance(job: Job) -> dict[str, object]:
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
    }
