"""What a profile's own limits refuse before anything is charged."""

from __future__ import annotations

from ..errors import QuotaExceeded
from ..profiles.prices import amount_of
from .row import Job


def too_many_submissions(profile: str, limit: int) -> QuotaExceeded:
    """The refusal of a profile's own daily limit."""
    return QuotaExceeded("ledger.profile_allows_submissions_hours_they", profile=profile, limit=limit)


def refuse_too_dear(job: Job, spent: int, limit: int) -> None:
    """Raises QuotaExceeded when what was spent and this job cost more than the profile's own limit; in millionths."""
    if job.cost is None:
        raise QuotaExceeded("spending.no_price", profile=job.profile, limit=amount_of(limit), currency=job.currency)
    if spent + job.cost > limit:
        raise QuotaExceeded(
            "spending.too_dear",
            profile=job.profile,
            limit=amount_of(limit),
            currency=job.currency,
            spent=amount_of(spent),
            cost=amount_of(job.cost),
        )
