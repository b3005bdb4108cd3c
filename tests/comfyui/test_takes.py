"""Several takes of one request: jobs of their own, side by side, handed on as lists."""

from __future__ import annotations

from typing import Any

import pytest
from comfyui._graphs import inspect, node, plain, remix, t2v
from comfyui._host import Stage, error_of, outputs_of, progress_of


def jobs_of(outputs: dict[str, Any], node: str = "1") -> list[str]:
    return outputs[node]["text"][1::2]


def test_come_out_as_lists_and_more_of_them_cost_only_what_is_new(stage: Stage) -> None:
    before = stage.gateway.charges
    prompt = {
        "1": t2v("three takes", seed=5, takes=3),
        "2": node("SaveVideo", video=["1", 0], filename_prefix="kept/take", format="auto", codec="auto"),
        "9": inspect(frames=["1", 1], text=["1", 5]),
    }
    outputs = outputs_of(stage.comfy.run(prompt))
    assert len(set(jobs_of(outputs))) == len(outputs["1"]["images"]) == len(outputs["2"]["images"]) == 3
    assert all('"shape": [48, 180, 320, 3]' in each for each in outputs["9"]["seen"])
    assert stage.gateway.charges == before + 3
    more = outputs_of(stage.comfy.run({"1": t2v("three takes", seed=4, takes=5)}))
    assert jobs_of(more)[1:4] == jobs_of(outputs)
    assert stage.gateway.charges == before + 5
    alone = outputs_of(stage.comfy.run({"1": t2v("three takes", seed=6)}))
    assert jobs_of(alone) == [jobs_of(outputs)[1]]
    assert stage.gateway.charges == before + 5


def test_run_side_by_side_under_the_profiles_limit(stage: Stage) -> None:
    for profile, at_once in (("own", 3), ("two", 2)):
        text = f"side by side on {profile}"
        prompt = {"1": t2v(text, profile=profile, takes=3, seconds=40, size="64x64")}
        prompt_id = stage.comfy.queue(prompt)
        assert stage.most_at_once(prompt_id, [text]) == at_once
        assert len(outputs_of(stage.comfy.wait(prompt_id))["1"]["images"]) == 3


def test_the_page_is_told_of_each_and_the_bar_shows_all(stage: Stage) -> None:
    told = stage.comfy.run_watched({"1": t2v("told", takes=3, seconds=20)})
    steps = progress_of(told)
    jobs = {step["job_id"] for step in steps if step["stage"] == "running"}
    assert len(jobs) == 3
    assert {step["job_id"] for step in steps if step["stage"] == "ended"} == jobs
    states = [each["data"]["nodes"]["1"] for each in told if each["type"] == "progress_state"]
    bars = [state["value"] for state in states if state["max"] == 100]
    assert bars == sorted(bars)
    assert any(0 < bar < 100 for bar in bars)


@pytest.mark.parametrize("on_error", ["raise", "block"])
def test_a_refused_one_leaves_the_others_alone_and_is_all_that_is_tried_anew(stage: Stage, on_error: str) -> None:
    stage.gateway.fault({"on": "create", "do": "status", "status": 400, "skip": 1, "times": 1})
    before = stage.gateway.charges
    prompt = {"1": t2v(f"one is refused, {on_error}", takes=3, on_error=on_error), "9": inspect(text=["1", 5])}
    entry = stage.comfy.run(prompt)
    if on_error == "raise":
        error = error_of(entry)
        assert error["node_id"] == "1"
        assert "1 of 3 takes failed (seeds " in error["exception_message"]
    else:
        assert len(outputs_of(entry)["1"]["images"]) == len(outputs_of(entry)["9"]["seen"]) == 2
    assert stage.gateway.charges == before + 2
    outputs = outputs_of(stage.comfy.run(prompt))
    assert len(outputs["1"]["images"]) == len(outputs["9"]["seen"]) == 3
    assert stage.gateway.charges == before + 3


def test_what_is_refused_before_it_is_sent_is_said_once(stage: Stage) -> None:
    before = stage.gateway.charges
    message = error_of(stage.comfy.run({"1": t2v("x", profile="keyless", takes=3)}))["exception_message"]
    assert message.count("SORA_NO_KEY") == 1
    assert "None of the 3 takes was made" in message
    error = error_of(stage.comfy.run({"1": t2v("x", seed=2**53 - 2, takes=3)}))
    assert "beyond the largest seed" in error["exception_message"]
    assert stage.gateway.charges == before


def test_every_generating_node_takes_them_and_a_list_goes_on_into_the_next(stage: Stage) -> None:
    before = stage.gateway.charges
    prompt = {
        "1": node("SoraVideo_Storyboard", script="[2s] one\n[2s] two", prompt="", profile="own", seed=0,
                  size="320x180", takes=2),
        "2": remix("of each", ["1", 5], takes=2),
        "3": plain(320, 180),
        "4": node("SoraVideo_Image2Video", prompt="from a picture", profile="own", seed=0, image=["3", 0],
                  seconds=2, size="320x180", takes=2),
    }  # fmt: skip
    outputs = outputs_of(stage.comfy.run(prompt))
    assert [len(outputs[number]["images"]) for number in ("1", "2", "4")] == [2, 4, 2]
    assert stage.gateway.charges == before + 8


def test_without_waiting_their_ids_come_at_once(stage: Stage) -> None:
    before = stage.gateway.charges
    prompt = {
        "1": t2v("takes for later", takes=2, seconds=60, size="64x64", wait=False),
        "2": node("SoraVideo_ResumeJob", job_id=["1", 5], profile="own"),
    }
    outputs = outputs_of(stage.comfy.run(prompt))
    assert len(outputs["2"]["images"]) == 2
    assert stage.gateway.charges == before + 2
