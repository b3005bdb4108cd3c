"""The OpenAI Videos protocol: what goes out, and what the profile may say."""

from __future__ import annotations

import json
from functools import partial

import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core.conformance.asking import unmarked
from sora_core.errors import BadResponse, JobNotFound, ProfileError, SoraError, SubmissionUnknown, Unsupported
from sora_core.models import Effect, Operation, Shot, Snapshot, State, Upload
from sora_core.profiles.profiles import PREVIEW_PROFILE, Profile
from sora_core.providers import Attempt
from sora_core.providers._answers import normalize
from sora_core.providers.openai import DIALECTS, OpenAI
from sora_core.requests.kinds import RemixRequest, VideoRequest
from sora_core.transport import Http, Reply

BASE = "https://relay.example/v1"
REQUEST = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", model="sora-2", seconds=4, size="1280x720", seed=7)


def provider(**settings: object) -> OpenAI:
    return OpenAI(Profile("p", **{"base_url": BASE, **settings}))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://relay.example", "https://relay.example/v1"),
        ("https://relay.example/", "https://relay.example/v1"),
        ("https://relay.example/v1", "https://relay.example/v1"),
        ("https://relay.example/v1/", "https://relay.example/v1"),
        ("https://relay.example/v1//", "https://relay.example/v1"),
        ("https://relay.example/v1/videos", "https://relay.example/v1"),
        ("https://relay.example/v1/videos/", "https://relay.example/v1"),
        ("  https://relay.example/v1 \n", "https://relay.example/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://relay.example/openai/v1/videos", "https://relay.example/openai/v1"),
        ("https://me.openai.azure.com/openai/v1", "https://me.openai.azure.com/openai/v1"),
    ],
)
def test_a_base_url_is_understood_however_it_is_written(written, meant):
    assert provider(base_url=written).base_url() == meant


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://api.openai.com",
        "https://API.OpenAI.com/v1",
        "https://eu.api.openai.com/v1",
        "https://openai.com",
        "https://sora.chatgpt.com/v1",
        "https://chatgpt.com/v1",
        "https://api.openai.com./v1",
        "https://api.openai.com:443/v1",
    ],
)
def test_the_service_that_has_ended_is_refused_with_its_date(url):
    with pytest.raises(ProfileError, match="2026-09-24"):
        provider(base_url=url).base_url()


@pytest.mark.parametrize("host", ["notopenai.com", "openai.com.relay.example", "openai.community"])
def test_a_host_that_is_only_spelled_alike_is_not_refused(host):
    assert provider(base_url=f"https://{host}").base_url() == f"https://{host}/v1"


class TestSubmitting:
    def test_is_a_charge_as_multipart_with_strings_and_only_what_is_set(self):
        call = provider().encode_submit(REQUEST)
        assert (call.method, call.path, call.effect) == ("POST", "/videos", Effect.CHARGE)
        assert call.form == {"prompt": "a cat", "model": "sora-2", "seconds": "4", "size": "1280x720"}
        assert call.files == ()

    def test_leaves_out_what_is_left_to_the_server(self):
        call = provider().encode_submit(VideoRequest(Operation.TEXT_TO_VIDEO, "a cat"))
        assert call.form == {"prompt": "a cat"}

    def test_takes_the_model_of_the_profile_when_none_is_asked_for(self):
        call = provider(model="wan").encode_submit(VideoRequest(Operation.TEXT_TO_VIDEO, "a cat"))
        assert call.form == {"prompt": "a cat", "model": "wan"}

    def test_sends_the_image_as_a_file(self):
        image = Upload(b"png", "image/png", "reference.png")
        request = VideoRequest(Operation.IMAGE_TO_VIDEO, "a cat", images=(image,))
        assert provider().encode_submit(request).files == (("input_reference", image),)

    def test_adds_what_the_profile_adds_but_never_over_the_request(self):
        call = provider(extra={"fps": "24", "prompt": "a dog"}).encode_submit(REQUEST)
        assert call.form["fps"] == "24"
        assert call.form["prompt"] == "a cat"

    def test_writes_shots_into_the_prompt_where_there_is_no_field_for_them(self):
        shots = (Shot("a door", 5.0), Shot("a cat", 2.5))
        call = provider().encode_submit(VideoRequest(Operation.STORYBOARD, "film noir", shots=shots))
        assert call.form["prompt"] == (
            "current timeline:\nShot 1:\nduration: 5sec\nScene: a door\n\nShot 2:\nduration: 2.5sec\nScene: a cat\n\n"
            "instructions:\nfilm noir"
        )

    def test_sends_shots_and_seed_to_the_preview(self):
        shots = (Shot("门", 5.0),)
        call = OpenAI(PREVIEW_PROFILE).encode_submit(
            VideoRequest(Operation.STORYBOARD, "film noir", shots=shots, seed=7)
        )
        assert json.loads(call.form["shots"]) == [{"text": "门", "seconds": 5.0}]
        assert call.form["seed"] == "7"
        assert call.form["prompt"] == "film noir"

    def test_of_a_remix_names_the_source_in_the_path(self):
        request = RemixRequest("at night", source_id="video_a+b/c==")
        call = provider().encode_submit(request)
        assert (call.method, call.path, call.effect) == ("POST", "/videos/video_a%2Bb%2Fc%3D%3D/remix", Effect.CHARGE)
        assert call.json == {"prompt": "at night"}


