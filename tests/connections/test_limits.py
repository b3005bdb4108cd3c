"""What a profile may do at once and per minute, over all who share the state folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from _clock import FakeClock

from sora_core.connections.limits import Limits
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import FAILED, Job, Place
from sora_core.models import Destination, GenerationRequest, Operation, Snapshot, State


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def ledgers(tmp_path, clock):
    """Two processes would have one each."""
    opened = [Ledger(tmp_path, clock), Ledger(tmp_path, clock)]
    yield opened
    for each in opened:
        each.close()


@pytest.fixture
def limits(ledgers, clock):
    def limits(*, max_jobs: int | None = None, rpm: int | None = None, process: int = 0, profile: str = "p") -> Limits:
        return Limits(profile, ledgers[process], clock, max_jobs, rpm)

    return limits


def claim(ledger: Ledger, clock: FakeClock, name: str, profile: str = "p") -> Job:
    clock.advance(0.001)
    return ledger.claim(
        GenerationRequest(Operation.TEXT_TO_VIDEO, name),
        fingerprint=f"v1:{profile}:{name}",
        profile=profile,
        place=Place("openai"),
        owner="me",
        destination=Destination(Path()),
    )


def alive(owner: str | None) -> bool:
    return owner == "me"


def submit(ledger: Ledger, job: Job) -> None:
    ledger.mark_sent(job.job_id, owner="me")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "remote-" + job.job_id), owner="me")


class TestSlots:
    async def _slot(self, limits: Limits, job: Job, waits: list[str] | None = None) -> None:
        told = waits if waits is not None else []
        await limits.slot(job.job_id, alive=alive, on_wait=lambda: told.append(job.prompt))

    async def _blocked(self, limits: Limits, job: Job) -> bool:
        handle = asyncio.create_task(self._slot(limits, job))
        for _ in range(20):
            await asyncio.sleep(0)
        blocked = not handle.done()
        handle.cancel()
        await asyncio.gather(handle, return_exceptions=True)
        return blocked

    async def test_are_as_many_as_allowed_over_all_processes(self, limits, ledgers, clock):
        one, two, three = (claim(ledgers[0], clock, name) for name in "abc")
        await self._slot(limits(max_jobs=2), one)
        await self._slot(limits(max_jobs=2, process=1), two)
        assert await self._blocked(limits(max_jobs=2), three)
        assert await self._blocked(limits(max_jobs=2, process=1), three)

    @pytest.mark.parametrize("end", ["failed", "canceled", "delivered"])
    async def test_are_free_again_when_a_job_ends(self, limits, ledgers, clock, end):
        one, two = (claim(ledgers[0], clock, name) for name in "ab")
        await self._slot(limits(max_jobs=1), one)
        submit(ledgers[0], one)
        assert await self._blocked(limits(max_jobs=1), two)
        if end == "delivered":
            ledgers[0].record_delivered(one.job_id, width=1, height=1, fps=1.0, duration=1.0, owner="me")
        else:
            ledgers[0].record_over(one.job_id, end, "over", "JobFailed", owner="me")
        assert not await self._blocked(limits(max_jobs=1), two)

    async def test_are_free_again_when_the_server_is_done(self, limits, ledgers, clock):
        one, two = (claim(ledgers[0], clock, name) for name in "ab")
        await self._slot(limits(max_jobs=1), one)
        submit(ledgers[0], one)
        ledgers[0].record_snapshot(one.job_id, Snapshot(State.SUCCEEDED, one.job_id), owner="me")
        assert not await self._blocked(limits(max_jobs=1), two)

    async def test_are_held_by_a_submission_of_unknown_fate(self, limits, ledgers, clock):
        one, two = (claim(ledgers[0], clock, name) for name in "ab")
        await self._slot(limits(max_jobs=1), one)
        ledgers[0].mark_sent(one.job_id, owner="me")
        ledgers[0].record_unknown(one.job_id, "lost", owner="me")
        assert await self._blocked(limits(max_jobs=1), two)

    async def test_go_to_who_came_first(self, limits, ledgers, clock):
        one, two, three = (claim(ledgers[0], clock, name) for name in "abc")
        await self._slot(limits(max_jobs=1), one)
        ledgers[0].record_over(one.job_id, FAILED, "over", "JobFailed", owner="me")
        assert await self._blocked(limits(max_jobs=1), three)
        assert not await self._blocked(limits(max_jobs=1), two)

    async def test_are_not_held_by_the_dead(self, limits, ledgers, clock):
        one, two = (claim(ledgers[0], clock, name) for name in "ab")
        await self._slot(limits(max_jobs=1), one)
        ledgers[0].take_over(ledgers[0].get(one.job_id), owner="dead")
        assert not await self._blocked(limits(max_jobs=1), two)

    async def test_of_one_profile_are_not_those_of_another(self, limits, ledgers, clock):
        one, two = claim(ledgers[0], clock, "a"), claim(ledgers[0], clock, "b", profile="q")
        await self._slot(limits(max_jobs=1), one)
        assert not await self._blocked(limits(max_jobs=1, profile="q"), two)

    async def test_without_a_limit_are_endless(self, limits, ledgers, clock):
        waits: list[str] = []
        for name in "abcdef":
            await self._slot(limits(), claim(ledgers[0], clock, name), waits)
        assert waits == []

    async def test_are_told_of_while_waiting(self, limits, ledgers, clock):
        one, two = (claim(ledgers[0], clock, name) for name in "ab")
        await self._slot(limits(max_jobs=1), one)
        waits: list[str] = []
        handle = asyncio.create_task(self._slot(limits(max_jobs=1), two, waits))
        while not waits:
            await asyncio.sleep(0)
        ledgers[0].record_over(one.job_id, FAILED, "over", "JobFailed", owner="me")
        await asyncio.wait_for(handle, 10)
        assert set(waits) == {"b"}


class TestPace:
    async def test_spreads_requests_over_the_minute(self, limits, clock):
        start, times = clock.now(), []
        for _ in range(5):
            await limits(rpm=10).pace()
            times.append(clock.now() - start)
        assert times == pytest.approx([0, 6, 12, 18, 24])

    async def test_is_shared_by_all_processes(self, limits, clock):
        start = clock.now()
        for number in range(10):
            await limits(rpm=30, process=number % 2).pace(ahead=number % 3 == 0)
        assert clock.now() - start == pytest.approx(9 * 2.0)

    async def test_of_one_profile_is_not_that_of_another(self, limits, clock):
        await limits(rpm=10).pace()
        await limits(rpm=10, profile="q").pace()
        assert clock.sleeps == []

    async def test_does_not_save_up_for_a_burst(self, limits, clock):
        await limits(rpm=10).pace()
        clock.advance(3600)
        await limits(rpm=10).pace()
        assert clock.sleeps == []
        await limits(rpm=10).pace()
        assert clock.sleeps == pytest.approx([6.0])

    async def test_without_a_limit_is_none(self, limits, clock):
        for _ in range(100):
            await limits().pace()
        assert clock.sleeps == []

    @pytest.mark.parametrize("rpm", [1, 10, 60])
    def test_holds_for_any_number_of_submissions_at_once(self, ledgers, rpm):
        """A queue of thirty prompts: each has its own moment, however far away."""
        spacing = 60.0 / rpm
        waits = [ledgers[number % 2].turns.reserve("p", spacing, ahead=True) for number in range(30)]
        assert waits == pytest.approx([spacing * number for number in range(30)], abs=0.01)

    def test_a_poll_takes_no_moment_that_is_not_now(self, ledgers):
        ledgers[0].turns.reserve("p", 6.0, ahead=True)
        assert ledgers[0].turns.reserve("p", 6.0, ahead=False) == pytest.approx(6.0)
        assert ledgers[0].turns.reserve("p", 6.0, ahead=True) == pytest.approx(6.0)

    def test_survives_a_clock_that_was_set_back(self, ledgers, clock):
        ledgers[0].turns.reserve("p", 6.0, ahead=True)
        clock.time -= 86_400
        assert ledgers[0].turns.reserve("p", 6.0, ahead=True) <= 66
