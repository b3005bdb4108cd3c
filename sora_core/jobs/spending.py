"""The spending guard: optional limits of a profile that are looked at before anything is charged."""

from __future__ import annotations

from ..clock import Clock
from ..connections.connection import Connection
from ..errors import QuotaExceeded
from ..ledger.ledger import DAY_SECONDS, Ledger, too_many_submissions


async def check_spending(connection: Connection, ledger: Ledger, clock: Clock) -> None:
    """Raises QuotaExceeded when the profile's own limits forbid one more submission. Nothing is charged by it."""
    profile = connection.profile
    if profile.max_submissions_per_day:
        done = ledger.submissions_since(profile.name, clock.now() - DAY_SECONDS)
        if done >= profile.max_submissions_per_day:
            raise too_many_submissions(profile.name, profile.max_submissions_per_day)
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
