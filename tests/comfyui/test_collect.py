"""Submitting without waiting, collecting later, and lists of which one fails."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from comfyui._graphs import inspect, lines, node, remix, resume, t2v
from comfyui._host import Stage, error_of, outputs_of, refusal_of

LONG = {"seconds": 60, "size": "64x64"}  # 3 s at the gateway's speed


def errors(told: list[Any]) -> list[dict[str, Any]]:
    return [each["data"] for each in told if each["type"] == "execution_error"]


def seen(outputs: dict[str, Any], node: str) -> list[str]:
    """What the Inspect node was given, once for each of a list."""
    return outputs[node]["seen"]


def text_of(found: str) -> str:
    return str(json.loads(found)["text"])


def three_jobs(stage: Stage) -> list[str]:
    """Red, green and blue; paid by the first test that asks."""
    prompt = {"1": lines("red", "green", "blue"), "2": t2v(["1", 0], seed=50)}
    return outputs_of(stage.comfy.run(prompt))["2"]["text"][1::2]


class TestWaitOff:
    def test_returns_the_job_at_once_and_a_run_with_wait_collects_it_for_free(self, stage: Stage) -> None:
        before = stage.gateway.charges
        entry = stage.comfy.run({"1": t2v("at once", **LONG, wait=False)})
        path, job_id, note = outputs_of(entry)["1"]["text"]
        assert path == ""
        assert outputs_of(entry)["1"]["images"] == []
        assert note.startswith(f"submitted · job {job_id} · remote id video_")
        waited = outputs_of(stage.comfy.run({"1": t2v("at once", **LONG)}))["1"]["text"]
        assert Path(waited[0]).is_file()
        assert waited[1] == job_id
        assert stage.gateway.charges == before + 1

    def test_run_again_gives_the_video_once_it_is_there_and_then_stays_in_the_cache(self, stage: Stage) -> None:
        prompt = {"1": t2v("later", **LONG, wait=False), "9": inspect(text=["1", 4])}
        first = stage.comfy.run_watched(prompt)
        executed = [each["data"]["output"] for each in first if each["type"] == "executed"]
        assert any("submitted · job job_" in line for output in executed for line in output["text"])
        assert "wait is off" in errors(first)[0]["exception_message"]
        path = ""
        deadline = time.monotonic() + 30
        while not path:
            assert time.monotonic() < deadline
            time.sleep(0.5)
            path = outputs_of(stage.comfy.run(prompt))["1"]["text"][0]
        assert Path(path).is_file()
        last = stage.comfy.run_watched(prompt)
        assert errors(last) == []
        cached = next(each for each in last if each["type"] == "execution_cached")
        assert {"1", "9"} <= set(cached["data"]["nodes"])

    def test_a_copy_of_the_node_is_not_served_what_the_first_one_gave_before_the_video_was_there(
        self, stage: Stage
    ) -> None:
        before = stage.gateway.charges
        copied = t2v("copied", **LONG, wait=False)
        assert outputs_of(stage.comfy.run({"71": copied}))["71"]["text"][0] == ""
        path = ""
        deadline = time.monotonic() + 30
        while not path:
            assert time.monotonic() < deadline
            time.sleep(0.5)
            path = outputs_of(stage.comfy.run({"72": copied}))["72"]["text"][0]
        assert Path(path).is_file()
        assert stage.gateway.charges == before + 1

    def test_the_job_id_goes_on_to_resume_job_of_the_same_graph(self, stage: Stage) -> None:
        before = stage.gateway.charges
        prompt = {
            "1": t2v("handed on", seconds=20, size="64x64", wait=False),
            "2": resume(["1", 5]),
            "9": inspect(video=["2", 0], text=["2", 5]),
        }
        outputs = outputs_of(stage.comfy.run(prompt))
        assert outputs["2"]["text"][1] == outputs["1"]["text"][1]
        assert '"size": [64, 64]' in seen(outputs, "9")[0]
        assert stage.gateway.charges == before + 1

    def test_what_is_refused_is_refused_without_waiting_too(self, stage: Stage) -> None:
        error = error_of(stage.comfy.run({"1": t2v("x", profile="keyless", wait=False)}))
        assert "SORA_NO_KEY" in error["exception_message"]


class TestAFileThatIsGone:
    def test_is_collected_again_for_free_though_the_node_was_in_the_cache(self, stage: Stage) -> None:
        before = stage.gateway.charges
        prompt = {"81": t2v("to be tidied away"), "9": inspect(video=["81", 0])}
        path = Path(outputs_of(stage.comfy.run(prompt))["81"]["text"][0])
        path.unlink()
        prompt["9"] = inspect(video=["81", 0], save_as="changed, so that it runs again")
        outputs = outputs_of(stage.comfy.run(prompt))
        assert Path(outputs["81"]["text"][0]).is_file()
        assert '"size": [320, 180]' in seen(outputs, "9")[0]
        assert stage.gateway.charges == before + 1


class TestResume:
    def test_of_one_job_goes_on_into_core_nodes_and_a_remix_as_single_values(self, stage: Stage) -> None:
        job_id = three_jobs(stage)[0]
        prompt = {
            "2": resume(job_id),
            "3": node("SaveVideo", video=["2", 0], filename_prefix="kept/whole", format="auto", codec="auto"),
            "4": node("CreateVideo", images=["2", 1], audio=["2", 2], fps=["2", 3]),
            "5": node("SaveVideo", video=["4", 0], filename_prefix="kept/anew", format="auto", codec="auto"),
            "6": remix("from a collected one", ["2", 5]),
            "9": inspect(text=["2", 4]),
        }
        outputs = outputs_of(stage.comfy.run(prompt))
        for number, stem in (("3", "whole"), ("5", "anew")):
            assert [image["filename"] for image in outputs[number]["images"]] == [f"{stem}_00001_.mp4"]
        path, shown_id = outputs["2"]["text"]
        assert shown_id == job_id
        assert [text_of(each) for each in seen(outputs, "9")] == [path]
        assert [image["filename"] for image in outputs["2"]["images"]] == [Path(path).name]
        assert Path(outputs["6"]["text"][0]).is_file()


class TestResumeOfSeveral:
    def test_ids_in_the_widget_come_out_as_lists(self, stage: Stage) -> None:
        jobs = three_jobs(stage)
        before = stage.gateway.charges
        pasted = f" {jobs[0]},\n{jobs[1]} \n\n{jobs[2]}\n{jobs[0]}"
        prompt = {"2": resume(pasted), "9": inspect(frames=["2", 1], text=["2", 5])}
        outputs = outputs_of(stage.comfy.run(prompt))
        assert outputs["2"]["text"][1::2] == jobs
        assert len(outputs["2"]["images"]) == 3
        assert [text_of(each) for each in seen(outputs, "9")] == jobs
        assert all('"shape": [48, 180, 320, 3]' in each for each in seen(outputs, "9"))
        assert stage.gateway.charges == before

    def test_a_list_over_the_link_comes_out_as_a_list(self, stage: Stage) -> None:
        jobs = three_jobs(stage)
        prompt = {"1": lines(*jobs), "2": resume(["1", 0]), "9": inspect(text=["2", 5])}
        outputs = outputs_of(stage.comfy.run(prompt))
        assert [text_of(each) for each in seen(outputs, "9")] == jobs

    def test_one_that_is_not_there_stops_the_graph_or_only_its_branch(self, stage: Stage) -> None:
        jobs = three_jobs(stage)
        names = f"{jobs[0]}\njob_nowhere\n{jobs[1]}"
        error = error_of(stage.comfy.run({"2": resume(names)}))
        assert "There is no job 'job_nowhere'" in error["exception_message"]
        told = stage.comfy.run_watched({"2": resume(names, on_error="block"), "9": inspect(text=["2", 5])})
        assert ["There is no job 'job_nowhere'" in each["exception_message"] for each in errors(told)] == [True]
        outputs = outputs_of(stage.comfy.run({"2": resume(names, on_error="block"), "9": inspect(text=["2", 5])}))
        assert [text_of(each) for each in seen(outputs, "9")] == [jobs[0], jobs[1]]

    def test_a_job_is_picked_from_the_ledger_and_stays_valid_when_the_list_is_another(self, stage: Stage) -> None:
        jobs = three_jobs(stage)
        options = stage.comfy.object_info("SoraVideo_ResumeJob")["input"]["optional"]["recent"][1]["options"]
        labels = {label.split(" · ")[0]: label for label in options}
        assert labels[jobs[1]].endswith(" · own · green")
        for pick in (labels[jobs[1]], jobs[1], f"{jobs[1]} · as it was called once"):
            outputs = outputs_of(stage.comfy.run({"2": resume(recent=pick)}))
            assert outputs["2"]["text"][1] == jobs[1]

    def test_two_different_choices_are_refused_and_none_too(self, stage: Stage) -> None:
        jobs = three_jobs(stage)
        assert "name different jobs" in refusal_of(stage.comfy, {"2": resume(jobs[0], recent=jobs[1])}, "2")
        assert "The job id is empty" in refusal_of(stage.comfy, {"2": resume()}, "2")

    def test_the_node_is_there_when_the_ledger_is_damaged(self, stage: Stage) -> None:
        ledger, aside = stage.home / "jobs.sqlite", stage.home.parent / "aside"
        stage.comfy.stop()
        aside.mkdir()
        for file in stage.home.glob("jobs.sqlite*"):
            file.rename(aside / file.name)
        ledger.write_bytes(b"this is no ledger" * 1000)
        try:
            stage.comfy.start()
            options = stage.comfy.object_info("SoraVideo_ResumeJob")["input"]["optional"]["recent"][1]["options"]
            assert options == ["as job_id says"]
            ledger.unlink()
            assert stage.comfy.get("/sora_video/jobs").json() == []
            assert not ledger.exists()  # looking makes none
        finally:
            stage.comfy.stop()
            for file in stage.home.glob("jobs.sqlite*"):
                file.unlink()
            for file in aside.iterdir():
                file.rename(stage.home / file.name)
            stage.comfy.start()


class TestLists:
    def test_run_side_by_side_up_to_the_profiles_jobs_at_once(self, stage: Stage) -> None:
        """By the gateway's own clock: a third and a fourth job began only when others had ended."""
        for profile, at_once in (("own", 4), ("two", 2)):
            texts = [f"{profile} {number}" for number in range(4)]
            prompt_id = stage.comfy.queue(
                {"1": lines(*texts), "2": t2v(["1", 0], profile=profile, seconds=40, size="64x64")}
            )
            assert stage.most_at_once(prompt_id, texts) == at_once
            assert len(outputs_of(stage.comfy.wait(prompt_id))["2"]["images"]) == 4

    @pytest.mark.parametrize("when", ["first", "in the middle"])
    def test_a_refusal_is_raised_when_the_others_are_done_and_they_are_free_afterwards(
        self, stage: Stage, when: str
    ) -> None:
        texts = ["", f"{when} one", f"{when} two"] if when == "first" else [f"{when} one", "", f"{when} two"]
        before = stage.gateway.charges
        prompt = {"1": lines(*texts, f"{when} three"), "2": t2v(["1", 0])}
        error = error_of(stage.comfy.run(prompt))
        assert error["node_id"] == "2"
        assert "prompt is empty" in error["exception_message"]
        assert stage.gateway.charges == before + 3
        good = {"1": lines(*filter(None, texts)), "2": t2v(["1", 0])}
        assert len(outputs_of(stage.comfy.run(good))["2"]["images"]) == 2
        assert stage.gateway.charges == before + 3

    def test_a_refusal_in_the_first_step_does_not_drop_the_others(self, stage: Stage) -> None:
        before = stage.gateway.charges
        prompt = {"1": lines("video/a", "../outside", "video/b"), "2": t2v("kept", filename_prefix=["1", 0], seed=60)}
        error = error_of(stage.comfy.run(prompt))
        assert "below the output folder" in error["exception_message"]
        assert stage.gateway.charges == before + 1

    def test_a_refusal_of_the_server_blocks_only_its_branch_and_is_asked_again_next_time(self, stage: Stage) -> None:
        stage.gateway.fault({"on": "create", "do": "status", "status": 400, "skip": 1, "times": 1})
        prompt = {
            "1": lines("kite", "boat", "lamp"),
            "2": t2v(["1", 0], seed=70, on_error="block"),
            "9": inspect(text=["2", 5]),
        }
        before = stage.gateway.charges
        outputs = outputs_of(stage.comfy.run(prompt))
        assert len(outputs["2"]["images"]) == len(seen(outputs, "9")) == 2
        assert stage.gateway.charges == before + 2
        # not from ComfyUI's cache: what failed is tried again, what was made is not
        outputs = outputs_of(stage.comfy.run(prompt))
        assert len(outputs["2"]["images"]) == len(seen(outputs, "9")) == 3
        assert stage.gateway.charges == before + 3

    def test_another_branch_goes_on_beside_a_blocked_one(self, stage: Stage) -> None:
        prompt = {
            "1": t2v("x", profile="keyless", on_error="block"),
            "2": t2v("beside", seconds=2, on_error="block"),
            "8": inspect(video=["1", 0]),
            "9": inspect(video=["2", 0]),
        }
        told = stage.comfy.run_watched(prompt)
        assert [each["node_id"] for each in errors(told)] == ["8"]
        assert "SORA_NO_KEY" in errors(told)[0]["exception_message"]
