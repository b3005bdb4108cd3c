"""What a profile may do at once and per minute."""

from __future__ import annotations

import asyncio

import pytest
from _clock import FakeClock

from sora_core.limits import Limits


@pytest.fixture
def clock():
    return FakeClock(0.0)


class TestSlots:
    async def test_no_more_jobs_at_once_than_allowed(self, clock):
        limits = Limits(clock, max_jobs=2, requests_per_minute=None)
        inside, most = 0, 0

        async def job() -> None:
            nonlocal inside, most
            async with limits.slot(lambda: None):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(job() for _ in range(10)))
        assert (most, inside) == (2, 0)

    async def test_who_has_to_wait_is_told_once(self, clock):
        limits = Limits(clock, max_jobs=1, requests_per_minute=None)
        told: list[str] = []
        async with limits.slot(lambda: told.append("first")):
            second = asyncio.create_task(self._take(limits, told))
            await asyncio.sleep(0)
        await second
        assert told == ["second"]

    async def _take(self, limits: Limits, told: list[str]) -> None:
        async with limits.slot(lambda: told.append("second")):
            pass

    async def test_a_waiter_that_leaves_takes_no_place_along(self, clock):
        limits = Limits(clock, max_jobs=1, requests_per_minute=None)
        async with limits.slot(lambda: None):
            waiter = asyncio.create_task(self._take(limits, []))
            await asyncio.sleep(0)
            waiter.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiter
        await asyncio.wait_for(self._take(limits, []), 5)

    async def test_a_job_that_fails_gives_its_place_back(self, clock):
        limits = Limits(clock, max_jobs=1, requests_per_minute=None)
        with pytest.raises(ZeroDivisionError):
            async with limits.slot(lambda: None):
                raise ZeroDivisionError
        await asyncio.wait_for(self._take(limits, []), 5)

    async def test_without_a_limit_no_one_waits(self, clock):
        limits = Limits(clock, max_jobs=None, requests_per_minute=None)
        async with limits.slot(self._never), limits.slot(self._never):
            pass

    def _never(self) -> None:
        raise AssertionError


class TestPace:
    async def test_spreads_requests_over_the_minute(self, clock):
        limits = Limits(clock, max_jobs=None, requests_per_minute=10)
        times = []
        for _ in range(5):
            await limits.pace()
            times.append(clock.now())
        assert times == pytest.approx([0, 6, 12, 18, 24])

    async def test_is_shared_by_all_jobs(self, clock):
        limits = Limits(clock, max_jobs=None, requests_per_minute=30)
        times: list[float] = []

        async def request() -> None:
            await limits.pace()
            times.append(clock.now())

        await asyncio.gather(*(request() for _ in range(10)))
        assert len(times) == 10
        assert sum(clock.sleeps) == pytest.approx(9 * 2.0)

    async def test_does_not_save_up_for_a_burst(self, clock):
        limits = Limits(clock, max_jobs=None, requests_per_minute=10)
        await limits.pace()
        clock.advance(3600)
        await limits.pace()
        assert clock.sleeps == []
        await limits.pace()
        assert clock.sleeps == pytest.approx([6.0])

    async def test_without_a_limit_is_none(self, clock):
        limits = Limits(clock, max_jobs=None, requests_per_minute=None)
        for _ in range(100):
            await limits.pace()
        assert clock.sleeps == []
