"""A chain of clips, each beginning where the one before ended, and the film that is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
from comfyui._graphs import gone, i2v, inspect, node, plain, t2v
from comfyui._host import Stage, error_of, outputs_of, refusal_of


def join(*clips: object, **inputs: object) -> dict[str, object]:
    return node("SoraVideo_JoinClips", **{f"videos.video{number}": clip for number, clip in enumerate(clips)}, **inputs)


def test_three_clips_of_a_chain_become_one_file_that_carries_its_workflow(stage: Stage) -> None:
    before = stage.gateway.charges
    prompt = {
        "1": t2v("chain, first"),
        "2": i2v("chain, second", source_job=["1", 5]),
        "3": i2v("chain, third", source_job=["2", 5]),
        "4": join(["1", 0], ["2", 0], ["3", 0]),
        "5": node("GetVideoComponents", video=["4", 0]),
        "9": inspect(frames=["5", 0], text=["4", 1]),
    }
    outputs = outputs_of(stage.comfy.run(prompt))
    assert stage.gateway.charges == before + 3
    path, note = outputs["4"]["text"]
    assert note == "3 clips · 6.00 s · 320x180 · pictures kept as they were"
    assert [image["filename"] for image in outputs["4"]["images"]] == [Path(path).name]
    assert '"shape": [144, 180, 320, 3]' in outputs["9"]["seen"][0]
    with av.open(path) as container:
        assert json.loads(container.metadata["prompt"])["4"]["class_type"] == "SoraVideo_JoinClips"
    sidecar = json.loads(Path(path).with_suffix(".json").read_text("utf-8"))
    assert [round(clip["starts_at"], 6) for clip in sidecar["clips"]] == [0.0, 2.0, 4.0]
    # the frame that the next clip was given is the clip's last one: the same request as with that frame by hand
    by_hand = {"1": prompt["1"], "2": node("ImageFromBatch", image=["1", 1], batch_index=47, length=1),
               "3": i2v("chain, second", image=["2", 0])}  # fmt: skip
    again = outputs_of(stage.comfy.run(by_hand))
    assert again["3"]["text"][1] == outputs["2"]["text"][1]
    assert stage.gateway.charges == before + 3


def test_a_clip_goes_on_from_the_frame_that_is_picked(stage: Stage) -> None:
    """A number and a time name the same frame, and it is the same request as with that frame by hand."""
    picked = {"1": t2v("picked from"), "2": i2v("goes on", source_job=["1", 5], source_frame="12")}
    numbered = outputs_of(stage.comfy.run(picked))["2"]["text"][1]
    charges = stage.gateway.charges
    timed = {**picked, "2": i2v("goes on", source_job=["1", 5], source_frame="0.5s")}
    assert outputs_of(stage.comfy.run(timed))["2"]["text"][1] == numbered
    by_hand = {"1": picked["1"], "2": node("ImageFromBatch", image=["1", 1], batch_index=12, length=1),
               "3": i2v("goes on", image=["2", 0])}  # fmt: skip
    assert outputs_of(stage.comfy.run(by_hand))["3"]["text"][1] == numbered
    assert stage.gateway.charges == charges
    last = {**picked, "2": i2v("goes on", source_job=["1", 5])}
    assert outputs_of(stage.comfy.run(last))["2"]["text"][1] != numbered
    assert stage.gateway.charges == charges + 1
    assert "names no frame" in refusal_of(stage.comfy, {"2": i2v("x", source_job="j", source_frame="a")}, "2")
    beyond = error_of(stage.comfy.run({**picked, "2": i2v("x", source_job=["1", 5], source_frame="48")}))
    assert "there are 48 of them (0 to 47) in 2.00 s" in beyond["exception_message"]
    assert stage.gateway.charges == charges + 1


def test_all_takes_on_one_socket_with_a_crossfade(stage: Stage) -> None:
    prompt = {"1": t2v("takes in a row", takes=3), "2": join(["1", 0], crossfade=0.5, filename_prefix="video/row")}
    path, note = outputs_of(stage.comfy.run(prompt))["2"]["text"]
    assert Path(path).name == "row_00001_.mp4"
    assert note == "3 clips · 5.00 s · 320x180 · encoded anew"


def test_a_film_whose_file_is_gone_is_made_again(stage: Stage) -> None:
    prompt = {"1": t2v("twice", takes=2), "2": join(["1", 0])}
    path = Path(outputs_of(stage.comfy.run(prompt))["2"]["text"][0])
    path.unlink()
    assert Path(outputs_of(stage.comfy.run(prompt))["2"]["text"][0]).is_file()


def test_what_cannot_be_is_refused_in_words(stage: Stage) -> None:
    alone = error_of(stage.comfy.run({"1": t2v("alone"), "2": join(["1", 0])}))
    assert "takes two at the least" in alone["exception_message"]
    both = {"1": plain(320, 180), "2": i2v("x", image=["1", 0], source_job="job_nowhere")}
    assert "Leave either source_job or the image empty" in refusal_of(stage.comfy, both, "2")
    nowhere = error_of(stage.comfy.run({"1": i2v("x", source_job="job_nowhere")}))
    assert "There is no job 'job_nowhere'" in nowhere["exception_message"]


def test_a_part_of_a_file_that_is_gone_is_refused_in_words_too(stage: Stage) -> None:
    ended = error_of(stage.comfy.run({"1": gone(0.5), "2": join(["1", 0], ["1", 0])}))
    if ended["node_id"] == "1":
        pytest.skip("this ComfyUI has no parts of videos")
    assert "The clip cannot be used" in ended["exception_message"]
    assert ended["exception_type"].startswith("sora_core.errors.")
