"""The real command in a process of its own, which may kill itself at a named point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from sora_core.clock import SystemClock
from sora_core.ledger.ledger import Ledger
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.profiles.trust import Trust

ROOT = Path(__file__).resolve().parent.parent
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

# Runs the command, but kills its own process (SIGKILL: nothing is cleaned up) right before or right
# after the named method of the ledger, or function of sora_core.media.placing.
_KILLABLE = """
import os, signal, sys
sys.path.insert(0, {root!r})
from sora_core.cli import main
from sora_core.ledger.ledger import Ledger
from sora_core.media import placing
name, when = {point!r}
owner = Ledger if hasattr(Ledger, name) else placing
original = getattr(owner, name)
def lethal(*args, **kwargs):
    if when == "after":
        original(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, name, lethal)
sys.exit(main())
"""


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """`sora-video` with a state and an output folder of its own."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.home = folder / "home"
        self.output = folder / "out"
        self.output.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SORA_")}
        paths = {"SORA_HOME": str(self.home), "SORA_OUTPUT_DIR": str(self.output)}
        self.env = {**clean, **paths, "PYTHONIOENCODING": "utf-8", **env}
        self.env["PATH"] = f"{_installed(folder)}{os.pathsep}{clean.get('PATH', '')}"

    def __call__(self, *arguments: str, stdin: str = "", timeout: float = 60) -> Result:
        process = self.start(*arguments, stdin=stdin)
        out, err = process.communicate(stdin, timeout=timeout)
        return Result(process.returncode, out, err)

    def start(self, *arguments: str, stdin: str = "", kill_at: tuple[str, str] | None = None) -> subprocess.Popen[str]:
        run = ["-c", _KILLABLE.format(root=str(ROOT), point=kill_at)] if kill_at else ["-m", "sora_core"]
        return subprocess.Popen(
            [sys.executable, *run, *arguments],
            cwd=ROOT,
            env=self.env,
            text=True,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def add_profile(self, name: str, base_url: str, **settings: Any) -> None:
        """Or puts it in the place of the one of that name; done here, as a process for it would take its time."""
        auth = "bearer" if "key_env" in settings else "none"
        profiles = Profiles(self.home, self.env)
        if name in profiles.all():
            profiles.remove(name)
        profile = Profile(name, base_url=base_url, **{"auth": auth, "poll_seconds": 0.1, **settings})
        profiles.add(profile)
        Trust(self.home, self.env).allow(profile)

    def jobs(self) -> list[dict[str, Any]]:
        """Newest first; read here, as a process for each look would take its time."""
        ledger = Ledger(self.home, SystemClock())
        try:
            return [asdict(job) for job in ledger.jobs()]
        finally:
            ledger.close()

    def videos(self) -> list[Path]:
        return sorted(self.output.glob("*.mp4"))


def _installed(folder: Path) -> Path:
    """Where the command is found under its name, so that texts call it so. Nobody runs it from there."""
    name = folder / "bin" / ("sora-video.exe" if sys.platform == "win32" else "sora-video")
    name.parent.mkdir(exist_ok=True)
    name.touch(0o755)
    return name.parent


def forget_settings(patch: pytest.MonkeyPatch) -> None:
    """What the machine says to the pack and about proxies is not for the tests."""
    for name in [*os.environ]:
        if name.startswith("SORA_") or name.lower().endswith("_proxy"):
            patch.delenv(name)


def kill(process: subprocess.Popen[str], how: int = getattr(signal, "SIGKILL", signal.SIGTERM)) -> Result:
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    return Result(process.returncode, out, err)


def until(true: Callable[[], object], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def arguments(prompt: str, *extra: str) -> Sequence[str]:
    return ("generate", prompt, "--profile", "own", "--seconds", "2", "--size", "64x64", "--json", *extra)
