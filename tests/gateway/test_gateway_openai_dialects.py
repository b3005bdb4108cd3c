"""The deviating servers of the OpenAI protocol, asked by hand: strict as they are, in the shapes they use."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from gateway_caller import Caller

FORM = {name: (None, value) for name, value in {"prompt": "a cat", "seconds": "1", "size": "64x64"}.items()}
JSON = {"prompt": "a cat", "model": "wan", "seconds": 1, "size": "64x64"}

REFUSED = {
    "vllm-omni: JSON": ("~vllm-omni/v1/videos", {"json": JSON}, 400, ["error", "param"], "body.prompt"),
    "vllm-omni: a bad size": (
        "~vllm-omni/v1/videos", {"files": {**FORM, "size": (None, "big")}}, 400, ["error", "code"], 400,
    ),
    "sglang: seconds as text": (
        "~sglang/v1/videos", {"json": {**JSON, "seconds": "1"}}, 422, ["detail", 0, "loc"], ["body", "seconds"],
    ),
    "sglang: a file's address as a path": (
        "~sglang/v1/videos", {"json": {**JSON, "input_reference": "https://x/a.png"}}, 400, ["detail"],
        "input_reference must be a path on the server; use reference_url for an address",
    ),
    "tensorrt-llm: a strange field": (
        "~tensorrt-llm/v1/videos", {"json": {**JSON, "style": "noir"}}, 422, ["detail", 0, "type"], "extra_forbidden",
    ),
    "tensorrt-llm: a form": ("~tensorrt-llm/v1/videos", {"files": FORM}, 422, ["detail", 0, "type"], "missing"),
    "dynamo: seconds as text": (
        "~dynamo/v1/videos", {"json": {**JSON, "seconds": "1"}}, 400, ["error", "type"], "invalid_request_error",
    ),
    "dynamo: a form": ("~dynamo/v1/videos", {"files": FORM}, 415, ["error", "type"], "invalid_request_error"),
    "localai: no model": (
        "~localai/video", {"json": {"prompt": "a cat"}}, 400, ["error", "message"], "Bad Request",
    ),
    "openrouter: seconds": (
        "~openrouter/api/v1/videos", {"json": JSON}, 400, ["error", "type"], "invalid_request_error",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_what_such_a_server_does_not_take_is_refused_in_its_shape(
    case: str, http: httpx.AsyncClient, caller: Caller
) -> None:
    path, body, status, way, value = REFUSED[case]
    reply = await http.post("/openai" + path, **body)
    found: Any = reply.json()
    for step in way:
        found = found[step]
    assert (reply.status_code, found) == (status, value)
    assert (await caller.stats())["charges"] == 0


PENDING = {
    "vllm-omni": (404, "still in-progress"),
    "sglang": (404, "still in-progress"),
    "tensorrt-llm": (400, "not ready"),
    "new-api": (400, "not completed yet"),
    "aquiles": (500, "Internal"),
}


@pytest.mark.parametrize("name", PENDING)
async def test_content_that_is_not_there_yet_is_answered_in_the_servers_own_way(
    name: str, http: httpx.AsyncClient, caller: Caller
) -> None:
    await caller.faults({"on": "create", "do": "stuck"})
    form = {name: value for name, value in FORM.items() if name != "size"} if name == "aquiles" else FORM
    body: dict[str, Any] = {"json": JSON} if name == "tensorrt-llm" else {"files": form}
    made = await http.post(f"/openai~{name}/v1/videos", **body)
    assert made.status_code == (202 if name == "tensorrt-llm" else 200)
    reply = await http.get(f"/openai~{name}/v1/videos/{made.json()['id']}/content")
    status, words = PENDING[name]
    assert reply.status_code == status
    assert words in reply.text


async def test_jobs_of_one_server_are_none_of_another(http: httpx.AsyncClient) -> None:
    made = (await http.post("/openai~vllm-omni/v1/videos", files=FORM)).json()
    for prefix in ("/openai", "/openai~sglang", "/openai~aquiles"):
        assert (await http.get(f"{prefix}/v1/videos/{made['id']}")).status_code == 404


async def test_a_relays_job_that_does_not_exist_is_a_bad_request(http: httpx.AsyncClient) -> None:
    reply = await http.get("/openai~new-api/v1/videos/task_none")
    assert (reply.status_code, reply.json()["code"]) == (400, "task_not_exist")


async def test_the_key_of_a_cloud_goes_in_its_own_header() -> None:
    from sora_core.gateway import Gateway

    gateway = Gateway(key="k")
    await gateway.start()
    try:
        async with httpx.AsyncClient(base_url=gateway.url + "/openai~azure/openai/v1", trust_env=False) as http:
            assert (await http.get("/videos", headers={"authorization": "Bearer k"})).status_code == 401
            assert (await http.get("/videos", headers={"api-key": "k"})).status_code == 200
    finally:
        await gateway.stop()
