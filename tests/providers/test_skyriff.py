"""The SkyRiff protocol: which model a request becomes, what goes out, and what comes of the answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sora_core.conformance.asking import request_of
from sora_core.errors import InvalidRequest, JobNotFound, ProfileError, RequestRejected, SubmissionUnknown, Unsupported
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.models import Effect, Operation, Secret, Shot, Snapshot, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers.skyriff import SkyRiff
from sora_core.providers.skyriff.models import MODELS
from sora_core.requests.kinds import CleanLinkRequest, Request, VideoRequest, facts
from sora_core.transport import Reply

BASE = "https://relay.example/v1"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.payload.signature"
IMAGE = Upload(b"png", "image/png", "a.png")
VECTORS = Path(__file__).parent / "vectors"


def provider(**settings: Any) -> SkyRiff:
    return SkyRiff(Profile("p", provider="skyriff", **{"base_url": BASE, **settings}))


def asked(operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any) -> Request:
    return request_of(operation, "a dog flies", **facts)


def settled(request: Request, by: SkyRiff | None = None) -> Request:
    """As the engine does it."""
    chosen = by or provider()
    return chosen.prepared(request)


def body(request: Request, by: SkyRiff | None = None) -> Any:
    return (by or provider()).encode_submit(settled(request, by)).json


@pytest.mark.parametrize(
    "written",
    [
        BASE,
        BASE + "/",
        BASE + "/videos",
        BASE + "/chat/completions",
        "https://relay.example",
        "https://relay.example/ ",
    ],
)
def test_a_base_url_is_understood_however_it_is_written(written):
    assert provider(base_url=written).base_url() == BASE


class TestTheModel:
    @pytest.mark.parametrize(
        ("facts", "model", "seconds", "size"),
        [
            ({}, "sora2-landscape", 10, "1280x720"),
            ({"orientation": "portrait"}, "sora2-portrait", 10, "720x1280"),
            ({"size": "720x1280"}, "sora2-portrait", 10, "720x1280"),
            ({"seconds": 15}, "sora2-landscape-15s", 15, "1280x720"),
            ({"seconds": 15, "orientation": "portrait"}, "sora2-portrait-15s", 15, "720x1280"),
            ({"seconds": 25}, "sora2-pro-landscape-25s", 25, ""),
            ({"seconds": 25, "orientation": "portrait"}, "sora2-pro-portrait-25s", 25, ""),
            ({"quality": "hd"}, "sora2-pro-landscape-hd-15s", 15, ""),
            ({"quality": "hd", "seconds": 15, "orientation": "portrait"}, "sora2-pro-portrait-hd-15s", 15, ""),
        ],
    )
    def test_is_chosen_from_orientation_length_and_quality(self, facts, model, seconds, size):
        request = settled(asked(**facts))
        assert (request.model, request.seconds, request.size) == (model, seconds, size)

    @pytest.mark.parametrize("model", MODELS)
    def test_that_is_named_wins_and_brings_its_facts(self, model):
        facts = MODELS[model]
        for request, by in ((asked(model=model), provider()), (asked(), provider(model=model))):
            done = settled(request, by)
            assert done.model == model
            assert (done.orientation, done.seconds, done.quality) == (facts.orientation, facts.seconds, facts.quality)

    @pytest.mark.parametrize(
        ("facts", "words"),
        [
            ({"model": "sora2-portrait", "seconds": 15}, "conflicts with seconds 15"),
            ({"model": "sora2-landscape", "orientation": "portrait"}, "conflicts with orientation portrait"),
            ({"model": "sora2-portrait-15s", "quality": "hd"}, "conflicts with quality hd"),
            ({"model": "sora2-portrait", "size": "1280x720"}, "conflicts with size 1280x720"),
            ({"orientation": "portrait", "size": "1280x720"}, "conflicts with size 1280x720"),
            ({"quality": "hd", "seconds": 10}, "15 seconds"),
            ({"quality": "hd", "seconds": 25}, "15 seconds"),
            ({"seconds": 12}, "10, 15, 25 seconds"),
            ({"orientation": "square"}, "landscape standard"),
            ({"size": "1024x1024"}, "1280x720, 720x1280"),
            ({"model": "sora-2"}, "sora2-pro-portrait-hd-15s"),
        ],
    )
    def test_is_not_made_to_do_what_its_name_does_not_say(self, facts, words):
        with pytest.raises(Unsupported, match=words):
            settled(asked(**facts))

    @pytest.mark.parametrize("facts", [{"seconds": 25}, {"quality": "hd"}, {"model": "sora2-pro-portrait-25s"}])
    def test_is_never_a_pro_one_in_the_chat(self, facts):
        with pytest.raises(Unsupported):
            settled(asked(**facts), provider(dialect="chat"))

    def test_of_a_profile_must_exist(self):
        with pytest.raises(Unsupported, match="no model 'sora-2'"):
            settled(asked(), provider(model="sora-2"))


class TestSubmitting:
    def test_of_text_is_json_with_prompt_and_model_alone(self):
        call = provider().encode_submit(settled(asked()))
        assert (call.method, call.path, call.effect) == ("POST", "/videos", Effect.CHARGE)
        assert call.json == {"prompt": "a dog flies", "model": "sora2-landscape"}
        assert call.form is None

    def test_of_an_address_names_it_in_the_json(self):
        request = asked(Operation.IMAGE_TO_VIDEO, image_urls=("https://a.example/i.png",))
        assert body(request) == {
            "prompt": "a dog flies",
            "model": "sora2-landscape",
            "image_url": "https://a.example/i.png",
        }

    @pytest.mark.parametrize(("seconds", "size"), [(10, {"size": "720x1280"}), (25, {})])
    def test_of_a_file_is_a_form(self, seconds, size):
        request = asked(Operation.IMAGE_TO_VIDEO, images=(IMAGE,), orientation="portrait", seconds=seconds)
        call = provider(extra={"style": "anime", "stream": "false"}).encode_submit(settled(request))
        model = settled(request).model
        text = {"prompt": "a dog flies", "model": model, "seconds": str(seconds), **size}
        assert call.form == {"style": "anime", **text}
        assert call.files == (("input_reference", IMAGE),)
        assert call.json is None

    def test_adds_what_the_profile_adds_but_neither_its_settings_nor_over_the_request(self):
        extra = {"trim": "true", "prompt": "another", "drafts_token_env": "X", "stream": "true"}
        assert body(asked(), provider(extra=extra)) == {
            "trim": True,
            "prompt": "a dog flies",
            "model": "sora2-landscape",
        }

    @pytest.mark.parametrize("form", ["", "chat"])
    def test_writes_a_storyboard_into_the_prompt_and_takes_the_model_of_its_length(self, form):
        by = provider(dialect=form)
        shots = (Shot("a door", 5.0), Shot("a cat", 10.0))
        sent = body(VideoRequest(Operation.STORYBOARD, "", shots=shots), by)
        assert sent["model"] == "sora2-landscape-15s"
        said = sent["messages"][0]["content"] if form else sent["prompt"]
        assert said == "Shot 1:\nduration: 5sec\nScene: a door\n\nShot 2:\nduration: 10sec\nScene: a cat"

    @pytest.mark.parametrize("operation", [Operation.REMIX, Operation.CREATE_CHARACTER])
    def test_refuses_what_the_document_does_not_have(self, operation):
        with pytest.raises(Unsupported, match="cannot do"):
            settled(asked(operation, source_id="video_1"))

    def test_takes_one_image_in_the_forms_that_there_are(self):
        assert provider().capabilities().image_forms == {"file", "url"}
        assert provider(dialect="chat").capabilities().image_forms == {"url", "data"}
        with pytest.raises(Unsupported, match="1 reference image"):
            settled(asked(Operation.IMAGE_TO_VIDEO, images=(IMAGE, IMAGE)))

    def test_knows_its_dialects(self):
        with pytest.raises(ProfileError, match="allowed: chat"):
            provider(dialect="native").capabilities()


class TestTheChatForm:
    @pytest.mark.parametrize(
        ("extra", "streams"), [({}, True), ({"stream": "true"}, True), ({"stream": "false"}, False)]
    )
    def test_streams_unless_told_otherwise(self, extra, streams):
        by = provider(dialect="chat", extra=extra)
        call = by.encode_submit(settled(asked(), by))
        assert (call.path, call.effect) == ("/chat/completions", Effect.CHARGE)
        assert call.timeout >= 900  # the document speaks of a quarter of an hour
        message = {"role": "user", "content": "a dog flies"}
        assert call.json == {"model": "sora2-landscape", "stream": streams, "messages": [message]}

    def test_refuses_a_setting_that_is_neither(self):
        with pytest.raises(ProfileError, match="allowed: true, false"):
            body(asked(), provider(dialect="chat", extra={"stream": "maybe"}))

    @pytest.mark.parametrize(
        ("image", "url"),
        [
            ({"images": (IMAGE,)}, "data:image/png;base64,cG5n"),
            ({"image_urls": ("https://a.example/i.png",)}, "https://a.example/i.png"),
        ],
    )
    def test_puts_the_image_beside_the_text(self, image, url):
        url = url if isinstance(url, str) else "https://a.example/i.png"
        content = body(asked(Operation.IMAGE_TO_VIDEO, **image), provider(dialect="chat"))["messages"][0]["content"]
        assert content == [{"type": "text", "text": "a dog flies"}, {"type": "image_url", "image_url": {"url": url}}]

    def test_has_nothing_to_ask_for_when_the_answer_was_a_link(self):
        with pytest.raises(JobNotFound, match="named no job"):
            provider(dialect="chat").encode_fetch("")


class TestACleanLink:
    ASKED = CleanLinkRequest()
    POST = "https://sora.chatgpt.com/p/s_68f6140d88a8"

    @pytest.fixture
    def own(self, monkeypatch: pytest.MonkeyPatch) -> SkyRiff:
        monkeypatch.setenv("DRAFTS_TOKEN", f" {TOKEN}\n")
        return provider(extra={"drafts_token_env": "DRAFTS_TOKEN", "style": "anime"})

    @pytest.mark.parametrize("dialect", ["", "chat"])
    def test_of_a_post_sends_its_bare_address_and_nothing_else(self, dialect):
        by = provider(dialect=dialect, extra={"style": "anime", "stream": "true"})
        call = by.encode_submit(settled(replace(self.ASKED, source_url=f" {self.POST} "), by))
        assert (call.path, call.effect) == ("/chat/completions", Effect.CHARGE)
        message = {"role": "user", "content": self.POST}
        assert call.json == {"model": "sora_url", "stream": False, "messages": [message]}

    @pytest.mark.parametrize("source", ["", "drafts"])
    def test_of_the_drafts_sends_the_token(self, own, source):
        call = own.encode_submit(settled(replace(self.ASKED, source_id=source), own))
        message = {"role": "user", "content": Secret(TOKEN)}
        assert TOKEN not in repr(call)
        assert call.json == {"model": "sora-drafts-url", "stream": False, "messages": [message]}

    def test_of_the_drafts_is_known_by_a_hash_of_the_token(self, own, monkeypatch):
        first = settled(self.ASKED, own)
        assert TOKEN not in json.dumps(facts(first))
        assert TOKEN not in repr(first)
        assert settled(self.ASKED, own) == first
        monkeypatch.setenv("DRAFTS_TOKEN", "another-token")
        other = settled(self.ASKED, own)
        assert len({fingerprints_of(each, own)[0] for each in (first, other)}) == 2
        with pytest.raises(ProfileError, match="changed while"):
            own.encode_submit(first)

    @pytest.mark.parametrize(
        ("extra", "value", "words"),
        [
            ({}, None, "no account token for its drafts."),
            ({"drafts_token_env": "DRAFTS_TOKEN"}, None, "DRAFTS_TOKEN is empty"),
            ({"drafts_token_env": "DRAFTS_TOKEN"}, "  ", "DRAFTS_TOKEN is empty"),
            ({"drafts_token_env": "DRAFTS_TOKEN"}, '{"accessToken": "x"}', "bare accessToken"),
        ],
    )
    def test_of_the_drafts_needs_a_token(self, extra, value, words, monkeypatch):
        monkeypatch.delenv("DRAFTS_TOKEN", raising=False)
        if value is not None:
            monkeypatch.setenv("DRAFTS_TOKEN", value)
        with pytest.raises(ProfileError, match=words) as caught:
            settled(self.ASKED, provider(extra=extra))
        assert not value or value.strip() == "" or value not in str(caught.value)

    def test_of_a_job_or_of_one_draft_is_not_to_be_had(self, own):
        for source in ("video_c916cb42", "draft_1"):
            with pytest.raises(Unsupported, match="address"):
                settled(replace(self.ASKED, source_id=source), own)
        with pytest.raises(InvalidRequest, match="not the address of a post"):
            settled(replace(self.ASKED, source_url="https://a.example/p/s_1 and more"), own)

    def test_that_is_refused_does_not_bring_the_token_back(self, own, monkeypatch):
        monkeypatch.setenv("DRAFTS_TOKEN", "plain-account-token")
        answer = b'{"error": {"message": "cannot read plain-account-token"}}'
        own.encode_submit(settled(self.ASKED, own))
        error = own.judge(Reply(400, {}, answer, BASE))
        assert isinstance(error, RequestRejected)
        assert "cannot read ***" in error.message


def job(**fields: Any) -> Reply:
    about = {"id": "video_1", "object": "video.generation", "model": "sora2-portrait", "created_at": 1703260800}
    return Reply(200, {}, json.dumps({**about, **fields}).encode(), BASE)


class TestReading:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("pending", State.QUEUED),
            ("processing", State.RUNNING),
            ("success", State.SUCCEEDED),
            ("failed", State.FAILED),
            ("dreaming", State.RUNNING),
        ],
    )
    def test_knows_the_words(self, status, state):
        assert provider().decode(job(status=status, progress=45)).state is state

    def test_a_hundred_per_cent_is_no_success(self):
        snapshot = provider().decode(job(status="processing", progress=100, video_url=None))
        assert (snapshot.state, snapshot.progress, snapshot.url) == (State.RUNNING, 100.0, None)

    def test_a_failure_without_an_error_field_says_where_to_look(self):
        failure = provider().decode(job(status="failed", progress=93)).failure
        assert failure
        assert "reviews" in failure.message

    def test_a_failure_that_says_why_is_believed(self):
        failure = provider().decode(job(status="failed", error={"message": "no", "code": "x"})).failure
        assert (failure.message, failure.code) == ("no", "x")

    def test_the_recorded_answer(self):
        vector = json.loads((VECTORS / "skyriff_success.json").read_text("utf-8"))
        snapshot = provider().decode(Reply(200, {}, json.dumps(vector["response"]["body"]).encode(), BASE))
        assert (snapshot.remote_id, snapshot.url) == (vector["expect"]["job_id"], vector["expect"]["url"])

    def test_an_answer_that_names_no_job_leaves_it_open(self):
        with pytest.raises(SubmissionUnknown):
            provider().accepted(Reply(200, {}, b'{"status": "pending"}', BASE))

    def test_the_bytes_come_from_the_link_and_without_one_from_the_content(self):
        by = provider()
        linked = Snapshot(State.SUCCEEDED, "video_1", url="https://cdn.example/a.mp4")
        assert by.encode_content("video_1", linked).path == "https://cdn.example/a.mp4"
        assert by.encode_content("video/1", Snapshot(State.SUCCEEDED)).path == "/videos/video%2F1/content"
        with pytest.raises(JobNotFound):
            by.encode_content("", Snapshot(State.SUCCEEDED))

    def test_waits_longer_than_the_slowest_model_takes(self):
        assert provider().capabilities().deadline_seconds >= 30 * 60
