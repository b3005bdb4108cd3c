"""The Sora web protocol in a real ComfyUI: every node that it can serve, side by side, what they cost and leave."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import av
import pytest
import requests
from _trust import trust_all
from comfyui._graphs import Prompt, node, plain
from comfyui._host import Stage, error_of, outputs_of, refusal_of
from PIL import Image

LIGHT = "a lighthouse"  # asked for again and again, so that it is drawn once
POST = "s_690d100857248191b679e6de12db840e"  # somebody's, which the gateway always has
OLD = "ComfyUI-0.8.0"  # the oldest that is supported gets a part of it
BRIEF_SECONDS = 2.0  # how long an access token lives on `~brief`, at most


def sora(name: str, /, **inputs: Any) -> dict[str, Any]:
    return node(f"SoraVideo_{name}", **{"profile": "web", **inputs})


def text(prompt: str = LIGHT, **inputs: Any) -> dict[str, Any]:
    return sora("Text2Video", **{"prompt": prompt, "seed": 0, **inputs})


VIDEOS: Prompt = {
    "text": text(),
    "tall": text(orientation="portrait", style="anime"),
    "large": text(quality="hd"),
    "file": sora("Image2Video", prompt=LIGHT, seed=0, image=["picture", 0]),
    "board": sora("Storyboard", script="[4s] a door opens\n[6s] rain on a window", prompt="", seed=0),
    "remix": sora("Remix", prompt="at night", seed=0, source_job=f"https://web.example/p/{POST}"),
    "clean": sora("RemoveWatermark", source=["text", 5], confirm_rights=True),
    "resume": sora("ResumeJob", job_id=["text", 5]),
    "cast": text("Anna waves", character=["anna", 0]),
}
PICTURES: Prompt = {
    "drawn": sora("Image", prompt=LIGHT, seed=0),
    "redrawn": sora("Image", prompt=LIGHT, seed=0, orientation="square", image=["picture", 0]),
}
WORDS: Prompt = {
    "anna": sora("CreateCharacter", name="Anna", video=["text", 0], start=1.0, end=3.0),
    "twin": sora("CreateCharacter", name="", source_job=["text", 5], start=0.0, end=2.0),
    "better": sora("EnhancePrompt", prompt="a cat", level="short"),
    "quota": sora("Quota"),
}
FREE = ("clean", "resume", "quota")
ON_OLD = ("text", "clean", "resume", "twin", "drawn", "better", "quota")
SHAPES = {"tall": (720, 1280), "large": (1792, 1024)}  # the others are 1280x720


@pytest.fixture(scope="module", autouse=True)
def _profiles(stage: Stage) -> None:
    """A session token for the one, a refresh token, which is spent when it is used, for the other."""
    with (stage.home / "profiles.toml").open("a") as file:
        file.writelines(
            f'[profiles.{name}]\nprovider = "sora_web"\nbase_url = "{stage.gateway.url}/{mount}"\n'
            f'key_env = "{key_env}"\npoll_seconds = 0.2\nrequests_per_minute = 100000\n'
            for name, mount, key_env in (
                ("web", "sora-web", "SORA_TEST_SESSION"),
                ("web-brief", "sora-web~brief", "SORA_TEST_KEY"),
            )
        )
    trust_all(stage.home)


def asked(stage: Stage, page: str) -> int:
    counts = stage.gateway.stats()["requests"].items()
    return sum(count for name, count in counts if name.startswith("sora-web") and name.endswith(f".{page}"))


def again(graph: Prompt) -> Prompt:
    """The same requests, but ComfyUI runs the nodes once more."""
    graph = copy.deepcopy(graph)
    for name in {**VIDEOS, **PICTURES}.keys() & graph.keys():
        graph[name]["inputs"]["filename_prefix"] = "elsewhere/again"
    return graph


def test_every_node_makes_what_it_says_and_is_paid_once(stage: Stage) -> None:
    graph: Prompt = {**copy.deepcopy({**VIDEOS, **PICTURES, **WORDS}), "picture": plain(64, 64)}
    if stage.comfy.checkout.name == OLD:
        graph = {name: graph[name] for name in ON_OLD}
    paid = len(graph.keys() - {*FREE, "picture"})
    charges, published, known = stage.gateway.charges, asked(stage, "publish"), len(stage.gateway.stats()["jobs"])
    outputs = outputs_of(stage.comfy.run(graph, timeout=120))
    assert outputs.keys() == graph.keys() - {"picture"}
    assert stage.gateway.charges == charges + paid
    check_files(outputs)
    check_words(outputs)
    assert outputs["resume"]["text"][:2] == outputs["text"]["text"][:2]
    assert (asked(stage, "publish"), asked(stage, "unpublish")) == (published + 1, published + 1)
    check_post_is_gone(stage, outputs["clean"]["text"][0])
    if "cast" in graph:
        check_orders(stage.gateway.stats()["jobs"][known:], outputs)

    once_more = outputs_of(stage.comfy.run(again(graph), timeout=120))
    for name in (VIDEOS.keys() | PICTURES.keys()) & graph.keys():
        assert once_more[name]["text"][:2] == outputs[name]["text"][:2], name
    assert stage.gateway.charges == charges + paid
    assert asked(stage, "publish") == published + 1


def check_files(outputs: dict[str, Any]) -> None:
    for name in VIDEOS.keys() & outputs.keys():
        path, job_id = outputs[name]["text"][:2]
        assert job_id.startswith("job_"), name
        assert Path(path).name in {shown["filename"] for shown in outputs[name]["images"]}
        with av.open(path) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == SHAPES.get(name, (1280, 720)), name
    for name in PICTURES.keys() & outputs.keys():
        with Image.open(outputs[name]["text"][0]) as picture:
            assert picture.size == ((360, 360) if name == "redrawn" else (540, 360))


def check_words(outputs: dict[str, Any]) -> None:
    assert outputs["better"]["text"][0].startswith("a cat. ")
    assert "videos" in outputs["quota"]["text"][0]
    for name, called in (("anna", "Anna · "), ("twin", "preview")):
        if name in outputs:
            assert outputs[name]["text"][0].startswith(called)
            assert "char_" in outputs[name]["text"][0]


def check_post_is_gone(stage: Stage, path: str) -> None:
    """By the server's word: the page of the post that the clean link was of."""
    remote_id = json.loads(Path(path).with_suffix(".json").read_text("utf-8"))["remote_id"]
    assert remote_id.startswith("post:s_")
    page = f"{stage.gateway.url}/sora-web/p/{remote_id.removeprefix('post:')}"
    assert requests.get(page, timeout=10).status_code == 404


