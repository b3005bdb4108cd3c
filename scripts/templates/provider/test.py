"""The Name_ protocol: what its documentation says goes out and comes back."""

from __future__ import annotations

import json

import pytest

from sora_core.models import Effect, Operation, State
from sora_core.profiles.profiles import Profile
from sora_core.providers.name_ import Name_
from sora_core.requests.kinds import VideoRequest
from sora_core.transport import Reply

SERVER = Name_(Profile("mine", provider="name_", base_url="https://name_.example/api/"))
REQUEST = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", seconds=5, size="1280x720", seed=7)


def answer(**job):
    return Reply(200, {}, json.dumps({"job": job}).encode(), "https://name_.example/api/jobs/a1")


def test_the_request_goes_out_as_documented_and_charges():
    call = SERVER.encode_submit(REQUEST)
    assert (call.method, call.path, call.effect) == ("POST", "/jobs", Effect.CHARGE)
    assert call.json == {"text": "a cat", "length": 5, "resolution": "1280x720", "seed": 7}


def test_an_id_is_quoted_into_the_path():
    assert SERVER.encode_fetch("a/1").path == "/jobs/a%2F1"


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        ("waiting", State.QUEUED),
        ("cooking", State.RUNNING),
        ("plated", State.SUCCEEDED),
        ("burnt", State.FAILED),
        ("flambéed", State.RUNNING),
    ],
)
def test_a_phase_is_one_of_our_states_and_an_unknown_one_goes_on(phase, state):
    assert SERVER.decode(answer(id="a1", phase=phase)).state is state


def test_the_link_of_the_result_is_absolute():
    snapshot = SERVER.decode(answer(id="a1", phase="plated", file="/files/a1.mp4"))
    assert SERVER.encode_content("a1", snapshot).path == "https://name_.example/files/a1.mp4"


def test_the_reason_of_a_failure_is_the_servers_own():
    failure = SERVER.decode(answer(id="a1", phase="burnt", error="too hot")).failure
    assert failure.message == "too hot"
