"""What self-hosted servers state beside the HTTP status is believed, where it can only be theirs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core.conformance.asking import unmarked
from sora_core.errors import BadResponse, JobFailed, JobNotFound, RequestRejected, ServerError, SoraError
from sora_core.models import Operation, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import Attempt
from sora_core.providers.openai import OpenAI
from sora_core.requests.kinds import RemixRequest, VideoRequest
from sora_core.transport import Http, Reply

BASE = "https://x.example/v1"
ASKED = VideoRequest(Operation.TEXT_TO_VIDEO, "a vase", model="wan", seconds=4, size="832x480")
FAILED = {
    "id": "video_gen_1",
    "object": "video",
    "status": "failed",
    "prompt": "a vase",
    "error": {"code": 500, "message": "CUDA out of memory"},
}
WRAPPED = (
    "litellm.InternalServerError: InternalServerError: OpenAIException - "
    + json.dumps(FAILED)
    + "\n\nLiteLLM: model group fallback"
)


def provider(dialect: str = "vllm-omni", **extra: str) -> OpenAI:
    return OpenAI(Profile("p", base_url=BASE, dialect=dialect, extra=extra))


def judged(status: int, body: Any, dialect: str = "vllm-omni", **extra: str) -> SoraError:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return provider(dialect, **extra).judge(Reply(status, {}, data, BASE))


@asynccontextmanager
async def line(*answers: bytes, dialect: str = "vllm-omni") -> AsyncIterator[tuple[OpenAI, Http, Server]]:
    async with Server(*answers) as server:
        speaker = OpenAI(Profile("p", base_url=server.url, dialect=dialect, model="wan"))
        http = Http(speaker.base_url(), judge=speaker.judge, clock=FakeClock())
        try:
            yield speaker, http, server
        finally:
            await http.aclose()


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_a_body_that_is_the_failed_job_counts_more_than_its_status(status):
    async with line(reply(status, FAILED)) as (speaker, http, server):
        snapshot = await speaker.fetch(http, "video_gen_1", attempts=5)
        assert (snapshot.state, snapshot.remote_id) == (State.FAILED, "video_gen_1")
        assert snapshot.failure
        assert snapshot.failure.message == "CUDA out of memory"
        assert len(server.requests) == 1  # it is no trouble that passes


async def test_the_failed_job_in_the_text_of_a_proxy_is_found_and_keeps_the_proxys_id():
    error = {"error": {"message": WRAPPED, "type": None, "param": None, "code": "500"}}
    async with line(reply(500, error), dialect="litellm") as (speaker, http, _):
        snapshot = await speaker.fetch(http, "video_bGl0ZWxsbQ")
        assert (snapshot.state, snapshot.remote_id) == (State.FAILED, "video_bGl0ZWxsbQ")


async def test_an_answer_about_another_job_ends_nothing():
    async with line(reply(500, FAILED)) as (speaker, http, _):
        with pytest.raises(BadResponse, match="another"):
            await speaker.fetch(http, "video_gen_2")


NO_JOBS = {
    "a page of an error": {"error": {"message": "upstream", "code": 500}},
    "a job that runs": {**FAILED, "status": "in_progress", "error": None},
    "a thing that is no video": {**FAILED, "object": "error"},
    "a job without a name": {**FAILED, "id": None},
    "text with braces": {"error": {"message": "no handler for {id} and {not json"}},
}


@pytest.mark.parametrize("case", NO_JOBS)
def test_what_is_no_ended_job_is_a_trouble_that_passes(case):
    assert type(judged(500, NO_JOBS[case])) is ServerError


def test_the_kind_of_a_stated_end_is_that_of_a_failed_job():
    error = judged(500, FAILED)
    assert isinstance(error, JobFailed)
    assert error.kind == "JobFailed"


def test_a_dead_worker_is_told_and_is_no_reason_to_wait():
    error = judged(503, {"error": "Scheduler worker exited; restart the server."}, "sglang")
    assert isinstance(error, RequestRejected)
    assert "Restart the server" in str(error)
    assert error.stated


@pytest.mark.parametrize(
    ("says", "dialect"),
    [("Expected request with `Content-Type: application/json`", '"sglang"'), ("Unsupported Media Type", '"vllm-omni"')],
)
def test_a_form_that_is_not_taken_names_a_dialect_to_try(says, dialect):
    error = judged(415, {"message": says, "code": 415}, "")
    assert isinstance(error, RequestRejected)
    assert says in error.message
    assert dialect in str(error)


async def test_what_is_not_found_when_something_is_made_is_no_missing_job():
    missing = reply(404, {"message": "Model not found", "type": "not_found", "code": 404})
    async with line(missing) as (speaker, http, _):
        attempt = Attempt("key", unmarked)
        with pytest.raises(RequestRejected, match="Model not found"):
            await speaker.submit(http, ASKED, attempt)
        with pytest.raises(JobNotFound):
            await speaker.submit(http, RemixRequest("at night", source_id="video_1"), attempt)


STATED = {
    "vllm-omni": {"error": {"message": "Video generation failed: out of memory", "type": "x", "code": 500}},
    "xinference": {"detail": "out of memory"},
}
NOT_STATED = {
    "vllm-omni": {"error": {"message": "engine core died", "code": 500}},
    "xinference": {"detail": "out of memory", "proxy": "me"},
}


@pytest.mark.parametrize("dialect", STATED)
def test_a_server_that_answers_with_the_video_may_say_that_its_work_has_failed(dialect):
    error = judged(500, STATED[dialect], dialect, sync="true")
    assert type(error) is JobFailed
    assert error.stated
    assert "out of memory" in error.message
    assert type(judged(502, STATED[dialect], dialect, sync="true")) is ServerError  # a proxy's
    assert type(judged(500, NOT_STATED[dialect], dialect, sync="true")) is ServerError
    assert type(judged(500, "Internal Server Error", dialect, sync="true")) is ServerError


def test_a_server_with_jobs_states_no_failure_when_it_breaks_at_a_create_call():
    assert type(judged(500, STATED["vllm-omni"])) is ServerError


async def test_a_busy_machine_of_ones_own_is_asked_until_it_has_time_and_that_is_said():
    busy = reply(503, {"detail": "The limit of 1 concurrent tasks has been reached. Please try again later."})
    taken = reply(200, {"id": "video_1", "object": "video", "status": "queued"})
    said: list[str] = []
    async with line(*[busy] * 40, taken, dialect="aquiles") as (speaker, http, server):
        refused: list[int] = []

        async def count() -> None:
            refused.append(1)

        attempt = Attempt("key", unmarked, count, tell=said.append)
        made = await speaker.submit(http, replace(ASKED, size="1280x720"), attempt)
    assert made.remote_id == "video_1"
    assert (len(server.requests), len(refused)) == (41, 40)
    assert set(said) == {"the server is busy; asking again until it takes the job"}


async def test_a_busy_relay_is_not_waited_for_for_ever():
    async with line(reply(429, {}), dialect="new-api") as (speaker, http, server):
        with pytest.raises(SoraError):
            await speaker.submit(http, ASKED, Attempt("key", unmarked))
    assert len(server.requests) == 5


async def test_whoever_leaves_a_busy_server_is_not_served_by_it():
    class Left(Exception):
        pass

    async def leave() -> None:
        raise Left

    async with line(reply(503, {"detail": "The limit of 1 concurrent tasks"}), dialect="aquiles") as (speaker, http, _):
        with pytest.raises(Left):
            await speaker.submit(http, ASKED, Attempt("key", unmarked, leave))


PYTHON = "1 validation error:\n  {'type': 'missing', 'loc': 'body.prompt', 'msg': 'Field required', 'input': 'None'}"
DEBRIS = (
    "Invalid request body: 1 validation error for VideoGenerationsRequest\nnum_inference_steps\n  Input should be a "
    "valid integer [type=int_parsing, input_value='many', input_type=str]\n    For further information visit https://x"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PYTHON, "body.prompt: Field required"),
        (PYTHON.replace("'body.prompt'", "('body', 'prompt')"), "body.prompt: Field required"),
        (DEBRIS, "num_inference_steps: Input should be a valid integer"),
        ("no such {'type': 'thing'}", "no such {'type': 'thing'}"),
        ("odd:\n  {'type': open('x')}", "odd:\n  {'type': open('x')}"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_in_words(text, told):
    assert judged(400, {"error": {"message": text}}).message == f"The server answered HTTP 400: {told}"


PNG = Upload(b"png", "image/png", "a.png")


def test_several_images_go_as_a_list_of_addresses_where_there_is_one():
    request = replace(ASKED, operation=Operation.IMAGE_TO_VIDEO, images=(PNG,), image_urls=("https://x.example/b.png",))
    call = provider().encode_submit(request)
    assert not call.files
    assert call.form
    references = [each["image_url"] for each in json.loads(call.form["image_reference"])]
    assert references == ["data:image/png;base64,cG5n", "https://x.example/b.png"]


def test_two_images_are_the_first_and_the_last_frame_of_xinference():
    one = replace(ASKED, operation=Operation.IMAGE_TO_VIDEO, images=(PNG,), seed=7)
    assert provider("xinference").encode_submit(ASKED).path == "/video/generations"
    call = provider("xinference").encode_submit(one)
    assert (call.path, [name for name, _ in call.files]) == ("/video/generations/image", ["image"])
    call = provider("xinference", num_inference_steps="9").encode_submit(replace(one, images=(PNG, PNG)))
    assert call.path == "/video/generations/flf"
    assert [name for name, _ in call.files] == ["first_frame", "last_frame"]
    assert call.form
    kwargs = {"width": 832, "height": 480, "num_inference_steps": 9, "seed": 7, "fps": 16, "num_frames": 65}
    assert json.loads(call.form["kwargs"]) == kwargs


def test_a_list_that_does_not_say_whether_there_is_more_is_whole_when_it_is_short():
    jobs = [{"id": f"v{number}", "object": "video", "status": "queued"} for number in range(100)]
    full, after = provider("fastvideo").decode_list(Reply(200, {}, json.dumps({"data": jobs}).encode(), BASE))
    assert (len(full), after) == (100, "v99")
    _, after = provider("fastvideo").decode_list(Reply(200, {}, json.dumps({"data": jobs[:99]}).encode(), BASE))
    assert after is None
