"""The LoRA that a request can name, from a list of models as vLLM gives it. Reads alone: nothing is ever loaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from _server import Server, reply

from sora_core.engine import Engine
from sora_core.errors import BadResponse
from sora_core.profiles.profiles import Profile

CARD = {"object": "model", "owned_by": "vllm"}
LIST = [
    {**CARD, "id": "wan", "root": "/models/wan", "parent": None},
    {**CARD, "id": "film", "root": "/loras/film.safetensors", "parent": "wan"},
    {**CARD, "id": "gone", "root": None, "parent": "wan"},
]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server(reply(200, {"object": "list", "data": LIST})) as server:
        yield server


@pytest.fixture
def engine(tmp_path: Path, no_settings: None) -> Iterator[Engine]:
    engine = Engine(tmp_path)
    yield engine
    engine.close()


async def paths(engine: Engine, server: Server, dialect: str) -> list[str]:
    engine.add_profile(Profile("box", base_url=f"{server.url}/v1", auth="none", dialect=dialect))

    def ask() -> Any:
        return engine.ask("box", lambda to: to.provider.lora_paths(to.http)).result(30)

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("dialect", ["vllm-omni", ""])
async def test_adapters_are_told_by_their_paths(engine: Engine, server: Server, dialect: str) -> None:
    assert await paths(engine, server, dialect) == ["/loras/film.safetensors"]
    assert [(request.method, request.target) for request in server.requests] == [("GET", "/v1/models")]


async def test_a_server_of_which_no_request_can_name_one_is_not_asked(engine: Engine, server: Server) -> None:
    assert await paths(engine, server, "sglang") == []
    assert server.requests == []


async def test_what_is_no_list_is_told(engine: Engine) -> None:
    async with Server(reply(200, {"object": "list"})) as server:
        with pytest.raises(BadResponse):
            await paths(engine, server, "vllm-omni")
