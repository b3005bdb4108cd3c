"""The New API service: the native API, its chat form and new-api's task form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _clock import FakeClock
from _server import RESET, Server, cut, reply

from sora_core.conformance.asking import request_of, unmarked
from sora_core.errors import (
    BadResponse,
    InputError,
    JobNotFound,
    ModerationRejected,
    NotReady,
    ProfileError,
    SubmissionUnknown,
    Unsupported,
)
from sora_core.models import Character, Effect, Operation, Shot, Snapshot, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import Attempt
from sora_core.providers._answers import normalize
from sora_core.providers.newapi import NewApi
from sora_core.requests.kinds import Request
from sora_core.transport import Http, Reply

BASE = "https://newapi.example"
TASK = "e2f5c9d1-c6f6-13f5-4f20-da9552f214a9"
VECTORS = Path(__file__).parent / "vectors"
PICTURE = Upload(b"png", "image/png", "a.png")
CLIP = Character("p", "mia", "ch_1", username="mia77", source_url="https://a.example/c.mp4", start=0, end=3)
CLIP_ONLY = Character("p", "user1", "t9", source_url="https://a.example/d.mp4", start=1, end=2.5)
TASK_ONLY = Character("p", "bo", "ch_2", username="bo88")
NAMELESS = Character("p", "nobody", "t8")


def provider(dialect: str = "", **settings: Any) -> NewApi:
    return NewApi(Profile("p", provider="newapi", dialect=dialect, **{"base_url": BASE, **settings}))


def settled(own: NewApi, operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any) -> Request:
    request = request_of(operation, **{"prompt": "a cat", **facts})
    return own.prepared(request)


def body(own: NewApi, **facts: Any) -> Any:
    return own.encode_submit(settled(own, **facts)).json


def answer(value: Any) -> Reply:
    return Reply(200, {}, json.dumps(value).encode(), BASE)


def vector(name: str) -> Reply:
    response = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["response"]
    return Reply(response["status"], response["headers"], json.dumps(response["body"]).encode(), BASE)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (BASE, BASE),
        (f" {BASE}/ ", BASE),
        (f"{BASE}/v1", BASE),
        (f"{BASE}/v1/chat/completions", BASE),
        (f"{BASE}/v1/videos/generations", BASE),
        (f"{BASE}/v1/video/generations/", BASE),
        (f"{BASE}/v1/characters", BASE),
        ("http://127.0.0.1:8008/v1/", "http://127.0.0.1:8008"),
        (f"{BASE}/newapi/v1", f"{BASE}/newapi"),
    ],
)
def test_a_base_url_is_understood_however_it_is_pasted(written, meant):
    assert provider(base_url=written).base_url() == meant


@pytest.mark.parametrize(
    ("dialect", "settings"),
    [
        ("duomi", {}),
        ("", {"extra": {"data_uris": "perhaps"}}),
        ("chat", {"extra": {"native_url": "newapi.example:8008"}}),
        ("chat", {"extra": {"native_url": "https://newapi.example:port"}}),
        ("chat", {"extra": {"native_url": "https://[newapi"}}),
        ("chat", {"extra": {"native_url": "https://me:secret@newapi.example"}}),
        ("chat", {"extra": {"native_url": "http://newapi.example:8008"}}),
    ],
)
def test_a_setting_that_cannot_work_is_refused_without_repeating_a_password(dialect, settings):
    with pytest.raises(ProfileError) as caught:
        provider(dialect, **settings).capabilities()
    assert "secret" not in caught.value.message


class TestTheNativeApi:
    def test_generates_with_the_documents_fields(self):
        own = provider()
        call = own.encode_submit(settled(own, seconds=15, orientation="portrait"))
        assert (call.method, call.path, call.effect) == ("POST", "/v1/videos/generations", Effect.CHARGE)
        assert call.json == {"model": "sora-2", "prompt": "a cat", "aspect_ratio": "9:16", "duration": 15}

    @pytest.mark.parametrize(
        ("facts", "model"),
        [({}, "own"), ({"model": "sora-2-pro"}, "sora-2-pro"), ({"model": "own"}, "own")],
    )
    def test_takes_the_model_that_was_named_or_else_the_profiles(self, facts, model):
        assert body(provider(model="own"), **facts)["model"] == model

    def test_sends_the_address_of_an_image_and_files_only_where_the_profile_says_so(self):
        urls = ("https://a.example/i.png", "https://a.example/j.png")
        image = {"operation": Operation.IMAGE_TO_VIDEO}
        assert body(provider(), **image, image_urls=urls)["image_urls"] == [*urls]
        with pytest.raises(Unsupported, match="only the address of an image"):
            body(provider(), **image, images=(PICTURE,))
        sent = body(provider(extra={"data_uris": "true"}), **image, images=(PICTURE, PICTURE))
        assert sent["image_urls"] == ["data:image/png;base64,cG5n"] * 2
        assert "data_uris" not in sent
        both = body(provider(extra={"data_uris": "true"}), **image, images=(PICTURE,), image_urls=urls)
        assert both["image_urls"] == [*urls, "data:image/png;base64,cG5n"]

    def test_names_characters_by_their_clips_and_in_the_prompt(self):
        cast = {"characters": ("mia", "user1", "bo"), "cast": (CLIP, CLIP_ONLY, TASK_ONLY)}
        sent = body(provider(), prompt="mia and @user1 dance", **cast)
        assert sent["prompt"] == "@bo88 @mia77 and @user1 dance"
        assert sent["characters"] == [
            {"url": "https://a.example/c.mp4", "timestamps": "0,3"},
            {"url": "https://a.example/d.mp4", "timestamps": "1,2.5"},
        ]

    def test_adds_the_profiles_extra_but_never_over_the_request(self):
        sent = body(provider(extra={"watermark": "false", "prompt": "a dog"}))
        assert (sent["watermark"], sent["prompt"]) == (False, "a cat")

    def test_remixes_and_keeps_shape_and_length_unless_others_are_asked_for(self):
        own = provider()
        call = own.encode_submit(settled(own, Operation.REMIX, prompt="at night", source_id="a/b"))
        assert (call.path, call.effect) == ("/v1/videos/a%2Fb/remix", Effect.CHARGE)
        assert call.json == {"model": "sora-2", "prompt": "at night"}
        sent = body(own, operation=Operation.REMIX, source_id="t", seconds=15, orientation="portrait")
        assert (sent["aspect_ratio"], sent["duration"]) == ("9:16", 15)

    @pytest.mark.parametrize(
        ("source", "sent"),
        [
            ({"source_url": "https://a.example/c.mp4"}, {"url": "https://a.example/c.mp4", "timestamps": "0,3"}),
            ({"source_id": TASK}, {"from_task": TASK, "timestamps": "0,3"}),
        ],
    )
    def test_makes_a_character_of_a_clip_or_a_task(self, source, sent):
        own = provider()
        call = own.encode_submit(settled(own, Operation.CREATE_CHARACTER, prompt="", end=3, **source))
        assert (call.path, call.json, call.effect) == ("/v1/characters", sent, Effect.CHARGE)

    def test_asks_for_tasks_of_every_kind_in_one_place(self):
        call = provider().encode_fetch("a/1")
        assert (call.path, call.effect) == ("/v1/videos/tasks/a%2F1", Effect.READ)

    async def test_has_no_list_of_models(self):
        with pytest.raises(Unsupported):
            await provider().models(None)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "length": ("", {"seconds": 8}, "allowed: 10, 15, 25 seconds"),
    "hd": ("", {"quality": "hd"}, "allowed: landscape standard, portrait standard"),
    "model": ("", {"model": "veo"}, "allowed: sora-2, sora-2-pro"),
    "part": ("", {"operation": Operation.CREATE_CHARACTER, "source_id": "t", "end": 5}, "1 to 3 seconds"),
    "hd of a remix": (
        "",
        {"operation": Operation.REMIX, "source_id": "t", "quality": "hd"},
        "keeps the quality of its source",
    ),
    "nameless": ("", {"characters": ("nobody",), "cast": (NAMELESS,)}, "neither a clip nor a username"),
    "chat length": ("chat", {"seconds": 15}, "allowed: 10 seconds"),
    "chat shape": ("chat", {"orientation": "portrait"}, "allowed: landscape standard"),
    "chat remix": ("chat", {"operation": Operation.REMIX, "source_id": "t"}, "cannot do remix"),
    "chat character": ("chat", {"operation": Operation.CREATE_CHARACTER, "source_id": "t"}, "cannot do create char"),
    "chat cast": ("chat", {"characters": ("mia",), "cast": (CLIP,)}, "no place for characters"),
    "generic without a model": ("generic", {}, "name one"),
    "generic remix length": (
        "generic",
        {"operation": Operation.REMIX, "source_id": "t", "seconds": 5},
        "keeps the seconds of its source",
    ),
    "generic character": ("generic", {"operation": Operation.CREATE_CHARACTER, "source_id": "t"}, "cannot do"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_server_cannot_do_is_refused_naming_what_it_can(case):
    dialect, facts, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        settled(provider(dialect), **facts)


LINK = "https://cdn.example/v.mp4"
MADE = {"id": "ch_1", "username": "mia77"}


class TestANativeAnswer:
    @pytest.mark.parametrize(
        "created",
        [
            {"id": TASK},
            {"task_id": TASK},
            {"data": {"id": TASK}},
            {"code": 200, "msg": "ok", "data": {"task_id": TASK}},
        ],
    )
    def test_names_the_task_at_the_top_or_in_data(self, created):
        snapshot = provider().accepted(answer(created))
        assert (snapshot.state, snapshot.remote_id) == (State.QUEUED, TASK)

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("pending", State.QUEUED), ("queued", State.QUEUED), ("running", State.RUNNING), ("brewing", State.RUNNING),
            ("error", State.FAILED), ("failed", State.FAILED),
        ],
    )  # fmt: skip
    def test_has_one_of_our_states(self, word, state):
        snapshot = provider().decode(answer({"id": TASK, "state": word, "data": None, "progress": 7}))
        assert (snapshot.state, snapshot.progress, snapshot.url) == (state, 7, None)

    @pytest.mark.parametrize("word", ["succeeded", "completed", "done"])
    def test_has_its_link_in_data(self, word):
        done = {"id": TASK, "state": word, "data": {"videos": [{"url": LINK}]}, "progress": 100}
        snapshot = provider().decode(answer(done))
        assert (snapshot.state, snapshot.url) == (State.SUCCEEDED, LINK)
        assert provider().encode_content(TASK, snapshot).path == LINK

    def test_has_its_link_beside_the_status_in_the_wrapped_form(self):
        done = {"code": 200, "msg": "success", "data": {"task_id": TASK, "status": "succeeded", "video_url": LINK}}
        snapshot = provider().decode(answer(done))
        assert (snapshot.state, snapshot.url, snapshot.remote_id) == (State.SUCCEEDED, LINK, TASK)

    @pytest.mark.parametrize("data", [None, {}, {"videos": []}, {"videos": [{"url": ""}]}])
    def test_that_succeeded_without_a_link_is_polled_on(self, data):
        assert provider().decode(answer({"id": TASK, "state": "succeeded", "data": data})).state is State.RUNNING

    @pytest.mark.parametrize("message", ["task not found", "Task not found.", "task_not_exist"])
    def test_about_an_unknown_id_is_no_failed_job(self, message):
        with pytest.raises(JobNotFound, match=message):
            provider().decode(answer({"id": TASK, "state": "error", "message": message, "data": None}))

    def test_about_a_failed_job_has_the_servers_words(self):
        failed = {"id": TASK, "state": "error", "message": "content_policy_violation: no", "data": None}
        failure = provider().decode(answer(failed)).failure
        assert failure
        assert normalize.job_error_class(failure) is ModerationRejected

    @pytest.mark.parametrize(
        "made",
        [
            {"state": "succeeded", "data": MADE},
            {"state": "succeeded", "data": {"characters": [MADE]}},
            {"state": "succeeded", "data": None, **MADE, "character_id": "ch_1"},
            {"code": 200, "data": {"task_id": TASK, "status": "succeeded", **MADE}},
        ],
    )
    def test_about_a_character_is_its_result(self, made):
        snapshot = provider().decode(answer({"id": TASK, **made}))
        assert (snapshot.state, snapshot.result) == (State.SUCCEEDED, MADE)

    def test_that_is_a_character_at_once_needs_no_task(self):
        snapshot = provider().accepted(answer(MADE))
        assert (snapshot.state, snapshot.remote_id, snapshot.result) == (State.SUCCEEDED, "ch_1", MADE)

    def test_about_a_character_without_an_id_of_its_own_has_the_tasks(self):
        done = {"id": TASK, "state": "succeeded", "data": {"username": "mia77"}}
        assert provider().decode(answer(done)).result == {"id": TASK, "username": "mia77"}

    @pytest.mark.parametrize("value", [{"code": 1, "message": "busy"}, {"code": 200, "data": None}, [], "x"])
    def test_that_names_no_task_leaves_it_open_whether_there_is_one(self, value):
        with pytest.raises(SubmissionUnknown):
            provider().accepted(answer(value))

    def test_without_a_link_has_no_bytes(self):
        with pytest.raises(JobNotFound):
            provider().encode_content(TASK, Snapshot(State.SUCCEEDED, TASK))


class TestTheTaskForm:
    own = provider("generic", model="kling-v2")

    def test_generates_with_the_fields_that_new_api_reads(self):
        call = self.own.encode_submit(settled(self.own, seconds=5))
        assert (call.path, call.effect) == ("/v1/video/generations", Effect.CHARGE)
        assert call.json == {
            "model": "kling-v2", "prompt": "a cat", "size": "1280x720", "duration": 5, "seconds": "5",
        }  # fmt: skip

    def test_leaves_the_length_to_the_server_and_adds_metadata(self):
        own = provider("generic", model="m", extra={"metadata": '{"aspect_ratio": "1:1"}'})
        sent = body(own, size="512x512")
        assert sent == {"model": "m", "prompt": "a cat", "size": "512x512", "metadata": {"aspect_ratio": "1:1"}}

    def test_sends_images_in_one_list(self):
        sent = body(self.own, operation=Operation.IMAGE_TO_VIDEO, images=(PICTURE,))
        assert sent["images"] == ["data:image/png;base64,cG5n"]

    def test_writes_a_storyboard_as_text(self):
        sent = body(self.own, operation=Operation.STORYBOARD, prompt="", shots=(Shot("a door", 5.0),))
        assert sent["prompt"] == "Shot 1:\nduration: 5sec\nScene: a door"

    def test_remixes_with_a_prompt(self):
        own = self.own
        call = own.encode_submit(settled(own, Operation.REMIX, source_id="task_1"))
        assert (call.path, call.json) == ("/v1/videos/task_1/remix", {"prompt": "a cat"})

    def test_reads_what_new_api_answers(self):
        assert self.own.encode_fetch("task_a/b").path == "/v1/video/generations/task_a%2Fb"
        old = self.own.decode(vector("newapi_task_success_url_in_fail_reason"))
        assert (old.state, old.url, old.remote_id) == (State.SUCCEEDED, "https://cdn.example.net/v/old.mp4", "task_old")
        bad = self.own.decode(vector("newapi_task_failure_text_in_result_url"))
        assert (bad.state, bad.url, bad.remote_id) == (State.FAILED, None, "task_bad")
        assert type(self.own.judge(vector("newapi_task_not_exist_is_http_400"))) is JobNotFound
        assert type(self.own.judge(vector("newapi_content_400_not_completed"))) is NotReady

    @pytest.mark.parametrize(
        "created",
        [
            {"task_id": "task_1"},
            {"id": "task_1", "task_id": "task_1", "status": "queued"},
            {"code": "success", "message": "", "data": {"id": 7, "task_id": "task_1", "status": "NOT_START"}},
            {"code": "success", "message": "", "data": "task_1"},
        ],
    )
    def test_finds_the_task_in_what_creating_answers(self, created):
        snapshot = self.own.accepted(answer(created))
        assert (snapshot.state, snapshot.remote_id) == (State.QUEUED, "task_1")

    def test_a_row_is_no_job_while_it_is_empty(self):
        with pytest.raises(BadResponse):
            self.own.decode(answer({"code": "success", "data": None}))

    @pytest.mark.parametrize(
        ("row", "state", "progress"),
        [
            ({"status": "NOT_START", "progress": "0%"}, State.QUEUED, 0),
            ({"status": "UNKNOWN", "progress": ""}, State.QUEUED, None),
            ({"status": "IN_PROGRESS", "progress": "45%"}, State.RUNNING, 45),
        ],
    )
    def test_percent_strings_and_upper_case_are_read(self, row, state, progress):
        snapshot = self.own.decode(answer({"code": "success", "data": {"id": 7, "task_id": "task_1", **row}}))
        assert (snapshot.state, snapshot.progress, snapshot.remote_id) == (state, progress, "task_1")

    def test_a_success_without_a_link_has_its_content_page(self):
        done = {"code": "success", "data": {"task_id": "task_1", "status": "SUCCESS", "fail_reason": ""}}
        snapshot = self.own.decode(answer(done))
        assert snapshot.state is State.SUCCEEDED
        assert self.own.encode_content("task_1", snapshot).path == "/v1/videos/task_1/content"

    async def test_lists_models(self):
        async with Server(reply(200, {"data": [{"id": "a"}, {"id": "b"}]}), reply(200, {"data": None})) as server:
            own = provider("generic", base_url=server.url)
            http = Http(own.base_url(), judge=own.judge, clock=FakeClock())
            assert await own.models(http) == ["a", "b"]
            with pytest.raises(BadResponse):
                await own.models(http)
            await http.aclose()


COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": f"任务ID: {TASK}"}, "finish_reason": "stop"}],
}


class TestTheChatForm:
    def test_sends_one_message_and_no_length(self):
        own = provider("chat")
        call = own.encode_submit(settled(own))
        assert (call.path, call.effect) == ("/v1/chat/completions", Effect.CHARGE)
        assert call.json == {"model": "sora-2", "messages": [{"role": "user", "content": "a cat"}]}

    def test_sends_images_as_parts_and_files_as_data_uris(self):
        for image, url in (
            ({"images": (PICTURE,)}, "data:image/png;base64,cG5n"),
            ({"image_urls": ("https://a.example/i.jpg",)}, "https://a.example/i.jpg"),
        ):
            sent = body(provider("chat"), operation=Operation.IMAGE_TO_VIDEO, **image)
            assert sent["messages"][0]["content"] == [
                {"type": "text", "text": "a cat"},
                {"type": "image_url", "image_url": {"url": url}},
            ]

    def test_follows_its_task_natively_at_the_native_address(self):
        assert provider("chat").encode_fetch(TASK).path == f"{BASE}/v1/videos/tasks/{TASK}"
        own = provider("chat", extra={"native_url": "https://native.example:8008/v1/"})
        assert own.encode_fetch(TASK).path == f"https://native.example:8008/v1/videos/tasks/{TASK}"
        assert own.key_urls() == ("https://native.example:8008",)
        assert "native_url" not in body(own)
        assert provider().key_urls() == ()

    def test_plain_http_is_for_networks_that_are_ones_own(self):
        native = {"native_url": "http://newapi.example:8008"}
        own = provider("chat", base_url="http://newapi.example", extra=native, allow_http=True)
        assert own.encode_fetch(TASK).path == f"http://newapi.example:8008/v1/videos/tasks/{TASK}"

    async def submit(self, *script: Any, prompt: str = "a cat") -> tuple[Snapshot, int]:
        async with Server(*script) as server:
            own = provider("chat", base_url=server.url)
            http = Http(own.base_url(), judge=own.judge, clock=FakeClock())
            try:
                snapshot = await own.submit(http, settled(own, prompt=prompt), Attempt("key", unmarked))
                return snapshot, len(server.requests)
            finally:
                await http.aclose()

    @pytest.mark.parametrize(
        "said",
        [
            COMPLETION,
            {"id": TASK},
            {"task_id": TASK, "status": "pending"},
            {"code": 200, "data": {"task_id": TASK}},
        ],
    )
    async def test_finds_the_task_in_the_answer(self, said):
        assert await self.submit(reply(200, said)) == (Snapshot(State.QUEUED, TASK), 1)

    async def test_an_id_in_the_prompt_is_not_the_answers(self):
        echo = json.loads(json.dumps(COMPLETION).replace("任务ID: ", "you said: "))
        with pytest.raises(SubmissionUnknown):
            await self.submit(reply(200, echo), prompt=f"a cat like in {TASK}")

    @pytest.mark.parametrize("script", [RESET, reply(200, {"choices": []}), reply(200, "<html><body>hi</body></html>")])
    async def test_an_answer_without_a_task_leaves_it_open_and_is_not_asked_for_again(self, script):
        with pytest.raises(SubmissionUnknown):
            await self.submit(script, reply(200, COMPLETION))

    async def test_a_task_that_arrived_before_the_connection_broke_is_kept(self):
        whole = reply(200, {"choices": [{"message": {"content": f"task_{TASK[:8]}1 is queued"}}], "usage": "x" * 500})
        snapshot, count = await self.submit(cut(whole, 300))
        assert (snapshot.remote_id, count) == (f"task_{TASK[:8]}1", 1)
