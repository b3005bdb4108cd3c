"""The books: every accepted job, what it cost, and how far it is. No protocol, no network, no drawing."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..models import State
from .animatic import Segment
from .studio import Render

QUEUE_SECONDS = 1.0
EXPIRY_SECONDS = 24 * 3600
# play money, in the proportions that OpenAI's prices of Sora had
CENTS_PER_SECOND = 10
PRO, PRO_CENTS_PER_SECOND, LARGE_PRO_CENTS_PER_SECOND = "sora-2-pro", 30, 50
LARGE_PIXELS = 1280 * 720  # above it
HARD_LIMIT_USD = 1000.0
MAX_JOBS = 1000  # of those that have ended; older ones leave the books

_LEAST_POLL_SECONDS = 0.05
_LATE_POLL_SECONDS = 0.2  # for a job that only waits for its render


@dataclass(frozen=True)
class Order:
    """One video as a client asked for it, whatever the protocol. Lengths in seconds, sides in pixels."""

    protocol: str
    prompt: str
    model: str
    seconds: int
    width: int
    height: int
    shots: tuple[Segment, ...] = ()
    image: bytes | None = field(default=None, repr=False)
    style: str = ""
    negative_prompt: str = ""
    seed: int = 0
    remix_of: str = ""
    cast: str = ""  # names of the characters in it
    fps: int = 24
    frames: int = 0  # the exact length, where it was asked for in frames; seconds is rounded up
    how: str = ""  # what else it was told of how to make it, in one line

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def cents(self) -> int:
        """What it costs."""
        if self.model != PRO:
            return CENTS_PER_SECOND * self.seconds
        is_large = self.width * self.height > LARGE_PIXELS
        return (LARGE_PRO_CENTS_PER_SECOND if is_large else PRO_CENTS_PER_SECOND) * self.seconds


@dataclass(frozen=True)
class Fate:
    """How a job ends that does not end well; without ``code`` it never ends, or is held up for ``seconds``."""

    code: str = ""
    message: str = ""
    seconds: float = 0.0

    @property
    def passes(self) -> bool:
        return self.seconds > 0


@dataclass
class BookedJob:
    """One entry. ``order`` has no image any more: that is in the file ``image``."""

    id: str
    number: int
    order: Order
    created_at: float
    started: float
    idempotency_key: str | None = None
    image: Path | None = None
    fate: Fate | None = None
    render: Render | None = None
    deleted: bool = False


@dataclass(frozen=True)
class JobProgress:
    """A job at one moment. Times in seconds since the epoch; ``poll_after`` in seconds, None at the end."""

    state: State
    percent: int
    poll_after: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    code: str = ""
    message: str = ""


class Books:
    """Jobs in the order of their acceptance. Used from one thread, the loop's."""

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._jobs: dict[str, BookedJob] = {}
        self.charges = 0
        self.usage_cents = 0
        self.requests: Counter[str] = Counter()
        self.faulted: Counter[str] = Counter()

    def enter(
        self,
        order: Order,
        *,
        image: Path | None = None,
        fate: Fate | None = None,
        render: Render | None = None,
        idempotency_key: str | None = None,
    ) -> BookedJob:
        """Accepts a job: from here on it is charged."""
        self.charges += 1
        self.usage_cents += order.cents
        job = BookedJob(
            id=f"video_{secrets.token_hex(16)}",
            number=self.charges,
            order=order,
            created_at=self._clock.now(),
            started=self._clock.monotonic(),
            idempotency_key=idempotency_key,
            image=image,
            fate=fate,
            render=render,
        )
        self._jobs[job.id] = job
        return job

    def find(self, job_id: str) -> BookedJob | None:
        job = self._jobs.get(job_id)
        return None if job is None or job.deleted else job

    def active(self) -> int:
        """How many have not ended; at most all of them are looked at, and only when there are many."""
        if len(self._jobs) <= MAX_JOBS:
            return 0
        return sum(not self.progress(job).state.terminal for job in self._jobs.values())

    def newest_first(self, protocol: str) -> list[BookedJob]:
        jobs = [job for job in self._jobs.values() if job.order.protocol == protocol and not job.deleted]
        return jobs[::-1]

    def queue_position(self, job: BookedJob) -> int:
        """How many wait before it."""
        before = (other for other in self._jobs.values() if other.number < job.number and not other.deleted)
        return sum(self.progress(other).state is State.QUEUED for other in before)

    def progress(self, job: BookedJob) -> JobProgress:
        """Follows from the time alone; only the end waits for the render."""
        if job.deleted:
            return JobProgress(State.CANCELED, 0)
        elapsed = (self._clock.monotonic() - job.started) * self._speed
        due = QUEUE_SECONDS + job.order.seconds
        if elapsed < QUEUE_SECONDS:
            return JobProgress(State.QUEUED, 0, self._poll_after(due - elapsed))
        percent = min(int(100 * (elapsed - QUEUE_SECONDS) / job.order.seconds), 99)
        if job.render is not None and job.render.error:
            return JobProgress(State.FAILED, percent, code="render_failed", message=job.render.error)
        if elapsed >= due:
            ended = self._ended(job, job.created_at + due / self._speed)
            if ended is not None:
                return ended
        return JobProgress(State.RUNNING, percent, self._poll_after(due - elapsed))

    def oldest_superfluous(self) -> Iterator[BookedJob]:
        """Takes jobs that have ended out of the books until few enough are left."""
        for job in list(self._jobs.values())[: max(len(self._jobs) - MAX_JOBS, 0)]:
            if self.progress(job).state.terminal:
                del self._jobs[job.id]
                yield job

    def stats(self) -> dict[str, Any]:
        jobs = [
            {
                "id": job.id,
                "protocol": job.order.protocol,
                "status": self.progress(job).state.value,
                "prompt": job.order.prompt,
                "model": job.order.model,
                "seconds": job.order.seconds,
                "size": job.order.size,
                "cents": job.order.cents,
                "created_at": int(job.created_at),
                "idempotency_key": job.idempotency_key,
                "has_image": job.image is not None,
                "shots": len(job.order.shots),
                "seed": job.order.seed,
                "remix_of": job.order.remix_of or None,
                "cast": job.order.cast,
            }
            for job in self._jobs.values()
        ]
        return {
            "charges": self.charges,
            "requests": dict(self.requests),
            "faulted": dict(self.faulted),
            "jobs": jobs,
        }

    def _ended(self, job: BookedJob, due_at: float) -> JobProgress | None:
        held_up = 0.0
        if job.fate is not None:
            if job.fate.code:
                return JobProgress(State.FAILED, 99, completed_at=due_at, code=job.fate.code, message=job.fate.message)
            held_up = job.fate.seconds
            if not job.fate.passes or self._clock.monotonic() - job.started < held_up:
                return None
        if job.render is None or job.render.done_at is None:
            return None
        at = max(due_at, job.render.done_at, job.created_at + held_up)
        return JobProgress(State.SUCCEEDED, 100, completed_at=at, expires_at=at + EXPIRY_SECONDS)

    def _poll_after(self, remaining_seconds: float) -> float:
        if remaining_seconds <= 0:
            return _LATE_POLL_SECONDS
        return max(min(remaining_seconds, 1.0) / self._speed, _LEAST_POLL_SECONDS)
