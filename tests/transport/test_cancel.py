"""A cancel that meets the answer is not lost: who was stopped before the charge would go on, and pay."""

from __future__ import annotations

import asyncio

import pytest

from sora_core.transport.http import _in_time


@pytest.mark.parametrize("steps", range(6))
async def test_a_cancel_counts_at_whatever_moment_the_answer_comes(steps: int) -> None:
    answered = asyncio.Event()

    async def sending() -> object:
        await answered.wait()
        return object()

    async def whoever_asks() -> None:
        await _in_time(sending(), 1)
        await asyncio.sleep(60)  # and goes on

    asking = asyncio.create_task(whoever_asks())
    await asyncio.sleep(0.01)
    answered.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking], timeout=1)
    assert asking.cancelled()
