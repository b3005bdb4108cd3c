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
                f"Profile '{profile.name}' keeps {profile.min_quota:g} {quota.unit} in reserve, and "
                f"{quota.remaining:g} are left.",
                fix="Top up, or lower min_quota in profiles.toml; nothing was sent.",
                fix_zh="请充值，或在 profiles.toml 中调低 min_quota；尚未发送。",
            )
