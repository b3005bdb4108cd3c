"""`generate --source-job` and `--source-frame`: a video that begins with a frame of another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _command import Command
from _gateway import GatewayProcess
from PIL import Image

SMALL = ("--size", "64x64", "--seconds", "1", "--json")


@pytest.fixture
def own(command: Command, gateway: GatewayProcess) -> Command:
    command.add_profile("own", gateway.openai, dialect="preview", paid=True)
    return command


def made(own: Command, prompt: str, *more: str) -> dict[str, Any]:
    return own("generate", prompt, "--profile", "own", *SMALL, *more).json


def test_a_number_and_a_time_of_a_job_or_of_its_file_name_the_same_frame(own: Command, gateway: GatewayProcess) -> None:
    source = made(own, "where it begins")
    first = made(own, "goes on", "--source-job", source["job_id"], "--source-frame", "12")
    charges = gateway.charges
    for of in (source["job_id"], source["path"]):
        again = made(own, "goes on", "--source-job", of, "--source-frame", "0.5s")
        assert (again["job_id"], again["reused"]) == (first["job_id"], True)
    assert gateway.charges == charges
    last = made(own, "goes on", "--source-job", source["job_id"])
    assert last["job_id"] != first["job_id"]
    assert made(own, "goes on", "--source-job", source["path"], "--source-frame", "-1")["job_id"] == last["job_id"]
    assert gateway.charges == charges + 1
    asked = json.loads(Path(last["path"]).with_suffix(".json").read_text("utf-8"))["request"]
    assert asked["operation"] == "image_to_video"


def test_a_line_of_a_batch_names_them_too(own: Command, tmp_path: Path) -> None:
    source = made(own, "of a batch")
    line = {"prompt": "goes on", "source_job": source["job_id"], "source_frame": "3", "seconds": 1, "size": "64x64"}
    (tmp_path / "lines.jsonl").write_text(json.dumps(line), "utf-8")
    done = own("generate", "--batch", str(tmp_path / "lines.jsonl"), "--profile", "own")
    assert done.code == 0, done.err
    alone = made(own, "goes on", "--source-job", source["job_id"], "--source-frame", "3")
    assert alone["job_id"] == json.loads(done.out)["job_id"]


def test_what_cannot_be_is_refused_before_anything_is_sent(
    own: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    source = made(own, "refusals")
    Image.new("RGB", (64, 64)).save(tmp_path / "one.png")
    charges, of = gateway.charges, ("--source-job", source["job_id"])
    for more, said in (
        ((*of, "--source-frame", "first"), "names no frame"),
        ((*of, "--source-frame", "99"), "there are 24 of them (0 to 23)"),
        ((*of, "--image", str(tmp_path / "one.png")), "--source-job gives the first frame"),
        (("--source-frame", "3"), "which is not given"),
        (("--source-job", "job_nowhere"), "There is no job 'job_nowhere'"),
    ):
        done = own("generate", "x", "--profile", "own", *SMALL, *more)
        assert (done.code, said in done.err) == (2, True), done.err
    assert gateway.charges == charges
