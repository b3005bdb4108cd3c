"""How soon a job that the server does not know any more is told to be missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from _clock import FakeClock

from sora_core.errors import JobNotFound, NetworkError, ServerError, SoraError
from sora_core.jobs.follow import Follower
from sora_core.ledger.row import RUNNING
from sora_core.models import Snapshot, State
from sora_core.transport.http import REFUSED

GONE = JobNotFound("Video not found")
DOWN = NetworkError("nobody listens", code=REFUSED)
CUT = NetworkError("the connection broke")
RUNS = Snapshot(State.RUNNING, "video_1")


async def seconds_until_missing(*answers: SoraError | Snapshot, seen_before: bool = True) -> tuple[float, int]:
    """From the first miss; and how often it was asked. The last answer stays."""
    clock = FakeClock()
    asked: list[tuple[float, Any]] = []
    script: Iterator[SoraError | Snapshot] = iter(answers)
    last: list[SoraError | Snapshot] = []

    async def fetch(http: object, remote_id: str) -> Snapshot:
        last.append(next(script, last[-1] if last else GONE))
        asked.append((clock.now(), last[-1]))
        if isinstance(last[-1], SoraError):
            raise last[-1]
        return last[-1]

    async def pace() -> None:
        pass

    def nothing(*args: object, **more: object) -> None:
        pass

    async def aside(work: Callable[..., Any], *args: object, **more: object) -> Any:
        return work(*args, **more)

    row = SimpleNamespace(
        job_id="job_1", remote_id="video_1", profile="p", origin="", model="", seconds=4, state=RUNNING, over=False,
        owner="me", submitted_at=clock.now() - (3600 if seen_before else 0), created_at=clock.now(),
    )  # fmt: skip
    ledger: Any = SimpleNamespace(
        durations=lambda *args: [], get=lambda job_id: row, known_ids=lambda *args: [], record_snapshot=nothing,
        record_missing=nothing, aside=aside,
    )  # fmt: skip
    connection: Any = SimpleNamespace(
        provider=SimpleNamespace(fetch=fetch), http=None, limits=SimpleNamespace(pace=pace),
        profile=SimpleNamespace(poll_seconds=2.0), can=SimpleNamespace(poll_seconds=2.0, deadline_seconds=7200.0),
    )  # fmt: skip
    report: Any = SimpleNamespace(percent=None, status=nothing, observed=nothing)
    follower = Follower(connection, ledger, clock, report, paid=True)
    with pytest.raises(JobNotFound):
        await follower.run(row, None)
    first = next(moment for moment, answer in asked if isinstance(answer, JobNotFound))
    return clock.now() - first, sum(isinstance(answer, JobNotFound) for _, answer in asked)


async def test_two_minutes_of_misses_are_enough_and_are_looked_at_in_a_steady_rhythm():
    waited, misses = await seconds_until_missing(RUNS, GONE)
    assert 120 <= waited <= 135
    assert 10 <= misses <= 15


async def test_troubles_before_do_not_slow_the_looks_down():
    waited, _ = await seconds_until_missing(RUNS, *[ServerError("502")] * 6, GONE)
    assert 120 <= waited <= 135


async def test_a_port_where_nobody_listened_meanwhile_is_nearly_proof():
    waited, misses = await seconds_until_missing(RUNS, DOWN, DOWN, GONE)
    assert 20 <= waited <= 30
    assert misses >= 5


async def test_a_connection_that_broke_is_no_restart():
    waited, _ = await seconds_until_missing(RUNS, CUT, CUT, GONE)
    assert waited >= 120


async def test_a_restart_before_the_job_was_last_seen_says_nothing_about_it():
    waited, _ = await seconds_until_missing(DOWN, RUNS, GONE)
    assert waited >= 120


async def test_a_new_job_has_its_time_to_appear():
    waited, _ = await seconds_until_missing(GONE, seen_before=False)
    assert waited >= 120
