"""One row of the ledger: its columns and its states."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from ..models import State

SUBMITTING, UNKNOWN, MISSING, DELIVERED, FORGOTTEN = "submitting", "unknown", "missing", "delivered", "forgotten"
QUEUED, RUNNING = State.QUEUED.value, State.RUNNING.value
SUCCEEDED, FAILED, CANCELED = State.SUCCEEDED.value, State.FAILED.value, State.CANCELED.value
OVER = (FAILED, CANCELED, FORGOTTEN)
FOLLOWED = (QUEUED, RUNNING, MISSING, SUCCEEDED)  # the server's id is on record, the file is not there yet
UNFINISHED = (SUBMITTING, UNKNOWN, *FOLLOWED)
JOB_ID_PREFIX = "job_"
ANYONE = "anyone"  # as the expected owner: the user's word holds whoever is at the job


@dataclass(frozen=True)
class Place:
    """Where a job is made, and the only place where it is asked for.

    ``origin`` is scheme, host and port of the server, ``account`` a keyed hash of who paid (`Ledger.account`);
    both are empty on rows of versions that did not write them down.
    """

    provider: str
    origin: str = ""
    account: str = ""


@dataclass(frozen=True)
class Job:
    """One row. Times in seconds since the epoch; ``duration`` in seconds, ``bytes`` of the file.

    ``number`` counts rows in the order in which they came. ``path``, ``sha256`` and ``bytes`` are of the file that
    was delivered last, also while it is away; the ``planned`` ones are of the name that is being taken. ``answer``
    is what a server said, redacted, when it was not clear; ``untold`` is set while nobody was told how the job ended.
    ``cost`` is what the user's prices made of the request, in millionths of the currency; None: they said nothing.
    """

    number: int
    job_id: str
    fingerprint: str
    profile: str
    provider: str
    origin: str
    account: str
    request: str = field(repr=False)
    prompt: str = field(repr=False)
    model: str
    seconds: int
    operation: str
    state: str
    owner: str | None
    idempotency_key: str
    slot: int
    remote_id: str | None
    progress: float | None
    url: str | None = field(repr=False)
    result: str | None
    error: str | None
    error_kind: str | None
    answer: str | None = field(repr=False)
    untold: int
    folder: str
    stem: str
    exact_path: str | None
    part_validator: str | None
    planned_path: str | None
    planned_sha256: str | None
    planned_bytes: int | None
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
    cost: int | None
    currency: str
    host: str  # of `folder` and `path`; empty on rows of versions that did not write it down

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def orientation(self) -> str:
        """Of the delivered file; "" before that, and for a square."""
        width, height = self.width or 0, self.height or 0
        return "landscape" if width > height else "portrait" if height > width else ""

    @property
    def place(self) -> Place:
        return Place(self.provider, self.origin, self.account)


COLUMNS = tuple(each.name for each in fields(Job) if each.name != "number")  # the number is SQLite's own
