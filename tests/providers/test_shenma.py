"""The Shenma protocol: what goes out, what comes back, and what is refused before anything is sent."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core import texts
from sora_core.conformance.asking import request_of, unmarked
from sora_core.errors import BadResponse, InputError, ModerationRejected, ProfileError, SubmissionUnknown, Unsupported
from sora_core.models import Character, Effect, Operation, Shot, Snapshot, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import Attempt
from sora_core.providers._answers import normalize
from sora_core.providers.shenma import REVIEWS, Shenma
from sora_core.requests.kinds import Request
from sora_core.transport import Http, Reply

BASE = "https://relay.example"
VECTORS = Path(__file__).parent / "vectors"


def provider(**settings: Any) -> Shenma:
    return Shenma(Profile("p", provider="shenma", **{"base_url": BASE, **settings}))


def settled(own: Shenma | None = None, operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any) -> Request:
    own = own or provider()
    request = request_of(operation, **{"prompt": "a cat", **facts})
    return own.prepared(request)


def body(own: Shenma | None = None, **facts: Any) -> Any:
    own = own or provider()
    return own.encode_submit(settled(own, **facts)).json


def answer(value: Any) -> Reply:
    return Reply(200, {"content-type": "text/plain"}, json.dumps(value).encode(), BASE)


def vector(name: str) -> Reply:
    response = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["response"]
    text = response["text"] if "text" in response else json.dumps(response["body"])
    return Reply(response["status"], response["headers"], text.encode(), BASE)


@pytest.mark.parametrize(
    "written",
    [
        BASE, f"{BASE}/", f" {BASE}// ", f"{BASE}/v1", f"{BASE}/v2/", f"{BASE}/v2/videos/generations",
        f"{BASE}/v2/videos/generations/", f"{BASE}/v1/token/quota", f"{BASE}/sora/v1/characters", f"{BASE}/v1/videos",
    ],
)  # fmt: skip
def test_a_base_url_is_understood_however_it_is_pasted(written):
    assert provider(base_url=written).base_url() == BASE
    assert provider(base_url=f"{BASE}/api/v2").base_url() == f"{BASE}/api"


class TestGenerating:
    def test_is_a_charge_with_the_documents_fields(self):
        call = provider().encode_submit(settled())
        assert (call.method, call.path, call.effect) == ("POST", "/v2/videos/generations", Effect.CHARGE)
        assert call.headers == {"pragma": "no-cache"}
        assert call.json == {
            "model": "sora-2", "prompt": "a cat", "aspect_ratio": "16:9", "duration": 10, "hd": False,
        }  # fmt: skip

    def test_sends_shape_length_and_quality(self):
        sent = body(orientation="portrait", seconds=15, quality="hd")
        assert (sent["aspect_ratio"], sent["duration"], sent["hd"]) == ("9:16", 15, True)

    @pytest.mark.parametrize(
        ("facts", "own", "model"),
        [
            ({}, "", "sora-2"),
            ({"seconds": 15}, "", "sora-2"),
            ({"quality": "hd"}, "", "sora-2-pro"),
            ({"seconds": 25}, "", "sora-2"),
            ({"model": "sora-2-pro"}, "", "sora-2-pro"),
            ({}, "sora-2-pro", "sora-2-pro"),
            ({"model": "sora-2"}, "sora-2-pro", "sora-2"),
            ({"quality": "hd"}, "sora-2-all", "sora-2-all"),
            ({"model": "sora-2-all"}, "sora-2-all", "sora-2-all"),
        ],
    )
    def test_takes_the_model_that_was_named_or_else_the_one_that_can(self, facts, own, model):
        assert body(provider(model=own), **facts)["model"] == model

    def test_sends_images_as_data_uris_and_addresses(self):
        images = (Upload(b"png", "image/png", "a.png"), Upload(b"jpg", "image/jpeg", "b.jpg"))
        sent = body(operation=Operation.IMAGE_TO_VIDEO, images=images)
        assert sent["images"] == ["data:image/png;base64,cG5n", "data:image/jpeg;base64,anBn"]
        urls = ("https://a.example/i.png", "https://a.example/j.png")
        assert body(operation=Operation.IMAGE_TO_VIDEO, image_urls=urls)["images"] == [*urls]
        both = body(operation=Operation.IMAGE_TO_VIDEO, image_urls=urls, images=images[:1])
        assert both["images"] == [*urls, "data:image/png;base64,cG5n"]

    def test_writes_a_storyboard_as_text(self):
        shots = (Shot("a door", 5.0), Shot("a cat", 5.0))
        sent = body(operation=Operation.STORYBOARD, prompt="", shots=shots)
        assert sent["prompt"] == "Shot 1:\nduration: 5sec\nScene: a door\n\nShot 2:\nduration: 5sec\nScene: a cat"
        assert sent["duration"] == 10

    def test_mentions_characters_by_their_username(self):
        mia = Character("p", "mia", "ch_1", username="df4c.kitten")
        sent = body(prompt="mia runs", characters=("mia",), cast=(mia,))
        assert sent["prompt"] == "@df4c.kitten runs"
        assert "characters" not in sent

    def test_adds_the_profiles_extra_as_json_but_never_over_the_request(self):
        own = provider(
            extra={"private": "yes", "watermark": "false", "notify_hook": "https://me.example", "duration": "99"}
        )
        sent = body(own)
        assert (sent["private"], sent["watermark"], sent["notify_hook"]) == (True, False, "https://me.example")
        assert sent["duration"] == 10


REFUSED = {
    "hd of sora-2": ({"model": "sora-2", "quality": "hd"}, r"sora-2 has no hd; allowed: .* or the model sora-2-pro"),
    "length": ({"seconds": 12}, r"allowed: 10, 15, 25 seconds"),
    "square": ({"orientation": "square"}, r"landscape standard"),
    "model": ({"model": "veo"}, r"allowed: sora-2, sora-2-pro"),
    "style": ({"style": "noir"}, r"it takes characters"),
    "no job to remix": ({"operation": Operation.REMIX}, r"needs the job"),
    "seconds of a remix": (
        {"operation": Operation.REMIX, "source_id": "t", "seconds": 10},
        r"keeps the seconds of its source",
    ),
    "model of a remix": (
        {"operation": Operation.REMIX, "source_id": "t", "model": "sora-2"},
        r"keeps the model of its source",
    ),
    "hd of a remix": (
        {"operation": Operation.REMIX, "source_id": "t", "quality": "hd"},
        r"keeps the quality of its source",
    ),
    "part of a character": (
        {"operation": Operation.CREATE_CHARACTER, "source_id": "t", "start": 0, "end": 4},
        r"1 to 3 seconds",
    ),
    "clean link": ({"operation": Operation.CLEAN_LINK, "source_id": "t"}, r"cannot do clean link"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_relay_cannot_do_is_refused_naming_what_it_can(case):
    facts, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        settled(**facts)


def test_a_private_profile_cannot_remix():
    remix = {"operation": Operation.REMIX, "source_id": "t"}
    with pytest.raises(Unsupported, match="private jobs cannot be remixed"):
        settled(provider(extra={"private": "true"}), **remix)
    settled(provider(extra={"private": "false"}), **remix)


@pytest.mark.parametrize("settings", [{"dialect": "comfly"}, {"extra": {"private": "maybe"}}])
def test_a_setting_that_does_not_exist_is_refused(settings):
    with pytest.raises(ProfileError, match="allowed"):
        provider(**settings).capabilities()


def test_a_remix_sends_only_its_prompt():
    call = provider(extra={"watermark": "false"}).encode_submit(
        settled(operation=Operation.REMIX, prompt="at night", source_id="a/b")
    )
    assert (call.path, call.json, call.effect) == ("/v1/videos/a%2Fb/remix", {"prompt": "at night"}, Effect.CHARGE)


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ({"source_url": "https://a.example/c.mp4"}, {"url": "https://a.example/c.mp4", "timestamps": "1,3"}),
        ({"source_id": "t1"}, {"from_task": "t1", "timestamps": "1,3"}),
    ],
)
def test_a_character_is_made_from_a_clip_or_a_task_without_a_model(source, sent):
    call = provider(model="sora-2").encode_submit(
        settled(operation=Operation.CREATE_CHARACTER, prompt="", start=1, end=3, **source)
    )
    assert (call.path, call.json, call.effect) == ("/sora/v1/characters", sent, Effect.CHARGE)


def test_reading_a_job_costs_nothing_and_quotes_its_id():
    call = provider().encode_fetch("a/1")
    assert (call.path, call.effect) == ("/v2/videos/generations/a%2F1", Effect.READ)
    assert call.headers == {"pragma": "no-cache"}


LINK = "https://cdn.example/v.mp4"


@pytest.mark.parametrize(
    "place",
    [
        {"video_url": LINK}, {"url": LINK}, {"output": LINK}, {"outputs": [LINK]}, {"data": {"output": LINK}},
        {"data": {"outputs": [LINK]}}, {"data": {"outputs": [{"url": LINK}]}}, {"data": {"video_url": LINK}},
        {"result": {"video_url": LINK}}, {"fail_reason": LINK},
        {"data": {"output": LINK, "username": "an author"}},
    ],
)  # fmt: skip
def test_the_link_is_found_in_every_place_that_relays_put_it(place):
    snapshot = provider().decode(answer({"task_id": "t", "status": "SUCCESS", "progress": "100%", **place}))
    assert (snapshot.state, snapshot.url, snapshot.remote_id) == (State.SUCCEEDED, LINK, "t")
    assert provider().encode_content("t", snapshot).path == LINK


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("NOT_START", State.QUEUED), ("SUBMITTED", State.QUEUED), ("QUEUED", State.QUEUED),
        ("IN_PROGRESS", State.RUNNING), ("FAILURE", State.FAILED), ("BREWING", State.RUNNING),
    ],
)  # fmt: skip
def test_a_status_is_one_of_our_states_and_an_unknown_one_goes_on(word, state):
    snapshot = provider().decode(answer({"task_id": "t", "status": word, "progress": "45%"}))
    assert snapshot.state is state
    assert snapshot.progress == 45


def test_a_success_without_a_link_is_polled_on():
    snapshot = provider().decode(vector("shenma_success_without_url_keeps_polling"))
    assert (snapshot.state, snapshot.progress, snapshot.url) == (State.RUNNING, 100, None)


def test_a_recorded_character_is_a_result():
    snapshot = provider().accepted(vector("shenma_character_created"))
    assert (snapshot.state, snapshot.remote_id) == (State.SUCCEEDED, "ch_6900a1b2")
    assert snapshot.result == {
        "id": "ch_6900a1b2",
        "username": "df4c928fa.kittenauro",
        "permalink": "https://sora.chatgpt.com/profile/df4c928fa.kittenauro",
        "profile_picture_url": "https://cdn.example.net/p.webp",
    }


@pytest.mark.parametrize("review", REVIEWS)
@pytest.mark.parametrize("shape", ["error", "fail_reason"])
def test_a_review_says_what_to_change(review, shape):
    told = {"code": review, "message": "未通过"} if shape == "error" else f"{review}: 未通过"
    snapshot = provider().decode(answer({"task_id": "t", "status": "FAILURE", shape: told}))
    assert snapshot.failure
    assert snapshot.failure.code == review
    assert "未通过" in snapshot.failure.message
    assert texts.text(f"shenma.{review}", "fix") in snapshot.failure.message
    assert normalize.job_error_class(snapshot.failure) is ModerationRejected


@pytest.mark.parametrize("review", REVIEWS)
def test_a_review_that_refuses_at_once_says_what_to_change(review):
    refused = {"error": {"code": review, "message": "no"}}
    error = provider().judge(Reply(400, {}, json.dumps(refused).encode(), BASE))
    assert type(error) is ModerationRejected
    assert error.fix == texts.text(f"shenma.{review}", "fix")


def test_another_failure_keeps_the_servers_words():
    failed = {"task_id": "t", "status": "FAILURE", "error": {"code": "boom", "message": "it fell over"}}
    failure = provider().decode(answer(failed)).failure
    assert failure
    assert (failure.code, failure.message) == ("boom", "it fell over")


def test_a_created_task_without_more_is_queued():
    assert provider().accepted(answer({"task_id": "t"})) == Snapshot(State.QUEUED, "t")


@pytest.mark.parametrize("value", [{"message": "ok"}, {"code": "success", "data": None}, [], "ok", None])
def test_an_answer_that_names_no_task_leaves_it_open_whether_there_is_one(value):
    with pytest.raises(SubmissionUnknown):
        provider().accepted(answer(value))


HTML = "<!doctype html><html><body><div id=root></div></body></html>"


@contextlib.asynccontextmanager
async def on_a_server(*replies: bytes) -> AsyncIterator[tuple[Shenma, Http, Server]]:
    async with Server(*replies) as server:
        own = provider(base_url=server.url)
        http = Http(own.base_url(), judge=own.judge, clock=FakeClock())
        try:
            yield own, http, server
        finally:
            await http.aclose()


class TestAWebPageInPlaceOfTheAnswer:
    async def test_leaves_it_open_whether_there_is_a_job(self):
        async with on_a_server(reply(200, HTML)) as (own, http, server):
            with pytest.raises(SubmissionUnknown) as caught:
                await own.submit(http, settled(own), Attempt("key", unmarked))
            assert caught.value.body == HTML.encode()
            assert [request.method for request in server.requests] == ["POST"]


class TestQuota:
    async def read(self, value: Any, status: int = 200) -> Any:
        async with on_a_server(reply(status, value)) as (own, http, _):
            return await own.quota(http)

    async def test_is_in_the_units_that_the_site_shows_and_says_how_many_raw_ones_that_is(self):
        quota = await self.read({"total_quota": 1_000_000, "used_quota": 250_000, "remaining_quota": 750_000})
        assert (quota.total, quota.used, quota.remaining) == (2, 0.5, 1.5)
        assert quota.unit == "display units (500000 raw each)"

    async def test_adds_up_what_is_left_when_the_server_does_not(self):
        assert (await self.read({"data": {"total_quota": 1_000_000, "used_quota": 250_000}})).remaining == 1.5

    async def test_that_is_none_is_a_bad_response_and_a_missing_one_is_unsupported(self):
        with pytest.raises(BadResponse, match="not a quota"):
            await self.read({"message": "hello"})
        with pytest.raises(Unsupported):
            await self.read({"error": {"message": "Invalid URL"}}, status=404)
