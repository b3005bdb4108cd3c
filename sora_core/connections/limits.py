"""What a profile may do at once and per minute, over all processes that share the state folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any

from ..clock import Clock
from ..errors import LedgerAway, SoraError
from ..ledger.ledger import Ledger

LOOK_SECONDS = 0.5  # how often is looked whether another process has let go of a slot
TURN_SECONDS = 0.05  # and whether another process has sent the request whose turn it was
AWAY_SECONDS = 1.0  # and whether the ledger is back
MOST_LOOKS = 100.0  # a second, of all processes together
COUNT_SECONDS = 10.0  # how often is counted who shares the profile


class _Line:
    """Those in this process who wait for a turn. One task looks for all of them, so that many cost what one costs."""

    def __init__(
        self,
        call: Callable[[], Coroutine[Any, Any, tuple[Iterable[Hashable], float]]],
        clock: Clock,
        *,
        waits_while_away: bool = False,
    ) -> None:
        self._call = call  # whose turn it is, and seconds until it is worth to look again
        self._waits_while_away = waits_while_away
        self._clock = clock
        self._waiting: dict[Hashable, tuple[asyncio.Future[None], Callable[[], None]]] = {}
        self._looking = asyncio.Lock()
        self._caller: asyncio.Task[None] | None = None

    async def turn(self, join: Callable[[], Coroutine[Any, Any, Hashable]], on_wait: Callable[[], None]) -> None:
        """Waits for the turn of the key that ``join`` gives. Raises StorageError.

        ``on_wait`` is called when the wait begins, and for the first in line whenever it is looked.
        """
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with self._looking:  # no one is called between the place in the line and the wait for it
            key = await join()
            self._waiting[key] = turn, on_wait
        try:
            await self._look()
            if not turn.done():
                on_wait()
                self._caller = self._caller or asyncio.get_running_loop().create_task(self._call_all())
            await turn
        finally:
            del self._waiting[key]
            if self._caller and not self._waiting:
                self._caller.cancel()
                self._caller = None

    async def _call_all(self) -> None:
        wait = 0.0
        try:
            while True:
                await self._clock.sleep(wait)
                try:
                    wait = await self._look()
                except LedgerAway:  # nobody's turn comes
                    if not self._waits_while_away:
                        raise
                    wait = AWAY_SECONDS
                    continue
                first = next((on_wait for turn, on_wait in self._waiting.values() if not turn.done()), None)
                if first is None:
                    self._caller = None
                    return
                first()
        except SoraError as error:
            self._caller = None
            for turn, _ in self._waiting.values():
                if not turn.done():
                    turn.set_exception(error)

    async def tidy(self, drop_all_but: Callable[[list[Any]], Coroutine[Any, Any, None]]) -> None:
        """``drop_all_but`` is told who waits, while nobody joins."""
        async with self._looking:
            await drop_all_but(list(self._waiting))

    async def _look(self) -> float:
        async with self._looking:
            called, wait = await self._call()
            for key in called:
                turn, _ = self._waiting.get(key, (None, None))
                if turn and not turn.done():
                    turn.set_result(None)
        return wait


class Limits:
    """One profile's limits. They are kept in the ledger, so that every process sees the same. Lives in one loop."""

    def __init__(
        self, profile: str, ledger: Ledger, clock: Clock, max_jobs: int | None, requests_per_minute: int | None
    ) -> None:
        self._profile = profile
        self._ledger = ledger
        self._max_jobs = max_jobs
        self._spacing = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._sharers, self._counted_at = (1, 0), float("-inf")
        self._alone_from = 0.0  # when this process may send again, while the ledger is away
        self._tidying: asyncio.Task[None] | None = None
        self._slots = _Line(self._call_slots, clock, waits_while_away=True)
        self._requests = _Line(self._call_request, clock)

    async def slot(self, job_id: str, *, on_wait: Callable[[], None]) -> None:
        """Waits until the job may be submitted, in the order of arrival. The ledger frees it when the job ends.

        ``on_wait`` is called when the wait begins, and for the first in line whenever a free slot is looked for.
        """

        async def join() -> str:
            return job_id

        if self._max_jobs:
            await self._slots.turn(join, on_wait)

    async def pace(self, *, ahead: bool = False) -> None:
        """Waits for the profile's requests per minute, first come, first served; ``ahead`` goes before all polls.

        While a shared ledger is away polls go on at this process's share. Raises LedgerAway for what goes ahead.
        """
        if not self._spacing:
            return
        mine: float | None = None
        while True:
            try:
                await self._in_line(ahead)
                return
            except LedgerAway:
                if ahead:
                    raise
            mine = self._reserved() if mine is None else mine
            left = mine - self._clock.monotonic()
            if left <= 0:
                return
            await self._clock.sleep(min(left, AWAY_SECONDS))  # it may be back before

    def _reserved(self) -> float:
        """When to send, so that all who shared the profile when it was last counted keep to its requests a minute."""
        count, rank = self._sharers
        share = int(60 / self._spacing) // count  # requests a minute; where there are more of us, we take turns
        turn = 1.1 * self._spacing  # they do not notice at one moment that it has gone
        spacing = 60 / share if share else turn * count
        now = self._clock.monotonic()
        if now - self._alone_from > spacing:  # it has just gone: what all had sent before counts too
            self._alone_from = now + (0 if share else turn * rank)
        self._alone_from += spacing
        return self._alone_from

    async def _in_line(self, ahead: bool) -> None:
        draw = self._ledger.turns.draw_ticket

        async def join() -> int:
            return await self._ledger.aside(draw, self._profile, self._ledger.owner.id, ahead=ahead)

        try:
            await self._requests.turn(join, lambda: None)
        except (asyncio.CancelledError, LedgerAway):
            try:
                await self._tidy()
            except LedgerAway:
                if self._tidying is None or self._tidying.done():
                    self._tidying = asyncio.get_running_loop().create_task(self._tidy_when_back())
            raise

    async def _tidy(self) -> None:
        """Drops the tickets of those who wait no more, also those that nobody knows of: they would hold up the line."""
        drop, owner = self._ledger.turns.drop_tickets, self._ledger.owner.id
        await self._requests.tidy(lambda kept: self._ledger.aside(drop, self._profile, owner, kept))

    async def _tidy_when_back(self) -> None:
        while True:
            await self._clock.sleep(AWAY_SECONDS)
            try:
                return await self._tidy()
            except LedgerAway:
                continue

    async def _call_slots(self) -> tuple[list[str], float]:
        hand_out, owner = self._ledger.turns.hand_out_slots, self._ledger.owner.id
        await self._count_sharers()
        called = await self._ledger.aside(hand_out, self._profile, self._max_jobs or 0, owner)
        return called, max(LOOK_SECONDS, self._sharers[0] / MOST_LOOKS)

    async def _call_request(self) -> tuple[list[int], float]:
        call_next, owner = self._ledger.turns.call_next, self._ledger.owner.id
        await self._count_sharers()
        ticket, wait = await self._ledger.aside(call_next, self._profile, self._spacing, owner)
        return [] if ticket is None else [ticket], max(wait, TURN_SECONDS)

    async def _count_sharers(self) -> None:
        if self._clock.monotonic() - self._counted_at > COUNT_SECONDS:
            self._counted_at = self._clock.monotonic()
            owner = self._ledger.owner.id
            self._sharers = await self._ledger.aside(self._ledger.turns.sharers, self._profile, owner)
