"""What a profile may do at once and per minute, over all who share the state folder."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import heapq
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from _clock import FakeClock

from sora_core.connections.limits import LOOK_SECONDS, TURN_SECONDS, Limits
from sora_core.errors import StorageError
from sora_core.ledger.leases import LEASE_SECONDS
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import FAILED, Job, Place
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest


class WaitingClock(FakeClock):
    """Waits take no time but the wall clock's: nobody's lease ends by them."""

    steady = 0.0

    def monotonic(self) -> float:
        return self.steady


class DrivenClock(WaitingClock):
    """Time stands still while anyone is at work; then it is the moment of the next sleeper. For many at once."""

    def __init__(self) -> None:
        super().__init__()
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._ledgers: list[Ledger] = []

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        awake = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asleep, (self.time + seconds, len(self.sleeps), awake))
        await awake

    @contextlib.asynccontextmanager
    async def running(self, ledgers: list[Ledger]) -> AsyncIterator[None]:
        at_work = [0]
        for ledger in ledgers:
            ledger.aside = functools.partial(self._counted, ledger.aside, at_work)
        driver = asyncio.create_task(self._drive(at_work))
        yield
        driver.cancel()

    async def _counted(self, aside, at_work: list[int], *arguments, **options):
        at_work[0] += 1
        try:
            return await aside(*arguments, **options)
        finally:
            at_work[0] -= 1

    async def _drive(self, at_work: list[int]) -> None:
        while True:
            await asyncio.sleep(0.001)
            for _ in range(20):  # on a busy machine the millisecond is over before those who are awake have run
                await asyncio.sleep(0)
            if self._asleep and not at_work[0]:
                moment, _, awake = heapq.heappop(self._asleep)
                if not awake.done():
                    self.time = max(self.time, moment)
                    awake.set_result(None)


@pytest.fixture(params=[WaitingClock])
def clock(request):
    return request.param()


many_at_once = pytest.mark.parametrize("clock", [DrivenClock], indirect=True)


@pytest.fixture
def ledgers(tmp_path, clock):
    """Two processes would have one each."""
    opened = [Ledger(tmp_path, clock), Ledger(tmp_path, clock)]
    yield opened
    for each in opened:
        each.close()


@pytest.fixture
def limits(ledgers, clock):
    made: dict[tuple[object, ...], Limits] = {}

    def limits(*, max_jobs: int | None = None, rpm: int | None = None, process: int = 0, profile: str = "p") -> Limits:
        key = (max_jobs, rpm, process, profile)
        if key not in made:
            made[key] = Limits(profile, ledgers[process], clock, max_jobs, rpm)
        return made[key]

    return limits


def claim(ledger: Ledger, name: str, profile: str = "p") -> Job:
    return ledger.claim(
        VideoRequest(Operation.TEXT_TO_VIDEO, name),
        fingerprint=f"v1:{profile}:{name}",
        profile=profile,
        place=Place("openai"),
        owner=ledger.owner.id,
        destination=Destination(Path()),
    )


def submit(ledger: Ledger, job: Job) -> None:
    ledger.mark_sent(job.job_id, owner=job.owner)
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "remote-" + job.job_id), owner=job.owner)


class Waiter:
    """Somebody who waits for a slot."""

    def __init__(self, limits: Limits, job: Job) -> None:
        self.told = 0
        self._waits = asyncio.Event()
        self.task = asyncio.create_task(limits.slot(job.job_id, on_wait=self._tell))

    def _tell(self) -> None:
        self.told += 1
        self._waits.set()

    async def settled(self) -> bool:
        """Whether the slot was there at once."""
        waits = asyncio.create_task(self._waits.wait())
        await asyncio.wait({self.task, waits}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        waits.cancel()
        return self.task.done()

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def free_at_once(limits: Limits, job: Job) -> bool:
    waiter = Waiter(limits, job)
    is_free = await waiter.settled()
    await waiter.leave()
    return is_free


class TestSlots:
    async def test_are_as_many_as_allowed_over_all_processes(self, limits, ledgers):
        one, two, three, four = (
            claim(ledgers[number], name) for number, name in ((0, "a"), (1, "b"), (0, "c"), (1, "d"))
        )
        assert await free_at_once(limits(max_jobs=2), one)
        assert await free_at_once(limits(max_jobs=2, process=1), two)
        assert not await free_at_once(limits(max_jobs=2), three)
        assert not await free_at_once(limits(max_jobs=2, process=1), four)

    @pytest.mark.parametrize("end", ["failed", "canceled", "delivered"])
    async def test_are_free_again_when_a_job_ends(self, limits, ledgers, end):
        one, two = (claim(ledgers[0], name) for name in "ab")
        assert await free_at_once(limits(max_jobs=1), one)
        submit(ledgers[0], one)
        assert not await free_at_once(limits(max_jobs=1), two)
        if end == "delivered":
            ledgers[0].record_delivered(one.job_id, width=1, height=1, fps=1.0, duration=1.0, owner=one.owner)
        else:
            ledgers[0].record_over(one.job_id, end, "over", "JobFailed", owner=one.owner)
        assert await free_at_once(limits(max_jobs=1), two)

    async def test_are_free_again_when_the_server_is_done(self, limits, ledgers):
        one, two = (claim(ledgers[0], name) for name in "ab")
        assert await free_at_once(limits(max_jobs=1), one)
        submit(ledgers[0], one)
        ledgers[0].record_snapshot(one.job_id, Snapshot(State.SUCCEEDED, one.job_id), owner=one.owner)
        assert await free_at_once(limits(max_jobs=1), two)

    async def test_are_held_by_a_submission_of_unknown_fate(self, limits, ledgers):
        one, two = (claim(ledgers[0], name) for name in "ab")
        assert await free_at_once(limits(max_jobs=1), one)
        ledgers[0].mark_sent(one.job_id, owner=one.owner)
        ledgers[0].record_unknown(one.job_id, "lost", owner=one.owner)
        assert not await free_at_once(limits(max_jobs=1), two)

    async def test_go_to_who_came_first_in_whichever_process(self, limits, ledgers):
        one, two, three = (claim(ledgers[number], name) for number, name in ((0, "a"), (1, "b"), (0, "c")))
        assert await free_at_once(limits(max_jobs=1), one)
        ledgers[0].record_over(one.job_id, FAILED, "over", "JobFailed", owner=one.owner)
        assert not await free_at_once(limits(max_jobs=1), three)
        assert await free_at_once(limits(max_jobs=1, process=1), two)

    async def test_are_not_held_by_the_dead(self, limits, ledgers, clock):
        one, two = claim(ledgers[1], "a"), claim(ledgers[0], "b")
        assert not await free_at_once(limits(max_jobs=1), two)
        ledgers[1]._leases.end(one.owner)
        assert await free_at_once(limits(max_jobs=1), two)

    async def test_of_one_profile_are_not_those_of_another(self, limits, ledgers):
        one, two = claim(ledgers[0], "a"), claim(ledgers[0], "b", profile="q")
        assert await free_at_once(limits(max_jobs=1), one)
        assert await free_at_once(limits(max_jobs=1, profile="q"), two)

    async def test_without_a_limit_are_endless(self, limits, ledgers):
        for name in "abcdef":
            assert await free_at_once(limits(), claim(ledgers[0], name))

    async def test_are_handed_out_in_the_order_of_arrival_to_many_who_wait(self, limits, ledgers):
        jobs = [claim(ledgers[0], f"{number}") for number in range(41)]
        waiters = [Waiter(limits(max_jobs=1), job) for job in jobs]
        served: list[int] = []
        for number, waiter in enumerate(waiters):
            waiter.task.add_done_callback(lambda task, number=number: served.append(number))
        for job, waiter in zip(jobs, waiters, strict=True):
            await asyncio.wait_for(waiter.task, 30)
            ledgers[0].record_over(job.job_id, FAILED, "over", "JobFailed", owner=job.owner)
        assert served == list(range(41))

    @many_at_once
    async def test_that_forty_wait_for_cost_what_one_waits_for_costs(self, limits, ledgers, clock):
        """Looks at the ledger while time passes: one task looks for all."""
        first = claim(ledgers[0], "first")
        assert await free_at_once(limits(max_jobs=1), first)
        waiters = [Waiter(limits(max_jobs=1), claim(ledgers[0], f"{number}")) for number in range(40)]
        for waiter in waiters:
            await waiter.settled()
        looks, look = [0], ledgers[0].turns.hand_out_slots

        def counted(*arguments: object) -> list[str]:
            looks[0] += 1
            return look(*arguments)

        ledgers[0].turns.hand_out_slots = counted
        async with clock.running(ledgers):
            began = clock.now()
            while clock.now() < began + 10:
                await asyncio.sleep(0.001)
        assert looks[0] <= 10 / LOOK_SECONDS + 1
        assert sum(waiter.told for waiter in waiters[1:]) == 39  # the first in line alone is told again
        for waiter in waiters:
            await waiter.leave()

    async def test_are_told_of_while_waiting(self, limits, ledgers):
        one, two = (claim(ledgers[0], name) for name in "ab")
        assert await free_at_once(limits(max_jobs=1), one)
        waiter = Waiter(limits(max_jobs=1), two)
        assert not await waiter.settled()
        ledgers[0].record_over(one.job_id, FAILED, "over", "JobFailed", owner=one.owner)
        await asyncio.wait_for(waiter.task, 30)
        assert waiter.told

    async def test_fail_for_all_who_wait_when_the_ledger_does(self, limits, ledgers):
        jobs = [claim(ledgers[0], name) for name in "abc"]
        assert await free_at_once(limits(max_jobs=1), jobs[0])
        waiters = [Waiter(limits(max_jobs=1), job) for job in jobs[1:]]
        for waiter in waiters:
            assert not await waiter.settled()
        with ledgers[0]._file.read() as reader:  # its own lock held: closing amid a look crashes the interpreter
            reader.close()
        for waiter in waiters:
            with pytest.raises(StorageError):
                await asyncio.wait_for(waiter.task, 30)


class TestPace:
    async def test_spreads_requests_over_the_minute(self, limits, clock):
        start, times = clock.now(), []
        for _ in range(5):
            await limits(rpm=10).pace()
            times.append(clock.now() - start)
        assert times == pytest.approx([0, 6, 12, 18, 24], abs=0.01)

    async def test_is_shared_by_all_processes(self, limits, clock):
        start = clock.now()
        for number in range(10):
            await limits(rpm=30, process=number % 2).pace(ahead=number % 3 == 0)
        assert clock.now() - start == pytest.approx(9 * 2.0, abs=1.0)

    async def test_of_one_profile_is_not_that_of_another(self, limits, clock):
        await limits(rpm=10).pace()
        await limits(rpm=10, profile="q").pace()
        assert clock.sleeps == []

    async def test_does_not_save_up_for_a_burst(self, limits, clock):
        await limits(rpm=10).pace()
        clock.advance(3600)
        await limits(rpm=10).pace()
        start = clock.now()
        await limits(rpm=10).pace()
        assert clock.now() - start == pytest.approx(6.0, abs=0.01)

    async def test_without_a_limit_is_none(self, limits, clock):
        for _ in range(100):
            await limits().pace()
        assert clock.sleeps == []

    @many_at_once
    async def test_serves_first_who_came_first_over_all_processes(self, limits, clock, ledgers):
        served: list[int] = []

        async def ask(number: int) -> None:
            await limits(rpm=10, process=number % 2).pace()
            served.append(number)

        asks = []
        for number in range(12):
            asks.append(asyncio.create_task(ask(number)))
            await drawn(ledgers[0], number + 1)
        began = clock.now()
        async with clock.running(ledgers):
            await asyncio.wait_for(asyncio.gather(*asks), 60)
        assert served == list(range(12))
        assert clock.now() - began <= 11 * (6.0 + 2 * TURN_SECONDS)

    @many_at_once
    @pytest.mark.parametrize("seed", range(3))
    async def test_five_who_ask_again_and_again_wait_alike(self, limits, clock, ledgers, seed):
        """A lottery lets one of five wait for minutes; in a line no one waits longer than all others take."""
        chance, waits = random.Random(seed), [0.0] * 5

        async def poll(number: int) -> None:
            for _ in range(8):
                began = clock.now()
                await limits(rpm=12, process=number % 2).pace()
                waits[number] = max(waits[number], clock.now() - began)
                await clock.sleep(chance.random())

        async with clock.running(ledgers):
            await asyncio.wait_for(asyncio.gather(*(poll(number) for number in range(5))), 60)
        assert max(waits) <= 5 * 5.0 + 1.0

    @many_at_once
    async def test_lets_a_submission_go_before_the_polls(self, limits, clock, ledgers):
        served: list[str] = []

        async def ask(name: str, **options: bool) -> None:
            await limits(rpm=10).pace(**options)
            served.append(name)

        await ask("first")
        asks = []
        for number, name in enumerate(("poll 1", "poll 2", "submission")):
            asks.append(asyncio.create_task(ask(name, ahead=name == "submission")))
            await drawn(ledgers[0], number + 2)
        async with clock.running(ledgers):
            await asyncio.wait_for(asyncio.gather(*asks), 60)
        assert served == ["first", "submission", "poll 1", "poll 2"]

    @many_at_once
    async def test_does_not_wait_for_who_has_left(self, limits, clock, ledgers):
        await limits(rpm=10).pace()
        left = asyncio.create_task(limits(rpm=10).pace())
        await drawn(ledgers[0], 2)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        with ledgers[0]._file.read() as db:
            assert db.execute("SELECT count(*) FROM tickets").fetchone()[0] == 0

    async def test_does_not_wait_for_the_dead(self, limits, clock, ledgers):
        ledgers[0].turns.draw_ticket("p", "dead", ahead=True)
        clock.steady += LEASE_SECONDS
        await asyncio.wait_for(limits(rpm=10).pace(), 30)

    def test_survives_a_clock_that_was_set_back(self, ledgers, clock):
        turns, owner = ledgers[0].turns, ledgers[0].owner.id
        turns.draw_ticket("p", owner, ahead=False)
        assert turns.call_next("p", 6.0, owner)[0]
        clock.time -= 86_400
        ticket = turns.draw_ticket("p", owner, ahead=False)
        assert turns.call_next("p", 6.0, owner) == (ticket, 6.0)


async def drawn(ledger: Ledger, count: int) -> None:
    """Until so many have taken their place in the line."""
    for _ in range(10_000):
        with ledger._file.read() as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tickets'").fetchone()
        if row and row[0] >= count:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("they did not come")