class TestTheOtherCalls:
    def test_cost_nothing(self):
        calls = [
            provider().encode_fetch("v"),
            provider().encode_content("v", Snapshot(State.SUCCEEDED)),
            provider().encode_list(None),
        ]
        assert {call.effect for call in calls} == {Effect.READ}
        assert provider().encode_cancel("v").effect is Effect.IDEMPOTENT

    def test_quote_the_id(self):
        for call in (provider().encode_fetch("a:b/c"), provider().encode_cancel("a:b/c")):
            assert call.path == "/videos/a%3Ab%2Fc"

    def test_the_link_of_the_server_goes_before_the_content_page(self):
        snapshot = Snapshot(State.SUCCEEDED, "v", url="https://cdn.example/v.mp4")
        assert provider().encode_content("v", snapshot).path == "https://cdn.example/v.mp4"
        assert provider().encode_content("v", Snapshot(State.SUCCEEDED, "v")).path == "/videos/v/content"

    def test_a_result_without_link_and_id_is_nowhere(self):
        with pytest.raises(JobNotFound):
            provider().encode_content("", Snapshot(State.SUCCEEDED))

    def test_pages_of_the_list_go_on_after_the_last_id(self):
        page = {"data": [{"id": "b", "status": "queued"}, {"id": "a", "status": "queued"}], "has_more": True}
        jobs, after = provider().decode_list(Reply(200, {}, json.dumps(page).encode(), BASE))
        assert [job.remote_id for job in jobs] == ["b", "a"]
        assert after == "a"
        assert provider().encode_list(after).query["after"] == "a"

    def test_the_last_page_of_the_list_has_no_next(self):
        page = {"data": [{"id": "a", "status": "queued"}], "has_more": False, "last_id": "a"}
        assert provider().decode_list(Reply(200, {}, json.dumps(page).encode(), BASE))[1] is None

    @pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"data": {}}'])
    def test_a_list_that_is_none_is_a_bad_response(self, body):
        with pytest.raises(BadResponse):
            provider().decode_list(Reply(200, {}, body, BASE))


class TestDialects:
    def test_an_unknown_one_is_refused_naming_the_known(self):
        with pytest.raises(ProfileError, match="openai, preview"):
            provider(dialect="klingon").capabilities()

    @pytest.mark.parametrize("name", DIALECTS)
    def test_every_one_can_make_the_sizes_and_seconds_it_offers(self, name):
        can = provider(dialect=name).capabilities()
        assert all(size in can.sizes for size in can.size_for.values() if size)
        assert can.default_seconds is None or can.default_seconds in can.seconds

    def test_people_s_own_machines_cost_nothing_and_a_profile_may_say_otherwise(self):
        hosted = {
            "preview",
            "vllm-omni",
            "sglang",
            "tensorrt-llm",
            "aquiles",
            "localai",
            "dynamo",
            "fastvideo",
            "xinference",
        }
        assert {name for name in DIALECTS if not provider(dialect=name).can.paid} == hosted
        assert all(provider(dialect=name, paid=True).can.paid for name in DIALECTS)
        assert not provider(paid=False).can.paid


@pytest.fixture
async def http_to():
    opened: list[Http] = []

    def connect(server: Server) -> Http:
        judge = partial(normalize.error_of, provider="openai")
        opened.append(Http(server.url, judge=judge, clock=FakeClock()))
        return opened[-1]

    yield connect
    for each in opened:
        await each.aclose()


def _attempt() -> Attempt:
    return Attempt("key-1", unmarked)