def check_orders(jobs: list[dict[str, Any]], outputs: dict[str, Any]) -> None:
    """What reached the server."""
    username = outputs["anna"]["text"][0].rpartition("@")[2]
    by_prompt = {job["prompt"]: job for job in jobs}
    assert by_prompt[f"@{username} waves"]["cast"] == username
    assert by_prompt["at night"]["remix_of"] == POST
    assert [job["size"] for job in jobs].count("720x1280") == 1
    assert [job["shots"] for job in jobs].count(2) == 1
    assert sum(job["has_image"] for job in jobs) == 2  # of the video and of the picture


def test_an_address_is_no_source_without_a_parse_service(stage: Stage) -> None:
    published = asked(stage, "publish")
    address = f"https://web.example/p/{POST}"
    asked_for = {"1": sora("RemoveWatermark", source=address, confirm_rights=True)}
    assert "parse_url" in refusal_of(stage.comfy, asked_for, "1")
    assert asked(stage, "publish") == published


def test_a_draft_is_no_source_of_a_remix(stage: Stage) -> None:
    charges = stage.gateway.charges
    graph = {"1": text(), "2": sora("Remix", prompt="x", seed=0, source_job=["1", 5])}
    error = error_of(stage.comfy.run(graph))
    assert error["node_id"] == "2"
    assert "is not a published post" in error["exception_message"]
    assert stage.gateway.charges <= charges + 1  # of the source


def test_tokens_that_end_while_nodes_run_are_renewed_by_one_for_all(stage: Stage) -> None:
    stage.gateway.fault({"on": "create", "do": "stuck", "seconds": 3, "times": None})
    names = [f"brief {number}" for number in range(6)]
    graph: Prompt = {name: text(LIGHT, seed=number, profile="web-brief") for number, name in enumerate(names)}
    outputs_of(stage.comfy.run({"1": sora("Quota", profile="web-brief")}))
    time.sleep(BRIEF_SECONDS)
    charges, refreshes, began = stage.gateway.charges, asked(stage, "oauth"), time.monotonic()
    outputs = outputs_of(stage.comfy.run(graph, timeout=60))
    lives = (time.monotonic() - began) / (BRIEF_SECONDS / 2)  # the server's clock counts whole seconds
    assert all(Path(outputs[name]["text"][0]).is_file() for name in names)
    assert stage.gateway.charges == charges + len(names)
    assert 2 <= asked(stage, "oauth") - refreshes <= 1 + lives


def test_no_token_is_written_anywhere(stage: Stage) -> None:
    written = [path for folder in ("user", "output", "temp") for path in (stage.comfy.base / folder).rglob("*")]
    for path in (*written, stage.comfy.log):
        if path.is_file():
            data = path.read_bytes()
            assert not any(sign in data for sign in (b"sess-", b"eyJhbGciOi", b'"rt_')), path
    assert b"sig=" not in stage.comfy.log.read_bytes()  # of signed links
