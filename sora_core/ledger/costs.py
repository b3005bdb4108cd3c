"""What was spent, as far as prices were known when it was: sums by day and profile. Reads only."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..profiles.prices import amount_of
from .database import Database, Session
from .row import CANCELED, FAILED

# rows that were charged, or may have been: those of other ledgers have no key
CHARGED = "idempotency_key != '' AND (submitted_at IS NOT NULL OR state IN ('submitting', 'unknown'))"
WHEN = "coalesce(submitted_at, sent_at)"


@dataclass(frozen=True)
class DayCost:
    """Of one day (local, "2026-11-21"), profile and currency. Costs in millionths.

    ``jobs`` were charged, or may have been; of them ``unknown`` are without a price, and ``failed`` ended badly after
    they were taken: ``failed_cost`` is in ``cost``, and may have been given back.
    """

    day: str
    profile: str
    currency: str
    jobs: int
    cost: int
    unknown: int
    failed: int
    failed_cost: int


def facts(day: DayCost) -> dict[str, Any]:
    """For JSON, with amounts as text: "0.60"."""
    return {**asdict(day), "cost": amount_of(day.cost), "failed_cost": amount_of(day.failed_cost)}


class Costs:
    """Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database

    def by_day(self, since: float, profile: str | None = None) -> list[DayCost]:
        """The newest day first. ``since`` in seconds since the epoch."""
        terms, values = f"{CHARGED} AND {WHEN} >= ?", list[object]([since])  # which drops rows that were not sent
        if profile is not None:
            terms, values = f"{terms} AND profile = ?", [since, profile]
        with self._file.read() as db:
            rows = db.execute(f"SELECT {WHEN}, profile, currency, cost, state FROM jobs WHERE {terms}", values)  # noqa: S608 (own)
            return _summed(rows)

    def spent(self, profile: str, currency: str, since: float) -> int:
        """Millionths of the currency that the profile spent, or may have spent, since then."""
        with self._file.read() as db:
            return spent(db, profile, currency, since)


def _summed(rows: Iterable[Any]) -> list[DayCost]:
    """Days are local ones, which no SQL that all databases share knows."""
    found: dict[tuple[str, str, str], list[tuple[int | None, bool]]] = defaultdict(list)
    for when, profile, currency, cost, state in rows:
        day = time.strftime("%Y-%m-%d", time.localtime(when))
        found[day, profile, currency].append((cost, state in (FAILED, CANCELED)))
    days = [
        DayCost(
            *key,
            jobs=len(costs),
            cost=sum(cost or 0 for cost, _ in costs),
            unknown=sum(cost is None for cost, _ in costs),
            failed=sum(failed for _, failed in costs),
            failed_cost=sum(cost or 0 for cost, failed in costs if failed),
        )
        for key, costs in sorted(found.items())
    ]
    return sorted(days, key=lambda day: day.day, reverse=True)


def spent(db: Session, profile: str, currency: str, since: float) -> int:
    """As `Costs.spent`, inside of a transaction."""
    query = f"SELECT sum(cost) FROM jobs WHERE profile = ? AND currency = ? AND {WHEN} >= ? AND {CHARGED}"  # noqa: S608
    return int(db.execute(query, (profile, currency, since)).fetchone()[0] or 0)
