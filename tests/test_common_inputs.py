"""The inputs that generating nodes share are on each of them: ComfyUI drops one that is not there, in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parent / "golden" / "contract.json"
NODES = json.loads(GOLDEN.read_text("utf-8"))

ASKED = (
    "prompt",
    "seed",
    "model",
    "orientation",
    "seconds",
    "quality",
    "size",
    "negative_prompt",
    "style",
    "characters",
)
DELIVERED = ("profile", "frames", "max_frames", "frame_step", "filename_prefix")
# in the contract too, and on every node that asks for a video as soon as one of them has it
NEXT = ("takes", "settings", "first_frame", "last_frame", "references")

MAKING = ("SoraVideo_Text2Video", "SoraVideo_Image2Video", "SoraVideo_Storyboard", "SoraVideo_Remix")
# what a node that makes no new picture has no use for
WITHOUT = {
    **dict.fromkeys(MAKING, ()),
    "SoraVideo_Remix": ("first_frame", "last_frame", "references"),  # it begins with its source
    "SoraVideo_RemoveWatermark": tuple(name for name in (*ASKED, *NEXT) if name != "seed"),
    "SoraVideo_ResumeJob": (*ASKED, *NEXT),
}


_VIDEO = ["video", "frames", "audio", "fps", "video_path", "job_id"]
ENDING = [name for name, node in NODES.items() if [output for _, output in node["outputs"]][:6] == _VIDEO]


def inputs_of(node: str) -> set[str]:
    return {name for group in NODES[node]["inputs"].values() for name in group}


def has_begun(name: str) -> bool:
    return any(name in inputs_of(node) for node in MAKING)


def missing_on(node: str) -> list[str]:
    wanted = (*ASKED, *DELIVERED, *filter(has_begun, NEXT))
    return [name for name in wanted if name not in inputs_of(node) and name not in WITHOUT.get(node, ())]


@pytest.mark.parametrize("node", ENDING)
def test_a_generating_node_has_the_common_inputs(node):
    assert missing_on(node) == []


def test_the_table_names_nodes_that_end_in_a_video_of_a_job():
    assert set(WITHOUT) <= set(ENDING)


@pytest.mark.parametrize("node", ENDING)
def test_only_what_a_node_cannot_do_without_is_required(node):
    needed = {"prompt", "profile", "seed", "script", "source", "source_job", "confirm_rights", "job_id", "operation"}
    assert set(NODES[node]["inputs"]["required"]) <= needed


@pytest.mark.parametrize("node", MAKING)
def test_an_input_means_the_same_on_every_node(node):
    own, first = NODES[node]["inputs"]["optional"], NODES[MAKING[0]]["inputs"]["optional"]
    as_source = {"orientation", "quality"} if node == "SoraVideo_Remix" else set()
    assert {name for name in set(own) & set(first) if own[name] != first[name]} == as_source
    for name in as_source:
        assert own[name][1]["options"] == ["as the source", *first[name][1]["options"]]
        assert own[name][1]["default"] == "as the source"
