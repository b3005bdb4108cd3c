"""Every dialect of the OpenAI protocol, from the engine to the file, against the gateway as those servers deviate."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _gateway import GatewayProcess
from PIL import Image

from sora_core.engine import Engine
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
from sora_core.models import Delivery, Destination, GenerationRequest, Operation, Shot, Upload
from sora_core.profiles import Profile
from sora_core.providers._openai_dialects import DIALECTS

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


class Desk:
    """An engine with a profile for each dialect, and the gateway's books."""

    def __init__(self, gateway: GatewayProcess, folder: Path) -> None:
        self.gateway = gateway
        self.out = folder / "out"
        self.engine = Engine(folder / "home")
        for name, base in BASES.items():
            self._add(name, name, base, key_env="DIALECT_KEY")
        self._add("vllm-omni sync", "vllm-omni", BASES["vllm-omni"], extra={"sync": "true", "timeout": "60"})
        for name in ("vllm-omni", "aquiles"):
            self._add(f"{name} wrong key", name, BASES[name], key_env="WRONG_KEY")

    def _add(self, name: str, dialect: str, base: str, key_env: str = "DIALECT_KEY", **more: Any) -> None:
        auth = "api-key" if dialect == "azure" else "bearer"
        profile = Profile(
            name.replace(" ", "-"), base_url=self.gateway.url + base, dialect=dialect, auth=auth, key_env=key_env,
            poll_seconds=0.1, model="wan", **more,
        )  # fmt: skip
        self.engine.profiles.add(profile)

    def make(self, name: str, prompt: str, operation: Operation = Operation.TEXT_TO_VIDEO, **more: Any) -> Delivery:
        facts: dict[str, Any] = {"seconds": _shortest(name), "size": _size(name)}
        if operation is Operation.REMIX:
            facts = {}
        request = GenerationRequest(operation, prompt, **{**facts, **more})
        waiter = self.engine.generate(request, name.replace(" ", "-"), Destination(self.out), lambda progress: None)
        return waiter.result(60)

    def last(self) -> dict[str, Any]:
        return self.gateway.stats()["jobs"][-1]


def _shortest(name: str) -> int:
    return next(iter(DIALECTS[name.partition(" ")[0]].can.seconds))


def _size(name: str) -> str:
    sizes = DIALECTS[name.partition(" ")[0]].can.sizes
    return "128x96" if "128x96" in sizes else "1280x720"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SORA_")]:
            patch.delenv(name)
        patch.setenv("DIALECT_KEY", KEY)
        patch.setenv("WRONG_KEY", "wrong-key-1234")
        gateway = GatewayProcess(speed=60, key=KEY)
        desk = Desk(gateway, tmp_path_factory.mktemp("dialects"))
        yield desk
        desk.engine.close()
        gateway.stop()


@pytest.fixture(autouse=True)
def _no_faults(desk: Desk) -> None:
    desk.gateway.fault()


@pytest.fixture(scope="module")
def picture() -> Upload:
    file = io.BytesIO()
    Image.new("RGB", (128, 96), (200, 30, 30)).save(file, "PNG")
    return Upload(file.getvalue(), "image/png", "reference.png")


@pytest.mark.parametrize("name", [*BASES, "vllm-omni sync"])
def test_a_video_is_made_delivered_and_charged_once(name: str, desk: Desk) -> None:
    charges = desk.gateway.charges
    made = desk.make(name, f"a lighthouse for {name} 灯塔")
    assert made.path.read_bytes()[4:8] == b"ftyp"
    assert desk.gateway.charges == charges + 1
    job = desk.last()
    assert (job["prompt"], job["model"]) == (f"a lighthouse for {name} 灯塔", "wan")
    assert (job["seconds"], job["size"]) == (_shortest(name), _size(name))
    again = desk.make(name, f"a lighthouse for {name} 灯塔")
    assert (again.path, again.reused) == (made.path, True)
    assert desk.gateway.charges == charges + 1


