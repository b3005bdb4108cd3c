"""The examples as files: complete, small, of no machine, and in the documents."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from example_graphs import EXAMPLES
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = json.loads((ROOT / "tests" / "golden" / "contract.json").read_text("utf-8"))
HELP = ROOT / "web" / "docs"
PICTURES = sorted([*(ROOT / "example_workflows").glob("*.jpg"), *HELP.glob("*/*.jpg")])


def workflow_of(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "example_workflows" / f"{name}.json").read_text("utf-8"))


def test_each_has_workflow_picture_and_twin_and_there_are_no_others():
    workflows = {path.name for path in (ROOT / "example_workflows").iterdir()}
    assert workflows == {f"{each.file_name}{ending}" for each in EXAMPLES for ending in (".json", ".jpg")}
    twins = {path.stem for path in (ROOT / "api_examples").glob("*.json")}
    assert twins == {each.api for each in EXAMPLES}


def pictured() -> list[str]:
    """Pictures and templates are made in a real page, where a new node gets them before it is published."""
    return [node for node in CONTRACT if os.environ.get("SORA_RELEASE") or (HELP / node / "graph.jpg").exists()]


def test_every_node_that_has_a_picture_is_in_an_example():
    assert {node.type for each in EXAMPLES for node in each.nodes} >= set(pictured())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.api)
class TestWorkflow:
    def test_is_of_no_machine(self, example):
        text = json.dumps(workflow_of(example.file_name))
        assert not re.search(r'/(home|root|tmp|Users)\b|[A-Z]:\\|\\\\|"localized_name"|job_[0-9a-f]{8}', text)

    def test_says_which_pack_its_nodes_need(self, example):
        nodes = [node for node in workflow_of(example.file_name)["nodes"] if node["type"] in CONTRACT]
        assert nodes
        assert {node["properties"]["cnr_id"] for node in nodes} == {"sora-video-nodes"}
        assert all(node["properties"]["ver"] for node in nodes)

    def test_is_an_app_too_with_the_few_inputs_that_matter(self, example):
        workflow = workflow_of(example.file_name)
        nodes = {node["id"]: node for node in workflow["nodes"]}
        app = workflow["extra"]["linearData"]
        assert app["inputs"] == [[node.id, name] for node, name in example.app]
        assert 1 <= len(app["inputs"]) <= 3
        for number, name in app["inputs"]:
            inputs = CONTRACT[nodes[number]["type"]]["inputs"]
            assert name in {**inputs["required"], **inputs.get("optional", {})}
        assert [nodes[number]["type"] for number in app["outputs"]]

    def test_explains_itself_in_both_languages(self, example):
        (note,) = [node for node in workflow_of(example.file_name)["nodes"] if node["type"] == "MarkdownNote"]
        assert note["widgets_values"] == [example.note]
        assert re.search(r"[\u4e00-\u9fff]{4}", example.note)

    def test_is_listed_in_both_languages_with_its_twin(self, example):
        for name in ("docs/templates.md", "docs/zh/templates.md"):
            text = (ROOT / name).read_text("utf-8")
            assert f"| {example.file_name.removeprefix('Sora - ')} | `{example.api}.json` |" in text


@pytest.mark.parametrize("node", pictured())
def test_every_help_page_shows_its_node_in_a_graph(node):
    for language in ("en", "zh"):
        text = (HELP / node / f"{language}.md").read_text("utf-8")
        assert re.search(rf"!\[.+\]\({node}/graph\.jpg\)", text)
    assert (HELP / node / "graph.jpg").is_file()


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_pictures_are_small_jpegs_and_not_tiny(path):
    assert path.stat().st_size < 100_000
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        assert picture.width >= 350
        assert not picture.getexif()
