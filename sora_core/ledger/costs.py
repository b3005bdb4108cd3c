"""What was spent, as far as prices were known when it was: sums by day and profile. Reads only."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..profiles.prices import amount_of
from .database import Database

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


_BADLY = "state IN ('failed', 'canceled')"
_COMPUTED = {
    "day": f"date({WHEN}, 'unixepoch', 'localtime') AS day",
    "jobs": "count(*) AS jobs",
    "cost": "coalesce(sum(cost), 0) AS cost",
    "unknown": "sum(cost IS NULL) AS unknown",
    "failed": f"sum({_BADLY}) AS failed",
    "failed_cost": f"coalesce(sum(CASE WHEN {_BADLY} THEN cost END), 0) AS failed_cost",
}
_COLUMNS = ", ".join(_COMPUTED.get(each.name, each.name) for each in fields(DayCost))


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
        query = f"SELECT {_COLUMNS} FROM jobs WHERE {terms} GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3"  # noqa: S608 (own names)
        with self._file.read() as db:
            return [DayCost(**row) for row in db.execute(query, values)]

    def spent(self, profile: str, currency: str, since: float) -> int:
        """Millionths of the currency that the profile spent, or may have spent, since then."""
        with self._file.read() as db:
            return spent(db, profile, currency, since)


def spent(db: sqlite3.Connection, profile: str, currency: str, since: float) -> int:
    """As `Costs.spent`, inside of a transaction."""
    query = f"SELECT sum(cost) FROM jobs WHERE profile = ? AND currency = ? AND {WHEN} >= ? AND {CHARGED}"  # noqa: S608
    return int(db.execute(query, (profile, currency, since)).fetchone()[0] or 0)
