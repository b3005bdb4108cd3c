"""The refusal to ask for a job where it was not made."""

from __future__ import annotations

from ..connections.connection import Connection
from ..errors import ProfileError
from ..ledger.row import Job
from .money import money_of


def elsewhere(job: Job, connection: Connection) -> ProfileError:
    """The refusal to ask for a job where it was not made."""
    same_server = job.origin == connection.place.origin and job.provider == connection.place.provider
    return ProfileError(
        "job.other_account" if same_server else "job.elsewhere",
        job_id=job.job_id,
        remote_id=job.remote_id,
        provider=job.provider,
        origin=job.origin,
        made_by=job.provider,
        profile=connection.profile.name,
        here=f"{connection.place.origin} ({connection.place.provider})",
        money=money_of(job, paid=connection.can.paid),
    )
