"""`sora-video script`, and `--script` of `generate`: a storyboard in and out of files."""

from __future__ import annotations

import io
import json

import pytest

from sora_core import cli

SCRIPT = "# opening\n[1s] a door opens\n\n2.5s: rain on a window,\nseen from inside\n"
SHOTS = [{"text": "a door opens", "seconds": 1.0}, {"text": "rain on a window,\nseen from inside", "seconds": 2.5}]


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("SORA_HOME", str(tmp_path / "home"))


def test_a_script_becomes_json_and_json_a_script(tmp_path, capsys):
    script, data = tmp_path / "board.txt", tmp_path / "board.json"
    script.write_text(SCRIPT, "utf-8")
    assert cli.main(["script", str(script), "--json"]) == 0
    data.write_text(capsys.readouterr().out, "utf-8")
    assert json.loads(data.read_text("utf-8")) == SHOTS
    assert cli.main(["script", str(data)]) == 0
    assert capsys.readouterr().out == "[1s] a door opens\n[2.5s] rain on a window,\nseen from inside\n"


def test_a_script_is_read_from_stdin(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(SCRIPT))
    assert cli.main(["script", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SHOTS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# nothing\n", "There are no shots"),
        (b"[1s] a\n[5] b\n", "Line 2 of the script"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_script_is_refused_before_anything_is_made(tmp_path, capsys, content, words):
    file = tmp_path / "board.txt"
    if content is not None:
        file.write_bytes(content)
    for arguments in (["script", str(file)], ["generate", "", "--script", str(file)]):
        assert cli.main(arguments) == 2
        assert words in capsys.readouterr().err


def test_two_sources_of_shots_are_refused(tmp_path, capsys):
    file = tmp_path / "board.txt"
    file.write_text(SCRIPT, "utf-8")
    assert cli.main(["generate", "", "--script", str(file), "--shot", "1s: a"]) == 2
    assert "--script and --shot both give shots" in capsys.readouterr().err


def test_a_script_makes_the_video_of_its_shots(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SORA_PREVIEW_SPEED", "20")
    file = tmp_path / "board.txt"
    file.write_text("[1s] a door\n[1s] a window\n", "utf-8")
    out = tmp_path / "out.mp4"
    command = ["generate", "in noir", "--size", "64x64", "--out", str(out), "--json"]
    assert cli.main([*command, "--script", str(file)]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["seconds"] == pytest.approx(2, abs=0.1)
    assert cli.main([*command, "--shot", "1s: a door", "--shot", "1s: a window"]) == 0
    assert json.loads(capsys.readouterr().out)["reused"] is True
