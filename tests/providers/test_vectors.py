"""What real servers have answered, recorded: read by the functions that read it in production."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from sora_core import errors
from sora_core.errors import BadResponse
from sora_core.models import Effect, State
from sora_core.profiles import Profile
from sora_core.providers import _normalize as normalize
from sora_core.providers.openai import OpenAI
from sora_core.transport import Reply
from sora_core.transport.http import _failure_kind
from sora_core.transport.retry import Action, decide

VECTORS = Path(__file__).parent / "vectors"
BASE = "https://relay.example/v1"

# Recorded answers that no code here reads yet, and why.
NOT_READ_HERE = {
    "content_redirect_cross_host_strips_auth": "a redirect: tested with the transport",
    "shenma_character_created": "a character is no job; read by the provider that makes characters",
    "shenma_success_without_url_keeps_polling": "a rule of the shenma protocol, which has no /content",
    "skyriff_chat_links": "a chat answer; its links are tested with the tables",
    "sora2api_sse_error_inside_200": "a chat stream, a protocol of its own",
    "soraweb_cameo_status_completed_by_message": "the sora_web protocol",
    "soraweb_drafts_content_violation": "the sora_web protocol",
    "soraweb_drafts_item_without_url": "the sora_web protocol",
    "soraweb_nf_check_quota": "the sora_web protocol",
    "soraweb_pending_v2_progress_pct": "the sora_web protocol",
    "vllmomni_sync_returns_bytes": "the call that blocks until the video is made is not used",
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


def _cases(*, ok: bool) -> list[Any]:
    vectors = [_load(path) for path in sorted(VECTORS.glob("*.json"))]
    return [
        pytest.param(vector, id=vector["name"])
        for vector in vectors
        if vector["name"] not in NOT_READ_HERE and (200 <= vector["response"]["status"] < 300) is ok
    ]


def _reply(vector: dict[str, Any]) -> Reply:
    response = vector["response"]
    if "body_base64" in response:
        body = base64.b64decode(response["body_base64"])
    elif "text" in response:
        body = response["text"].encode()
    else:
        body = json.dumps(response["body"]).encode() if "body" in response else b""
    return Reply(response["status"], response.get("headers", {}), body, vector.get("base_url", BASE))


def _openai(vector: dict[str, Any]) -> OpenAI:
    return OpenAI(Profile("p", base_url=vector.get("base_url", BASE), allow_http=True))


def test_every_vector_is_read_or_left_out_with_a_reason():
    names = {path.stem for path in VECTORS.glob("*.json")}
    assert names >= set(NOT_READ_HERE)
    assert len(_cases(ok=True)) + len(_cases(ok=False)) == len(names) - len(NOT_READ_HERE)


@pytest.mark.parametrize("vector", _cases(ok=True))
def test_a_recorded_answer_about_a_job(vector):
    reply, expect = _reply(vector), vector["expect"]
    if expect.get("error_class") == "bad_response":
        with pytest.raises(BadResponse, match=expect["error_message_contains"]):
            _openai(vector).decode(reply)
        return
    snapshot = _openai(vector).decode(reply)
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
            assert normalize.job_error_class(snapshot.failure) is CLASSES[expect["error_class"]]
    else:
        assert snapshot.failure is None


@pytest.mark.parametrize("vector", _cases(ok=False))
def test_a_recorded_refusal(vector):
    reply, expect = _reply(vector), vector["expect"]
    error = _openai(vector).judge(reply)
    assert type(error) is CLASSES[expect["error_class"]]
    for text in expect.get("error_message_contains_all", [expect["error_message_contains"] or ""]):
        assert text in error.message
    if expect["error_code"] is not None:
        assert error.code == expect["error_code"]
    assert error.retry_after == expect.get("retry_after_s")
    effect = Effect.CHARGE if vector["request"]["method"] == "POST" else Effect.READ
    action = decide(effect, _failure_kind(error), 1).action
    assert (action is Action.RETRY) is (expect["retry"] == "yes")


@pytest.mark.parametrize(
    "vector", [case for case in _cases(ok=True) if {"next_path", "next_url"} & set(case.values[0]["expect"])]
)
def test_the_address_of_the_next_poll_is_made_from_a_recorded_id(vector):
    expect, provider = vector["expect"], _openai(vector)
    address = provider.base_url() + provider.encode_fetch(expect["job_id"]).path
    assert address.endswith(expect.get("next_url") or expect["next_path"])


@pytest.mark.parametrize("vector", [case for case in _cases(ok=True) if "download_path" in case.values[0]["expect"]])
def test_the_address_of_the_bytes_of_a_recorded_job(vector):
    expect, provider = vector["expect"], _openai(vector)
    snapshot = provider.decode(_reply(vector))
    path = provider.encode_content(snapshot.remote_id, snapshot).path
    assert path == expect["url"] if expect["url"] else provider.base_url() + path == BASE + expect["download_path"][3:]
