"""Sora Prompts, as scripts and artists meet it: through POST /prompt of a real ComfyUI."""

from __future__ import annotations

from comfyui._graphs import node, t2v
from comfyui._host import Stage, outputs_of, refusal_of

LINES = """
# of a morning
a list of doors
{"prompt": "a list of windows", "seconds": 1, "seed": 7}
a list of roofs
"""


def listed(text: str, **inputs: object) -> dict[str, object]:
    return node("SoraVideo_Prompts", text=text, **inputs)


def test_each_line_is_a_video_of_its_own_and_is_paid_once(stage: Stage) -> None:
    before = stage.gateway.charges
    linked = {"prompt": ["1", 0], "seconds": ["1", 1], "seed": ["1", 2]}
    prompt = {"1": listed(LINES, seconds=2, seed=3), "2": {**t2v("x")}}
    prompt["2"]["inputs"] |= linked
    told = outputs_of(stage.comfy.run(prompt))["2"]["text"]
    jobs = [text for text in told if text.startswith("job_")]
    assert len(set(jobs)) == 3
    assert stage.gateway.charges == before + 3
    made = {job["prompt"]: job for job in stage.gateway.stats()["jobs"][-3:]}
    assert set(made) == {"a list of doors", "a list of windows", "a list of roofs"}
    assert {float(job["seconds"]) for job in made.values()} == {1.0, 2.0}
    alone = outputs_of(stage.comfy.run({"1": t2v("a list of windows", seconds=1, seed=7)}))["1"]["text"][1]
    assert alone in jobs
    assert stage.gateway.charges == before + 3


def test_what_is_no_list_is_refused_when_it_is_queued(stage: Stage) -> None:
    for text, said in (
        ("# nothing", "holds no prompt"),
        ('{"prompt": "a", "takes": 2}', "Line 1 names takes; allowed: prompt, seconds, seed"),
        ('a\n{"seconds": 2}', "Line 2 has no prompt"),
        ('{"prompt": "a", "seconds": "2"}', "seconds must be a whole number"),
    ):
        prompt = {"1": listed(text), "2": t2v("x")}
        prompt["2"]["inputs"]["prompt"] = ["1", 0]
        assert said in refusal_of(stage.comfy, prompt, "1")