@pytest.mark.parametrize("name", sorted({*BASES, "vllm-omni sync"} - set(LARGE)))
def test_an_image_arrives_in_the_form_that_the_server_takes(name: str, desk: Desk, picture: Upload) -> None:
    desk.make(name, f"from an image, {name}", Operation.IMAGE_TO_VIDEO, images=(picture,))
    assert desk.last()["has_image"] is True


@pytest.mark.parametrize("name", [name for name in BASES if "url" in DIALECTS[name].can.image_forms])
def test_the_address_of_an_image_arrives(name: str, desk: Desk) -> None:
    charges = desk.gateway.charges
    # The gateway fetches nothing: that it refuses the address shows that it came where the server looks for it.
    with pytest.raises(RequestRejected, match="fetches no URLs"):
        desk.make(name, f"by address, {name}", Operation.IMAGE_TO_VIDEO, image_url="https://cdn.example/a.png")
    assert desk.gateway.charges == charges


@pytest.mark.parametrize("name", [name for name in BASES if "url" not in DIALECTS[name].can.image_forms])
def test_the_address_of_an_image_is_refused_where_it_has_no_place(name: str, desk: Desk) -> None:
    with pytest.raises(Unsupported, match="only image files"):
        desk.make(name, "by address", Operation.IMAGE_TO_VIDEO, image_url="https://cdn.example/a.png")


@pytest.mark.parametrize("name", [name for name in BASES if "seed" in DIALECTS[name].can.fields])
def test_the_seed_is_sent_where_there_is_one(name: str, desk: Desk) -> None:
    desk.make(name, f"seeded, {name}", seed=4711)
    assert desk.last()["seed"] == 4711


@pytest.mark.parametrize(
    "name", [name for name in BASES if "seed" not in DIALECTS[name].can.fields and name not in LARGE]
)
def test_the_seed_stays_here_where_there_is_none(name: str, desk: Desk) -> None:
    desk.make(name, f"seeded, {name}", seed=4711)
    assert desk.last()["seed"] == 0


def test_shots_go_out_as_text(desk: Desk) -> None:
    shots = (Shot("a door", 1.0), Shot("a cat", 1.0))
    desk.make("sglang", "film noir", Operation.STORYBOARD, shots=shots, seconds=0)
    assert desk.last()["prompt"].startswith("current timeline:\nShot 1:\nduration: 1sec\nScene: a door")


@pytest.mark.parametrize("name", sorted(set(REMIXING) - set(LARGE)))
def test_a_remix_names_its_source(name: str, desk: Desk) -> None:
    source = desk.make(name, f"the source, {name}")
    remote = desk.engine.source_id(source.job_id, name)
    desk.make(name, f"at night, {name}", Operation.REMIX, source_id=remote)
    job = desk.last()
    assert job["prompt"] == f"at night, {name}"
    assert job["remix_of"]


@pytest.mark.parametrize("name", sorted(set(BASES) - set(REMIXING)))
def test_a_remix_is_refused_before_anything_is_sent_where_there_is_none(name: str, desk: Desk) -> None:
    before = desk.gateway.stats()["requests"]
    with pytest.raises(Unsupported, match="cannot do remix"):
        desk.make(name, "at night", Operation.REMIX, source_id="video_1")
    assert desk.gateway.stats()["requests"] == before


