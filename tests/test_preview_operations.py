"""The built-in profile does everything that the nodes can ask for, each thing charged once and free when run again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from PIL import Image

from sora_core.connections.connection import Connection
from sora_core.engine import Engine
from sora_core.errors import InvalidRequest, Unsupported
from sora_core.jobs.progress import Progress
from sora_core.media.cut import part_of_clip
from sora_core.media.references import clip_upload
from sora_core.models import Delivery, Destination, Effect, Operation, Shot, Upload
from sora_core.requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)
from sora_core.transport import Call

SMALL = {"seconds": 2, "size": "64x64"}
ENHANCE = PromptRequest("a cat on a roof", expansion="medium", seconds=8)
PICTURE = PictureRequest("a cat on a roof", size="160x96")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preview")


@pytest.fixture(scope="module")
def engine(home: Path) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SORA_PREVIEW_SPEED", "40")
        engine = Engine(home / "state")
        yield engine
        engine.close()


@pytest.fixture
def out(home: Path) -> Destination:
    return Destination(home / "out", metadata={"prompt": {"1": {"class_type": "猫"}}, "workflow": {"nodes": []}})


def watch(progress: Progress) -> None:
    pass


def stats(engine: Engine) -> Any:
    async def read(connection: Connection) -> Any:
        url = urljoin(connection.http.base_url, "/_gateway/stats")
        return json.loads((await connection.http.send(Call("GET", url, Effect.READ))).body)

    return engine.ask("preview", read).result(20)


def made(engine: Engine, request: Request, out: Destination) -> Delivery:
    return engine.generate(request, "preview", out, watch).result(60)


@pytest.fixture(scope="module")
def source(engine: Engine, home: Path) -> Delivery:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a clip of Mia", seconds=4, size="64x64")
    return made(engine, request, Destination(home / "source"))


def clip_of(source: Delivery, start: float, end: float) -> Upload:
    return part_of_clip(source.path, start, end, 2**25)


def character(clip: Upload, seconds: float = 3.0) -> Request:
    return CharacterRequest(clip=clip, end=seconds)


def test_it_has_every_operation(engine: Engine) -> None:
    assert engine.capabilities("preview").operations == frozenset(Operation)


@pytest.mark.parametrize("operation", sorted(set(Operation) - {Operation.CREATE_CHARACTER, Operation.ENHANCE_PROMPT}))
def test_a_file_is_charged_once_and_free_again(
    operation: Operation, engine: Engine, source: Delivery, out: Destination
) -> None:
    png = out.folder.parent / "reference.png"
    Image.new("RGB", (64, 64), "navy").save(png)
    requests = {
        Operation.TEXT_TO_VIDEO: VideoRequest(Operation.TEXT_TO_VIDEO, "every operation", **SMALL),
        Operation.IMAGE_TO_VIDEO: VideoRequest(
            Operation.IMAGE_TO_VIDEO, "x", images=(Upload(png.read_bytes(), "image/png", "a.png"),), **SMALL
        ),
        Operation.STORYBOARD: VideoRequest(
            Operation.STORYBOARD, "noir", shots=(Shot("a door", 1.0), Shot("a cat", 1.0)), size="64x64"
        ),
        Operation.REMIX: RemixRequest("at night", source_id=source.remote_id),
        Operation.EDIT: RemixRequest("at dusk", source_id=source.remote_id, operation=Operation.EDIT),
        Operation.EXTEND: RemixRequest(
            "it goes on", clip=clip_upload(source.path.read_bytes()), operation=Operation.EXTEND, seconds=1
        ),
        Operation.CLEAN_LINK: CleanLinkRequest(source_id=source.remote_id),
        Operation.IMAGE: PICTURE,
    }
    before = stats(engine)["charges"]
    first, again = (made(engine, requests[operation], out) for _ in range(2))
    assert first.path.is_file()
    assert (first.reused, again.reused) == (False, True)
    assert again.path == first.path
    assert stats(engine)["charges"] == before + (operation is not Operation.CLEAN_LINK)


def test_a_picture_holds_the_workflow_and_has_its_facts_beside_it(engine: Engine, out: Destination) -> None:
    delivery = made(engine, PICTURE, out)
    assert (delivery.width, delivery.height, delivery.fps, delivery.seconds) == (160, 96, 0.0, 0.0)
    with Image.open(delivery.path) as picture:
        assert (picture.format, picture.size) == ("PNG", (160, 96))
        assert json.loads(picture.text["prompt"]) == out.metadata["prompt"]
        assert json.loads(picture.text["workflow"]) == out.metadata["workflow"]
    sidecar = json.loads(delivery.path.with_suffix(".json").read_text("utf-8"))
    assert sidecar["request"]["operation"] == "image"
    assert (sidecar["width"], sidecar["height"], sidecar["job_id"]) == (160, 96, delivery.job_id)


def test_a_picture_that_was_deleted_is_drawn_anew_for_it_costs_nothing(engine: Engine, out: Destination) -> None:
    delivery = made(engine, replace(PICTURE, seed=2), out)
    delivery.path.unlink()
    again = made(engine, replace(PICTURE, seed=2), out)
    assert again.path.is_file()
    assert again.job_id != delivery.job_id


def test_a_picture_from_a_picture_is_refused(engine: Engine, out: Destination) -> None:
    with pytest.raises(Unsupported, match="from text alone"):
        made(engine, replace(PICTURE, images=(Upload(b"png", "image/png", "a.png"),)), out)


@pytest.mark.parametrize(("expansion", "more"), [("short", 1), ("medium", 3), ("long", 6)])
def test_a_prompt_is_written_out_once_and_says_what_it_is(engine: Engine, expansion: str, more: int) -> None:
    before = stats(engine)["charges"]
    request = replace(ENHANCE, expansion=expansion)
    first, again = (engine.enhance_prompt(request, "preview", watch).result(30) for _ in range(2))
    assert first == again
    assert first.startswith("a cat on a roof. ")
    assert "within 8 seconds" in first
    assert "PREVIEW" in first
    assert first.count(". ") >= more
    assert stats(engine)["charges"] == before + 1


def test_a_character_is_made_of_a_clip_and_drawn_where_it_is_named(
    engine: Engine, source: Delivery, out: Destination
) -> None:
    before = stats(engine)["charges"]
    request = character(clip_of(source, 1.0, 4.0))
    first, again = (engine.create_character(request, "preview", "Mia", watch).result(60) for _ in range(2))
    assert first == again
    assert (first.name, first.username, first.profile) == ("Mia", "Mia", "preview")
    assert stats(engine)["charges"] == before + 1
    cast = VideoRequest(Operation.TEXT_TO_VIDEO, "she waves", characters=("Mia",), **SMALL)
    made(engine, cast, out)
    assert stats(engine)["jobs"][-1]["cast"] == "Mia"


def test_another_part_or_name_is_another_character(engine: Engine, source: Delivery) -> None:
    before = stats(engine)["charges"]
    for start, name in ((0.0, "Ann"), (0.5, "Ann"), (0.5, "Bea")):
        request = character(clip_of(source, start, start + 2.5), 2.5)
        engine.create_character(request, "preview", name, watch).result(60)
    assert stats(engine)["charges"] == before + 3


WRONG = {
    "no clip": (
        CharacterRequest(source_url="https://x.example/a.mp4", end=3.0),
        "clip",
    ),
    "two sources": (
        CharacterRequest(source_url="https://x.example/a.mp4", source_id="v", end=3.0),
        "one clip",
    ),
    "too large": (character(Upload(b"0" * (2**25 + 1), "video/mp4", "clip.mp4")), "32 MiB"),
    "too short": (character(Upload(b"0", "video/mp4", "clip.mp4"), 1.5), "2 to 4 s"),
    "no level": (replace(ENHANCE, expansion="huge"), "short, medium, long"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused_before_anything_is_sent(case: str, engine: Engine, out: Destination) -> None:
    request, words = WRONG[case]
    before = stats(engine)["charges"]
    with pytest.raises((InvalidRequest, Unsupported), match=words):
        made(engine, request, out)
    assert stats(engine)["charges"] == before


def test_its_quota_is_play_money_and_says_so(engine: Engine) -> None:
    quota = engine.quota("preview").result(20)
    assert quota.unit == "preview"
    assert quota.total == 1000
    assert quota.used is not None
    assert quota.remaining == pytest.approx(1000 - quota.used)
