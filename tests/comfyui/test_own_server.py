"""What a server of one's own can be told: settings, frames and references, through graphs of a real ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfyui._graphs import node, plain
from comfyui._host import Stage, error_of, outputs_of, refusal_of

from sora_core.profiles.described import DescribedBodies
from sora_core.requests.described import DescribedBody, DescribedField


def clip(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Text2Video", prompt=prompt, profile="own", seed=0, size="320x180", **inputs)


def request_of(outputs: dict[str, Any], number: str) -> dict[str, Any]:
    """As the sidecar of the file keeps it."""
    path = Path(outputs[number]["text"][0])
    return json.loads(path.with_suffix(".json").read_text("utf-8"))["request"]


def test_settings_are_chained_sent_and_kept_beside_the_file(stage: Stage) -> None:
    graph = {
        "1": node("SoraVideo_Settings", steps=30, guidance=4.0, lora="a.safetensors:0.5"),
        "2": node(
            "SoraVideo_Settings", guidance=5.0, fps=16.0, num_frames=33, lora="b", more="mode = wide", settings=["1", 0]
        ),
        "3": clip("a chain of settings", settings=["2", 0]),
    }
    outputs = outputs_of(stage.comfy.run(graph))
    assert request_of(outputs, "3")["settings"] == {
        "steps": 30, "guidance": 5.0, "fps": 16.0, "num_frames": 33, "more": {"mode": "wide"},
        "lora": [{"name": "a.safetensors", "scale": 0.5}, {"name": "b", "scale": 1.0}],
    }  # fmt: skip


def test_first_and_last_frame_and_references_of_every_kind_arrive(stage: Stage) -> None:
    graph = {
        "1": plain(320, 180),
        "2": plain(160, 90),
        "3": clip("the reference", seconds=1, frames="decode"),
        "4": clip(
            "from one to the other", seconds=1, first_frame=["1", 0], last_frame=["2", 0],
            **{"references.reference0": ["3", 0], "references.reference1": ["3", 2]},
        ),
    }  # fmt: skip
    request = request_of(outputs_of(stage.comfy.run(graph)), "4")
    assert request["operation"] == "image_to_video"
    assert [len(request[kind]) for kind in ("images", "clips", "sounds")] == [1, 1, 1]
    assert request["last_frame"] != request["images"][0]


@pytest.mark.parametrize("kind", ["SoraVideo_Image2Video", "SoraVideo_Storyboard"])
def test_pictures_are_references_of_the_other_nodes_too(stage: Stage, kind: str) -> None:
    script = {"script": "[1s] a door"} if kind.endswith("Storyboard") else {}
    graph = {
        "1": plain(320, 180, count=2),
        "2": node(
            kind, prompt="two references", profile="own", seed=0, seconds=1, size="320x180", **script,
            **{"references.reference0": ["1", 0]},
        ),
    }  # fmt: skip
    assert len(request_of(outputs_of(stage.comfy.run(graph)), "2")["images"]) == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"more": "steps = many"}, "whole number"),
        ({"fps": 121.0}, "1 … 120"),
        ({"more": "no pair"}, "NAME = VALUE"),
        ({"more": "num_inference_step = 3"}, "did you mean 'num_inference_steps'"),
        ({"steps": 51}, "≤ 50"),
    ],
)
def test_what_a_server_does_not_take_is_refused_when_the_graph_is_queued(
    stage: Stage, described: None, said: dict[str, Any], why: str
) -> None:
    before = stage.gateway.stats()["charges"]
    graph = {
        "1": node("SoraVideo_Settings", **said),
        "2": node("SoraVideo_Settings", guidance=3.0, settings=["1", 0]),
        "3": clip("refused", settings=["2", 0]),
    }
    assert why in refusal_of(stage.comfy, graph, "3")
    assert stage.gateway.stats()["charges"] == before


@pytest.fixture
def described(stage: Stage) -> Iterator[None]:
    """The gateway as a server that says of itself what it takes."""
    fields = {"prompt": DescribedField("string"), "num_inference_steps": DescribedField("integer", high=50)}
    others = {name: DescribedField("any") for name in ("model", "seconds", "size", "seed", "fps", "guidance_scale")}
    address, bodies = stage.gateway.openai, DescribedBodies(stage.home)
    body = DescribedBody(address, "/videos", True, True, "2026-11-26", {**fields, **others})
    bodies.keep(address, body.route, body)
    yield
    bodies.keep(address, body.route, None)


def test_what_comes_over_a_link_into_settings_is_checked_when_the_node_runs(stage: Stage) -> None:
    before = stage.gateway.stats()["charges"]
    graph = {
        "1": node("PrimitiveString", value="steps = many"),
        "2": node("SoraVideo_Settings", more=["1", 0]),
        "3": clip("refused", settings=["2", 0]),
    }
    assert "whole number" in error_of(stage.comfy.run(graph))["exception_message"]
    assert stage.gateway.stats()["charges"] == before


def test_several_videos_of_one_request_come_as_lists_and_are_charged_once(stage: Stage) -> None:
    settings = {"base_url": f"{stage.gateway.url}/openai~sglang/v1", "provider": "openai", "dialect": "sglang"}
    settings |= {"key_env": "SORA_TEST_KEY", "poll_seconds": 0.2}
    stage.comfy.post("/sora_video/profiles", {"name": "gpu", "settings": settings}).raise_for_status()
    graph = {
        "1": node("SoraVideo_Settings", more="num_outputs_per_prompt = 3"),
        "2": node("SoraVideo_Text2Video", prompt="three of one", profile="gpu", seed=0, seconds=1, size="320x180",
                  settings=["1", 0], filename_prefix="video/several"),
        "3": node("SoraTest_Inspect", save_as="", text=["2", 4], fps=["2", 3], video=["2", 0], frames=["2", 1]),
    }  # fmt: skip
    before = stage.gateway.charges
    outputs = outputs_of(stage.comfy.run(graph))
    seen = [json.loads(each) for each in outputs["3"]["seen"]]
    paths = [each["text"] for each in seen]
    assert [Path(path).name for path in paths] == [f"several_0000{number}_.mp4" for number in (1, 2, 3)]
    assert [each["frames"]["shape"][1:] for each in seen] == [[180, 320, 3]] * 3
    assert [shown["filename"] for shown in outputs["2"]["images"]] == [Path(path).name for path in paths]
    assert stage.gateway.charges == before + 1
    Path(paths[2]).unlink()
    collected = [json.loads(each)["text"] for each in outputs_of(stage.comfy.run(graph))["3"]["seen"]]
    assert collected[:2] == paths[:2]
    assert Path(collected[2]).is_file()
    assert stage.gateway.charges == before + 1
    resumed = {"1": node("SoraVideo_ResumeJob", job_id=outputs["2"]["text"][1], profile="gpu")}
    assert len(outputs_of(stage.comfy.run(resumed))["1"]["images"]) == 3
