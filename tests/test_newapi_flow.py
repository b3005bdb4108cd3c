"""The New API service from request to file, in every form, against the gateway; what was charged is in its books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from _client import LIGHT, Client, open_client
from _command import Command

from sora_core.errors import (
    AuthError,
    JobFailed,
    JobNotFound,
    ModerationRejected,
)
from sora_core.models import Operation

pytestmark = pytest.mark.usefixtures("no_faults")

KEY = "newapi-key-90c1"
SMALL = {"size": "128x96", "seconds": 2}
NOBODY = "00000000-0000-0000-0000-000000000000"

# profile: (dialect of the profile, path of the gateway, settings)
PROFILES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "native": ("", "/newapi/v1/", {}),
    "raw": ("", "/newapi~duomi", {"auth": "raw", "extra": {"data_uris": "true"}}),
    "late": ("", "/newapi~late", {}),
    "at-once": ("", "/newapi~prompt-id", {}),
    "chat": ("chat", "/newapi/v1/chat/completions", {}),
    "chat-id": ("chat", "/newapi~prompt-id", {"extra": {"native_url": "{url}/newapi/v1"}}),
    "generic": ("generic", "/newapi/v1", {"model": "kling-v2", "usual": SMALL}),
    "old": ("generic", "/newapi~old", {"model": "kling-v2", "usual": SMALL}),
    "wrong-key": ("", "/newapi", {"key_env": "WRONG_KEY"}),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_client(tmp_path_factory, "newapi", key=KEY, profile="native") as client:
        for name, (dialect, path, settings) in PROFILES.items():
            extra = {key: text.format(url=client.gateway.url) for key, text in settings.get("extra", {}).items()}
            client.add(name, path, dialect=dialect, **{**settings, "extra": extra})
        yield client


@pytest.mark.parametrize(
    ("profile", "form", "is_drawn"),
    [("native", "url", False), ("chat", "url", False), ("raw", "file", True), ("chat", "file", True),
     ("generic", "file", True), ("generic", "url", False)],
)  # fmt: skip
def test_images_are_taken_in_every_form_that_there_is(client, picture, profile, form, is_drawn):
    image = {"images": (picture,)} if form == "file" else {"image_urls": ("https://a.example/i.png",)}
    job = client.ordered("it moves", Operation.IMAGE_TO_VIDEO, profile=profile, **image)
    assert job["has_image"] is is_drawn  # the preview fetches no addresses


@pytest.mark.parametrize("profile", ["native", "generic"])
def test_a_remix_keeps_shape_and_length_of_its_source(client, profile):
    source = client.make(LIGHT, profile=profile, orientation="portrait")
    charges, before = client.gateway.charges, client.last
    job = client.ordered("at night", Operation.REMIX, profile=profile, source_id=source.remote_id)
    assert job["remix_of"] == source.remote_id
    assert (job["size"], job["seconds"]) == (before["size"], before["seconds"])
    assert client.gateway.charges == charges + 1


@pytest.mark.parametrize("profile", ["native", "raw", "late", "at-once"])
def test_a_character_of_a_clip_is_read_from_its_task_and_paid_once(client, profile):
    with client.charging(1):
        url = "https://a.example/c.mp4"
        made = client.cast(f"{profile} mia", profile=profile, source_url=url)
        assert made.character_id.startswith("ch_")
        assert ".preview" in made.username
        assert client.cast("again", profile=profile, source_url=url).character_id == made.character_id


def test_characters_of_a_clip_and_of_a_job_play_together(client):
    source = client.make(LIGHT)
    mia = client.cast("mia", source_url="https://a.example/mia.mp4")
    bo = client.cast("bo", source_id=source.remote_id, start=1.0)
    job = client.ordered("@mia and bo dance", characters=("mia", "bo"))
    assert job["prompt"] == f"@{mia.username} and @{bo.username} dance"


BUSY = {"status": 429, "headers": {"Retry-After": "0.1"}, "body": {"error": {"message": "当前分组上游负载已饱和"}}}


@pytest.mark.parametrize("profile", ["native", "raw", "chat", "generic", "old"])
@pytest.mark.parametrize(
    ("code", "message", "kind"), [("boom", "fell over", JobFailed), ("x", "审核未通过", ModerationRejected)]
)
def test_a_job_that_fails_says_why(client, profile, code, message, kind):
    client.gateway.fault({"on": "create", "do": "fail", "code": code, "message": message})
    with pytest.raises(kind, match=message):
        client.make(f"failing: {code}", profile=profile)


def test_a_character_that_fails_says_why(client):
    client.gateway.fault({"on": "create", "do": "fail", "code": "x", "message": "no face in it"})
    with pytest.raises(JobFailed, match="no face in it"):
        client.cast("faceless", source_url="https://a.example/x.mp4")


@pytest.mark.parametrize("profile", ["native", "generic"])
def test_a_job_that_the_server_forgot_is_missed_and_not_failed(client, profile):
    remote_id = NOBODY if profile == "native" else f"task_{NOBODY}"

    async def fetch(connection: Any) -> Any:
        return await connection.provider.fetch(connection.http, remote_id)

    with pytest.raises(JobNotFound):
        client.engine.ask(profile, fetch).result(20)


def test_a_wrong_key_and_an_unknown_source_are_told_apart(client):
    with pytest.raises(AuthError):
        client.make(LIGHT, profile="wrong-key")
    with pytest.raises(JobNotFound):
        client.make(LIGHT, Operation.REMIX, source_id=NOBODY)


def test_models_are_listed_where_the_server_has_a_list(client):
    async def models(connection: Any) -> list[str]:
        return await connection.provider.models(connection.http)

    assert client.engine.ask("generic", models).result(20) == ["sora-2", "sora-2-pro"]


NATIVE, TASKS, CHAT = "/v1/videos/generations", "/v1/video/generations", "/v1/chat/completions"
STRICT: dict[str, tuple[str, Any, str]] = {
    "no model": (NATIVE, {"prompt": "x"}, "model is required"),
    "no prompt": (NATIVE, {"model": "sora-2"}, "prompt"),
    "duration as text": (NATIVE, {"model": "sora-2", "prompt": "x", "duration": "15"}, "10, 15, 25"),
    "aspect": (NATIVE, {"model": "sora-2", "prompt": "x", "aspect_ratio": "4:3"}, "9:16"),
    "data uri": (NATIVE, {"model": "sora-2", "prompt": "x", "image_urls": ["data:image/png;base64,AA=="]}, "address"),
    "clip": (NATIVE, {"model": "sora-2", "prompt": "x", "characters": [{"timestamps": "0,3"}]}, "url of a clip"),
    "long clip": (
        NATIVE,
        {"model": "sora-2", "prompt": "x", "characters": [{"url": "https://a.example/c", "timestamps": "0,9"}]},
        "1 to 3",
    ),
    "timestamps": ("/v1/characters", {"url": "https://a.example/c.mp4"}, "timestamps"),
    "two sources": ("/v1/characters", {"url": "https://a.example/c", "from_task": "t", "timestamps": "0,3"}, "exactly"),
    "chat model": (CHAT, {"messages": [{"role": "user", "content": "x"}]}, "model is required"),
    "chat messages": (CHAT, {"model": "sora-2", "messages": []}, "messages"),
    "task model": (TASKS, {"prompt": "x"}, "model is required"),
    "task size": (TASKS, {"model": "m", "prompt": "x", "size": "wide"}, "WIDTHxHEIGHT"),
}


@pytest.mark.parametrize("case", STRICT)
def test_the_gateway_is_as_strict_as_the_document(client, case):
    path, body, words = STRICT[case]
    with client.charging(0):
        headers = {"authorization": KEY}
        refused = client.gateway.post(f"/newapi{path}", json=body, headers=headers)
        assert refused.status_code == 400
        assert words in json.dumps(refused.json(), ensure_ascii=False)


def test_the_command_speaks_the_chat_form(client, tmp_path):
    command = Command(tmp_path, RELAY_KEY=KEY)
    url = client.gateway.url + "/newapi"
    words = ("profiles", "add", "own", "--provider", "newapi", "--dialect", "chat", "--base-url", url)
    assert command(*words, "--key-env", "RELAY_KEY", "--poll", "0.1", "--extra", f"native_url={url}").code == 0
    video = command("generate", LIGHT, "--profile", "own", "--json")
    assert video.code == 0, video.err
    assert client.refused(LIGHT, profile="chat", orientation="portrait").exit_code == 2