class TestTheAnswerToASubmission:
    @pytest.mark.parametrize("status", [200, 201, 202])
    async def test_names_the_job(self, http_to, status):
        async with Server(reply(status, {"id": "video_1", "status": "queued"})) as server:
            snapshot = await provider(base_url=server.url).submit(http_to(server), REQUEST, _attempt())
            assert server.requests[0].headers["idempotency-key"] == "key-1"
        assert (snapshot.remote_id, snapshot.state) == ("video_1", State.QUEUED)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"status": "queued"}', b"[]", b'{"ok": true}'])
    async def test_that_names_none_leaves_it_open_whether_there_is_one(self, http_to, body):
        async with Server(reply(200, body)) as server:
            with pytest.raises(SubmissionUnknown):
                await provider(base_url=server.url).submit(http_to(server), REQUEST, _attempt())
            assert len(server.requests) == 1

    async def test_may_be_text_with_a_byte_order_mark(self, http_to):
        body = b"\xef\xbb\xbf" + b'{"task_id": 918273645546372819, "status": "NOT_START"}'
        async with Server(reply(200, body, {"content-type": "text/plain"})) as server:
            snapshot = await provider(base_url=server.url).submit(http_to(server), REQUEST, _attempt())
        assert snapshot.remote_id == "918273645546372819"


class TestQuota:
    async def test_is_what_the_billing_pages_leave(self, http_to):
        async with Server(reply(200, {"hard_limit_usd": 10.0}), reply(200, {"total_usage": 250})) as server:
            quota = await provider().quota(http_to(server))
        assert (quota.total, quota.used, quota.remaining, quota.unit) == (10.0, 2.5, 7.5, "USD")

    @pytest.mark.parametrize("answer", [reply(404), reply(400), reply(405), reply(404, "<!doctype html>")])
    async def test_of_a_server_without_billing_pages_is_unsupported(self, http_to, answer):
        async with Server(answer) as server:
            with pytest.raises(Unsupported):
                await provider().quota(http_to(server))

    @pytest.mark.parametrize("body", ["<!doctype html><title>API</title>", "[]", '"ok"', ""])
    async def test_of_a_server_that_answers_anything_with_a_page_is_unsupported(self, http_to, body):
        async with Server(reply(200, body)) as server:
            with pytest.raises(Unsupported):
                await provider().quota(http_to(server))


class TestCanceling:
    @pytest.mark.parametrize(
        ("answer", "says_so"),
        [
            (reply(200, {"id": "v", "deleted": True}), True),
            (reply(200, {"id": "v", "status": "deleted"}), True),
            (reply(200, {"id": "v", "deleted": False}), False),
            (reply(200, {"id": "v", "status": "in_progress"}), False),
            (reply(204), False),
        ],
    )
    async def test_only_the_server_s_own_word_is_a_success(self, http_to, answer, says_so):
        async with Server(answer) as server:
            assert await provider().cancel(http_to(server), "v") is says_so
            assert (server.requests[0].method, server.requests[0].target) == ("DELETE", "/videos/v")

    async def test_a_job_that_is_not_known_is_no_success(self, http_to):
        async with Server(reply(404, {"error": {"message": "Video not found"}})) as server:
            with pytest.raises(JobNotFound):
                await provider().cancel(http_to(server), "v")

    @pytest.mark.parametrize("words", ["Cancellation in progress", "Video output not yet available; retry"])
    async def test_a_job_that_is_being_canceled_is_no_error(self, http_to, words):
        async with Server(reply(409, {"detail": words})) as server:
            assert await provider().cancel(http_to(server), "v") is False

    async def test_any_other_conflict_is_one(self, http_to):
        async with Server(reply(409, {"detail": "The job belongs to someone else"})) as server:
            with pytest.raises(SoraError, match="someone else"):
                await provider().cancel(http_to(server), "v")


def test_the_link_of_a_job_is_joined_to_the_server_that_is_meant():
    snapshot = provider(base_url="https://relay.example").decode(
        Reply(200, {}, json.dumps({"id": "v", "status": "completed", "url": "/files/v.mp4"}).encode(), BASE)
    )
    assert snapshot.url == "https://relay.example/files/v.mp4"


def test_an_answer_that_is_no_job_says_so():
    with pytest.raises(BadResponse, match="HTML"):
        provider().decode(Reply(200, {}, b"<!doctype html><title>API</title>", BASE))


def test_a_fetch_url_that_a_remote_id_would_break_out_of_stays_below_videos():
    for name in ("../models", "..", ".", "a?b", "a#b", "%2e%2e"):
        path = provider().encode_fetch(name).path
        assert path.startswith("/videos/")
        assert not {"?", "#"} & set(path)
        assert path.rsplit("/", 1)[0] == "/videos"
