"""While the shared ledger is away: polls go on, together at no more than the profile's requests a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from _clock import FakeClock

from sora_core.connections.limits import Limits
from sora_core.errors import LedgerAway
from sora_core.ledger.ledger import Ledger


class Away:
    """A ledger that is away; only what it was left with is taken from it."""

    owner = SimpleNamespace(id="me")
    turns = SimpleNamespace(draw_ticket="draw", drop_tickets="drop", sharers=None, call_next=None, hand_out_slots=None)

    async def aside(self, work: object, *arguments: object, **options: object) -> object:
        if work == "drop":
            return None
        raise LedgerAway("ledger.away", ledger="l", reason="it is off")


def polls(clock: FakeClock, rpm: int, sharers: tuple[int, int], count: int = 30) -> list[float]:
    """When one process sends, from the moment on when it notices."""
    limits = Limits("p", Away(), clock, None, rpm)
    limits._sharers = sharers

    async def run() -> list[float]:
        found = []
        for _ in range(count):
            await limits.pace()
            found.append(clock.monotonic())
        return found

    return asyncio.run(run())


@pytest.mark.parametrize(("rpm", "sharers"), [(10, 1), (10, 3), (10, 6), (10, 25), (60, 7), (1, 4)])
def test_all_that_share_a_profile_keep_to_its_requests_a_minute(rpm, sharers):
    gone = FakeClock().monotonic()
    before = [gone - 60 / rpm * number for number in range(rpm * 2)]
    clocks = [FakeClock(gone + number * 0.1) for number in range(sharers)]  # each notices in its own time
    after = [moment for number, clock in enumerate(clocks) for moment in polls(clock, rpm, (sharers, number))]
    sent = sorted(before + after)
    most = max(sum(begin <= moment < begin + 59.9 for moment in sent) for begin in sent)
    assert most <= rpm
    assert len([moment for moment in after if moment < gone + 600]) >= min(rpm * 4, sharers)


def test_a_submission_does_not_go_on():
    limits = Limits("p", Away(), FakeClock(), None, 10)
    with pytest.raises(LedgerAway):
        asyncio.run(limits.pace(ahead=True))


def test_a_poll_goes_back_into_the_line_when_the_ledger_is_back(tmp_path):
    clock = FakeClock()
    ledger = Ledger(tmp_path, clock)
    flaky = Flaky(ledger, ends_at=clock.monotonic() + 5)
    limits = Limits("p", flaky, clock, None, 10)
    limits._sharers, limits._counted_at = (6, 0), clock.monotonic() + 100
    began = clock.monotonic()
    asyncio.run(limits.pace())
    assert 5 <= clock.monotonic() - began < 10  # not after the minute that it would have waited alone
    with ledger._file.read() as db:
        assert db.execute("SELECT count(*) FROM pace").fetchone() == (1,)
    ledger.close()


class Flaky:
    """A ledger whose database goes right after the next ticket was drawn: nobody hears of it."""

    def __init__(self, ledger: Ledger, *, ends_at: float | None = None) -> None:
        self._ledger, self.turns, self.owner = ledger, ledger.turns, ledger.owner
        self._ends_at = ends_at
        self.is_away = False

    async def aside(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if self._ends_at is not None and self._ledger._file._clock.monotonic() >= self._ends_at:
            return await self._ledger.aside(work, *arguments, **options)
        if self.is_away:
            raise LedgerAway("ledger.away", ledger="l", reason="it is off")
        done = await self._ledger.aside(work, *arguments, **options)
        if work.__name__ == "draw_ticket":
            self.is_away = True
            raise LedgerAway("ledger.away", ledger="l", reason="it went just now")
        return done


def test_a_ticket_that_nobody_knows_of_does_not_hold_up_the_others(tmp_path):
    clock = FakeClock()
    ledgers = [Ledger(tmp_path, clock) for _ in range(2)]
    flaky = Flaky(ledgers[0])

    async def run() -> None:
        await Limits("p", flaky, clock, None, 60).pace()
        assert ledgers[1].turns.call_next("p", 1.0, ledgers[1].owner.id) == (None, 0.0)  # it is another's turn
        flaky.is_away = False
        await asyncio.wait_for(Limits("p", ledgers[1], clock, None, 60).pace(), 30)

    asyncio.run(run())
    for each in ledgers:
        each.close()
