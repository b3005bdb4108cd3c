"""The stage that the benchmarks play on: a gateway process, and a real ComfyUI whose profile points to it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from _common import ROOT, Failed

sys.path.append(str(ROOT / "scripts"))
from comfyui_process import ComfyUI, checkouts, install_pack, install_requirements, python_of, running, version_of

__all__ = [
    "Gateway",
    "Stage",
    "gateway",
    "install_pack",
    "install_requirements",
    "newest_comfyui",
    "python_of",
    "stage",
    "version_of",
]

PROFILE = "bench"


def newest_comfyui() -> Path | None:
    """The newest checkout there is; None without any."""
    return max(checkouts(), key=version_of, default=None)


class Gateway:
    """A running `sora-video gateway`: its rendering is not in the measured process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.base_url = url + "/openai/v1"

    @property
    def charges(self) -> int:
        stats = httpx.get(self.url + "/_gateway/stats", trust_env=False).raise_for_status()
        return int(stats.json()["charges"])


@contextlib.contextmanager
def gateway(speed: float) -> Iterator[Gateway]:
    """The real one, as a process, on a free port of the loopback."""
    command = [sys.executable, "-m", "sora_core", "gateway", "--speed", str(speed)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        try:
            line = process.stdout.readline().strip()
            if not line.startswith("listening on "):
                raise Failed(f"The gateway did not start: {line}")
            yield Gateway(line.removeprefix("listening on "))
        finally:
            process.terminate()
            process.wait(20)


@dataclass
class Stage:
    """A running ComfyUI."""

    comfy: ComfyUI

    def run(self, prompt: dict[str, Any]) -> float:
        """Runs the graph; the seconds from its start to its end, by ComfyUI's own clock."""
        entry = self.comfy.run(prompt, timeout=600)
        if entry["status"]["status_str"] != "success":
            raise Failed(f"The prompt failed: {entry['status']['messages']}")
        at = {kind: data["timestamp"] for kind, data in entry["status"]["messages"]}
        return float(at["execution_success"] - at["execution_start"]) / 1000

    def process(self) -> psutil.Process:
        """ComfyUI's own process: where the launcher of a venv starts a second one, the one that works."""
        mine = [each for each in psutil.Process().children(recursive=True) if str(self.comfy.port) in each.cmdline()]
        return max(mine, key=lambda each: each.memory_info().rss)


@contextlib.contextmanager
def stage(checkout: Path, base_url: str) -> Iterator[Stage]:
    """ComfyUI on a folder of its own, with the pack as a user has it and one profile that points to ``base_url``."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _without_sora_environment():
        base = Path(folder)
        home = base / "user" / "__sora_video"
        home.mkdir(parents=True)
        (home / "profiles.toml").write_text(
            f'[profiles.{PROFILE}]\nprovider = "openai"\nbase_url = "{base_url}"\nauth = "none"\ndialect = "preview"\n',
            encoding="utf-8",
        )
        with running(checkout, base) as comfy:
            yield Stage(comfy)


@contextlib.contextmanager
def _without_sora_environment() -> Iterator[None]:
    """What the user has set for the pack must not reach the measured process."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SORA_")}
    try:
        yield
    finally:
        os.environ.update(kept)


def text2video(prompt: str, *, seconds: int, size: str, seed: int = 0) -> dict[str, Any]:
    """One Text2Video node whose frames nobody wants."""
    inputs = {"prompt": prompt, "profile": PROFILE, "seed": seed, "seconds": seconds, "size": size}
    return {"class_type": "SoraVideo_Text2Video", "inputs": {**inputs, "filename_prefix": "bench/clip"}}
