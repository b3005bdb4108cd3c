"""What each dialect of the OpenAI protocol puts on the wire, and how answers that are the video are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from sora_core.errors import (
    AuthError,
    InvalidRequest,
    JobFailed,
    NotReady,
    Overloaded,
    RequestRejected,
    SubmissionUnknown,
    Unsupported,
)
from sora_core.models import Effect, Operation, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers.openai import DIALECTS, OpenAI
from sora_core.requests.kinds import RemixRequest, VideoRequest
from sora_core.transport import Reply

BASE = "https://relay.example/v1"
LINK = "https://cdn.example/a.png"
PNG = Upload(b"png", "image/png", "reference.png")
FULL = VideoRequest(
    Operation.TEXT_TO_VIDEO, "a cat", model="wan", seconds=4, size="832x480", negative_prompt="rain", seed=7
)
WITH_FILE = replace(FULL, operation=Operation.IMAGE_TO_VIDEO, images=(PNG,), negative_prompt="")
WITH_LINK = replace(WITH_FILE, images=(), image_urls=(LINK,))


def provider(**settings: object) -> OpenAI:
    return OpenAI(Profile("p", **{"base_url": BASE, **settings}))


def answer(value: object, status: int = 200) -> Reply:
    return Reply(status, {}, value if isinstance(value, bytes) else json.dumps(value).encode(), BASE)


# dialect: (path, as a form, body) of the full request, with the profile's extra fields fps = 24 and flag = true
TEXT = {"flag": "true", "prompt": "a cat", "model": "wan", "seconds": "4", "size": "832x480", "negative_prompt": "rain"}
VALUES = {"flag": True, "prompt": "a cat", "model": "wan", "negative_prompt": "rain"}
BODIES = {
    "vllm-omni": ("/videos", True, {**TEXT, "fps": "24", "seed": "7"}),
    "sglang": ("/videos", False, {**VALUES, "fps": 24, "seconds": 4, "size": "832x480", "seed": 7}),
    "tensorrt-llm": ("/videos", False, {**VALUES, "fps": 24, "seconds": 4, "size": "832x480", "seed": 7}),
    "litellm": ("/videos", True, {**TEXT, "fps": "24"}),
    "localai": ("/video", False, {**VALUES, "fps": 24, "width": 832, "height": 480, "num_frames": 97, "seed": 7}),
    "dynamo": (
        "/videos",
        False,
        {
            **{name: value for name, value in VALUES.items() if name != "negative_prompt"},
            "seconds": 4,
            "size": "832x480",
            "response_format": "b64_json",
            "nvext": {"fps": 24, "seed": 7, "negative_prompt": "rain"},
        },
    ),
    "openrouter": ("/videos", False, {**VALUES, "fps": 24, "duration": 4, "size": "832x480", "seed": 7}),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_body_is_what_such_a_server_takes(name):
    path, is_form, body = BODIES[name]
    call = provider(dialect=name, extra={"fps": "24", "flag": "true"}).encode_submit(FULL)
    assert (call.method, call.path, call.effect) == ("POST", path, Effect.CHARGE)
    assert (call.form if is_form else call.json) == body
    assert (call.json if is_form else call.form) is None


def test_the_frames_that_the_profile_sets_go_before_what_is_reckoned():
    body = provider(dialect="localai", extra={"num_frames": "33"}).encode_submit(FULL).json
    assert (body["num_frames"], body["fps"]) == (33, 16)
    bare = provider(dialect="localai").encode_submit(replace(FULL, seconds=0, size="")).json
    assert not {"num_frames", "fps", "width", "height", "seconds", "size"} & set(bare)


# dialect: where the image's bytes go (None: a file of the form), and where its address goes (None: it has no place)
def _frame(reference: str) -> dict[str, object]:
    return {"frame_images": [{"type": "image_url", "image_url": {"url": reference}, "frame_type": "first_frame"}]}


DATA_URI = "data:image/png;base64,cG5n"
IMAGES = {
    "": (None, None),
    "openai": (None, {"input_reference": {"image_url": LINK}}),
    "preview": (None, None),
    "vllm-omni": (None, {"image_reference": json.dumps({"image_url": LINK})}),
    "sglang": (None, {"reference_url": LINK}),
    "tensorrt-llm": ({"input_reference": "cG5n"}, None),
    "litellm": (None, None),
    "new-api": (None, {"input_reference": LINK}),
    "aquiles": (None, None),
    "azure": (None, None),
    "localai": ({"start_image": "cG5n"}, {"start_image": LINK}),
    "dynamo": ({"input_reference": DATA_URI}, {"input_reference": LINK}),
    "openrouter": (_frame(DATA_URI), _frame(LINK)),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_an_image_goes_where_such_a_server_looks_for_it(name):
    by_file, by_link = IMAGES[name]
    forms = DIALECTS[name].can.image_forms
    assert ("url" in forms, "data" in forms, "file" in forms) == (bool(by_link), bool(by_file), not by_file)
    call = provider(dialect=name).encode_submit(WITH_FILE)
    if by_file:
        assert not call.files
        assert by_file.items() <= call.json.items()
    else:
        assert call.files == (("input_reference", PNG),)
        assert call.form is not None
    if by_link:
        call = provider(dialect=name).encode_submit(WITH_LINK)
        assert not call.files
        assert by_link.items() <= (call.json or call.form).items()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("24", 24), ("0.5", 0.5), ("true", True), ('{"a": [1]}', {"a": [1]}), ('"24"', "24"), ("wan", "wan"),
        ("", ""), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("007", "007"), ("null", None),
    ],
)  # fmt: skip
def test_a_setting_means_in_json_what_it_spells_and_stays_text_in_a_form(text, value):
    sent = provider(dialect="sglang", extra={"field": text}).encode_submit(FULL).json["field"]
    assert sent == value
    assert type(sent) is type(value)
    assert provider(dialect="vllm-omni", extra={"field": text}).encode_submit(FULL).form["field"] == text


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_asked_for_goes_before_what_the_profile_adds(name):
    call = provider(dialect=name, extra={"prompt": "a dog", "model": "other"}).encode_submit(FULL)
    body = call.json or call.form
    assert (body["prompt"], body["model"]) == ("a cat", "wan")


@pytest.mark.parametrize(
    ("dialect", "written", "meant"),
    [
        ("azure", "https://me.openai.azure.com", "https://me.openai.azure.com/openai/v1"),
        ("azure", "https://me.openai.azure.com/openai", "https://me.openai.azure.com/openai/v1"),
        ("azure", "https://me.openai.azure.com/openai/v1/videos", "https://me.openai.azure.com/openai/v1"),
        ("openrouter", "https://openrouter.ai", "https://openrouter.ai/api/v1"),
        ("openrouter", "https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("localai", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localai", "http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080"),
        ("localai", "http://127.0.0.1:8080/video", "http://127.0.0.1:8080"),
        ("dynamo", "http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
    ],
)
def test_a_bare_address_is_completed_as_the_dialect_has_it(dialect, written, meant):
    assert provider(base_url=written, dialect=dialect).base_url() == meant


MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"
IN_BASE64 = base64.b64encode(MP4).decode()
HOLDS_A_VIDEO = {
    "the bytes themselves": MP4,
    "base64 in a list": {"id": "v", "status": "completed", "data": [{"b64_json": IN_BASE64}]},
    "base64 without a status": {"created": 1, "data": [{"b64_json": IN_BASE64}]},
    "base64 in an object": {"data": {"b64_json": IN_BASE64}},
    "base64 at the top": {"b64_json": IN_BASE64},
    "a data link": {"data": [{"url": "data:video/mp4;base64," + IN_BASE64}]},
}
HOLDS_NONE = [
    {}, {"id": "v", "status": "completed", "data": []}, {"id": "v", "data": [{"b64_json": "!!"}]}, {"id": "v"},
    {"id": "v", "status": "completed", "data": [{"b64_json": "bm8gdmlkZW8="}]}, [], "ok", {"data": [None]},
    {"id": "v", "status": "queued"}, {"data": [{"b64_json": "ü"}]}, {"data": [5]}, {"data": [{"b64_json": 5}]},
]  # fmt: skip


class TestAServerThatAnswersWithTheVideo:
    @pytest.mark.parametrize("case", HOLDS_A_VIDEO)
    @pytest.mark.parametrize("dialect", ["dynamo", "localai", ""])
    def test_is_understood(self, dialect, case):
        snapshot = provider(dialect=dialect).accepted(answer(HOLDS_A_VIDEO[case]))
        assert (snapshot.state, snapshot.media, snapshot.url) == (State.SUCCEEDED, MP4, None)

    def test_may_name_a_place_instead(self):
        body = {"created": 1, "id": "6f", "data": [{"url": "/generated-videos/6f.mp4"}]}
        snapshot = provider(dialect="localai", base_url="http://127.0.0.1:8080").accepted(answer(body))
        assert (snapshot.state, snapshot.media) == (State.SUCCEEDED, None)
        assert snapshot.url == "http://127.0.0.1:8080/generated-videos/6f.mp4"

    def test_may_say_that_it_failed(self):
        body = {"id": "v", "status": "failed", "data": [], "error": "out of memory"}
        snapshot = provider(dialect="dynamo").accepted(answer(body))
        assert snapshot.failure
        assert (snapshot.state, snapshot.failure.message) == (State.FAILED, "out of memory")

    @pytest.mark.parametrize("body", HOLDS_NONE, ids=json.dumps)
    def test_leaves_it_open_what_became_of_a_request_when_it_sends_neither(self, body):
        with pytest.raises(SubmissionUnknown):
            provider(dialect="dynamo").accepted(answer(body))

    @pytest.mark.parametrize("settings", [{"dialect": "dynamo"}, {"dialect": "vllm-omni", "extra": {"sync": "true"}}])
    def test_cannot_be_asked_about_jobs(self, settings):
        one = provider(**settings)
        assert one.synchronous
        assert not one.capabilities().can_list
        for ask in (one.encode_fetch, one.encode_cancel, one.encode_list):
            with pytest.raises(Unsupported):
                ask("v")

    def test_is_given_the_time_that_a_video_takes(self):
        assert provider(dialect="dynamo").encode_submit(FULL).timeout == 900
        assert provider(dialect="dynamo", extra={"timeout": "1800"}).encode_submit(FULL).timeout == 1800
        assert provider(dialect="dynamo", extra={"timeout": "soon"}).encode_submit(FULL).timeout == 900
        assert provider().encode_submit(FULL).timeout == 180

    def test_is_asked_at_its_own_address_where_it_also_has_jobs(self):
        call = provider(dialect="vllm-omni", extra={"sync": "true", "timeout": "60"}).encode_submit(FULL)
        assert (call.path, call.timeout) == ("/videos/sync", 60)
        assert not {"sync", "timeout"} & set(call.form)
        assert provider(dialect="vllm-omni", extra={"sync": "false"}).encode_submit(FULL).path == "/videos"

    @pytest.mark.parametrize("name", DIALECTS)
    def test_offers_neither_list_nor_cancel(self, name):
        facts = DIALECTS[name]
        assert not (facts.synchronous and (facts.can.can_list or facts.can.can_cancel))


class TestBeforeAnythingIsSent:
    @pytest.mark.parametrize("name", DIALECTS)
    def test_a_model_is_asked_for_where_there_must_be_one(self, name):
        nameless = replace(FULL, model="")
        assert provider(dialect=name, model="mine").settle(nameless).model == "mine"
        if DIALECTS[name].needs_model:
            with pytest.raises(InvalidRequest, match="name of a model"):
                provider(dialect=name).settle(nameless)
        else:
            assert provider(dialect=name).settle(nameless) == nameless

    def test_a_strict_server_gets_no_field_that_it_does_not_know(self):
        with pytest.raises(Unsupported, match=r"flag.*allowed in extra: .*fps"):
            provider(dialect="tensorrt-llm", extra={"flag": "1", "fps": "24"}).settle(FULL)
        provider(dialect="tensorrt-llm", extra={"fps": "24", "timeout": "600"}).settle(FULL)

    def test_a_remix_needs_no_model(self):
        request = RemixRequest("at night", source_id="v")
        assert provider(dialect="new-api").settle(request) == request


JUDGED = {
    "a result in the cloud": (400, {"detail": "uploaded to cloud storage. Please use the cloud URL: x"}, NotReady),
    "a job that failed": (422, {"detail": "Video generation failed. Check job status for details."}, JobFailed),
    "a body that is wrong": (422, {"detail": [{"loc": ["body", "n"], "msg": "Field required"}]}, RequestRejected),
    "a key that a proxy does not know": (400, {"error": {"message": "No connected db.", "code": "400"}}, AuthError),
    "a server that is busy": (503, {"detail": "The limit of 2 concurrent tasks has been reached."}, Overloaded),
}


@pytest.mark.parametrize("case", JUDGED)
def test_a_refusal_is_told_by_its_words(case):
    status, body, kind = JUDGED[case]
    assert type(provider().judge(answer(body, status))) is kind
