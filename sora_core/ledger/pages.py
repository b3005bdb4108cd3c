"""What is shown of the ledger: pages of narrow rows, counts, and what changed. Reads only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from .database import Database

NEEDS_USER = ("unknown", "missing")
LIVE = ("submitting", "queued", "running", "succeeded")
STATES: Mapping[str, Sequence[str]] = {
    "live": LIVE,
    "needs_user": NEEDS_USER,
    "delivered": ("delivered",),
    "failed": ("failed", "canceled", "forgotten"),
}
_ESCAPED = re.compile(r"[!%_]")
MOST = 200  # rows of one page


@dataclass(frozen=True)
class JobSummary:
    """One row without what is long. ``number`` counts in the order of submission; ``has_graph``: `Workflows` has it.

    ``files`` counts those that are delivered: one of the row, and what the same request made beside it.
    """

    number: int
    job_id: str
    remote_id: str | None
    profile: str
    provider: str
    model: str
    seconds: int
    operation: str
    prompt: str
    state: str
    progress: float | None
    error: str | None
    path: str | None
    width: int | None
    height: int | None
    fps: float | None
    duration: float | None
    created_at: float
    submitted_at: float | None
    finished_at: float | None
    delivered_at: float | None
    updated_at: float
    origin: str
    host: str
    cost: int | None
    currency: str
    files: int
    has_graph: bool


_COMPUTED = {
    "number": "rowid AS number",
    "files": "CASE WHEN path IS NULL THEN 0 ELSE 1 + (SELECT count(*) FROM outputs"
    " WHERE outputs.job_id = jobs.job_id AND outputs.path IS NOT NULL) END AS files",
    "has_graph": "EXISTS (SELECT 1 FROM workflows WHERE workflows.job_id = jobs.job_id) AS has_graph",
}
_COLUMNS = ", ".join(_COMPUTED.get(each.name, each.name) for each in fields(JobSummary))


class JobPages:
    """Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database

    def page(
        self,
        limit: int,
        *,
        before: int | None = None,
        states: Sequence[str] = (),
        profile: str | None = None,
        search: str = "",
    ) -> list[JobSummary]:
        """Newest first; the next page is ``before`` the last row's number. ``search``: in prompt, ids and model."""
        terms: list[str] = ["1 = 1"]
        values: list[object] = []
        if before is not None:
            terms, values = [*terms, "rowid < ?"], [*values, before]
        if states:
            terms, values = [*terms, f"state IN ({', '.join('?' * len(states))})"], [*values, *states]
        if profile is not None:
            terms, values = [*terms, "profile = ?"], [*values, profile]
        for word in search.split():
            columns = ("prompt", "job_id", "coalesce(remote_id, '')", "model")
            terms.append("(" + " OR ".join(f"lower({column}) LIKE ? ESCAPE '!'" for column in columns) + ")")
            values += ["%" + _ESCAPED.sub(r"!\g<0>", word.lower()) + "%"] * len(columns)
        return self._select(f"{' AND '.join(terms)} ORDER BY rowid DESC LIMIT ?", (*values, limit))

    def one(self, job_id: str) -> JobSummary | None:
        return next(iter(self._select("job_id = ?", (job_id,))), None)

    def changed_since(self, moment: float, limit: int = MOST) -> list[JobSummary]:
        """Rows that were written at or after the moment, the earliest first."""
        return self._select("updated_at >= ? ORDER BY updated_at LIMIT ?", (moment, limit))

    def counts(self) -> dict[str, int]:
        """How many rows there are of each state."""
        with self._file.read() as db:
            return {row[0]: row[1] for row in db.execute("SELECT state, count(*) FROM jobs GROUP BY state")}

    def profiles(self) -> list[str]:
        """Those that have jobs, also when they are removed."""
        with self._file.read() as db:
            return [row[0] for row in db.execute("SELECT DISTINCT profile FROM jobs ORDER BY profile")]

    def _select(self, terms: str, values: Sequence[object]) -> list[JobSummary]:
        with self._file.read() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {terms}", values).fetchall()  # noqa: S608 (own names)
        return [replace(JobSummary(*row), has_graph=bool(row[-1])) for row in rows]  # databases differ in what truth is
