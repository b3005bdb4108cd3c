"""Every dialect of the OpenAI protocol, from the engine to the file, against the gateway as those servers deviate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from _client import Client, open_client

from sora_core.errors import (
    InputError,
    SubmissionUnknown,
    Unsupported,
)
from sora_core.models import Delivery, Destination, Operation, Shot
from sora_core.profiles.profiles import Profile
from sora_core.providers.openai.dialects import DIALECTS
from sora_core.requests.kinds import VideoRequest

pytestmark = pytest.mark.usefixtures("no_faults")
KEY = "dialect-key-51c2"
BASES = {
    "vllm-omni": "/openai~vllm-omni/v1",
    "sglang": "/openai~sglang",
    "tensorrt-llm": "/openai~tensorrt-llm/v1/videos",
    "litellm": "/openai~litellm/v1",
    "new-api": "/openai~new-api/v1",
    "aquiles": "/openai~aquiles/v1",
    "azure": "/openai~azure",
    "localai": "/openai~localai",
    "dynamo": "/openai~dynamo/v1",
    "openrouter": "/openai~openrouter",
}


def _shortest(name: str) -> int:
    return next(iter(DIALECTS[name.partition(" ")[0]].can.seconds))


def _size(name: str) -> str:
    sizes = DIALECTS[name.partition(" ")[0]].can.sizes
    return "128x96" if "128x96" in sizes else "1280x720"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_client(tmp_path_factory, "openai", key=KEY) as client:
        for name in BASES:
            add(client, name)
        add(client, "vllm-omni sync", extra={"sync": "true", "timeout": "60"})
        for name in ("vllm-omni wrong key", "aquiles wrong key"):
            add(client, name, key_env="WRONG_KEY")
        yield client


def add(client: Client, name: str, **more: Any) -> None:
    """A profile of the dialect that is the first word of its name."""
    dialect = name.partition(" ")[0]
    auth = "api-key" if dialect == "azure" else "bearer"
    usual = {"seconds": _shortest(name), "size": _size(name)}
    # as if all of them cost something; what is made anew where they do not has a test of its own
    more = {"paid": True, **more}
    client.add(profile_of(name), BASES[dialect], dialect=dialect, auth=auth, model="wan", usual=usual, **more)


def profile_of(name: str) -> str:
    return name.replace(" ", "-")


def make(
    client: Client, name: str, prompt: str, operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any
) -> Delivery:
    return client.make(prompt, operation, profile_of(name), **facts)


def test_shots_go_out_as_text(client: Client) -> None:
    shots = (Shot("a door", 1.0), Shot("a cat", 1.0))
    make(client, "sglang", "film noir", Operation.STORYBOARD, shots=shots, seconds=0)
    assert client.last["prompt"].startswith("current timeline:\nShot 1:\nduration: 1sec\nScene: a door")


def test_where_jobs_cost_nothing_a_lost_one_is_made_anew_at_once(client: Client) -> None:
    add(client, "tensorrt-llm own", paid=None)
    client.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with client.charging(2):
        assert make(client, "tensorrt-llm own", "lost, and free").path.is_file()


@pytest.mark.parametrize("name", ["localai"])
def test_a_server_error_in_place_of_the_video_leaves_it_open_what_became_of_it(name: str, client: Client) -> None:
    client.gateway.fault({"on": "create", "do": "fail", "message": "the model fell over"})
    with client.charging(1):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                make(client, name, f"failing, {name}")


def test_the_result_of_a_proxy_keeps_its_long_id(client: Client) -> None:
    made = make(client, "litellm", "an opaque id")
    assert made.remote_id.startswith("video_bGl0ZWxsbTpj")
    assert len(made.remote_id) > 100


REFUSED_HERE = {
    "a field that a strict server does not know": (
        Profile("strict", dialect="tensorrt-llm", model="wan", extra={"watermark": "false"}), "watermark",
    ),
    "no model where one is needed": (Profile("nameless", dialect="dynamo"), "name of a model"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_HERE)
def test_what_the_server_would_refuse_is_refused_before_anything_is_sent(case: str, client: Client) -> None:
    profile, words = REFUSED_HERE[case]
    base_url = client.gateway.url + BASES[profile.dialect]
    client.engine.profiles.add(replace(profile, base_url=base_url, key_env="RELAY_KEY"))
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "x", seconds=1, size="128x96")
    before = client.gateway.stats()["requests"]
    with pytest.raises(InputError, match=words):
        client.engine.generate(request, profile.name, Destination(client.out), lambda progress: None).result(20)
    assert client.gateway.stats()["requests"] == before


def test_quota_is_read_where_there_is_one(client: Client) -> None:
    assert client.engine.quota("openrouter").result(20).total == 10
    assert client.engine.quota("new-api").result(20).total == 1000
    for name in ("vllm-omni", "litellm", "dynamo"):
        with pytest.raises(Unsupported):
            client.engine.quota(name).result(20)


def test_pages_in_place_of_answers_prove_nothing_where_a_job_has_been_made(client: Client) -> None:
    make(client, "sglang", "a job before the pages")
    listed = {"on": "list", "do": "garbage", "times": None}
    client.gateway.fault({"on": "create", "do": "garbage", "kind": "html"}, listed)
    with pytest.raises(SubmissionUnknown):
        make(client, "sglang", "a page")
