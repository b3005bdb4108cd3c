"""Characters, pictures, better prompts and clean links of the OpenAI protocol: what goes out and what is read."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from sora_core.errors import InvalidRequest, SubmissionUnknown, Unsupported
from sora_core.models import Character, Effect, Operation, Snapshot, State, Upload
from sora_core.profiles.profiles import PREVIEW_PROFILE, Profile
from sora_core.providers.openai import DIALECTS, OpenAI
from sora_core.providers.openai import extras as more
from sora_core.requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    VideoRequest,
)
from sora_core.transport import Reply

BASE = "https://relay.example/v1"
CLIP = Upload(b"clip", "video/mp4", "clip.mp4")
CHARACTER = CharacterRequest("Mia", clip=CLIP, end=3.0)
PICTURE = PictureRequest("a cat", model="flux", size="1024x1024", seed=7, negative_prompt="rain")
ENHANCE = PromptRequest("a cat", model="qwen", expansion="short")
MIA = Character("p", "Mia", "char_1", "Mia")


def provider(**settings: object) -> OpenAI:
    return OpenAI(Profile("p", **{"base_url": BASE, **settings}))


def answer(value: object) -> Reply:
    return Reply(200, {}, value if isinstance(value, bytes) else json.dumps(value).encode(), BASE)


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG")
    return stream.getvalue()


PNG = png()


def test_which_servers_do_what():
    with_pictures = {name for name in DIALECTS if Operation.IMAGE in provider(dialect=name).capabilities().operations}
    with_characters = {name for name, dialect in DIALECTS.items() if dialect.can.clip_bytes_limit}
    assert with_pictures == {"", "preview", "vllm-omni", "litellm", "new-api", "localai"}
    assert with_characters == {"openai", "preview"}
    assert OpenAI(PREVIEW_PROFILE).capabilities().operations == frozenset(Operation)


@pytest.mark.parametrize(
    ("setting", "operation"),
    [("enhance_model", Operation.ENHANCE_PROMPT), ("parse_url", Operation.CLEAN_LINK)],
)
def test_a_setting_makes_an_operation_possible_and_is_not_sent(setting, operation):
    assert operation not in provider().capabilities().operations
    with_setting = provider(extra={setting: "https://parse.example"})
    assert operation in with_setting.capabilities().operations
    call = with_setting.encode_submit(VideoRequest(Operation.TEXT_TO_VIDEO, "a cat"))
    assert call.form == {"prompt": "a cat"}


class TestCharacters:
    def test_are_made_of_a_name_and_a_file(self):
        call = provider(dialect="openai").encode_submit(CHARACTER)
        assert (call.method, call.path, call.effect) == ("POST", "/videos/characters", Effect.CHARGE)
        assert call.form == {"name": "Mia"}
        assert call.files == (("video", CLIP),)

    def test_without_a_name_are_called_after_the_clip(self):
        call = provider(dialect="openai").encode_submit(replace(CHARACTER, name=""))
        assert call.form == {"name": f"character-{CLIP.sha256[:8]}"}

    def test_are_named_in_a_create_by_id(self):
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "Mia waves", cast=(MIA,))
        call = provider(dialect="openai").encode_submit(request)
        assert call.json == {"prompt": "Mia waves", "characters": [{"id": "char_1"}]}

    def test_are_json_text_beside_a_file(self):
        request = VideoRequest(Operation.IMAGE_TO_VIDEO, "x", cast=(MIA,), images=(Upload(b"p", "image/png", "a"),))
        call = provider(dialect="openai").encode_submit(request)
        assert json.loads(call.form["characters"]) == [{"id": "char_1"}]

    @pytest.mark.parametrize(
        ("value", "result"),
        [
            ({"id": "char_9", "name": "Mia", "created_at": 1}, {"id": "char_9", "username": "Mia"}),
            ({"id": "char_9"}, {"id": "char_9"}),
        ],
    )
    def test_are_read(self, value, result):
        snapshot = more.accepted(Operation.CREATE_CHARACTER, answer(value), BASE)
        assert (snapshot.state, snapshot.remote_id, snapshot.result) == (State.SUCCEEDED, "char_9", result)

    @pytest.mark.parametrize(("end", "clip"), [(1.5, CLIP), (3.0, None)])
    def test_of_another_clip_are_refused(self, end, clip):
        request = replace(CHARACTER, end=end, clip=clip, source_url="" if clip else "https://x.example/a.mp4")
        with pytest.raises((InvalidRequest, Unsupported), match=r"2 to 4 seconds|from its address"):
            provider(dialect="openai").prepared(request)

    def test_are_not_added_to_a_remix(self):
        with pytest.raises(Unsupported, match="remix"):
            provider(dialect="openai").settle(RemixRequest("x", source_id="v", cast=(MIA,)))


PICTURE_BODIES = {
    "": {"prompt": "a cat", "model": "flux", "size": "1024x1024", "negative_prompt": "rain"},
    "vllm-omni": {"prompt": "a cat", "model": "flux", "size": "1024x1024", "negative_prompt": "rain", "seed": 7},
    "localai": {"prompt": "a cat|rain", "model": "flux", "size": "1024x1024", "seed": 7},
}


class TestPictures:
    @pytest.mark.parametrize("dialect", PICTURE_BODIES)
    def test_are_asked_for_as_the_server_wants_it(self, dialect):
        call = provider(dialect=dialect, extra={"fps": "24", "image_model": "other"}).encode_submit(PICTURE)
        assert call.path == ("/v1" if dialect == "localai" else "") + "/images/generations"
        assert (call.method, call.effect, call.json) == ("POST", Effect.CHARGE, PICTURE_BODIES[dialect])

    def test_are_never_asked_of_the_model_that_makes_videos(self):
        bare = replace(PICTURE, model="")
        assert provider(model="sora-2").settle(bare).model == ""
        assert provider(model="sora-2", extra={"image_model": "flux"}).settle(bare).model == "flux"
        with pytest.raises(InvalidRequest, match="image_model"):
            provider(dialect="litellm", model="sora-2").settle(bare)

    def test_take_no_characters(self):
        with pytest.raises(Unsupported, match="characters"):
            provider(dialect="preview").settle(replace(PICTURE, cast=(MIA,)))

    @pytest.mark.parametrize(
        "value",
        [
            {"data": [{"b64_json": base64.b64encode(PNG).decode()}]},
            {"data": [{"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}]},
            PNG,
        ],
        ids=["b64_json", "a data URI", "the picture itself"],
    )
    def test_are_read_from_the_answer(self, value):
        snapshot = more.accepted(Operation.IMAGE, answer(value), BASE)
        assert (snapshot.state, snapshot.media) == (State.SUCCEEDED, PNG)

    @pytest.mark.parametrize(
        ("link", "meant"),
        [
            ("https://cdn.example/a.png?sig=x", "https://cdn.example/a.png?sig=x"),
            ("/g/a.png", "https://relay.example/g/a.png"),
        ],
    )
    def test_may_lie_at_an_address(self, link, meant):
        assert more.accepted(Operation.IMAGE, answer({"data": [{"url": link}]}), BASE).url == meant


class TestPrompts:
    def test_are_asked_for_by_chat(self):
        call = provider(extra={"enhance_model": "qwen"}).encode_submit(replace(ENHANCE, seconds=8))
        assert (call.method, call.path, call.effect) == ("POST", "/chat/completions", Effect.CHARGE)
        system, user = call.json["messages"]
        assert (call.json["model"], user) == ("qwen", {"role": "user", "content": "a cat"})
        assert "one or two sentences" in system["content"]
        assert "fit in 8 seconds" in system["content"]

    def test_differ_by_level_and_length(self):
        said = {more.instruction(replace(ENHANCE, expansion=level)) for level in ("short", "medium", "long")}
        assert len(said) == 3
        assert not any("seconds" in text for text in said)

    def test_take_the_model_of_the_setting(self):
        settled = provider(model="sora-2", extra={"enhance_model": "qwen"}).settle(replace(ENHANCE, model=""))
        assert settled.model == "qwen"

    @pytest.mark.parametrize(
        "content",
        [" a fluffy cat\n", "<think>hm\n</think>\na fluffy cat", [{"type": "text", "text": "a fluffy cat"}]],
        ids=["text", "after thoughts", "parts"],
    )
    def test_are_read(self, content):
        value = {"choices": [{"message": {"content": content}}]}
        assert more.accepted(Operation.ENHANCE_PROMPT, answer(value), BASE).result == {"prompt": "a fluffy cat"}


@pytest.mark.parametrize(
    ("operation", "value"),
    [
        (Operation.IMAGE, {"data": []}),
        (Operation.IMAGE, {"data": [{"b64_json": base64.b64encode(b"no picture").decode()}]}),
        (Operation.IMAGE, b"<html>"),
        (Operation.ENHANCE_PROMPT, {"choices": [{"message": {"content": " "}}]}),
        (Operation.ENHANCE_PROMPT, {"choices": []}),
        (Operation.ENHANCE_PROMPT, []),
        (Operation.CREATE_CHARACTER, {"name": "Mia"}),
        (Operation.CREATE_CHARACTER, b""),
    ],
)
def test_an_answer_without_what_was_asked_for_leaves_it_open(operation, value):
    with pytest.raises(SubmissionUnknown):
        more.accepted(operation, answer(value), BASE)


class TestCleanLinks:
    def test_need_the_address_of_a_post_where_the_server_shares_none(self):
        own = provider(extra={"parse_url": "https://parse.example"})
        assert own.settle(CleanLinkRequest(source_url="https://s.example/p/s_1")).model == ""
        with pytest.raises(Unsupported, match="address of the post"):
            own.settle(CleanLinkRequest(source_id="video_1"))

    def test_of_nothing_are_refused(self):
        with pytest.raises(InvalidRequest, match="needs its clip"):
            provider(dialect="preview").settle(CleanLinkRequest())

    def test_of_a_job_go_by_its_share_link(self):
        request = CleanLinkRequest(source_id="video/1")
        assert more.share_url_of(request, "http://127.0.0.1:1/openai/v1") == "http://127.0.0.1:1/p/video%2F1"

    def test_are_fetched_without_a_key(self):
        link, post = "https://cdn.example/a.mp4", "https://s.example/p/s_1"
        assert provider().encode_content(post, Snapshot(State.SUCCEEDED, url=link)).anonymous
        assert not provider().encode_content("video_1", Snapshot(State.SUCCEEDED, url=link)).anonymous


@pytest.mark.parametrize("operation", sorted(more.OPERATIONS))
def test_the_list_of_videos_does_not_show_them(operation):
    assert not provider().lists(operation)
    assert provider().lists(Operation.TEXT_TO_VIDEO)
