"""What the ledger knows of the video that another one, or a character, is made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..connections.connection import Connection
from ..errors import JobNotFound
from ..files.names import is_file
from ..ledger.ledger import Ledger
from ..ledger.row import Job
from ..models import Field
from ..requests.kinds import RemixRequest, Request


def length_of(remote_id: str, profile: str, ledger: Ledger) -> float | None:
    """Seconds; None when the video is not ours, or not here yet."""
    source = _job_of(remote_id, profile, ledger)
    return source.duration if source else None


def as_source(request: Request, connection: Connection, ledger: Ledger) -> Request:
    """A remix with what its protocol has to be told of the source, where that is known and nobody asked otherwise."""
    said = connection.can.remix_said
    # a model may say it all
    if not isinstance(request, RemixRequest) or not said or request.model or connection.profile.model:
        return request
    source = _job_of(request.source_id, connection.profile.name, ledger)
    if source is None or not source.duration:
        return request
    if Field.SECONDS in said and not request.seconds and round(source.duration) in connection.can.seconds:
        request = replace(request, seconds=round(source.duration))
    if Field.ORIENTATION in said and not request.orientation:
        request = replace(request, orientation=source.orientation)
    return request


def file_of(job: Job) -> Path | None:
    """The video that the job delivered; None while there is none, or when it is gone."""
    path = Path(job.path) if job.path else None
    return path if path and is_file(path) else None


def _job_of(remote_id: str, profile: str, ledger: Ledger) -> Job | None:
    if not remote_id:
        return None
    try:
        return ledger.find(remote_id, profile)
    except JobNotFound:
        return None
