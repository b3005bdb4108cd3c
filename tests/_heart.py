"""One job's run without a network: a provider that answers by script, a fake clock, a real ledger and real files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from _clock import FakeClock

from sora_core.connections.connection import Connection
from sora_core.connections.limits import Limits
from sora_core.jobs.progress import Progress
from sora_core.jobs.running import RunningJobs
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Job, Place
from sora_core.models import Capabilities, Destination, Secret, Snapshot, State
from sora_core.profiles.profiles import Profile
from sora_core.providers import Attempt
from sora_core.providers.openai import OpenAI
from sora_core.requests.kinds import PromptRequest, Request

HERE = Place("openai", "https://relay.example:443", "account-1")
REQUEST = PromptRequest("a cat")  # its result is no file
DONE = Snapshot(State.SUCCEEDED, "r1", result={"prompt": "a better cat"})
QUEUED = Snapshot(State.QUEUED, "r1")

Answer = Snapshot | Exception | Callable[[], Snapshot]


class Scripted(OpenAI):
    """Each submission and each read takes the next answer; the last one stays."""

    def __init__(self, *, max_jobs: int = 0, **can: Any) -> None:
        super().__init__(Profile("p", base_url="https://relay.example", max_jobs=max_jobs))
        self._can = replace(super().capabilities(), can_list=False, **can)
        self.answers: list[Answer] = [QUEUED]
        self.reads: list[Answer] = [DONE]
        self.cancels: list[bool | Exception] = [True]
        self.keys: list[str] = []  # idempotency keys of the submissions that left
        self.asked: list[str] = []  # remote ids that were read

    def capabilities(self) -> Capabilities:
        return self._can

    async def submit(self, http: Any, request: Request, attempt: Attempt) -> Snapshot:
        await attempt.on_sent()
        self.keys.append(attempt.idempotency_key)
        await asyncio.sleep(0)
        return _next(self.answers)

    async def fetch(self, http: Any, remote_id: str, *, attempts: int = 1) -> Snapshot:
        self.asked.append(remote_id)
        await asyncio.sleep(0)
        return _next(self.reads)

    async def cancel(self, http: Any, remote_id: str) -> bool:
        answer = self.cancels.pop(0) if len(self.cancels) > 1 else self.cancels[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _next(answers: list[Answer]) -> Snapshot:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer() if callable(answer) else answer


@dataclass
class Heart:
    """A process with its jobs. ``place`` is where its profile leads to."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    server: Scripted = field(default_factory=Scripted)
    place: Place = HERE
    told: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder, self.clock)
        self.jobs = RunningJobs(self.ledger, self.clock)

    @property
    def connection(self) -> Connection:
        profile, can = self.server.profile, self.server.can
        limits = Limits("p", self.ledger, self.clock, max_jobs=profile.max_jobs or None, requests_per_minute=None)
        return Connection(profile, self.server, None, limits, can, Secret(""), self.place)  # type: ignore[arg-type]

    async def make(self, request: Request = REQUEST, *, prints: tuple[str, ...] = ("v2:a",)) -> Job:
        """As the engine does it."""
        await self.jobs.tell_unseen_failure(prints)
        destination = Destination(self.folder / "out")
        done, _ = await self.jobs.join(
            prints, self.connection, lambda run: run.generate(request, prints, destination), self.told.append
        )
        return done

    async def resume(self, job: Job) -> Job:
        done, _ = await self.jobs.join(
            [job.fingerprint], self.connection, lambda run: run.resume(job), self.told.append
        )
        return done

    @property
    def row(self) -> Job:
        """The newest."""
        return self.ledger.jobs()[0]

    def again(self) -> Heart:
        """The next process, after this one has ended."""
        self.close()
        return Heart(self.folder, self.clock, self.server, self.place)

    def close(self) -> None:
        self.ledger.close()
