"""Files of a job after its first one, where one request made several: on record as soon as the server names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..redaction import redact
from .database import Database, Session

_KEEP = (
    "INSERT INTO outputs (job_id, number, url) VALUES (?, ?, ?)"
    " ON CONFLICT (job_id, number) DO UPDATE SET url = excluded.url"
)
_PLAN = "UPDATE outputs SET path = ?, sha256 = ?, bytes = ? WHERE job_id = ? AND number = ?"


@dataclass(frozen=True)
class Output:
    """One of them; ``number`` counts from 1, the job's first file is 0.

    ``path`` is written before the file takes that name: it is there when its bytes are those of ``sha256``.
    """

    number: int
    url: str = field(repr=False)  # it may be signed; empty where the file is asked for by its number
    path: str | None
    sha256: str | None
    bytes: int | None


class Outputs:
    """Thread safe."""

    def __init__(self, database: Database) -> None:
        self._file = database

    def of(self, job_id: str) -> list[Output]:
        """In their order; empty for a job with one file."""
        with self._file.read() as db:
            rows = db.execute(
                "SELECT number, url, path, sha256, bytes FROM outputs WHERE job_id = ? ORDER BY number", (job_id,)
            ).fetchall()
        return [Output(*row) for row in rows]

    def paths(self, job_id: str) -> list[Path]:
        """Where they are, as far as they were delivered."""
        return [Path(output.path) for output in self.of(job_id) if output.path]

    def all_paths(self) -> dict[str, list[Path]]:
        """As paths, of every job that has any, by its id."""
        with self._file.read() as db:
            rows = db.execute(
                "SELECT job_id, path FROM outputs WHERE path IS NOT NULL ORDER BY job_id, number"
            ).fetchall()
        found: dict[str, list[Path]] = {}
        for job_id, path in rows:
            found.setdefault(job_id, []).append(Path(path))
        return found

    def keep(self, db: Session, job_id: str, links: Sequence[str]) -> None:
        """In the transaction that writes the row. A server that names fewer later takes none back."""
        for number, link in enumerate(links, 1):
            db.execute(_KEEP, (job_id, number, link))

    def plan(self, db: Session, job_id: str, number: int, path: Path, sha256: str, size: int) -> None:
        """The name that is about to be taken, and what will stand there."""
        db.execute(_PLAN, (str(path), sha256, size, job_id, number))

    def drop_signed_links(self, db: Session, job_id: str) -> bool:
        """They are keys, and are not needed any more. Whether there were any."""
        rows = db.execute("SELECT number, url FROM outputs WHERE job_id = ?", (job_id,)).fetchall()
        signed = [number for number, link in rows if redact(link) != link]
        for number in signed:
            db.execute(_KEEP, (job_id, number, ""))
        return bool(signed)
