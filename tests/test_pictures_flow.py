"""Pictures, prompts, characters and clean links from the command and the engine to real servers of each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _command import Command, arguments
from _gateway import GatewayProcess
from PIL import Image

# dialect: (below the gateway, what the profile says besides)
PICTURES: dict[str, tuple[str, dict[str, str]]] = {
    "": ("/openai/v1", {}),
    "vllm-omni": ("/openai~vllm-omni/v1", {}),
    "localai": ("/openai~localai", {"image_model": "flux"}),
    "litellm": ("/openai~litellm/v1", {"image_model": "flux"}),
    "new-api": ("/openai~new-api/v1", {"image_model": "flux"}),
}
FAULTS: dict[str, tuple[dict[str, object], int, int]] = {
    "busy": ({"on": "create", "do": "status", "status": 429, "headers": {"Retry-After": "0"}}, 0, 1),
    "a lost answer": ({"on": "create", "do": "drop", "when": "after"}, 5, 1),
    "a refusal": ({"on": "create", "do": "status", "status": 400}, 4, 0),
    "moderation": ({"on": "create", "do": "fail", "code": "moderation_blocked", "message": "No."}, 4, 1),
}


@pytest.fixture
def command(tmp_path: Path, gateway: GatewayProcess) -> Iterator[Command]:
    yield Command(tmp_path, SORA_PREVIEW_SPEED="40")
    gateway.fault()


@pytest.mark.parametrize("dialect", PICTURES)
def test_a_picture_comes_from_such_a_server_once(dialect: str, command: Command, gateway: GatewayProcess) -> None:
    base, extra = PICTURES[dialect]
    command.add_profile("own", gateway.url + base, dialect=dialect, model="a-video-model", extra=extra)
    before = gateway.charges
    for reused in (False, True):
        result = command("image", f"a boat {dialect}", "--profile", "own", "--size", "96x64", "--json")
        assert result.code == 0, result.err
        assert result.json["reused"] is reused
        assert (result.json["width"], result.json["height"], result.json["seconds"]) == (96, 64, 0)
    with Image.open(result.json["path"]) as picture:
        assert picture.size == (96, 64)
    assert gateway.charges == before + 1
    assert gateway.stats()["jobs"][-1]["model"] != "a-video-model"


@pytest.mark.parametrize("case", FAULTS)
def test_faults_cost_no_second_picture(case: str, command: Command, gateway: GatewayProcess) -> None:
    rule, code, charges = FAULTS[case]
    command.add_profile("own", gateway.openai)
    before = gateway.charges
    gateway.fault(rule)
    result = command("image", f"fault {case}", "--profile", "own", "--size", "64x64")
    assert result.code == code, result.err
    assert gateway.charges == before + charges


def test_a_prompt_is_enhanced_where_a_text_model_is_named(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai)
    refused = command("enhance", "a cat", "--profile", "own")
    assert refused.code == 2
    assert "cannot do enhance prompt" in refused.err
    command.add_profile("own", gateway.openai, extra={"enhance_model": "qwen"})
    before = gateway.charges
    shown = command("enhance", "a cat", "--profile", "own", "--level", "short", "--seconds", "8").out.strip()
    again = command("enhance", "a cat", "--profile", "own", "--level", "short", "--seconds", "8", "--json").json
    assert again == {"prompt": shown, "profile": "own", "level": "short"}
    assert shown.startswith("a cat. ")
    assert gateway.charges == before + 1
    (job,) = command.jobs()
    refused = command("resume", job["job_id"])
    assert refused.code == 2
    assert "made no file, but a prompt" in refused.err


def test_a_character_is_made_of_a_file(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai)
    clip = command(*arguments("Mia", "--seconds", "4")).json["path"]
    command.add_profile("own", gateway.openai, dialect="openai")
    before = gateway.charges
    create = ("character", "create", "Mia", "--profile", "own", "--video", clip, "--json")
    first, again = command(*create, "--start", "0.5", "--end", "3"), command(*create, "--start", "0.5", "--end", "3")
    assert first.code == 0, first.err
    assert first.json == again.json
    assert first.json["character_id"].startswith("char_")
    assert gateway.charges == before + 1
    gateway.fault({"on": "create", "do": "fail"})  # nothing has to be drawn to see what arrived
    cast = command("generate", "she waves", "--profile", "own", "--seconds", "4", "--character", "Mia")
    assert cast.code == 4, cast.err
    assert gateway.stats()["jobs"][-1]["cast"] == "Mia"


def test_a_file_that_is_not_there_makes_no_character(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, dialect="openai")
    missing = command("character", "create", "Mia", "--profile", "own", "--video", "nowhere.mp4")
    assert missing.code == 2
    assert "There is no file nowhere.mp4" in missing.err


def test_a_clean_link_comes_from_the_parse_service_that_is_named(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, extra={"parse_url": f"{gateway.url}/sora-web"})
    made = command(*arguments("shared")).json
    before = gateway.charges
    clean = ("clean", f"{gateway.url}/p/{made['remote_id']}", "--profile", "own", "--confirm-rights", "--json")
    first, again = command(*clean), command(*clean)
    assert first.code == 0, first.err
    assert (first.json["reused"], again.json["reused"]) == (False, True)
    Path(first.json["path"]).unlink()
    assert command(*clean).code == 0  # asked for again by the address of the post
    assert gateway.charges == before
    refused = command("clean", made["job_id"], "--profile", "own", "--confirm-rights")
    assert refused.code == 2
    assert "address of the post" in refused.err


def test_the_preview_does_it_all_without_a_profile(command: Command) -> None:
    picture = command("image", "a boat", "--size", "64x64", "--out", str(command.output / "boat.png"))
    assert picture.code == 0, picture.err
    assert Path(picture.out.strip()).name == "boat.png"
    assert "PREVIEW" in command("enhance", "a cat").out