@pytest.mark.parametrize("name", sorted(set(BASES) - set(LISTING)))
def test_a_lost_answer_stays_unknown_where_no_list_can_tell_and_is_never_sent_again(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    charges = desk.gateway.charges
    for _ in range(2):
        with pytest.raises(SubmissionUnknown):
            desk.make(name, f"lost, {name}")
    assert desk.gateway.charges == charges + 1


@pytest.mark.parametrize("name", sorted(set(LISTING) - set(LARGE)))
def test_a_lost_answer_is_found_in_the_list(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    charges = desk.gateway.charges
    assert desk.make(name, f"lost, {name}").path.is_file()
    assert desk.gateway.charges == charges + 1


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
    charges = desk.gateway.charges
    with pytest.raises(kind):
        desk.make(name, f"refused, {refusal}, {name}")
    assert desk.gateway.charges == charges


@pytest.mark.parametrize("name", sorted(set(BASES) - {"localai"}))
def test_a_failed_job_says_why(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "fail", "code": "boom", "message": "the model fell over"})
    with pytest.raises(JobFailed, match="the model fell over"):
        desk.make(name, f"failing, {name}")


@pytest.mark.parametrize("name", ["localai", "vllm-omni sync"])
def test_a_server_error_in_place_of_the_video_leaves_it_open_what_became_of_it(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "fail", "message": "the model fell over"})
    charges = desk.gateway.charges
    for _ in range(2):
        with pytest.raises(SubmissionUnknown):
            desk.make(name, f"failing, {name}")
    assert desk.gateway.charges == charges + 1


@pytest.mark.parametrize("name", SYNCHRONOUS)
@pytest.mark.parametrize("kind", ["html", "json", "bytes"])
def test_garbage_in_place_of_the_video_is_no_reason_to_pay_again(name: str, kind: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "garbage", "kind": kind, "when": "after"})
    charges = desk.gateway.charges
    for _ in range(2):
        with pytest.raises(SubmissionUnknown):
            desk.make(name, f"garbage {kind}, {name}")
    assert desk.gateway.charges == charges + 1


@pytest.mark.parametrize("name", CANCELING)
def test_a_running_job_is_canceled_on_the_server(name: str, desk: Desk) -> None:
    desk.gateway.fault({"on": "create", "do": "stuck"})
    seconds = 1 if name != "azure" else 4
    request = GenerationRequest(Operation.TEXT_TO_VIDEO, f"cancel, {name}", seconds=seconds, size=_size(name))
    seen: list[str] = []
    waiter = desk.engine.generate(
        request, name, Destination(desk.out), lambda progress: seen.append(progress.remote_id) if progress else None
    )
    while not any(seen):
        assert not waiter.future.done()
    desk.engine.cancel(next(filter(None, seen))).result(20)
    assert desk.last()["status"] == "canceled"
    with pytest.raises(SoraError):
        waiter.result(20)


def test_the_server_that_is_busy_is_waited_for(desk: Desk) -> None:
    charges = desk.gateway.charges
    requests = [
        GenerationRequest(Operation.TEXT_TO_VIDEO, f"busy {number}", seconds=20, size="64x64") for number in range(3)
    ]
    waiters = [
        desk.engine.generate(request, "aquiles", Destination(desk.out), lambda progress: None) for request in requests
    ]
    assert all(waiter.result(60).path.is_file() for waiter in waiters)
    assert desk.gateway.charges == charges + 3
    assert desk.gateway.stats()["requests"]["openai~aquiles.create"] >= 4


@pytest.mark.parametrize(("name", "kind"), [("vllm-omni wrong key", AuthError), ("aquiles wrong key", SoraError)])
def test_a_wrong_key_charges_nothing(name: str, kind: type[SoraError], desk: Desk) -> None:
    charges = desk.gateway.charges
    with pytest.raises(kind):
        desk.make(name, "no entry")
    assert desk.gateway.charges == charges


def test_the_result_of_a_proxy_keeps_its_long_id(desk: Desk) -> None:
    made = desk.make("litellm", "an opaque id")
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
    desk.engine.profiles.add(
        replace(profile, base_url=desk.gateway.url + BASES[profile.dialect], key_env="DIALECT_KEY")
    )
    request = GenerationRequest(Operation.TEXT_TO_VIDEO, "x", seconds=1, size="128x96")
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
    desk.make("sglang", "a job before the pages")
    listed = {"on": "list", "do": "garbage", "times": None}
    desk.gateway.fault({"on": "create", "do": "garbage", "kind": "html"}, listed)
    with pytest.raises(SubmissionUnknown):
        desk.make("sglang", "a page")
