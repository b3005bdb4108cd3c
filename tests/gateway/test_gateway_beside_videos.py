"""The OpenAI protocol beside videos: characters, pictures and a chat, strict, and charged once each."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import pytest
from gateway_caller import SMALL, Caller
from PIL import Image

ROOT = "/openai/v1"


async def clip(caller: Caller, seconds: int) -> bytes:
    video = await caller.completed(seconds=str(seconds), size="64x64")
    return (await caller.content(video["id"])).content


async def character(http: httpx.AsyncClient, data: bytes, name: str = "Mia") -> httpx.Response:
    return await http.post(
        f"{ROOT}/videos/characters", data={"name": name}, files={"video": ("clip.mp4", data, "video/mp4")}
    )


def error(reply: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = reply.json()["error"]
    return found


async def test_a_character_is_made_of_a_clip_found_again_and_drawn_where_it_is_asked_for(
    caller: Caller, http: httpx.AsyncClient
) -> None:
    data = await clip(caller, 3)
    before = (await caller.stats())["charges"]
    made = (await character(http, data)).json()
    assert (made["object"], made["name"]) == ("character", "Mia")
    assert (await http.get(f"{ROOT}/videos/characters/{made['id']}")).json() == made
    assert (await caller.stats())["charges"] == before + 1
    named = [{"id": made["id"]}]
    reply = await http.post(f"{ROOT}/videos", json={**SMALL, "characters": named})
    assert reply.status_code == 200, reply.text
    await caller.create(characters=json.dumps(named))
    assert [job["cast"] for job in (await caller.stats())["jobs"][-2:]] == ["Mia", "Mia"]


@pytest.mark.parametrize("seconds", [1, 6])
async def test_a_clip_of_another_length_makes_no_character(
    caller: Caller, http: httpx.AsyncClient, seconds: int
) -> None:
    data = await clip(caller, seconds)
    before = (await caller.stats())["charges"]
    reply = await character(http, data)
    assert reply.status_code == 400
    assert "2 to 4 seconds" in error(reply)["message"]
    assert (await caller.stats())["charges"] == before


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a character without a clip": ("/videos/characters", {"data": {"name": "Mia"}}, "video"),
    "a character of a page": (
        "/videos/characters",
        {"data": {"name": "Mia"}, "files": {"video": ("a.mp4", b"<html>", "video/mp4")}},
        "video",
    ),
    "a character without a name": ("/videos/characters", {"files": {"video": ("a.mp4", b"x", "video/mp4")}}, "name"),
    "an unknown character": ("/videos", {"json": {**SMALL, "characters": [{"id": "char_x"}]}}, "characters"),
    "characters that are no list": ("/videos", {"json": {**SMALL, "characters": "char_x"}}, "characters"),
    "characters that are no objects": ("/videos", {"json": {**SMALL, "characters": ["char_x"]}}, "characters"),
    "a picture of nothing": ("/images/generations", {"json": {"prompt": " "}}, "prompt"),
    "two pictures": ("/images/generations", {"json": {"prompt": "x", "n": 2}}, "n"),
    "a picture of no size": ("/images/generations", {"json": {"prompt": "x", "size": "big"}}, "size"),
    "a chat without a model": ("/chat/completions", {"json": {"messages": []}}, "model"),
    "a chat without messages": ("/chat/completions", {"json": {"model": "preview", "messages": []}}, "messages"),
    "a chat without words": (
        "/chat/completions",
        {"json": {"model": "preview", "messages": [{"role": "user", "content": ""}]}},
        "prompt",
    ),
    "a chat of pictures": (
        "/chat/completions",
        {"json": {"model": "preview", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}},
        "messages",
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_refused_by_name_and_costs_nothing(
    caller: Caller, http: httpx.AsyncClient, case: str
) -> None:
    path, body, param = WRONG[case]
    reply = await http.post(ROOT + path, **body)
    assert reply.status_code == 400, reply.text
    assert error(reply)["param"] == param
    assert (await caller.stats())["charges"] == 0


async def test_an_unknown_character_is_not_found(http: httpx.AsyncClient) -> None:
    reply = await http.get(f"{ROOT}/videos/characters/char_x")
    assert (reply.status_code, error(reply)["code"]) == (404, "character_not_found")


@pytest.mark.parametrize(("size", "sides"), [("160x96", (160, 96)), ("auto", (1024, 1024))])
async def test_a_picture_is_a_png_of_the_size_that_is_asked_for(
    caller: Caller, http: httpx.AsyncClient, size: str, sides: tuple[int, int]
) -> None:
    reply = await http.post(f"{ROOT}/images/generations", json={"prompt": "a lighthouse", "size": size})
    (data,) = reply.json()["data"]
    with Image.open(io.BytesIO(base64.b64decode(data["b64_json"]))) as picture:
        assert (picture.format, picture.size) == ("PNG", sides)
        assert len(picture.convert("RGB").getcolors(2**20) or range(99)) > 20  # something is drawn on it
    assert (await caller.stats())["charges"] == 1
    assert (await http.get(f"{ROOT}/videos")).json()["data"] == []


def chat(system: str, prompt: str) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    return {"json": {"model": "preview", "messages": messages}}


async def test_a_chat_writes_the_prompt_out_the_same_every_time_and_says_that_no_model_did(
    caller: Caller, http: httpx.AsyncClient
) -> None:
    texts = []
    for system in ("in one sentence", "in one sentence", "about 80 words", "about 200 words, in 8 seconds"):
        reply = await http.post(f"{ROOT}/chat/completions", **chat(system, "a cat"))
        (choice,) = reply.json()["choices"]
        texts.append(choice["message"]["content"])
    assert texts[0] == texts[1]
    assert len(texts[1]) < len(texts[2]) < len(texts[3])
    assert all(text.startswith("a cat. ") and "no model wrote them" in text for text in texts)
    assert "within 8 seconds" in texts[3]
    assert (await caller.stats())["charges"] == 4


async def test_a_creation_that_fails_is_an_error_and_no_result(caller: Caller, http: httpx.AsyncClient) -> None:
    await caller.faults({"on": "create", "do": "fail", "code": "moderation_blocked", "message": "No."})
    reply = await http.post(f"{ROOT}/images/generations", json={"prompt": "x", "size": "64x64"})
    assert (reply.status_code, error(reply)["code"]) == (400, "moderation_blocked")


@pytest.mark.parametrize(
    ("dialect", "there"),
    [("vllm-omni", True), ("litellm", True), ("new-api", True), ("sglang", False), ("azure", False)],
)
async def test_dialects_have_pictures_where_their_servers_do(
    http: httpx.AsyncClient, dialect: str, there: bool
) -> None:
    root = "/openai/v1" if dialect == "azure" else "/v1"
    path = f"/openai~{dialect}{root}/images/generations"
    headers = {"api-key": "k"} if dialect == "azure" else {}
    reply = await http.post(path, json={"prompt": "x", "size": "64x64"}, headers=headers)
    assert (reply.status_code == 200) is there, reply.text
