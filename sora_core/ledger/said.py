"""What servers said of the results of jobs: on record when the file comes later, or in another process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .database import Database, Session

_KEEP = "INSERT INTO said (job_id, facts) VALUES (?, ?) ON CONFLICT (job_id) DO UPDATE SET facts = excluded.facts"


class Said:
    """Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database

    def get(self, job_id: str) -> Mapping[str, Any] | None:
        with self._file.read() as db:
            row = db.execute("SELECT facts FROM said WHERE job_id = ?", (job_id,)).fetchone()
        found: Mapping[str, Any] | None = json.loads(row[0]) if row else None
        return found

    def keep(self, db: Session, job_id: str, facts: Mapping[str, Any] | None) -> None:
        """In the transaction that writes the row; what was said before stays where there is nothing new."""
        if facts:
            db.execute(_KEEP, (job_id, json.dumps(facts)))
