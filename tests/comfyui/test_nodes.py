"""The nodes as scripts and artists meet them: through POST /prompt of a real ComfyUI."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import av
import pytest
from comfyui._host import KEY, Refused, Stage, error_of, outputs_of, progress_of
from comfyui_process import patience

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "contract.json"


def t2v(prompt: str, **inputs: Any) -> dict[str, Any]:
    return {
        "class_type": "SoraVideo_Text2Video",
        "inputs": {"prompt": prompt, "profile": "own", "seed": 0, "seconds": 2, "size": "320x180", **inputs},
    }


def inspect(**inputs: Any) -> dict[str, Any]:
    return {"class_type": "SoraTest_Inspect", "inputs": {"save_as": "", **inputs}}


def seen(outputs: dict[str, Any], node: str = "9") -> dict[str, Any]:
    return json.loads(outputs[node]["seen"][0])


def contract(info: dict[str, Any]) -> dict[str, Any]:
    """What workflows and scripts rely on; texts may change."""
    keep = ("default", "min", "max", "options", "multiline")
    inputs = {
        kind: {name: [spec[0], {key: spec[1][key] for key in keep if key in spec[1]}] for name, spec in group.items()}
        for kind, group in info["input"].items()
        if kind != "hidden"
    }
    for group in inputs.values():
        if "profile" in group:
            group["profile"][1]["options"] = ["preview", "..."]
        if "recent" in group:
            group["recent"][1]["options"] = [group["recent"][1]["options"][0], "..."]
    return {
        "inputs": inputs,
        "order": {kind: names for kind, names in info["input_order"].items() if kind != "hidden"},
        "outputs": [list(pair) for pair in zip(info["output"], info["output_name"], strict=True)],
        "output_node": info["output_node"],
        "display_name": info["display_name"],
        "category": info["category"],
    }


@pytest.mark.parametrize("node", sorted(json.loads(GOLDEN.read_text("utf-8"))))
def test_ids_inputs_and_outputs_are_the_contract(stage: Stage, node: str) -> None:
    assert contract(stage.comfy.object_info(node)) == json.loads(GOLDEN.read_text("utf-8"))[node]


def test_no_seed_is_changed_by_the_page_after_a_run_because_every_run_would_be_paid(stage: Stage) -> None:
    infos = {name: info for name, info in stage.comfy.get("/object_info").json().items() if "SoraVideo_" in name}
    seeds = {
        name: spec[1].get("control_after_generate")
        for name, info in infos.items()
        for group in info["input"].values()
        for input_, spec in group.items()
        if "seed" in input_
    }
    assert "SoraVideo_Prompts" in seeds
    assert set(seeds.values()) == {False}  # left out, the page takes it for True


@pytest.mark.parametrize("node", sorted(json.loads(GOLDEN.read_text("utf-8"))))
def test_the_generated_english_texts_are_those_that_a_real_comfyui_reads(stage: Stage, node: str) -> None:
    info = stage.comfy.object_info(node)
    texts = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text("utf-8"))[node]
    inputs = {
        name: spec[1].get("tooltip")
        for group in info["input"].values()
        for name, spec in group.items()
        if len(spec) > 1
    }
    assert info["description"] == texts["description"]
    assert inputs == {name: each["tooltip"] for name, each in texts["inputs"].items()}
    assert info["output_tooltips"] == [each["tooltip"] for each in texts["outputs"].values()]


def test_no_other_node_is_registered(stage: Stage) -> None:
    names = {name for name in stage.comfy.get("/object_info").json() if name.startswith("SoraVideo_")}
    assert names == set(json.loads(GOLDEN.read_text("utf-8")))


def test_text_gives_a_video_that_plays_with_path_and_job_id_in_the_history(stage: Stage) -> None:
    outputs = outputs_of(stage.comfy.run({"1": t2v("a paper boat")}))
    shown = outputs["1"]["images"][0]
    path, job_id = outputs["1"]["text"]
    assert shown["type"] == "output"
    assert Path(path) == stage.comfy.base / "output" / shown["subfolder"] / shown["filename"]
    assert job_id.startswith("job_")
    with av.open(path) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (320, 180)
    served = stage.comfy.get(f"/view?filename={shown['filename']}&subfolder={shown['subfolder']}&type=output")
    assert served.content == Path(path).read_bytes()


def test_frames_audio_fps_video_and_texts_come_out_as_their_sockets_promise(stage: Stage) -> None:
    prompt = {
        "1": t2v("a red kite over dunes", seed=5),
        "9": inspect(frames=["1", 1], audio=["1", 2], video=["1", 0], fps=["1", 3], text=["1", 5]),
    }
    outputs = outputs_of(stage.comfy.run(prompt))
    got = seen(outputs)
    assert got["frames"]["shape"] == [48, 180, 320, 3]
    assert got["frames"]["dtype"] == "torch.float32"
    assert 0.0 <= got["frames"]["min"] < 0.2 < got["frames"]["max"] <= 1.0
    assert got["audio"]["shape"][:2] == [1, 2]
    assert got["audio"]["shape"][2] == pytest.approx(
        2 * got["audio"]["sample_rate"], abs=got["audio"]["sample_rate"] / 24
    )
    assert got["audio"]["peak"] > 0.01
    assert got["fps"] == 24.0
    assert got["video"] == {"size": [320, 180], "seconds": pytest.approx(2.0, abs=0.05)}
    assert got["text"] == outputs["1"]["text"][1]


def test_a_requeued_graph_is_free_and_another_seed_is_a_new_take(stage: Stage) -> None:
    before = stage.gateway.charges
    first = outputs_of(stage.comfy.run({"1": t2v("tide pools", seed=1)}))["1"]["text"]
    # another prefix: ComfyUI's own cache misses, the ledger does not
    again = outputs_of(stage.comfy.run({"1": t2v("tide pools", seed=1, filename_prefix="other/name")}))["1"]["text"]
    assert again == first
    assert stage.gateway.charges == before + 1
    other = outputs_of(stage.comfy.run({"1": t2v("tide pools", seed=2)}))["1"]["text"]
    assert other[1] != first[1]
    assert stage.gateway.charges == before + 2


def test_connecting_the_frames_socket_later_gives_frames_and_charges_nothing(stage: Stage) -> None:
    node = t2v("connect me later", seed=3)
    outputs_of(stage.comfy.run({"1": node}))
    charged = stage.gateway.charges
    got = seen(outputs_of(stage.comfy.run({"1": t2v("connect me later", seed=3), "9": inspect(frames=["1", 1])})))
    assert got["frames"]["shape"] == [48, 180, 320, 3]
    assert stage.gateway.charges == charged


def test_skipped_frames_say_so_to_whoever_connects_them(stage: Stage) -> None:
    told = stage.comfy.run_watched({"1": t2v("no frames", frames="skip"), "9": inspect(frames=["1", 1])})
    errors = [each["data"] for each in told if each["type"] == "execution_error"]
    assert [error["node_id"] for error in errors] == ["9"]
    assert "frames is set to 'skip'" in errors[0]["exception_message"]


def test_progress_is_told_with_state_percent_and_ids(stage: Stage) -> None:
    told = stage.comfy.run_watched({"1": t2v("watch me", seconds=40, size="64x64", seed=8)})
    steps = progress_of(told)
    assert any(step["stage"] == "running" and step["percent"] > 0 for step in steps[:-1])
    assert any(step["job_id"].startswith("job_") and step["remote_id"].startswith("video_") for step in steps[:-1])
    assert steps[-1]["stage"] == "ended"
    assert {step["node"] for step in steps} == {"1"}
    states = [each["data"]["nodes"]["1"] for each in told if each["type"] == "progress_state"]
    bars = [state["value"] / state["max"] for state in states if state["max"] == 100]
    assert bars == sorted(bars)
    assert bars[-1] == 1


def test_the_bars_of_many_nodes_are_moved_less_often_each(stage: Stage) -> None:
    """ComfyUI tells the page of all nodes for every change of one."""
    many = {str(number): t2v("all at once", seconds=60, size="64x64", seed=700 + number) for number in range(30)}
    told = stage.comfy.run_watched(many)
    kinds = [each["type"] for each in told]
    assert kinds.count("sora_video.progress") > 4 * len(many)
    assert kinds.count("progress_state") < 10 * len(many)
    assert kinds.count("execution_success") == 1


def test_max_frames_and_frame_step_thin_out_the_frames(stage: Stage) -> None:
    prompt = {
        "1": t2v("thin", seed=4, max_frames=10, frame_step=3),
        "9": inspect(frames=["1", 1], fps=["1", 3]),
    }
    got = seen(outputs_of(stage.comfy.run(prompt)))
    assert got["frames"]["shape"][0] == 10
    assert got["fps"] == pytest.approx(8.0)


def test_a_forced_rate_repeats_and_leaves_out_frames_and_says_so(stage: Stage) -> None:
    prompt = {
        "1": t2v("steady", seed=4, seconds=2, force_rate=10, frames="decode"),
        "9": inspect(frames=["1", 1], fps=["1", 3]),
    }
    outputs = outputs_of(stage.comfy.run(prompt))
    got = seen(outputs)
    assert got["frames"]["shape"][0] == 20
    assert got["fps"] == pytest.approx(10.0)
    assert any(line.startswith("force_rate=10: 48 pictures of 24 fps make 20 frames") for line in outputs["1"]["text"])


def test_eight_nodes_in_a_graph_run_side_by_side(stage: Stage) -> None:
    texts = [f"shot {number}" for number in range(8)]
    prompt_id = stage.comfy.queue({str(n): t2v(text, seconds=60, size="64x64") for n, text in enumerate(texts)})
    assert stage.most_at_once(prompt_id, texts) > 4  # all eight, but for a machine that has other work too
    outputs = outputs_of(stage.comfy.wait(prompt_id))
    assert len({outputs[str(n)]["text"][1] for n in range(8)}) == 8


def test_an_interrupt_is_noticed_within_a_second_and_the_paid_job_is_collected_later(stage: Stage) -> None:
    before = stage.gateway.charges
    node = t2v("a long one", seconds=60, size="64x64", seed=9)
    prompt_id = stage.comfy.queue({"1": node})
    _until(lambda: stage.gateway.charges == before + 1)
    began = time.monotonic()
    stage.comfy.post("/interrupt", {"prompt_id": prompt_id})
    entry = stage.comfy.wait(prompt_id)
    assert time.monotonic() - began < patience(1.0)
    assert error_of(entry)["kind"] == "execution_interrupted"
    outputs = outputs_of(stage.comfy.run({"1": node}))
    assert Path(outputs["1"]["text"][0]).is_file()
    assert stage.gateway.charges == before + 1


def test_a_failing_sibling_does_not_stop_a_paid_job_and_the_queue_goes_on(stage: Stage) -> None:
    before = stage.gateway.charges
    good = t2v("survivor", seconds=40, size="64x64", seed=10)
    entry = stage.comfy.run({"1": good, "2": {"class_type": "SoraTest_Fail", "inputs": {"seconds": 0.7}}})
    assert "failing on purpose" in error_of(entry)["exception_message"]
    outputs_of(stage.comfy.run({"1": good}))
    assert stage.gateway.charges == before + 1


def test_a_killed_comfyui_collects_its_job_after_the_restart(stage: Stage) -> None:
    before = stage.gateway.charges
    node = t2v("killed", seconds=60, size="64x64", seed=11)
    stage.comfy.queue({"1": node})
    _until(lambda: stage.gateway.charges == before + 1)
    time.sleep(0.3)
    stage.comfy.stop(kill=True)
    stage.comfy.start()
    outputs = outputs_of(stage.comfy.run({"1": node}))
    assert Path(outputs["1"]["text"][0]).is_file()
    assert stage.gateway.charges == before + 1


BAD = {
    "blank prompt": ({"prompt": "  "}, "prompt is empty"),
    "length": ({"seconds": 61}, "whole seconds from 1 to 60"),
    "size": ({"size": "10x10"}, "each side from 64 to 2048"),
    "path outside": ({"filename_prefix": "../../etc/x"}, "below the output folder"),
    "too long": ({"prompt": "x" * 40_000}, "up to 32000"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_on_its_node_with_what_is_allowed_before_anything_is_sent(stage: Stage, case: str) -> None:
    inputs, words = BAD[case]
    before = stage.gateway.stats()["requests"]
    with pytest.raises(Refused) as refused:
        stage.comfy.queue({"1": t2v("x") | {"inputs": t2v("x")["inputs"] | inputs}})
    (error,) = refused.value.args[0]["node_errors"]["1"]["errors"]
    assert words in error["details"]
    assert stage.gateway.stats()["requests"] == before


def test_a_missing_key_is_told_on_its_node_before_anything_is_sent(stage: Stage) -> None:
    before = stage.gateway.stats()["requests"]
    error = error_of(stage.comfy.run({"1": t2v("x", profile="keyless")}))
    assert error["node_id"] == "1"
    assert "SORA_NO_KEY" in error["exception_message"]
    assert stage.gateway.stats()["requests"] == before


def test_an_unknown_profile_is_refused_when_queued_and_the_known_ones_are_named(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        stage.comfy.queue({"1": t2v("x", profile="nobody")})
    text = json.dumps(refused.value.args[0])
    assert "There is no profile 'nobody'" in text
    assert "preview, own, keyless" in text


def test_the_preview_profile_needs_no_key_and_no_network(stage: Stage) -> None:
    outputs = outputs_of(stage.comfy.run({"1": t2v("free", profile="preview")}))
    assert Path(outputs["1"]["text"][0]).is_file()


def test_optional_inputs_may_be_left_out(stage: Stage) -> None:
    node = {"class_type": "SoraVideo_Text2Video", "inputs": {"prompt": "bare", "profile": "preview", "seed": 0}}
    path = outputs_of(stage.comfy.run({"1": node}))["1"]["text"][0]
    with av.open(path) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (1280, 720)


def test_resume_job_collects_by_our_id_and_by_the_servers_and_never_submits(stage: Stage) -> None:
    path, job_id = outputs_of(stage.comfy.run({"1": t2v("collect me", seed=12)}))["1"]["text"]
    charged = stage.gateway.charges
    remote_id = json.loads(Path(path).with_suffix(".json").read_text("utf-8"))["remote_id"]
    for name in (job_id, remote_id):
        node = {"class_type": "SoraVideo_ResumeJob", "inputs": {"job_id": name, "profile": "own"}}
        assert outputs_of(stage.comfy.run({"1": node}))["1"]["text"] == [path, job_id]
    missing = {"class_type": "SoraVideo_ResumeJob", "inputs": {"job_id": "job_missing", "profile": "own"}}
    assert "There is no job 'job_missing'" in error_of(stage.comfy.run({"1": missing}))["exception_message"]
    assert stage.gateway.charges == charged


def test_quota_is_read_anew_on_every_run(stage: Stage) -> None:
    node = {"class_type": "SoraVideo_Quota", "inputs": {"profile": "own"}}
    reads = stage.gateway.requests("usage")
    texts = [outputs_of(stage.comfy.run({"1": node}))["1"]["text"][0] for _ in range(2)]
    assert all(" of 1000 " in text and text.endswith(" left") for text in texts)
    assert stage.gateway.requests("usage") == reads + 2


def test_the_workflow_is_embedded_and_no_secret_is_in_anything_that_was_written(stage: Stage) -> None:
    workflow = {"nodes": [], "version": 0.4, "marker": "restore me"}
    prompt_id = stage.comfy.queue({"1": t2v("embedded", seed=13)}, workflow=workflow)
    entry = stage.comfy.wait(prompt_id)
    path = Path(outputs_of(entry)["1"]["text"][0])
    with av.open(str(path)) as video:
        assert json.loads(video.metadata["workflow"]) == workflow
        assert json.loads(video.metadata["prompt"])["1"]["class_type"] == "SoraVideo_Text2Video"
    written = [path.read_bytes(), path.with_suffix(".json").read_bytes(), json.dumps(entry).encode()]
    written += [file.read_bytes() for file in stage.home.rglob("*") if file.is_file()]
    written += [stage.comfy.log.read_bytes(), stage.comfy.get("/object_info").content]
    assert all(KEY.encode() not in data for data in written)
    sidecar = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert sidecar["prompt"] == "embedded"
    assert sidecar["seed"] == 13


def _until(true: Any, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
