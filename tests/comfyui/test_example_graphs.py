"""Every example as a user meets it: opened as a template, run, dropped back, and queued by a script."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import examples
import pytest
from comfyui._browser import IN_A_BROWSER, Tab
from comfyui._host import KEY, Stage, outputs_of
from comfyui_process import version_of
from example_graphs import EXAMPLES, Example, Node
from PIL import Image

NAMED = {example.api: example for example in EXAMPLES}
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|var|opt|mnt|Users|private)/[^\s\"\\]*|\b[A-Z]:\\\\[^\s\"]*")

pytestmark = IN_A_BROWSER


def template(stage: Stage, example: Example, ending: str = "json") -> Any:
    reply = stage.comfy.get(
        f"/api/workflow_templates/{quote(stage.comfy.pack.name)}/{quote(example.file_name)}.{ending}"
    )
    assert reply.ok
    return reply.json() if ending == "json" else reply


def twin(example: Example) -> dict[str, Any]:
    prompt = json.loads((examples.TWINS / f"{example.api}.json").read_text("utf-8"))
    for node in prompt.values():
        del node["_meta"]
    return prompt


def without_core_choices(prompt: dict[str, Any]) -> dict[str, Any]:
    """Core's nodes without their nested inputs, which differ between versions: Save Video got a `format.codec`."""
    return {
        number: node
        if node["class_type"].startswith("SoraVideo_")
        else {**node, "inputs": {name: value for name, value in node["inputs"].items() if "." not in name}}
        for number, node in prompt.items()
    }


def test_all_are_offered_as_templates_and_nothing_else(stage: Stage) -> None:
    offered = stage.comfy.get("/api/workflow_templates").json()[stage.comfy.pack.name]
    assert sorted(offered) == sorted(example.file_name for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMED)
class TestExample:
    def test_is_offered_with_a_picture(self, stage, example):
        picture = template(stage, example, "jpg")
        assert picture.headers["Content-Type"] == "image/jpeg"
        assert picture.content.startswith(b"\xff\xd8")

    def test_opens_runs_to_the_end_and_plays_its_clips(self, opened, stage, example):
        opened.load(template(stage, example))
        assert opened.missing_types() == []
        assert without_core_choices(opened.api_prompt()) == without_core_choices(twin(example))
        opened.see_all()
        entry = opened.run()
        assert set(outputs_of(entry)) >= {str(node.id) for node in telling(example)}
        opened.wait_for_players(examples.clips_of(entry))
        assert opened.alerts().count() == 0
        assert opened.complaints == []

    def test_is_what_its_description_builds(self, opened, stage, example):
        if version_of(stage.comfy.checkout) < (0, 33):
            pytest.skip("examples are built on the newest ComfyUI")
        examples.build(opened, example)
        assert opened.api_prompt() == twin(example)

    def test_its_twin_runs_without_a_page(self, stage, example):
        outputs = outputs_of(stage.comfy.run(twin(example)))
        for node in telling(example):
            assert outputs[str(node.id)]["text"], node.type
        for path in files_of(stage, outputs):
            assert path.stat().st_size


@pytest.mark.parametrize("name", ["storyboard_shots", "image", "end_to_end"])
def test_the_saved_clip_dropped_on_an_empty_canvas_restores_the_graph(opened: Tab, stage: Stage, name: str) -> None:
    example = NAMED[name]
    opened.load(template(stage, example))
    opened.see_all()
    entry = opened.run()
    opened.wait_for_players(examples.clips_of(entry))
    clip = [path for path in files_of(stage, outputs_of(entry)) if path.suffix == ".mp4"][-1]
    opened.clear()
    opened.drop(clip)
    opened.page.wait_for_function("(count) => app.graph.nodes.length === count", arg=len(example.nodes) + 1)
    assert without_core_choices(opened.api_prompt()) == without_core_choices(twin(example))
    assert opened.alerts().count() == 0


def test_no_secret_and_no_path_of_this_machine_is_in_what_was_made(stage: Stage) -> None:
    for name in ("end_to_end", "image"):
        run_with_a_key(stage, NAMED[name])
    made = [path for path in (stage.comfy.base / "output").rglob("*") if path.is_file()]
    assert {path.suffix for path in made} == {".mp4", ".png", ".json"}
    texts = {path: texts_of(path) for path in made}
    assert any("SoraVideo_RemoveWatermark" in text for path, text in texts.items() if path.suffix == ".mp4")
    assert any("SoraVideo_Image" in text for path, text in texts.items() if path.suffix == ".png")
    assert [path for path in made if KEY.encode() in path.read_bytes()] == []
    assert {path.name: ABSOLUTE_PATH.findall(text) for path, text in texts.items() if ABSOLUTE_PATH.search(text)} == {}


def test_history_and_log_tell_no_secret_and_no_path_but_that_of_the_clips(stage: Stage) -> None:
    run_with_a_key(stage, NAMED["image"])
    history = stage.comfy.get("/history").text
    log = stage.comfy.log.read_text("utf-8", "replace")
    assert "SoraVideo_" in history
    assert not [text[:200] for text in (history, log) if KEY in text or "Bearer " in text]
    below = str(stage.comfy.base / "output")
    assert {path for path in ABSOLUTE_PATH.findall(history) if not path.startswith(below)} == set()
    assert str(examples.ROOT) not in log


def telling(example: Example) -> list[Node]:
    """Our nodes that say in the history what they did."""
    silent = ("SoraVideo_Shot", "SoraVideo_Settings", "SoraVideo_Prompts")
    return [node for node in example.nodes if node.type.startswith("SoraVideo_") and node.type not in silent]


def run_with_a_key(stage: Stage, example: Example) -> None:
    """Runs the example on the profile whose key must be found nowhere."""
    prompt, workflow = (
        json.loads(json.dumps(each).replace('"preview"', '"own"')) for each in (twin(example), template(stage, example))
    )
    outputs_of(stage.comfy.wait(stage.comfy.queue(prompt, workflow=workflow)))


def files_of(stage: Stage, outputs: dict[str, Any]) -> list[Path]:
    """What the nodes of a history entry show, in the order of the nodes."""
    shown = [image for node in sorted(outputs, key=int) for image in outputs[node].get("images", [])]
    return [stage.comfy.base / image["type"] / image["subfolder"] / image["filename"] for image in shown]


def texts_of(path: Path) -> str:
    """What a file says about itself."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as clip:
            return json.dumps(clip.metadata)
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return json.dumps({str(key): str(value) for key, value in picture.info.items()})
    return path.read_text("utf-8")
