"""Every protocol in a real ComfyUI: each operation that it has, side by side in one prompt, and what it cost."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
from _trust import trust_all
from comfyui._host import Stage, outputs_of

Prompt = dict[str, Any]

LIGHT = "a lighthouse"  # asked for again and again, so that it is drawn once
ADDRESS = "https://a.example/i.png"
CLIP = "https://a.example/anna.mp4"
POST = "https://posts.example/p/s_0123456789abcdef0123456789abcdef"
BOARD = "[4s] a door opens\n[6s] rain on a window"
SMALL_BOARD = "[1s] a door opens\n[1s] rain on a window"
SMALL = {"seconds": 2, "size": "320x192"}
OLD = "ComfyUI-0.8.0"  # the oldest that is supported gets a part of it


def node(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": f"SoraVideo_{class_type}", "inputs": inputs}


def text(profile: str, prompt: str = LIGHT, **inputs: Any) -> dict[str, Any]:
    return node("Text2Video", prompt=prompt, profile=profile, seed=0, **inputs)


def image(profile: str, **inputs: Any) -> dict[str, Any]:
    return node("Image2Video", prompt=LIGHT, profile=profile, seed=0, **inputs)


def board(profile: str, script: str = BOARD, **inputs: Any) -> dict[str, Any]:
    return node("Storyboard", script=script, prompt="", profile=profile, seed=0, **inputs)


def remix(profile: str, source: str) -> dict[str, Any]:
    return node("Remix", prompt="at night", profile=profile, seed=0, source_job=[source, 5])


def character(profile: str, **inputs: Any) -> dict[str, Any]:
    return node("CreateCharacter", **{"profile": profile, "name": "", "start": 0.0, "end": 2.0, **inputs})


PICTURE = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0x3366CC}}
FILE = {"image": ["picture", 0]}


@dataclass(frozen=True)
class Protocol:
    """A profile for every form of a protocol, and a graph with every operation that it has."""

    provider: str
    profiles: dict[str, str]  # name -> what the profile says, without the provider and the key
    graph: Prompt
    free: tuple[str, ...] = ()  # nodes that cost nothing
    words: tuple[str, ...] = ()  # nodes that make no file
    with_image: int = 0  # jobs that arrive with a picture: the preview fetches none from an address
    shots_in_prompt: int = 0  # storyboards that arrive as text
    on_old: bool = False

    def toml(self, stage: Stage) -> str:
        """The profiles as a user would write them."""
        return "".join(
            f'[profiles.{name}]\nprovider = "{self.provider}"\nkey_env = "SORA_TEST_KEY"\npoll_seconds = 0.2\n'
            f"requests_per_minute = 100000\n{says.replace('GATEWAY', stage.gateway.url)}\n"
            for name, says in self.profiles.items()
        )


PROTOCOLS = {
    "skyriff": Protocol(
        "skyriff",
        {
            "p-skyriff": 'base_url = "GATEWAY/skyriff/v1"',
            "p-skyriff-chat": 'base_url = "GATEWAY/skyriff/v1"\ndialect = "chat"',
        },
        {
            "text": text("p-skyriff"),
            "file": image("p-skyriff", **FILE),
            "address": image("p-skyriff", image_url=ADDRESS),
            "board": board("p-skyriff"),
            "clean": node("RemoveWatermark", source=POST, profile="p-skyriff", confirm_rights=True),
            "chat text": text("p-skyriff-chat"),
            "chat file": image("p-skyriff-chat", **FILE),
            "chat address": image("p-skyriff-chat", image_url=ADDRESS),
            "chat board": board("p-skyriff-chat"),
        },
        with_image=2,
        shots_in_prompt=2,
    ),
    "apiyi": Protocol(
        "apiyi",
        {"p-apiyi": 'base_url = "GATEWAY/apiyi/v1"\nauth = "raw"'},
        {"text": text("p-apiyi"), "file": image("p-apiyi", **FILE), "board": board("p-apiyi")},
        with_image=1,
        shots_in_prompt=1,
    ),
    "shenma": Protocol(
        "shenma",
        {"p-shenma": 'base_url = "GATEWAY/shenma"'},
        {
            "text": text("p-shenma"),
            "file": image("p-shenma", **FILE),
            "address": image("p-shenma", image_url=ADDRESS),
            "addresses and file": image("p-shenma", image_url=f"{ADDRESS}?1\n{ADDRESS}?2", **FILE),
            "board": board("p-shenma"),
            "remix": remix("p-shenma", "text"),
            "anna": character("p-shenma", name="anna", video_url=CLIP),
            "twin": character("p-shenma", name="twin", source_job=["text", 5]),
            "cast": board("p-shenma", character=["anna", 0]),
            "quota": node("Quota", profile="p-shenma"),
        },
        free=("quota",),
        words=("anna", "twin", "quota"),
        with_image=2,
        shots_in_prompt=2,
        on_old=True,
    ),
    "newapi": Protocol(
        "newapi",
        {
            "p-newapi": 'base_url = "GATEWAY/newapi"',
            "p-newapi-chat": 'base_url = "GATEWAY/newapi"\ndialect = "chat"',
            "p-newapi-task": 'base_url = "GATEWAY/newapi"\ndialect = "generic"\nmodel = "wan"',
        },
        {
            "text": text("p-newapi"),
            "address": image("p-newapi", image_url=ADDRESS),
            "addresses": image("p-newapi", image_url=f"{ADDRESS}?1 {ADDRESS}?2"),
            "board": board("p-newapi"),
            "remix": remix("p-newapi", "text"),
            "anna": character("p-newapi", name="anna", video_url=CLIP),
            "twin": character("p-newapi", name="twin", source_job=["text", 5]),
            "cast": board("p-newapi", character=["anna", 0]),
            "chat text": text("p-newapi-chat"),
            "chat file": image("p-newapi-chat", **FILE),
            "chat board": board("p-newapi-chat"),
            "task text": text("p-newapi-task", **SMALL),
            "task file": image("p-newapi-task", **FILE, **SMALL),
            "task board": board("p-newapi-task", SMALL_BOARD, size="320x192"),
            "task remix": remix("p-newapi-task", "task text"),
        },
        words=("anna", "twin"),
        with_image=2,
        shots_in_prompt=4,
        on_old=True,
    ),
    "openai and its dialects": Protocol(
        "openai",
        {
            f"p-{name}": f'base_url = "GATEWAY/openai~{name}{root}"\ndialect = "{name}"\nmodel = "wan"'
            for name, root in {"vllm-omni": "/v1", "sglang": "/v1", "litellm": "/v1", "localai": ""}.items()
        },
        {
            name: each
            for profile in ("p-vllm-omni", "p-sglang", "p-litellm", "p-localai")
            for name, each in {
                f"{profile} text": text(profile, **SMALL),
                f"{profile} file": image(profile, **FILE, **SMALL),
                f"{profile} board": board(profile, SMALL_BOARD, size="320x192"),
            }.items()
        },
        with_image=4,
        shots_in_prompt=4,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _profiles(stage: Stage) -> None:
    with (stage.home / "profiles.toml").open("a") as file:
        file.writelines(protocol.toml(stage) for protocol in PROTOCOLS.values())
    trust_all(stage.home)


def is_video(path: str) -> bool:
    with av.open(path) as container:
        return container.streams.video[0].width > 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_operation_of_a_protocol_makes_what_it_says_and_is_paid_once(stage: Stage, name: str) -> None:
    protocol = PROTOCOLS[name]
    if stage.comfy.checkout.name == OLD and not protocol.on_old:
        pytest.skip("on the oldest ComfyUI a part of the protocols is enough")
    graph = {**copy.deepcopy(protocol.graph), "picture": PICTURE}
    charges, known = stage.gateway.charges, len(stage.gateway.stats()["jobs"])
    outputs = outputs_of(stage.comfy.run(graph, timeout=60))
    assert set(outputs) == set(protocol.graph)
    for each in set(protocol.graph) - set(protocol.words):
        path, job_id = outputs[each]["text"][:2]
        assert is_video(path), each
        assert job_id.startswith("job_")
        assert Path(path).name in {shown["filename"] for shown in outputs[each]["images"]}
    for each in protocol.words:
        assert outputs[each]["text"][0], each
    paid = len(protocol.graph) - len(protocol.free)
    assert stage.gateway.charges == charges + paid
    made = stage.gateway.stats()["jobs"][known:]
    assert sum(job["has_image"] for job in made) == protocol.with_image
    assert sum(job["prompt"].startswith("Shot 1:\nduration: ") for job in made) == protocol.shots_in_prompt
    for each in set(protocol.graph) - set(protocol.words):
        graph[each]["inputs"]["filename_prefix"] = "elsewhere/again"  # so that ComfyUI runs the nodes once more
    for each, shown in outputs_of(stage.comfy.run(graph, timeout=60)).items():
        assert shown["text"][0] == outputs[each]["text"][0] or each in protocol.free
    assert stage.gateway.charges == charges + paid
