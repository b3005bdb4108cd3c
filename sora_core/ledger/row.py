"""One row of the ledger: its columns and its states."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..models import State

SUBMITTING, UNKNOWN, DELIVERED, FORGOTTEN = "submitting", "unknown", "delivered", "forgotten"
SUCCEEDED, FAILED, CANCELED = State.SUCCEEDED.value, State.FAILED.value, State.CANCELED.value
OVER = (FAILED, CANCELED, FORGOTTEN)
JOB_ID_PREFIX = "job_"


@dataclass(frozen=True)
class Job:
    """One row. Times in seconds since the epoch; ``duration`` in seconds, ``bytes`` of the file."""

    job_id: str
    fingerprint: str
    profile: str
    provider: str
    request: str = field(repr=False)
    prompt: str = field(repr=False)
    model: str
    seconds: int
    state: str
    owner: str | None
    idempotency_key: str
    remote_id: str | None
    progress: float | None
    url: str | None = field(repr=False)
    error: str | None
    error_kind: str | None
    folder: str
    stem: str
    exact_path: str | None
    metadata: str | None = field(repr=False)
    part_validator: str | None
    planned_path: str | None
    path: str | None
    sha256: str | None
    bytes: int | None
    width: int | None
    height: int | None
    fps: float | None
    duration: float | None
    created_at: float
    sent_at: float | None
    submitted_at: float | None
    finished_at: float | None
    delivered_at: float | None
    updated_at: float
    operation: str
    result: str | None
    slot: int

    @property
    def over(self) -> bool:
        return self.state in OVER
