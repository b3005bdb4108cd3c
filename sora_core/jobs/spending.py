"""The spending guard: optional limits of a profile that are looked at before anything is charged."""

from __future__ import annotations

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import QuotaExceeded
from ..ledger.ledger import DAY_SECONDS, Ledger
from ..ledger.refusals import refuse_too_dear, too_many_submissions
from ..ledger.row import Job


async def check_spending(job: Job, connection: Connection, ledger: Ledger, clock: Clock) -> None:
    """Raises QuotaExceeded when the profile's own limits forbid to submit the job. Nothing is charged by it."""
    profile = connection.profile
    if profile.max_submissions_per_day:
        done = await ledger.aside(ledger.submissions_since, profile.name, clock.now() - DAY_SECONDS)
        if done >= profile.max_submissions_per_day:
            raise too_many_submissions(profile.name, profile.max_submissions_per_day)
    if profile.max_cost_millionths:
        spent = await ledger.aside(ledger.costs.spent, profile.name, job.currency, clock.now() - DAY_SECONDS)
        refuse_too_dear(job, spent, profile.max_cost_millionths)
    if profile.min_quota:
        await connection.limits.pace(ahead=True)
        quota = await connection.provider.quota(connection.http)
        if quota.remaining is not None and quota.remaining < profile.min_quota:
            raise QuotaExceeded(
                "spending.reserve",
                profile=profile.name,
                reserve=f"{profile.min_quota:g}",
                unit=quota.unit,
                left=f"{quota.remaining:g}",
            )
