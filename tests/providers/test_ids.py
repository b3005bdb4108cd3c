"""A job's id out of answers that do not name it where the protocol has it. Nothing that was read is thrown away."""

from __future__ import annotations

import json

import pytest
from _clock import FakeClock
from _server import Server, cut, reply

from sora_core.conformance.asking import unmarked
from sora_core.errors import SubmissionUnknown
from sora_core.models import Operation
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, Attempt
from sora_core.providers._answers.ids import is_whole_object, named_in
from sora_core.requests.kinds import VideoRequest
from sora_core.transport import Http

TASK = "task_01abcdef"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"任务ID": "abc-7"}, "abc-7"),
        ({"code": 200, "data": {"任务编号": 12345}}, "12345"),
        ({"data": {"videoTaskNo": "n-1"}}, "n-1"),
        ({"job": {"jobId": "n-1"}}, "n-1"),
        ({"id": "n-1"}, "n-1"),
        ({"data": {"id": 17, "task_id": "n-1"}}, "n-1"),
        ({"reference": TASK}, TASK),
        ({"request_id": "n-1", "trace_id": "n-2", "user_id": "n-3"}, None),
        ({"source_video_id": TASK}, None),
        ({"task_id": "n-1", "video_id": "n-2"}, None),
        ({"id": "n-1", "data": {"id": "n-2"}}, None),
        ({"message": f"the job {TASK} goes on"}, None),
        ({"prompt": TASK, "input": {"task_id": "n-1"}}, None),
        ({"url": "https://a.example/task_01abcdef"}, None),
        ([], None),
    ],
)
def test_it_is_what_the_answer_calls_a_job_s_and_only_one(value, found):
    assert named_in(json.dumps(value).encode(), is_error=False) == found


def test_in_an_error_a_bare_id_is_no_job_s_unless_it_looks_like_one():
    assert named_in(b'{"error": {"message": "x"}, "id": "n-1"}', is_error=True) is None
    assert named_in(json.dumps({"error": {"message": "x"}, "id": TASK}).encode(), is_error=True) == TASK
    assert named_in(b'{"error": {"message": "x", "task_id": "n-1"}}', is_error=True) == "n-1"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"id": "task_01abcdef", "stat', TASK),
        (b'{"id": "task_01abcdef"', TASK),
        (b'{"id": "task_01ab', None),
        (b'{"data": {"task_id": 1234', None),
        (b'{"data": {"task_id": 1234,', "1234"),
        (b'{"user": {"id": "user_1701", "name": "x"}, "data": {"st', None),
        (b'{"user": {"id": "user_1701"}, "data": {"id": "n-1", "st', "n-1"),
        (b'{"note": "a \\" b, {", "id": "n-1", "x": [1, 2', "n-1"),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_of_an_answer_that_was_cut_only_what_is_whole_counts(body, found):
    assert named_in(body, is_error=False) == found


def test_a_whole_object_is_whole_whatever_framed_it():
    assert is_whole_object(b'\xef\xbb\xbf {"id": "1"} ')
    assert not is_whole_object(b'{"id": "1"')
    assert not is_whole_object(b'"text"')


ANSWERED: dict[str, tuple[object, str | None]] = {
    "the whole answer, and then the connection breaks": (
        cut(reply(200, {"id": TASK, "task_id": TASK}, {"content-length": "999"}), 60),
        TASK,
    ),
    "a part, with the id": (cut(reply(200, {"id": TASK, "task_id": TASK, "status": "queued"}), 25), TASK),
    "a part, with half of the id": (cut(reply(200, {"id": TASK, "task_id": TASK}), 12), None),
    "504 with the id": (reply(504, {"error": {"message": "it goes on"}, "task_id": TASK}), TASK),
    "504 without": (reply(504, {"error": {"message": "it goes on"}}), None),
    "an unknown key": (reply(200, {"code": 0, "data": {"任务ID": TASK}}), TASK),
    "no id at all": (reply(200, {"code": 0, "data": {"note": "taken"}}), None),
}


@pytest.mark.parametrize("case", ANSWERED)
@pytest.mark.parametrize("name", sorted(set(PROVIDERS) - {"sora_web"}))  # its charge wants a proof of work first
async def test_what_was_read_counts_in_every_protocol(name, case):
    answer, found = ANSWERED[case]
    async with Server(answer) as server:
        provider = PROVIDERS[name](Profile("p", provider=name, base_url=server.url))
        request = provider.prepared(VideoRequest(Operation.TEXT_TO_VIDEO, "a cat"))
        http = Http(provider.base_url(), judge=provider.judge, clock=FakeClock())
        try:
            if found:
                assert (await provider.submit(http, request, Attempt("key", unmarked))).remote_id == found
            else:
                with pytest.raises(SubmissionUnknown) as caught:
                    await provider.submit(http, request, Attempt("key", unmarked))
                assert caught.value.body  # what was read goes into the row
        finally:
            await http.aclose()
        assert len(server.requests) == 1
