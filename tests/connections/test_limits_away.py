"""While the shared ledger is away: polls go on, together at no more than the profile's requests a minute."""

from __future__ import annotations

import asyncio

import pytest
from _clock import FakeClock

from sora_core.connections.limits import Limits
from sora_core.errors import LedgerAway


class Away:
    """A ledger that was asked once who shares the profile, and is away since."""

    turns = owner = type("", (), {"id": "me", "sharers": None, "call_next": None, "hand_out_slots": None})

    async def aside(self, work: object, *arguments: object) -> object:
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
