"""Title_, as scripts and artists meet it: through POST /prompt of a real ComfyUI."""

from __future__ import annotations

from pathlib import Path

from comfyui._host import Stage, outputs_of


def test_it_makes_what_it_says_and_the_same_request_is_paid_once(stage: Stage) -> None:
    before = stage.gateway.charges
    asked = {"prompt": "a paper boat", "profile": "own", "seed": 0, "seconds": 2, "size": "320x180"}
    prompt = {"1": {"class_type": "SoraVideo_Name_", "inputs": asked}}
    path, job_id = outputs_of(stage.comfy.run(prompt))["1"]["text"][:2]
    assert Path(path).is_file()
    prompt["1"]["inputs"]["filename_prefix"] = "other/name"  # ComfyUI's own cache misses, the ledger does not
    assert outputs_of(stage.comfy.run(prompt))["1"]["text"][1] == job_id
    assert stage.gateway.charges == before + 1
