"""`generate --edit` and `--extend`: of a job, of a file, and of a job's file where the server takes only files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from _command import Command
from _gateway import GatewayProcess

SMALL = ("--size", "64x64")


@pytest.fixture
def own(command: Command, gateway: GatewayProcess) -> Command:
    """`own` takes jobs and files, `box` (SGLang) only files, `none` neither."""
    command.add_profile("own", gateway.openai, dialect="preview", paid=True)
    command.add_profile("box", f"{gateway.url}/openai~sglang/v1", dialect="sglang")
    command.add_profile("none", f"{gateway.url}/openai~tensorrt/v1", dialect="tensorrt-llm")
    return command


def made(command: Command, prompt: str, profile: str = "own", *, seconds: int = 1) -> dict[str, Any]:
    return command("generate", prompt, "--profile", profile, "--seconds", str(seconds), *SMALL, "--json").json


def asked(path: str) -> dict[str, Any]:
    """What the file's sidecar keeps of the request."""
    return json.loads(Path(path).with_suffix(".json").read_text("utf-8"))["request"]


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.parametrize("profile", ["own", "box"])
def test_a_server_that_takes_only_files_is_sent_what_the_job_delivered(own: Command, profile: str) -> None:
    source = made(own, f"a source of {profile}", profile)
    done = own("generate", "at night", "--profile", "box", "--edit", source["job_id"], *SMALL)
    assert done.code == 0, done.err
    assert asked(done.out.strip())["clip"] == sha256(source["path"])


def test_one_that_knows_the_job_is_given_its_id(own: Command) -> None:
    source = made(own, "a source by id")
    done = own("generate", "at night", "--profile", "own", "--edit", source["job_id"])
    assert asked(done.out.strip())["source_id"] == source["remote_id"]


def test_a_file_that_is_gone_is_collected_again_for_free(own: Command, gateway: GatewayProcess) -> None:
    source = made(own, "a source that goes")
    was = sha256(source["path"])
    Path(source["path"]).unlink()
    charges = gateway.charges
    done = own("generate", "again at night", "--profile", "box", "--edit", source["job_id"], *SMALL)
    assert done.code == 0, done.err
    assert gateway.charges == charges + 1
    assert asked(done.out.strip())["clip"] == was


def test_one_that_is_gone_from_the_server_too_is_said_and_nothing_is_charged(
    own: Command, gateway: GatewayProcess
) -> None:
    source = made(own, "a source that is nowhere", "box")
    Path(source["path"]).unlink()
    gateway._http.delete(f"{gateway.url}/openai~sglang/v1/videos/{source['remote_id']}").raise_for_status()
    charges = gateway.charges
    refused = own("generate", "x", "--profile", "box", "--edit", source["job_id"], *SMALL)
    assert refused.code in (2, 4)
    assert source["job_id"] in refused.err
    assert "Traceback" not in refused.err
    assert gateway.charges == charges


def test_a_line_of_a_batch_edits_too(own: Command, tmp_path: Path) -> None:
    source = made(own, "a source of a batch")
    lines = tmp_path / "batch.txt"
    lines.write_text(json.dumps({"prompt": "at dawn", "edit": source["job_id"]}), "utf-8")
    done = own("generate", "--batch", str(lines), "--profile", "box", *SMALL)
    assert done.code == 0, done.err
    assert asked(done.json["path"])["clip"] == sha256(source["path"])


NO_FILE = {
    "a file that is not there": ("nowhere.mp4", "nowhere.mp4 cannot be read: No such file"),
    "a folder": ("folder.mp4", "folder.mp4 cannot be read"),
    "a text": ("text.mov", "must be MP4 or QuickTime"),
    "a text without an ending": ("text", "must be MP4 or QuickTime"),
    "a name longer than any file's": ("x" * 300, "no job"),
    "an unknown job": ("job_nowhere", "job_nowhere"),
}


@pytest.mark.parametrize("case", NO_FILE)
def test_what_is_no_source_is_refused_in_words(own: Command, tmp_path: Path, case: str) -> None:
    name, words = NO_FILE[case]
    (tmp_path / "folder.mp4").mkdir()
    for text in ("text.mov", "text"):
        (tmp_path / text).write_text("no clip")
    source = str(tmp_path / name) if "file" in case or "folder" in case or "text" in case else name
    source = name if name.startswith(("x", "job_")) else source
    refused = own("generate", "x", "--profile", "box", "--edit", source)
    assert (refused.code, "Traceback" in refused.err) == (2, False), refused.err
    assert words in refused.err


def test_a_profile_that_cannot_is_refused_before_the_source_is_looked_for(own: Command) -> None:
    refused = own("generate", "x", "--profile", "none", "--edit", "nowhere.mp4")
    assert refused.code == 2
    assert "cannot do edit" in refused.err


@pytest.mark.parametrize("option", ["--image", "--reference", "--last-frame", "--settings", "--script", "--batch"])
@pytest.mark.parametrize("name", ["nowhere.mp4", "folder.mp4", "x" * 300])
def test_no_option_that_names_a_file_ends_in_an_error_of_the_system(
    own: Command, tmp_path: Path, option: str, name: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    prompt = () if option == "--batch" else ("x",)
    refused = own("generate", *prompt, "--profile", "own", option, str(tmp_path / name))
    assert (refused.code, "Traceback" in refused.err) == (2, False), refused.err


@pytest.mark.parametrize("name", ["nowhere.mp4", "folder.mp4", "x" * 300, "~no-such-user/clip.mp4"])
def test_a_character_of_no_file_neither(own: Command, name: str) -> None:
    refused = own("character", "create", "anna", "--profile", "own", "--video", name)
    assert (refused.code, "Traceback" in refused.err) == (2, False), refused.err


def test_a_name_of_a_batch_that_no_file_can_have_is_refused_with_its_line(own: Command, tmp_path: Path) -> None:
    lines = tmp_path / "batch.txt"
    for field in ("edit", "reference", "image", "last_frame"):
        name = "a\0b.mp4"
        value: Any = name if field in ("edit", "last_frame") else [name]
        lines.write_text(json.dumps({"prompt": "x", field: value}), "utf-8")
        refused = own("generate", "--batch", str(lines), "--profile", "own")
        assert (refused.code, "Traceback" in refused.err) == (2, False), refused.err
        assert "ine 1" in refused.err
