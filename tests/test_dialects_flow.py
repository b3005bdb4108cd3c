"""Every dialect of the OpenAI protocol, from the engine to the file, against the gateway as those servers deviate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from _desk import Desk, open_desk

from sora_core.errors import (
    AuthError,
    InputError,
    JobFailed,
    ModerationRejected,
    QuotaExceeded,
    RequestRejected,
    SoraError,
    SubmissionUnknown,
    Unsupported,
)
from sora_core.models import Delivery, Destination, Operation, Shot, Upload
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
SYNCHRONOUS = ("localai", "dynamo", "vllm-omni sync")
REMIXING = ("new-api", "azure")
LARGE = ("azure",)  # makes only large videos, which take long to draw; seen once is enough
CANCELING = ("vllm-omni", "sglang", "azure")
LISTING = ("vllm-omni", "sglang", "azure")


def _shortest(name: str) -> int:
    return next(iter(DIALECTS[name.partition(" ")[0]].can.seconds))


def _size(name: str) -> str:
    sizes = DIALECTS[name.partition(" ")[0]].can.sizes
    return "128x96" if "128x96" in sizes else "1280x720"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory, "openai", key=KEY) as desk:
        for name in BASES:
            add(desk, name)
        add(desk, "vllm-omni sync", extra={"sync": "true", "timeout": "60"})
        for name in ("vllm-omni wrong key", "aquiles wrong key"):
            add(desk, name, key_env="WRONG_KEY")
        yield desk


def add(desk: Desk, name: str, **more: Any) -> None:
    """A profile of the dialect that is the first word of its name."""
    dialect = name.partition(" ")[0]
    auth = "api-key" if dialect == "azure" else "bearer"
    usual = {"seconds": _shortest(name), "size": _size(name)}
    # as if all of them cost something; what is made anew where they do not has a test of its own
    more = {"paid": True, **more}
    desk.add(profile_of(name), BASES[dialect], dialect=dialect, auth=auth, model="wan", usual=usual, **more)


def profile_of(name: str) -> str:
    return name.replace(" ", "-")


def make(desk: Desk, name: str, prompt: str, operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any) -> Delivery:
    return desk.make(prompt, operation, profile_of(name), **facts)


@pytest.mark.parametrize("name", [*BASES, "vllm-omni sync"])
def test_a_video_is_made_delivered_and_charged_once(name: str, desk: Desk) -> None:
    charges = desk.gateway.charges
    made = make(desk, name, f"a lighthouse for {name} 灯塔")
    assert made.path.read_bytes()[4:8] == b"ftyp"
    assert desk.gateway.charges == charges + 1
    job = desk.last
    assert (job["prompt"], job["model"]) == (f"a lighthouse for {name} 灯塔", "wan")
    assert (job["seconds"], job["size"]) == (_shortest(name), _size(name))
    again = make(desk, name, f"a lighthouse for {name} 灯塔")
    assert (again.path, again.reused) == (made.path, True)
    assert desk.gateway.charges == charges + 1


@pytest.mark.parametrize("name", sorted({*BASES, "vllm-omni sync"} - set(LARGE)))
def test_an_image_arrives_in_the_form_that_the_server_takes(name: str, desk: Desk, picture: Upload) -> None:
    make(desk, name, f"from an image, {name}", Operation.IMAGE_TO_VIDEO, images=(picture,))
    assert desk.last["has_image"] is True


@pytest.mark.parametrize("name", [name for name in BASES if "url" in DIALECTS[name].can.image_forms])
def test_the_address_of_an_image_arrives(name: str, desk: Desk) -> None:
    # The gateway fetches nothing: that it refuses the address shows that it came where the server looks for it.
    with desk.charging(0), pytest.raises(RequestRejected, match="fetches no URLs"):
        make(desk, name, f"by address, {name}", Operation.IMAGE_TO_VIDEO, image_urls=("https://cdn.example/a.png",))


@pytest.mark.parametrize("name", [name for name in BASES if "url" not in DIALECTS[name].can.image_forms])
def test_the_address_of_an_image_is_refused_where_it_has_no_place(name: str, desk: Desk) -> None:
    with pytest.raises(Unsupported, match="only image files"):
        make(desk, name, "by address", Operation.IMAGE_TO_VIDEO, image_urls=("https://cdn.example/a.png",))


@pytest.mark.parametrize("name", [name for name in BASES if "seed" in DIALECTS[name].can.fields])
def test_the_seed_is_sent_where_there_is_one(name: str, desk: Desk) -> None:
    make(desk, name, f"seeded, {name}", seed=4711)
    assert desk.last["seed"] == 4711


@pytest.mark.parametrize(
    "name", [name for name in BASES if "seed" not in DIALECTS[name].can.fields and name not in LARGE]
)
def test_the_seed_stays_here_where_there_is_none(name: str, desk: Desk) -> None:
    make(desk, name, f"seeded, {name}", seed=4711)
    assert desk.last["seed"] == 0


def test_shots_go_out_as_text(desk: Desk) -> None:
    shots = (Shot("a door", 1.0), Shot("a cat", 1.0))
    make(desk, "sglang", "film noir", Operation.STORYBOARD, shots=shots, seconds=0)
    assert desk.last["prompt"].startswith("current timeline:\nShot 1:\nduration: 1sec\nScene: a door")


@pytest.mark.parametrize("name", sorted(set(REMIXING) - set(LARGE)))
def test_a_remix_names_its_source(name: str, desk: Desk) -> None:
    source = make(desk, name, f"the source, {name}")
    remote = desk.engine.source_id(source.job_id, name)
    make(desk, name, f"at night, {name}", Operation.REMIX, source_id=remote)
    job = desk.last
    assert job["prompt"] == f"at night, {name}"
    assert job["remix_of"]


@pytest.mark.parametrize("name", sorted(set(BASES) - set(REMIXING)))
def test_a_remix_is_refused_before_anything_is_sent_where_there_is_none(name: str, desk: Desk) -> None:
    before = desk.gateway.stats()["requests"]
    with pytest.raises(Unsupported, match="cannot do remix"):
        make(desk, name, "at night", Operation.REMIX, source_id="video_1")
    assert desk.gateway.stats()["requests"] == before


@pytest.mark.parametrize("name", sorted(set(BASES) - set(LISTING)))
def test_a_lost_answer_stays_unknown_where_no_list_can_tell_and_is_never_sent_again(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with desk.charging(1):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                make(desk, name, f"lost, {name}")


def test_where_jobs_cost_nothing_a_lost_one_is_made_anew_at_once(desk: Desk) -> None:
    add(desk, "tensorrt-llm own", paid=None)
    desk.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with desk.charging(2):
        assert make(desk, "tensorrt-llm own", "lost, and free").path.is_file()


@pytest.mark.parametrize("name", sorted(set(LISTING) - set(LARGE)))
def test_a_lost_answer_is_found_in_the_list(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with desk.charging(1):
        assert make(desk, name, f"lost, {name}").path.is_file()


REFUSALS = {
    "quota": ({"status": 429, "body": {"error": {"code": "insufficient_quota", "message": "no"}}}, QuotaExceeded),
    "moderation": ({"status": 400, "body": {"detail": {"error": {"code": "moderation_blocked"}}}}, ModerationRejected),
    "validation": ({"status": 422, "body": {"detail": [{"loc": ["body", "n"], "msg": "bad"}]}}, RequestRejected),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("name", ["tensorrt-llm", "dynamo", "vllm-omni sync"])
def test_a_refusal_is_told_and_charges_nothing(name: str, refusal: str, desk: Desk) -> None:
    answer, kind = REFUSALS[refusal]
    desk.gateway.fault({"on": "create", "do": "status", **answer})
    with desk.charging(0), pytest.raises(kind):
        make(desk, name, f"refused, {refusal}, {name}")


@pytest.mark.parametrize("name", sorted(set(BASES) - {"localai"}))
def test_a_failed_job_says_why(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "fail", "code": "boom", "message": "the model fell over"})
    with pytest.raises(JobFailed, match="the model fell over"):
        make(desk, name, f"failing, {name}")


@pytest.mark.parametrize("name", ["localai", "vllm-omni sync"])
def test_a_server_error_in_place_of_the_video_leaves_it_open_what_became_of_it(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "fail", "message": "the model fell over"})
    with desk.charging(1):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                make(desk, name, f"failing, {name}")


@pytest.mark.parametrize("name", SYNCHRONOUS)
@pytest.mark.parametrize("kind", ["html", "json", "bytes"])
def test_garbage_in_place_of_the_video_is_no_reason_to_pay_again(name: str, kind: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "garbage", "kind": kind, "when": "after"})
    with desk.charging(1):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                make(desk, name, f"garbage {kind}, {name}")


@pytest.mark.parametrize("name", CANCELING)
def test_a_running_job_is_canceled_on_the_server(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "stuck"})
    seconds = 1 if name != "azure" else 4
    request = VideoRequest(Operation.TEXT_TO_VIDEO, f"cancel, {name}", seconds=seconds, size=_size(name))
    seen: list[str] = []
    handle = desk.engine.generate(
        request, name, Destination(desk.out), lambda progress: seen.append(progress.remote_id) if progress else None
    )
    while not any(seen):
        assert not handle.future.done()
    desk.engine.cancel(next(filter(None, seen))).result(20)
    assert desk.last["status"] == "canceled"
    with pytest.raises(SoraError):
        handle.result(20)


def test_the_server_that_is_busy_is_waited_for(desk: Desk) -> None:
    with desk.charging(3):
        requests = [
            VideoRequest(Operation.TEXT_TO_VIDEO, f"busy {number}", seconds=20, size="64x64") for number in range(3)
        ]
        waiters = [
            desk.engine.generate(request, "aquiles", Destination(desk.out), lambda progress: None)
            for request in requests
        ]
        assert all(handle.result(60).path.is_file() for handle in waiters)
    assert desk.gateway.stats()["requests"]["openai~aquiles.create"] >= 4


@pytest.mark.parametrize(("name", "kind"), [("vllm-omni wrong key", AuthError), ("aquiles wrong key", SoraError)])
def test_a_wrong_key_charges_nothing(name: str, kind: type[SoraError], desk: Desk) -> None:
    with desk.charging(0), pytest.raises(kind):
        make(desk, name, "no entry")


def test_the_result_of_a_proxy_keeps_its_long_id(desk: Desk) -> None:
    made = make(desk, "litellm", "an opaque id")
    assert made.remote_id.startswith("video_bGl0ZWxsbTpj")
    assert len(made.remote_id) > 100


REFUSED_HERE = {
    "a field that a strict server does not know": (
        Profile("strict", dialect="tensorrt-llm", model="wan", extra={"watermark": "false"}), "watermark",
    ),
    "no model where one is needed": (Profile("nameless", dialect="dynamo"), "name of a model"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_HERE)
def test_what_the_server_would_refuse_is_refused_before_anything_is_sent(case: str, desk: Desk) -> None:
    profile, words = REFUSED_HERE[case]
    desk.engine.profiles.add(replace(profile, base_url=desk.gateway.url + BASES[profile.dialect], key_env="RELAY_KEY"))
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "x", seconds=1, size="128x96")
    before = desk.gateway.stats()["requests"]
    with pytest.raises(InputError, match=words):
        desk.engine.generate(request, profile.name, Destination(desk.out), lambda progress: None).result(20)
    assert desk.gateway.stats()["requests"] == before


def test_quota_is_read_where_there_is_one(desk: Desk) -> None:
    assert desk.engine.quota("openrouter").result(20).total == 10
    assert desk.engine.quota("new-api").result(20).total == 1000
    for name in ("vllm-omni", "litellm", "dynamo"):
        with pytest.raises(Unsupported):
            desk.engine.quota(name).result(20)


def test_pages_in_place_of_answers_prove_nothing_where_a_job_has_been_made(desk: Desk) -> None:
    make(desk, "sglang", "a job before the pages")
    listed = {"on": "list", "do": "garbage", "times": None}
    desk.gateway.fault({"on": "create", "do": "garbage", "kind": "html"}, listed)
    with pytest.raises(SubmissionUnknown):
        make(desk, "sglang", "a page")
