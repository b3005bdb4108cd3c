"""From the doctor's look at a server to the refusal of what that server says it does not take; nothing is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from _server import Request, Server, reply

from sora_core.doctor import Finding, examine
from sora_core.engine import Engine
from sora_core.errors import InvalidRequest, SoraError, Unsupported
from sora_core.models import Destination, Operation
from sora_core.profiles.described import FILE
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import VideoRequest
from sora_core.requests.settings import settings_of

KEY = "described-key-55cc"
BODY = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "num_inference_steps": {"anyOf": [{"type": "integer", "maximum": 100}, {"type": "null"}]},
    },
}
DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "FastAPI", "version": "1"},
    "paths": {"/v1/videos": {"post": {"requestBody": {"content": {"multipart/form-data": {"schema": BODY}}}}}},
}


class Box:
    """A server whose description can be changed."""

    def __init__(self) -> None:
        self.page = reply(200, DESCRIPTION)

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.target.partition("?")[0]
        pages = {"/v1/videos": reply(200, {"object": "list", "data": []}), "/openapi.json": self.page}
        writer.write(pages.get(path, reply(404, {"detail": "Not Found"})))
        await writer.drain()


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def server(box: Box) -> AsyncIterator[Server]:
    async with Server(box.answer) as server:
        yield server


@pytest.fixture
def engine(tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("DESCRIBED_KEY", KEY)
    engine = Engine(tmp_path / "home")
    yield engine
    engine.close()


def asked(**settings: Any) -> VideoRequest:
    return VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", seconds=4, settings=settings_of(settings))


async def looked_at(engine: Engine, server: Server, **settings: Any) -> dict[str, Finding]:
    profile = Profile("box", base_url=f"{server.url}/v1", key_env="DESCRIBED_KEY", **settings)
    if "box" not in engine.profiles.names():
        engine.add_profile(profile)
    return {finding.check: finding for finding in await asyncio.to_thread(examine, engine, "box")}


def refusal(engine: Engine, **settings: Any) -> SoraError:
    with pytest.raises((Unsupported, InvalidRequest)) as caught:
        engine.check(asked(**settings), "box")
    return caught.value


async def test_what_the_server_does_not_take_is_refused_before_anything_is_sent(engine: Engine, server: Server) -> None:
    found = await looked_at(engine, server)
    assert found["settings"].ok is True
    assert "2 fields of a video, 1 of them with limits, and takes no others" in found["settings"].detail
    before = len(server.requests)
    destination = Destination(engine.home)
    for settings in ({"num_inference_step": 5}, {"steps": 101}, {"num_inference_steps": 101}):
        handle = engine.generate(asked(**settings), "box", destination, lambda progress: None)
        with pytest.raises((Unsupported, InvalidRequest)):
            await asyncio.to_thread(handle.result, 30)
    assert len(server.requests) == before
    assert not await asyncio.to_thread(lambda: engine.ledger.unfinished())
    assert "≤ 100" in str(refusal(engine, steps=101))
    assert "did you mean 'num_inference_steps'" in str(refusal(engine, num_inference_step=5))
    engine.check(asked(steps=100), "box")


async def test_it_is_read_once_with_the_key_and_outlives_the_process(engine: Engine, server: Server) -> None:
    await looked_at(engine, server)
    pages = [request for request in server.requests if request.target == "/openapi.json"]
    assert [request.headers["authorization"] for request in pages] == [f"Bearer {KEY}"]
    assert {request.method for request in server.requests} == {"GET"}
    assert KEY not in (engine.home / FILE).read_text("utf-8")
    other = Engine(engine.home)
    assert "≤ 100" in str(refusal(other, steps=101))
    other.close()


async def test_a_profile_that_leads_elsewhere_has_nothing_of_it(engine: Engine, server: Server) -> None:
    await looked_at(engine, server)
    engine.edit_profile("box", {"base_url": "http://127.0.0.1:1/v1"})
    engine.check(asked(steps=101, anything=1), "box")
    engine.edit_profile("box", {"base_url": f"{server.url}/v1/"})  # the same place
    assert refusal(engine, steps=101)


async def test_another_name_for_the_profile_changes_nothing(engine: Engine, server: Server) -> None:
    await looked_at(engine, server)
    engine.edit_profile("box", {}, new_name="crate")
    with pytest.raises(InvalidRequest):
        engine.check(asked(steps=101), "crate")


async def test_what_another_profile_sends_there_in_another_form_is_not_described_by_it(
    engine: Engine, server: Server
) -> None:
    await looked_at(engine, server)
    engine.add_profile(
        Profile("json", base_url=f"{server.url}/v1", key_env="DESCRIBED_KEY", dialect="dynamo", model="wan")
    )
    found = {finding.check for finding in await asyncio.to_thread(examine, engine, "json")}
    assert "settings" not in found
    engine.check(asked(steps=101), "json")
    assert refusal(engine, steps=101)


async def test_a_look_at_a_server_that_has_changed_counts(engine: Engine, server: Server, box: Box) -> None:
    await looked_at(engine, server)
    box.page = reply(200, json.dumps(DESCRIPTION).replace("100", "300"))
    await looked_at(engine, server)
    engine.check(asked(steps=101), "box")
    assert refusal(engine, steps=301)
    box.page = reply(404, {"detail": "Not Found"})
    assert "settings" not in await looked_at(engine, server)
    engine.check(asked(steps=301, anything=1), "box")


@pytest.mark.parametrize(
    "page",
    [
        reply(200, "<html>docs</html>"), reply(200, "{" * 100_000), reply(500, {"detail": "x"}),
        reply(302, b"", {"location": "http://127.0.0.1:9/openapi.json"}),
        reply(200, json.dumps({**DESCRIPTION, "servers": [{"url": "https://other.example"}]})),
        reply(200, b'{"openapi": "3.1.0", "x": "' + b"x" * (2**24 + 2**20) + b'"}'),
    ],
    ids=["page", "nested", "broken", "elsewhere", "of another", "endless"],
)  # fmt: skip
async def test_what_cannot_be_read_refuses_nothing(engine: Engine, server: Server, box: Box, page: bytes) -> None:
    box.page = page
    found = await looked_at(engine, server)
    assert found["server"].ok is True
    assert "settings" not in found
    assert [finding for finding in found.values() if finding.ok is False] == []
    engine.check(asked(steps=101, anything=1), "box")


async def test_a_connection_that_is_open_learns_of_it(engine: Engine, server: Server) -> None:
    engine.add_profile(Profile("box", base_url=f"{server.url}/v1", key_env="DESCRIBED_KEY"))
    await asyncio.to_thread(lambda: engine.models("box").result(30))
    await looked_at(engine, server)
    handle = engine.generate(asked(steps=101), "box", Destination(engine.home), lambda progress: None)
    with pytest.raises(InvalidRequest):
        await asyncio.to_thread(handle.result, 30)


@pytest.mark.parametrize("data", [b"", b"[", b"{}", b'[{"address": 1}]', b"[" * 100_000, b'[{"fields": {"x": 3}}]'])
def test_a_damaged_file_is_as_none(engine: Engine, data: bytes) -> None:
    engine.profiles.add(Profile("box", base_url="http://127.0.0.1:1/v1", auth="none"))
    (engine.home / FILE).write_bytes(data)
    engine.check(asked(anything=1), "box")
