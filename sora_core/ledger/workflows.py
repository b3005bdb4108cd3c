"""The graphs that jobs were made by: what is embedded in their files, and loaded again from the list of jobs.

They weigh more than all else in a ledger, so they lie packed beside the rows, and not for ever.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from .database import Database, Session

KEPT_DAYS = 30
_KEEP = (
    "INSERT INTO workflows (job_id, metadata, written_at) VALUES (?, ?, ?)"
    " ON CONFLICT (job_id) DO UPDATE SET metadata = excluded.metadata, written_at = excluded.written_at"
)


class Workflows:
    """Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database

    def get(self, job_id: str) -> Mapping[str, Any] | None:
        """`workflow` and `prompt` of the graph; None when there was none, or it is older than KEPT_DAYS."""
        with self._file.read() as db:
            row = db.execute("SELECT metadata FROM workflows WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        # rows of earlier versions are not packed
        found: Mapping[str, Any] = json.loads(zlib.decompress(row[0]) if isinstance(row[0], bytes) else row[0])
        return found

    def keep(self, db: Session, job_id: str, metadata: Mapping[str, Any] | None) -> None:
        """In the transaction that writes the row; what was kept before stays where there is nothing new."""
        if metadata:
            packed = zlib.compress(json.dumps(metadata).encode())
            db.execute(_KEEP, (job_id, packed, db.now()))

    def age_out(self) -> int:
        """Drops what is older than KEPT_DAYS; how many those were. Files keep what is embedded in them."""
        with self._file.change() as db:
            before = db.now() - KEPT_DAYS * 86_400
            return db.execute("DELETE FROM workflows WHERE written_at < ?", (before,)).rowcount
