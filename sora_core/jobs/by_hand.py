"""What a user does to a job by hand: collect it, name it, cancel it. The server is asked first."""

from __future__ import annotations

from ..connections.connection import Connection
from ..errors import (
    InvalidRequest,
    JobError,
    JobNotFound,
    NetworkError,
    NotReady,
    RemoteIdTaken,
    SoraError,
    Unsupported,
)
from ..ledger.ledger import Ledger
from ..ledger.row import ANYONE, CANCELED, DELIVERED, MISSING, SUBMITTING, SUCCEEDED, Job, Place
from ..models import Snapshot, State
from .elsewhere import elsewhere
from .follow import ended, job_error
from .money import money_of
from .proof import Answer, Proof, Step, answer_about_job, proves


async def look(connection: Connection, remote_id: str) -> Snapshot:
    """What the server says of a job, for free. Raises JobNotFound and the rest of the error tree."""
    await connection.limits.pace()
    return await connection.provider.fetch(connection.http, remote_id, attempts=3)


async def found(connection: Connection, remote_id: str) -> Place:
    """Which of the servers knows a job. Raises JobNotFound and the rest of the error tree."""
    *others, last = [each.place for each in connection.servers] or [connection.place]
    for place in others:
        try:
            await look(connection.at(place), remote_id)
            return place
        except (JobNotFound, NetworkError):
            continue
    await look(connection.at(last), remote_id)
    return last


async def taken_up(job: Job, connection: Connection, ledger: Ledger, *, moved: bool) -> Job:
    """The row, live, so that a run can go on with it. One that is over is asked for whatever ended it.

    ``moved``: the user says that the job is to be asked for where the connection leads, wherever it was made.
    Raises how it ended when the server says so too.
    """
    is_here = not job.origin or job.place == connection.place
    if job.state == DELIVERED or (is_here and not job.over):
        return job
    if not job.remote_id:
        raise _with_money(ended(job) if job.over else elsewhere(job, connection), job, connection)
    if not is_here and not moved:
        raise _with_money(elsewhere(job, connection), job, connection)
    try:
        snapshot = await look(connection, job.remote_id)
    except SoraError as error:
        raise _with_money(error, job, connection) from error
    answer = answer_about_job(snapshot)
    if proves(Step.POLL, answer) is Proof.OVER:
        await ledger.aside(ledger.mark_told, job.job_id)
        raise _with_money(job_error(snapshot), job, connection)
    if not is_here:
        job = await ledger.aside(ledger.rehome, job.job_id, profile=connection.profile.name, place=connection.place)
    return await ledger.aside(ledger.reopen, job.job_id) if job.over else job


async def named(job: Job, remote_id: str, connection: Connection, ledger: Ledger) -> Job:
    """The row with the id that the user gives it, once the server has said that there is such a job."""
    if not remote_id:
        raise InvalidRequest("name.empty", job_id=job.job_id)
    if job.state in (DELIVERED, SUBMITTING):
        raise InvalidRequest("name.not_now", job_id=job.job_id, state=job.state)
    if job.origin and job.place != connection.place:
        raise _with_money(elsewhere(job, connection), job, connection)
    if remote_id == job.remote_id:
        return job
    try:
        await look(connection, remote_id)
    except JobNotFound as error:
        raise InvalidRequest("name.not_there", job_id=job.job_id, named=remote_id, error=error.message) from error
    try:
        return await ledger.aside(ledger.name_remote, job.job_id, remote_id)
    except RemoteIdTaken as error:
        raise InvalidRequest("name.taken", job_id=job.job_id, error=error.message) from error


async def canceled(job: Job, connection: Connection, ledger: Ledger) -> Job:
    """The row of a job that the server says it has stopped. Raises when it does not say so."""
    if job.over or job.state == DELIVERED:
        raise InvalidRequest("cancel.over", job_id=job.job_id, state=job.state)
    if not job.remote_id:
        raise Unsupported("cancel.no_id", job_id=job.job_id, state=job.state, money=money_of(job))
    if job.origin and job.place != connection.place:
        raise _with_money(elsewhere(job, connection), job, connection)
    connection.provider.encode_cancel(job.remote_id)  # raises where the protocol cannot
    answer, told = await _stopped(job, connection)
    if proves(Step.CANCEL, answer) is Proof.OVER:
        if isinstance(told, Snapshot) and told.state is State.FAILED:
            error = job_error(told)
            await ledger.aside(
                ledger.record_over, job.job_id, State.FAILED.value, error.message, error.kind, owner=ANYONE
            )
            raise _with_money(error, await ledger.aside(ledger.get, job.job_id), connection)
        return await ledger.aside(
            ledger.record_over, job.job_id, CANCELED, "canceled by the user", "JobCanceled", owner=ANYONE
        )
    if answer is Answer.DONE:
        raise InvalidRequest("cancel.done", job_id=job.job_id)
    if isinstance(told, JobNotFound) and job.state not in (SUCCEEDED, MISSING):
        job = await ledger.aside(ledger.record_missing, job.job_id, told.message, owner=ANYONE)
    if isinstance(told, SoraError):
        raise _with_money(told, job, connection)
    raise _with_money(NotReady("cancel.not_yet", job_id=job.job_id), job, connection)


async def _stopped(job: Job, connection: Connection) -> tuple[Answer, Snapshot | SoraError | None]:
    """What the server says after it was asked to cancel: looked at before, as a result is deleted by it, and after."""
    provider, http, remote_id = connection.provider, connection.http, job.remote_id or ""
    before = await _told(job, connection)
    if isinstance(before, Snapshot) and before.state.terminal:
        return answer_about_job(before), before
    took_it = False
    try:
        if await provider.cancel(http, remote_id):
            return Answer.CONFIRMED, None
        took_it = True
    except JobNotFound:
        pass  # looked at again: what answers so may be a gateway
    after = await _told(job, connection)
    if took_it and isinstance(after, JobNotFound) and isinstance(before, Snapshot):
        return Answer.CONFIRMED, None  # it was there, took the cancel, and is gone: some servers have no word for it
    return answer_about_job(after), after


async def _told(job: Job, connection: Connection) -> Snapshot | SoraError:
    try:
        return await look(connection, job.remote_id or "")
    except JobError as error:
        return error


def _with_money(error: SoraError, job: Job, connection: Connection) -> SoraError:
    error.job_id, error.remote_id = job.job_id, job.remote_id
    error.money = money_of(job, paid=connection.can.paid)
    return error
