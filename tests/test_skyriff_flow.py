"""The SkyRiff relay from request to file, in both forms, against the gateway; what was charged is in its books."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from _client import LIGHT, Client, open_client
from _command import Command, kill, until

from sora_core.errors import (
    AuthError,
    JobFailed,
    JobNotFound,
    ModerationRejected,
    ProfileError,
    RequestRejected,
    SubmissionUnknown,
)
from sora_core.models import Delivery, Operation

pytestmark = pytest.mark.usefixtures("no_faults")

KEY = "skyriff-key-71fd"
TOKEN = "account.token-0f3a9c77e2b14d"  # no web token by its look: nothing may find it by pattern
POST = "https://posts.example/p/s_68f6140d"
DRAFTS = {"drafts_token_env": "DRAFTS_TOKEN"}

# profile: (dialect of the profile, path of the gateway, settings)
PROFILES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "own": ("", "/skyriff/v1/", {"extra": DRAFTS}),
    "no-url": ("", "/skyriff~no-url", {}),
    "at-100": ("", "/skyriff~at-100/v1/videos", {}),
    "chat": ("chat", "/skyriff/v1/chat/completions", {}),
    "plain": ("chat", "/skyriff", {"extra": {"stream": "false"}}),
    "json": ("chat", "/skyriff~json", {}),
    "markdown": ("chat", "/skyriff~markdown", {}),
    "task": ("chat", "/skyriff~task", {}),
    "plain-task": ("chat", "/skyriff~task", {"extra": {"stream": "false"}}),
    "cut": ("chat", "/skyriff~cut", {}),
    "mute": ("chat", "/skyriff~mute", {}),
    "shy": ("chat", "/skyriff~shy", {"extra": {"stream": "false"}}),
    "no-token": ("", "/skyriff", {"extra": {"drafts_token_env": "NO_SUCH_TOKEN"}}),
    "wrong-key": ("", "/skyriff", {"key_env": "WRONG_KEY"}),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_client(tmp_path_factory, "skyriff", key=KEY, profile="own", DRAFTS_TOKEN=f" {TOKEN}\n") as client:
        for name, (dialect, path, settings) in PROFILES.items():
            client.add(name, path, dialect=dialect, **settings)
        yield client


def clean(client: Client, profile: str = "own", **facts: Any) -> Delivery:
    return client.make("", Operation.CLEAN_LINK, profile, **facts)


@pytest.mark.parametrize(("profile", "has_id"), [("own", True), ("task", True), ("cut", True), ("chat", False)])
def test_a_task_id_in_a_chat_answer_is_followed_and_a_link_is_delivered_at_once(client, profile, has_id):
    polls = client.gateway.requests("retrieve")
    made = client.make(LIGHT, profile=profile, seed=3)
    assert bool(made.remote_id) is has_id
    assert (client.gateway.requests("retrieve") > polls) is has_id


@pytest.mark.parametrize("profile", ["chat", "markdown"])
def test_progress_is_told_while_the_answer_streams(client, profile):
    client.make(LIGHT, profile=profile, seed=4)
    assert any("Video Generation Progress" in progress.note for progress in client.seen)


@pytest.mark.parametrize(
    ("profile", "form", "is_drawn"), [("own", "file", True), ("own", "url", False), ("chat", "file", True),
                                      ("plain", "url", False)]
)  # fmt: skip
def test_images_are_taken_in_every_form_that_there_is(client, picture, profile, form, is_drawn):
    image = {"images": (picture,)} if form == "file" else {"image_urls": ("https://a.example/i.png",)}
    job = client.ordered("from an image", Operation.IMAGE_TO_VIDEO, profile=profile, orientation="portrait", **image)
    assert job["has_image"] is is_drawn  # the preview fetches no addresses
    assert job["model"] == "sora2-portrait"


def test_a_post_is_cleaned_by_its_address_and_paid_once(client):
    with client.charging(1):
        made = clean(client, source_url=f"  {POST} ")
        assert made.path.is_file()
        assert made.remote_id == "s_68f6140d"
        assert clean(client, source_url=POST).reused


def test_a_draft_is_cleaned_with_the_account_token_which_is_kept_nowhere(client, monkeypatch):
    with client.charging(2):
        made = clean(client, source_id="drafts")
        assert client.last["model"] == "sora-drafts-url"
        assert clean(client).reused
        monkeypatch.setenv("DRAFTS_TOKEN", "another-accounts-token")
        assert not clean(client).reused
    kept = [path for folder in (client.home, client.out) for path in folder.rglob("*") if path.is_file()]
    assert made.path in kept
    assert all(TOKEN.encode() not in path.read_bytes() for path in kept)
    with sqlite3.connect(client.home / "jobs.sqlite") as ledger:
        assert TOKEN not in "\n".join(ledger.iterdump())
    assert TOKEN not in str(client.seen)


def test_a_server_that_repeats_the_token_does_not_get_it_into_the_error(client, caplog):
    client.gateway.fault(
        {"on": "create", "do": "status", "status": 400, "body": {"error": {"message": f"bad {TOKEN}"}}}
    )
    with pytest.raises(RequestRejected) as caught:
        clean(client, seed=2)
    assert "bad ***" in caught.value.message
    assert TOKEN not in str(caught.value)
    assert TOKEN not in caplog.text


def test_drafts_without_a_token_are_refused_before_anything_is_sent(client):
    before = client.gateway.stats()["requests"]
    for profile in ("no-token", "chat"):
        with pytest.raises(ProfileError, match="no account token"):
            clean(client, profile)
    assert client.gateway.stats()["requests"] == before


BUSY = {"status": 429, "headers": {"Retry-After": "0.1"}, "body": {"error": {"message": "请求过于频繁"}}}


def test_a_stream_that_breaks_before_it_named_anything_is_never_paid_for_again(client):
    with client.charging(1):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                client.make("broken", profile="mute")


def test_a_task_id_is_on_disk_while_the_answer_streams_and_a_killed_process_loses_nothing(client, tmp_path):
    command = Command(tmp_path, RELAY_KEY=KEY)
    url = client.gateway.url + "/skyriff~markdown"
    command.add_profile("own", url, provider="skyriff", dialect="chat", key_env="RELAY_KEY")
    client.gateway.fault({"on": "create", "do": "stuck", "seconds": 3})
    with client.charging(1):
        process = command.start("generate", LIGHT, "--profile", "own", "--json")
        until(lambda: any(job["remote_id"] for job in command.jobs()))
        assert process.poll() is None
        assert not kill(process).out
        talks = client.gateway.requests("chat")
        again = command("generate", LIGHT, "--profile", "own", "--json")
        assert again.code == 0, again.err
        assert again.json["remote_id"].startswith("video_")
        assert client.gateway.requests("chat") == talks


def test_a_server_that_makes_videos_only_in_streams_says_so_and_nothing_is_charged(client):
    with client.charging(0):
        with pytest.raises(RequestRejected, match="streamed") as caught:
            client.make(LIGHT, profile="shy")
        assert "stream = true" in str(caught.value)


@pytest.mark.parametrize("profile", ["chat", "plain", "json"])
@pytest.mark.parametrize(
    ("code", "message", "kind"), [("boom", "fell over", SubmissionUnknown), ("x", "审核未通过", ModerationRejected)]
)
def test_a_failure_inside_an_answer_of_http_200_says_why(client, profile, code, message, kind):
    client.gateway.fault({"on": "create", "do": "fail", "code": code, "message": message})
    with pytest.raises(kind, match=message):
        client.make(f"failing: {code}", profile=profile)


@pytest.mark.parametrize("profile", ["own", "at-100", "task"])
def test_a_failed_job_without_an_error_field_fails_and_is_not_taken_for_done(client, profile):
    client.gateway.fault({"on": "create", "do": "fail"})
    with pytest.raises(JobFailed, match="gives no reason"):
        client.make("failing", profile=profile)


def test_a_wrong_key_and_an_unknown_job_are_told_apart(client):
    with pytest.raises(AuthError):
        client.make(LIGHT, profile="wrong-key")

    async def fetch(connection: Any) -> Any:
        return await connection.provider.fetch(connection.http, "video_00000000-0000-0000-0000-000000000000")

    with pytest.raises(JobNotFound):
        client.engine.ask("own", fetch).result(20)


TALK = {"model": "sora2-portrait", "messages": [{"role": "user", "content": "x"}]}
STRICT: dict[str, tuple[str, dict[str, Any], str]] = {
    "no model": ("/videos", {"json": {"prompt": "x"}}, "model is required"),
    "unknown model": ("/videos", {"json": {"prompt": "x", "model": "sora-2"}}, "sora2-portrait-15s"),
    "no prompt": ("/videos", {"json": {"model": "sora2-portrait"}}, "prompt"),
    "image": ("/videos", {"json": {"prompt": "x", "model": "sora2-portrait", "image_url": "i.png"}}, "no address"),
    "form without file": (
        "/videos",
        {"files": {"prompt": (None, "x"), "model": (None, "sora2-portrait")}},
        "input_reference is required",
    ),
    "form with size": (
        "/videos",
        {"files": {"prompt": (None, "x"), "model": (None, "sora2-portrait"), "size": (None, "1x1"),
                   "input_reference": ("a.png", b"x")}},
        "1280x720, 720x1280",
    ),
    "pro chat": ("/chat/completions", {"json": {**TALK, "model": "sora2-pro-portrait-25s"}}, "invalid model"),
    "messages": ("/chat/completions", {"json": {**TALK, "messages": []}}, "messages"),
    "stream": ("/chat/completions", {"json": {**TALK, "stream": "yes"}}, "boolean"),
    "streamed clean link": ("/chat/completions", {"json": {**TALK, "model": "sora_url", "stream": True}}, "false"),
    "spaces": (
        "/chat/completions",
        {"json": {"model": "sora-drafts-url", "stream": False, "messages": [{"role": "user", "content": " t "}]}},
        "begin or end with a space",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STRICT)
def test_the_gateway_is_as_strict_as_the_document(client, case):
    path, body, words = STRICT[case]
    with client.charging(0):
        headers = {"authorization": f"Bearer {KEY}"}
        refused = client.gateway.post(f"/skyriff/v1{path}", headers=headers, **body)
        assert refused.status_code == 400
        assert words in json.dumps(refused.json(), ensure_ascii=False)


def test_the_command_makes_a_video_and_cleans_a_post(client, tmp_path):
    command = Command(tmp_path, RELAY_KEY=KEY)
    command.add_profile("own", client.gateway.url + "/skyriff", provider="skyriff", key_env="RELAY_KEY")
    video = command("generate", LIGHT, "--profile", "own", "--json")
    assert video.code == 0, video.err
    assert (video.json["width"], video.json["height"]) == (1280, 720)
    post = command("clean", POST, "--profile", "own", "--confirm-rights", "--json")
    assert post.code == 0, post.err
    for facts, reason in (
        ({"seconds": 12}, "10, 15, 25 seconds"),
        ({"seconds": 25, "quality": "hd"}, "hd quality is available in 15 seconds"),
        ({"orientation": "square"}, "cannot make square video"),
        ({"model": "sora2-portrait-15s", "seconds": 10}, "conflicts with"),
    ):
        error = client.refused(LIGHT, **facts)
        assert error.exit_code == 2
        assert reason in error.message
