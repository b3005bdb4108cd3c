"""`loras`: what there is on a server, and how a person changes it; in the answers that real servers gave."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from _command import Command
from _server import Request, Server, reply

MODEL = {"id": "wan", "object": "model", "owned_by": "vllm", "root": "/models/wan", "parent": None}


class Vllm:
    """Its list of models and its routes for LoRA, as `scripts/servers vllm-omni` has recorded them."""

    def __init__(self) -> None:
        self.loaded = {"film": "/loras/film"}
        self.server = Server(self._answer)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(request.body or b"{}")
        name = asked.get("lora_name", "")
        if request.target == "/v1/models":
            cards = [{**MODEL, "id": name, "root": path, "parent": "wan"} for name, path in self.loaded.items()]
            answer = reply(200, {"object": "list", "data": [MODEL, *cards]})
        elif request.target == "/v1/load_lora_adapter":
            self.loaded[name] = asked["lora_path"]
            answer = reply(200, f"Success: LoRA adapter '{name}' added successfully.")
        elif request.target == "/v1/unload_lora_adapter" and name in self.loaded:
            del self.loaded[name]
            answer = reply(200, f"Success: LoRA adapter '{name}' removed successfully.")
        else:
            said = f"The lora adapter '{name}' cannot be found."
            answer = reply(404, {"error": {"message": said, "type": "NotFoundError", "param": None, "code": 404}})
        writer.write(answer)
        await writer.drain()


@pytest.fixture
def box(tmp_path: Path) -> Command:
    return Command(tmp_path)


async def test_a_person_loads_and_unloads_what_requests_can_name(box: Command) -> None:
    vllm = Vllm()
    async with vllm.server:
        box.add_profile("box", f"{vllm.server.url}/v1", dialect="vllm-omni")
        listed = await asyncio.to_thread(box, "loras", "box", "--json")
        assert listed.json == [{"name": "film", "path": "/loras/film", "strength": 0.0}]
        change = ("--load", "ink=/loras/ink", "--unload", "film")
        changed = await asyncio.to_thread(box, "loras", "box", *change)
        assert changed.out.split() == ["ink", "0", "/loras/ink"]
        assert vllm.loaded == {"ink": "/loras/ink"}
        missing = await asyncio.to_thread(box, "loras", "box", "--unload", "film")
        assert "'film' cannot be found" in missing.err
        assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in missing.err
        used = await asyncio.to_thread(box, "loras", "box", "--use", "ink")
        assert (used.code, vllm.loaded) == (2, {"ink": "/loras/ink"})
        assert "each request names its own" in used.err


@pytest.mark.parametrize("pair", ["ink", "=/loras/ink", "ink="])
def test_a_name_without_a_path_is_refused_before_anything_is_sent(pair: str, box: Command) -> None:
    box.add_profile("box", "http://127.0.0.1:9/v1", dialect="vllm-omni")
    refused = box("loras", "box", "--load", pair)
    assert refused.code == 2
    assert "name = value" in refused.err or "NAME" in refused.err
