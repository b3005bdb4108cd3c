"""Where the state lives, and how its files are written."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sora_core.files import home

PACK = Path(home.__file__).resolve().parents[2]
ASK = "from sora_core.files import home; print(home.state_dir()); print(home.output_dir()); print(home.comfyui_dir())"


def ask(pack: Path, cwd: Path, **environ: str) -> list[str]:
    """What a process of the pack in that folder says."""
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "HOME", "LOCALAPPDATA")}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(pack)!r}); {ASK}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=cwd,
        env={**keep, "PYTHONDONTWRITEBYTECODE": "1", **environ},
    )
    return done.stdout.split("\n")[:3]


@pytest.fixture
def comfyui(tmp_path):
    """A ComfyUI with the pack's core in its custom_nodes."""
    root = tmp_path / "ComfyUI"
    core = root / "custom_nodes" / "some-name" / "sora_core"
    core.mkdir(parents=True)
    (root / "main.py").write_text("")
    for name in ("__init__.py", "home.py"):
        shutil.copy(PACK / "sora_core" / name, core / name)
    return root


def test_sora_home_decides(monkeypatch, tmp_path):
    monkeypatch.setenv("SORA_HOME", str(tmp_path / "mine"))
    assert home.state_dir() == tmp_path / "mine"


def test_sora_home_may_be_relative_or_begin_with_a_tilde(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SORA_HOME", "mine")
    assert home.state_dir() == tmp_path / "mine"
    monkeypatch.setenv("SORA_HOME", "~/mine")
    assert home.state_dir() == Path.home() / "mine"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the Linux rule")
def test_elsewhere_it_is_the_data_folder_of_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("SORA_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home.state_dir() == tmp_path / "sora-video"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert home.state_dir() == Path.home() / ".local" / "share" / "sora-video"


def test_outputs_go_where_the_variable_says_else_to_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SORA_OUTPUT_DIR", raising=False)
    assert home.output_dir() == tmp_path
    monkeypatch.setenv("SORA_OUTPUT_DIR", str(tmp_path / "out"))
    assert home.output_dir() == tmp_path / "out"


class TestInsideComfyUI:
    def test_the_state_is_in_its_system_user_folder_and_outputs_in_its_output(self, comfyui, tmp_path):
        state, output, host = ask(comfyui / "custom_nodes" / "some-name", tmp_path)
        assert Path(host) == comfyui
        assert Path(state) == comfyui / "user" / "__sora_video"
        assert Path(output) == comfyui / "output"

    def test_sora_home_still_decides(self, comfyui, tmp_path):
        state = ask(comfyui / "custom_nodes" / "some-name", tmp_path, SORA_HOME=str(tmp_path / "mine"))[0]
        assert Path(state) == tmp_path / "mine"

    @pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
    def test_a_link_counts_as_being_there(self, comfyui, tmp_path):
        pack = comfyui / "custom_nodes" / "some-name"
        elsewhere = tmp_path / "checkout"
        pack.rename(elsewhere)
        pack.symlink_to(elsewhere, target_is_directory=True)
        assert Path(ask(pack, tmp_path)[2]) == comfyui

    def test_a_folder_that_is_only_named_alike_does_not_count(self, comfyui, tmp_path):
        (comfyui / "main.py").unlink()
        assert ask(comfyui / "custom_nodes" / "some-name", tmp_path)[2] == "None"


class TestWritingPrivately:
    def test_replaces_the_whole_file(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"a much longer old content")
        home.write_private(path, b"new")
        assert path.read_bytes() == b"new"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
    def test_leaves_it_to_its_owner(self, tmp_path):
        home.make_private_dir(tmp_path / "a" / "b")
        home.write_private(tmp_path / "a" / "b" / "file", b"x")
        assert stat.S_IMODE((tmp_path / "a" / "b" / "file").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
    def test_keeps_the_rights_of_a_folder_that_exists(self, tmp_path):
        tmp_path.chmod(0o755)
        home.make_private_dir(tmp_path)
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755

    def test_that_fails_leaves_the_old_file_and_nothing_else(self, tmp_path):
        path = tmp_path / "file"
        path.mkdir()  # cannot be replaced by a file
        with pytest.raises(OSError):
            home.write_private(path, b"new")
        assert list(tmp_path.iterdir()) == [path]
