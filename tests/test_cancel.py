"""A cancel that comes with the answer is not lost: who was stopped before the charge would go on, and pay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from _server import Server, reply

from sora_core.clock import SystemClock
from sora_core.connections.limits import Limits
from sora_core.errors import ServerError
from sora_core.ledger.ledger import Ledger
from sora_core.media.threads import in_file_thread
from sora_core.models import Effect
from sora_core.transport import Call, Http
from sora_core.transport.http import _in_time

Wait = Callable[[], Awaitable[object]]
MOST_STEPS = 70  # of the loop
STEP_SECONDS = 0.0002  # in every second round, so that threads come to their end too


@asynccontextmanager
async def an_answer(effect: Effect) -> AsyncIterator[Wait]:
    async with Server(reply(200, {"id": "video_1"})) as server:
        http = Http(server.url, judge=lambda reply: ServerError("no"), clock=SystemClock())
        await http.send(Call("GET", "/", Effect.READ, timeout=5))  # the imports are not what is waited for
        yield lambda: http.send(Call("GET", "/", effect, timeout=5))
        await http.aclose()


@asynccontextmanager
async def the_head_of_an_answer() -> AsyncIterator[Wait]:
    async def soon() -> object:
        for _ in range(5):
            await asyncio.sleep(0)
        return object()

    yield lambda: _in_time(asyncio.ensure_future(soon()), 1)


@asynccontextmanager
async def the_ledger(folder: Path) -> AsyncIterator[Wait]:
    ledger = Ledger(folder, SystemClock())
    yield lambda: ledger.aside(ledger.jobs)
    ledger.close()


@asynccontextmanager
async def a_turn(folder: Path) -> AsyncIterator[Wait]:
    ledger = Ledger(folder, SystemClock())
    limits = Limits("p", ledger, SystemClock(), max_jobs=None, requests_per_minute=60_000)
    yield limits.pace
    ledger.close()


@asynccontextmanager
async def a_file() -> AsyncIterator[Wait]:
    yield lambda: in_file_thread(int)


WAITS = {
    "a free answer": lambda folder: an_answer(Effect.READ),
    "a paid answer": lambda folder: an_answer(Effect.CHARGE),
    "the head of an answer": lambda folder: the_head_of_an_answer(),
    "the ledger": the_ledger,
    "a request's turn": a_turn,
    "a file": lambda folder: a_file(),
}


@pytest.mark.parametrize("wait", WAITS)
async def test_a_cancel_counts_at_every_step_of(wait: str, tmp_path: Path) -> None:
    reached = False

    async def whoever_waits(work: Wait) -> None:
        nonlocal reached
        await work()
        reached = True
        await asyncio.sleep(60)  # what comes next, as the charge

    async with WAITS[wait](tmp_path) as work:
        for steps in range(MOST_STEPS):
            waiting = asyncio.create_task(whoever_waits(work))
            for _ in range(steps):
                await asyncio.sleep(STEP_SECONDS if steps % 2 else 0)
            waiting.cancel()
            await asyncio.wait([waiting], timeout=5)
            assert waiting.cancelled(), f"after {steps} steps it went on"
    assert reached
