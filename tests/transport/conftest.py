"""What the transport's tests share: a client of real servers, on time that takes none."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest
from _clock import FakeClock

from sora_core.models import Secret
from sora_core.providers._answers import normalize
from sora_core.transport import Http

KEY = "hunter2-is-my-password"


@pytest.fixture
def key() -> str:
    """Of no known shape: only who knows it can take it out of a text."""
    return KEY


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
async def connect(clock):
    async with contextlib.AsyncExitStack() as stack:

        def connect(url: str, *, proxy: str | None = None) -> Http:
            auth = {"authorization": Secret(f"Bearer {KEY}")}
            judge = partial(normalize.error_of, provider="openai")
            http = Http(url, judge=judge, clock=clock, auth=auth, proxy=proxy)
            stack.push_async_callback(http.aclose)
            return http

        yield connect
