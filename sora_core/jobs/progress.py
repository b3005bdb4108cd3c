"""Tells watchers what a job is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..clock import Clock
from ..ledger.row import Job
from ..models import Snapshot
from ..texts import size_of


@dataclass(frozen=True)
class Progress:
    """What a watcher is told. Times in seconds; ``percent`` is the provider's own word or None."""

    stage: str  # preparing, waiting, submitting, looking up, queued, running, downloading, saving, done
    job_id: str = ""
    remote_id: str = ""
    percent: float | None = None
    queue_position: int | None = None
    elapsed: float = 0.0
    remaining: float | None = None
    note: str = ""

    def __str__(self) -> str:
        parts = [self.stage + (f" (position {self.queue_position})" if self.queue_position else "")]
        if self.percent is not None:
            parts.append(f"{self.percent:.0f}%")
        if self.elapsed >= 1:
            parts.append(f"{_minutes(self.elapsed)} elapsed")
        if self.remaining is not None:
            parts.append(f"about {_minutes(self.remaining)} left" if self.remaining >= 1 else "almost done")
        parts += [self.note] if self.note else []
        parts += [f"job {self.job_id}"] if self.job_id else []
        parts += [f"remote id {self.remote_id}"] if self.remote_id else []
        return " · ".join(parts)


class ProgressReporter:
    """Turns rows and snapshots into Progress for one run. The percentage never goes back."""

    def __init__(self, clock: Clock, sink: Callable[[Progress], None]) -> None:
        self._clock = clock
        self._sink = sink
        self._began = clock.now()
        self.percent: float | None = None

    def say(self, stage: str, job: Job, *, note: str = "") -> None:
        self._sink(
            Progress(
                stage=stage,
                job_id=job.job_id,
                remote_id=job.remote_id or "",
                percent=self.percent,
                elapsed=self._clock.now() - self._began,
                note=note,
            )
        )

    def observed(self, snapshot: Snapshot) -> None:
        if snapshot.progress is not None:
            self.percent = max(snapshot.progress, self.percent or 0.0)

    def status(
        self, job: Job, snapshot: Snapshot | None, *, elapsed: float, remaining: float | None, note: str
    ) -> None:
        self._sink(
            Progress(
                stage=snapshot.state.value if snapshot else "asking the server",
                job_id=job.job_id,
                remote_id=job.remote_id or "",
                percent=self.percent,
                queue_position=snapshot.queue_position if snapshot else None,
                elapsed=elapsed,
                remaining=remaining,
                note=note,
            )
        )

    def bytes(self, job: Job, done: int, total: int | None) -> None:
        whole = done - done % 2**20  # each of them would be a flicker
        of = f" of {size_of(total)}" if total else ""
        self.say("downloading", job, note=f"{size_of(whole)}{of}" if whole else "")


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}" if whole >= 60 else f"{whole} s"
