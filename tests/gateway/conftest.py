"""A gateway on loopback, fast, and small helpers that talk to it as a client would."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from gateway_caller import Caller
from PIL import Image

from sora_core.gateway import Gateway


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    server = Gateway(speed=50)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def caller(http: httpx.AsyncClient) -> Caller:
    return Caller(http)


@pytest.fixture
def picture() -> bytes:
    """A PNG, left half red, right half blue."""
    image = Image.new("RGB", (64, 48), (200, 30, 30))
    image.paste((30, 30, 200), (32, 0, 64, 48))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
