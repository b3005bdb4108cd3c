"""The Shenma protocol from request to file, against the gateway and its relatives; what was charged is in its books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from _client import LIGHT, LOST, Client, open_client
from _command import Command

from sora_core.engine import Engine
from sora_core.errors import (
    AuthError,
    BadResponse,
    JobFailed,
    JobNotFound,
    ModerationRejected,
    SoraError,
    SubmissionUnknown,
    Unsupported,
)
from sora_core.models import Operation, Shot

pytestmark = pytest.mark.usefixtures("no_faults")

KEY = "shenma-key-77aa"
DIALECTS = ("", "comfly", "outputs", "late", "bare")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_client(tmp_path_factory, "shenma", key=KEY, profile="plain") as client:
        for dialect in DIALECTS:
            client.add(dialect or "plain", f"/shenma~{dialect}/v2" if dialect else "/shenma/v1/")
        client.add("nowhere", "/shenma~bare/of/the/site")
        client.add("private", "/shenma", extra={"private": "true", "watermark": "false"})
        client.add("wrong-key", "/shenma", key_env="WRONG_KEY")
        yield client


def post(client: Client, path: str, body: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {KEY}"}
    return client.gateway.post(path, json=body, headers=headers)


def test_portrait_in_hd_takes_the_model_that_can(client):
    job = client.ordered("a tower", orientation="portrait", quality="hd")
    assert (job["model"], job["size"], job["seconds"]) == ("sora-2-pro", "1080x1920", 10)


def test_image_files_and_addresses_of_images_are_taken(client, picture):
    assert client.ordered("it moves", Operation.IMAGE_TO_VIDEO, images=(picture, picture))["has_image"]
    job = client.ordered("it moves", Operation.IMAGE_TO_VIDEO, image_urls=("https://a.example/i.png",))
    assert not job["has_image"]  # the preview fetches nothing


def test_a_storyboard_is_text_that_the_server_cuts_by(client):
    job = client.ordered("film noir", Operation.STORYBOARD, shots=(Shot("a door", 4.0), Shot("a cat", 6.0)))
    assert job["prompt"].startswith("current timeline:\nShot 1:\nduration: 4sec\nScene: a door\n\nShot 2:")


def test_a_remix_and_a_character_start_from_a_finished_job(client):
    source = client.make(LIGHT, seed=2)
    with client.charging(3):
        assert client.ordered("at night", Operation.REMIX, source_id=source.remote_id)["remix_of"] == source.remote_id
        mia = client.cast("mia", source_id=source.remote_id)
        assert mia.character_id.startswith("ch_")
        assert client.ordered("mia dances", characters=("mia",))["prompt"] == f"@{mia.username} dances"


def test_a_character_of_a_clip_is_paid_once(client):
    with client.charging(1):
        url = "https://a.example/c.mp4"
        made = client.cast("bo", source_url=url, start=1.0, end=3.0)
        assert (made.source_url, made.start, made.end) == (url, 1.0, 3.0)
        assert client.cast("bo again", source_url=url, start=1.0, end=3.0).character_id == made.character_id
    assert client.last["prompt"] == "character of https://a.example/c.mp4, 1 to 3 s"


def test_private_jobs_cannot_be_remixed_here_and_there(client):
    made = client.make(LIGHT, profile="private")
    with client.charging(0):
        with pytest.raises(Unsupported, match="private"):
            client.make("at night", Operation.REMIX, profile="private", source_id=made.remote_id)
        with pytest.raises(AuthError, match="private video cannot be remixed"):
            client.make("at night", Operation.REMIX, source_id=made.remote_id)


def test_quota_is_what_the_site_shows(client):
    quota = client.engine.quota("plain").result(20)
    assert quota.total == 1000
    assert quota.remaining == pytest.approx(quota.total - quota.used)
    assert "500000 raw" in quota.unit


def test_a_web_page_in_place_of_the_whole_api_proves_nothing_for_a_first_job_either(client):
    """It may be a maintenance page: behind it the job was taken."""
    with client.charging(0):
        with pytest.raises(SubmissionUnknown, match="web page"):
            client.make(LIGHT, profile="nowhere")
        with pytest.raises(SubmissionUnknown, match="web page"):
            client.cast("nobody", profile="nowhere", source_url="https://a.example/c.mp4")
        with pytest.raises(BadResponse):
            client.engine.quota("nowhere").result(20)


def test_a_web_page_of_a_relay_that_has_an_api_proves_nothing(client):
    """To a GET it shows its home page even where it takes a POST."""
    with client.charging(4):
        for seed in (31, 32):  # also where no job has been made before
            client.gateway.fault({"on": "create", "do": "garbage", "kind": "html", "when": "after"})
            for _ in range(2):
                with pytest.raises(SubmissionUnknown):
                    client.make(LIGHT, profile="bare", seed=seed)
            client.gateway.fault()
            source = client.make(LIGHT, profile="bare", seed=seed + 2)
        with pytest.raises(SubmissionUnknown, match="web page"):
            client.make("at night", Operation.REMIX, profile="bare", source_id=source.remote_id)


def test_a_web_page_for_a_moment_proves_nothing_where_a_job_was_made_before(client):
    client.make(LIGHT, seed=35)
    with client.charging(1):
        pages = {"do": "garbage", "kind": "html", "times": None}
        client.gateway.fault({"on": "create", "when": "after", **pages}, {"on": "retrieve", **pages})
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                client.make(LIGHT, seed=36)


BUSY = {"status": 429, "headers": {"Retry-After": "0.1"}}


@pytest.mark.parametrize("number", range(len(LOST)))
def test_a_lost_answer_is_never_paid_for_again(client, number):
    client.gateway.fault({"on": "create", "when": "after", "times": 2, **LOST[number]})
    with client.charging(2):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                client.make(f"lost {number}")
            with pytest.raises(SubmissionUnknown):
                client.cast("lost", source_url=f"https://a.example/{number}.mp4")


@pytest.mark.parametrize("profile", ["plain", "comfly"])
@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("prompt_review_failed", ModerationRejected, "change the prompt"),
        ("image_review_failed", ModerationRejected, "use another image"),
        ("result_review_failed", ModerationRejected, "change what the prompt asks for"),
        ("boom", JobFailed, "it fell over"),
    ],
)
def test_a_job_that_fails_says_why_and_may_be_run_again(client, profile, code, kind, words):
    client.gateway.fault({"on": "create", "do": "fail", "code": code, "message": "it fell over"})
    with pytest.raises(kind, match=words) as caught:
        client.make(f"failing: {code}", profile=profile)
    assert "it fell over" in caught.value.message


def test_a_character_that_is_refused_says_why(client):
    client.gateway.fault({"on": "create", "do": "fail", "code": "image_review_failed", "message": "真人"})
    with client.charging(0):
        with pytest.raises(ModerationRejected, match="真人"):
            client.cast("real", source_url="https://a.example/real.mp4")
        with pytest.raises(SoraError, match="no finished task"):
            client.cast("none", source_id="00000000-0000-0000-0000-000000000000")


def test_a_wrong_key_and_an_unknown_source_are_told_apart(client):
    with pytest.raises(AuthError):
        client.make("x", profile="wrong-key")
    with pytest.raises(JobNotFound):
        client.make("x", Operation.REMIX, source_id="00000000-0000-0000-0000-000000000000")


STRICT: dict[str, tuple[str, Any, int, str]] = {
    "no model": ("/v2/videos/generations", {"prompt": "x"}, 400, "model is required"),
    "no prompt": ("/v2/videos/generations", {"model": "sora-2"}, 400, "prompt"),
    "aspect": ("/v2/videos/generations", {"model": "sora-2", "prompt": "x", "aspect_ratio": "1:1"}, 400, "9:16"),
    "duration": ("/v2/videos/generations", {"model": "sora-2", "prompt": "x", "duration": 12}, 400, "10, 15, 25"),
    "hd": ("/v2/videos/generations", {"model": "sora-2", "prompt": "x", "hd": True}, 400, "sora-2-pro"),
    "hd text": ("/v2/videos/generations", {"model": "sora-2-pro", "prompt": "x", "hd": "true"}, 400, "boolean"),
    "both": ("/v2/videos/generations", {"model": "sora-2-pro", "prompt": "x", "hd": True, "duration": 25}, 400, "hd"),
    "images": ("/v2/videos/generations", {"model": "sora-2", "prompt": "x", "images": "y"}, 400, "list"),
    "image": ("/v2/videos/generations", {"model": "sora-2", "prompt": "x", "images": ["y"]}, 400, "images"),
    "remix": ("/v1/videos/none/remix", {"prompt": "x"}, 400, "task_not_exist"),
    "model of a character": ("/sora/v1/characters", {"model": "sora-2"}, 503, "无可用渠道"),
    "timestamps": ("/sora/v1/characters", {"url": "https://a.example/c.mp4", "timestamps": "0,9"}, 400, "1 to 3"),
    "source": ("/sora/v1/characters", {"timestamps": "0,2"}, 400, "exactly one"),
}


@pytest.mark.parametrize("case", STRICT)
def test_the_gateway_is_as_strict_as_the_document(client, case):
    path, body, status, words = STRICT[case]
    with client.charging(0):
        refused = post(client, f"/shenma{path}", body)
        assert refused.status_code == status
        assert words in json.dumps(refused.json(), ensure_ascii=False)


def test_the_gateway_calls_its_json_text_and_takes_a_duration_as_text(client):
    client.gateway.fault({"on": "create", "do": "stuck"})
    created = post(client, "/shenma/v2/videos/generations", {"model": "sora-2", "prompt": LIGHT, "duration": "15"})
    assert created.headers["content-type"].startswith("text/plain")
    assert set(created.json()) == {"task_id", "status", "progress", "created_at"}
    assert client.last["seconds"] == 15


def test_the_command_sends_every_address_and_the_file(client, picture, tmp_path):
    command = Command(tmp_path, RELAY_KEY=KEY)
    command.add_profile("own", client.gateway.url + "/shenma", provider="shenma", key_env="RELAY_KEY")
    client.gateway.fault({"on": "create", "do": "fail", "code": "prompt_review_failed", "message": "no"})
    urls, file = ["https://a.example/i.png", "https://a.example/j.png"], tmp_path / "k.png"
    file.write_bytes(picture.data)
    named = [word for url in urls for word in ("--image-url", url)]
    assert command("generate", "it moves", "--profile", "own", *named, "--image", str(file)).code == 4
    assert client.last["has_image"]
    engine = Engine(command.home)
    sent = json.loads(next(iter(engine.ledger.all_jobs())).request)
    engine.close()
    assert (sent["image_urls"], len(sent["images"])) == (urls, 1)


def test_the_command_makes_a_character_and_uses_it(client, tmp_path):
    command = Command(tmp_path, RELAY_KEY=KEY)
    command.add_profile("own", client.gateway.url + "/shenma", provider="shenma", key_env="RELAY_KEY")
    made = command(
        "character", "create", "zoe", "--profile", "own", "--url", "https://a.example/z.mp4", "--end", "2", "--json"
    )
    assert made.code == 0, made.err
    client.gateway.fault({"on": "create", "do": "fail", "code": "prompt_review_failed", "message": "no"})
    video = command("generate", "zoe waves", "--profile", "own", "--character", "zoe")
    assert video.code == 4
    assert "change the prompt" in video.err
    assert client.last["prompt"] == f"@{made.json['username']} waves"
    assert command("generate", LIGHT, "--profile", "own", "--json").code == 0
