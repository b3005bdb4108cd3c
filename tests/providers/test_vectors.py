"""What real servers have answered, recorded: read by the functions that read it in production."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core import errors
from sora_core.conformance.asking import unmarked
from sora_core.errors import BadResponse
from sora_core.media.container import sniff
from sora_core.models import Character, Effect, Operation, Secret, Snapshot, State
from sora_core.profiles.profiles import Profile
from sora_core.providers import Attempt, Provider
from sora_core.providers._answers import normalize
from sora_core.providers._relay import prompt_text
from sora_core.providers.apiyi import ApiYi
from sora_core.providers.newapi import NewApi
from sora_core.providers.openai import OpenAI
from sora_core.providers.shenma import Shenma
from sora_core.providers.skyriff import SkyRiff
from sora_core.requests.kinds import CharacterRequest, CleanLinkRequest, Request, VideoRequest
from sora_core.transport import Http, Reply
from sora_core.transport.call import is_html
from sora_core.transport.retry import Action, decide, kind_of

VECTORS = Path(__file__).parent / "vectors"
BASE = "https://relay.example/v1"

# Recorded answers of a protocol that has tests of its own, which read them.
READ_ELSEWHERE = ("soraweb_", "pow_")

# protocol of a vector -> who speaks it, and in which dialect
SPEAKERS: dict[str, tuple[type[Provider], str]] = {
    "apiyi": (ApiYi, ""),
    "aquiles": (OpenAI, "aquiles"),
    "chat-video": (SkyRiff, "chat"),
    "dynamo": (OpenAI, "dynamo"),
    "fastvideo": (OpenAI, "fastvideo"),
    "litellm": (OpenAI, "litellm"),
    "native-tasks": (NewApi, ""),
    "new-api-task": (NewApi, "generic"),
    "new-api-videos": (OpenAI, "new-api"),
    "sglang": (OpenAI, "sglang"),
    "shenma-v2": (Shenma, ""),
    "skyriff": (SkyRiff, ""),
    "vllm-omni": (OpenAI, "vllm-omni"),
}
CLASSES = {
    "auth": errors.AuthError,
    "quota": errors.QuotaExceeded,
    "rate_limit": errors.RateLimited,
    "overloaded": errors.Overloaded,
    "invalid_request": errors.RequestRejected,
    "moderation": errors.ModerationRejected,
    "not_found": errors.JobNotFound,
    "not_ready": errors.NotReady,
    "job_failed": errors.JobFailed,
    "bad_response": errors.BadResponse,
    "ambiguous": errors.ServerError,
}


def _load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def _cases(how: str) -> list[Any]:
    vectors = [_load(path) for path in sorted(VECTORS.glob("*.json"))]
    return [pytest.param(vector, id=vector["name"]) for vector in vectors if _way_of(vector) == how]


def _way_of(vector: dict[str, Any]) -> str:
    """Which of the tests below reads it."""
    if vector["name"].startswith(READ_ELSEWHERE):
        return "elsewhere"
    status = vector["response"]["status"]
    if status >= 400:
        return "refusal"
    if status >= 300:
        return "redirect"
    if isinstance(vector["response"].get("body", {}).get("data"), list) and vector["request"]["method"] == "GET":
        return "list"
    whole = ("/chat/completions", "/characters", "/sync")
    return "submission" if vector["request"]["path"].endswith(whole) else "job"


def _reply(vector: dict[str, Any]) -> Reply:
    response = vector["response"]
    if "body_base64" in response:
        body = base64.b64decode(response["body_base64"])
    elif "text" in response:
        body = response["text"].encode()
    else:
        body = json.dumps(response["body"]).encode() if "body" in response else b""
    return Reply(response["status"], response.get("headers", {}), body, vector.get("base_url", BASE))


def _speaker(vector: dict[str, Any], base_url: str = "", **extra: str) -> Provider:
    kind, dialect = SPEAKERS.get(vector["protocol"], (OpenAI, ""))
    url = base_url or vector.get("base_url", BASE)
    return kind(Profile("p", provider=kind.name, dialect=dialect, base_url=url, allow_http=True, extra=extra))


def test_every_vector_is_read():
    ways = [_way_of(_load(path)) for path in VECTORS.glob("*.json")]
    assert {way: ways.count(way) for way in sorted(set(ways) - {"elsewhere"})} == {
        "job": 26,
        "list": 2,
        "redirect": 1,
        "refusal": 15,
        "submission": 5,
    }


@pytest.mark.parametrize("vector", _cases("job"))
def test_a_recorded_answer_about_a_job(vector):
    reply, expect = _reply(vector), vector["expect"]
    if expect.get("error_class") == "bad_response":
        with pytest.raises(BadResponse, match=expect["error_message_contains"]):
            _speaker(vector).decode(reply)
        return
    snapshot = _speaker(vector).decode(reply)
    assert snapshot.state is State(expect["state"].replace("cancelled", "canceled"))
    assert snapshot.remote_id == expect["job_id"]
    assert snapshot.url == expect["url"]
    if expect["progress"] is not None or not snapshot.state.terminal:
        assert snapshot.progress == pytest.approx(expect["progress"])
    for name in ("created_at", "expires_at"):
        if name in expect:
            assert getattr(snapshot, name) == pytest.approx(expect[name], abs=1)
    if snapshot.state is State.FAILED:
        assert snapshot.failure
        assert expect["error_message_contains"] in snapshot.failure.message
        assert snapshot.failure.code == expect["error_code"]
        if "error_class" in expect:
            told = normalize.job_error_class(snapshot.failure) or errors.JobFailed
            assert told is CLASSES[expect["error_class"]]
    else:
        assert snapshot.failure is None


@pytest.mark.parametrize("vector", _cases("list"))
def test_a_recorded_list_of_jobs(vector):
    jobs, after = _speaker(vector).decode_list(_reply(vector))
    assert [job.remote_id for job in jobs] == [each["id"] for each in vector["response"]["body"]["data"]]
    assert after is None


@pytest.mark.parametrize("vector", _cases("refusal"))
def test_a_recorded_refusal(vector):
    reply, expect = _reply(vector), vector["expect"]
    waits = vector["request"]["path"].endswith("/sync")
    error = _speaker(vector, **({"sync": "true"} if waits else {})).judge(reply)
    assert error.kind == CLASSES[expect["error_class"]].__name__
    for text in expect.get("error_message_contains_all", [expect["error_message_contains"] or ""]):
        assert text in error.message
    if expect["error_code"] is not None:
        assert error.code == expect["error_code"]
    assert error.retry_after == expect.get("retry_after_s")
    effect = Effect.CHARGE if vector["request"]["method"] == "POST" else Effect.READ
    action = decide(effect, kind_of(reply.status, error, is_page=is_html(reply.body)), 1).action
    assert (action is Action.RETRY) is (expect["retry"] == "yes")


@pytest.mark.parametrize(
    "vector", [case for case in _cases("job") if {"next_path", "next_url"} & set(case.values[0]["expect"])]
)
def test_the_address_of_the_next_poll_is_made_from_a_recorded_id(vector):
    expect, provider = vector["expect"], _speaker(vector)
    address = provider.base_url() + provider.encode_fetch(expect["job_id"]).path
    assert address.endswith(expect.get("next_url") or expect["next_path"])


@pytest.mark.parametrize("vector", [case for case in _cases("job") if "download_path" in case.values[0]["expect"]])
def test_the_address_of_the_bytes_of_a_recorded_job(vector):
    expect, provider = vector["expect"], _speaker(vector)
    snapshot = provider.decode(_reply(vector))
    path = provider.encode_content(snapshot.remote_id, snapshot).path
    address = path if path.startswith("https://") else provider.base_url() + path
    assert address == (expect["url"] or BASE + expect["download_path"].removeprefix("/v1"))


@contextlib.asynccontextmanager
async def _line(vector: dict[str, Any], **extra: str) -> AsyncIterator[tuple[Provider, Http]]:
    """The provider on a connection to a server that gives the recorded answer."""
    recorded = _reply(vector)
    async with Server(reply(recorded.status, recorded.body, recorded.headers)) as server:
        provider = _speaker(vector, server.url, **extra)
        http = Http(provider.base_url(), judge=provider.judge, clock=FakeClock())
        try:
            yield provider, http
        finally:
            await http.aclose()


async def _submitted(vector: dict[str, Any], request: Request, **extra: str) -> Snapshot:
    async with _line(vector, **extra) as (provider, http):
        settled = provider.settle(request)
        call = provider.encode_submit(settled)
        assert (provider.base_url() + call.path).endswith(vector["request"]["path"])
        if request.operation is not Operation.TEXT_TO_VIDEO:
            assert call.json == vector["request"].get("json", call.json)
        return await provider.submit(http, settled, Attempt("key", unmarked))


def _recorded(name: str) -> dict[str, Any]:
    (vector,) = [case.values[0] for case in _cases("submission") if case.id == name]
    return vector


async def test_the_recorded_links_of_a_clean_rendition():
    vector = _recorded("skyriff_chat_links")
    post = vector["request"]["json"]["messages"][0]["content"]
    made = await _submitted(vector, CleanLinkRequest(source_url=post))
    expect = vector["expect"]
    assert (made.state, made.url, made.remote_id) == (State.SUCCEEDED, expect["url"], expect["job_id"])


async def test_a_recorded_error_in_a_stream_of_http_200():
    """It had reached 40 %: what became of the job behind the server is open."""
    vector = _recorded("sora2api_sse_error_inside_200")
    with pytest.raises(errors.SubmissionUnknown, match=vector["expect"]["error_message_contains"]):
        await _submitted(vector, VideoRequest(Operation.TEXT_TO_VIDEO, "x", seconds=10))


async def test_a_recorded_answer_that_is_the_video():
    vector = _recorded("vllmomni_sync_returns_bytes")
    made = await _submitted(vector, VideoRequest(Operation.TEXT_TO_VIDEO, "x", seconds=2), sync="true")
    assert (made.state, made.media) == (State.SUCCEEDED, base64.b64decode(vector["response"]["body_base64"]))
    assert sniff(made.media) == vector["expect"]["bytes_sniff"]


CHARACTER = CharacterRequest(source_url="https://cdn.example.net/c.mp4", start=1.0, end=3.0)


async def test_a_recorded_character_and_how_a_prompt_mentions_it():
    vector = _recorded("shenma_character_created")
    made, expect = await _submitted(vector, CHARACTER), vector["expect"]
    assert (made.state, made.remote_id) == (State.SUCCEEDED, expect["job_id"])
    assert made.result
    assert made.result["username"] == expect["character_username"]
    cast = (Character("p", "anna", made.result["id"], made.result["username"]),)
    said = prompt_text(VideoRequest(Operation.TEXT_TO_VIDEO, "anna", cast=cast))
    assert said == expect["prompt_reference"]


async def test_a_recorded_home_page_in_place_of_an_answer():
    vector = _recorded("shenma_missing_endpoint_html_200")
    with pytest.raises(errors.SubmissionUnknown, match=vector["expect"]["error_message_contains"]) as caught:
        await _submitted(vector, CHARACTER)
    assert caught.value.body == vector["response"]["text"].encode()
    assert type(caught.value.__cause__) is CLASSES[vector["expect"]["error_class"]]


async def test_a_recorded_redirect_takes_its_query_along_but_not_the_key():
    (case,) = _cases("redirect")
    vector = case.values[0]
    target = urlsplit(vector["response"]["headers"]["location"])
    async with Server(reply(200, b"the bytes")) as store:
        to_store = {"location": f"{store.url}{target.path}?{target.query}"}
        async with Server(reply(vector["response"]["status"], b"", to_store)) as server:
            provider = _speaker(vector, server.url)
            key = {"Authorization": Secret(vector["request"]["headers"]["Authorization"])}
            http = Http(provider.base_url(), judge=provider.judge, clock=FakeClock(), auth=key)
            try:
                sent = await http.send(provider.encode_content("task_1", Snapshot(State.SUCCEEDED, "task_1")))
            finally:
                await http.aclose()
        assert sent.body == b"the bytes"
        assert server.requests[0].headers["authorization"] == key["Authorization"].reveal()
        assert store.requests[0].target == f"{target.path}?{target.query}"
        assert "authorization" not in store.requests[0].headers
