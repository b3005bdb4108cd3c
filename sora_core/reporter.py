"""Tells watchers what a job is doing."""

from __future__ import annotations

from collections.abc import Callable

from .clock import Clock
from .models import Progress, Snapshot
from .rows import Job


class Reporter:
    """Turns rows and snapshots into Progress for one flight. The percentage never goes back."""

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
        of = f" of {total / 2**20:.1f}" if total else ""
        self.say("downloading", job, note=f"{done / 2**20:.1f}{of} MiB")
