"""The user's side: the real command in processes of its own, driven as a user would.

A process is forked from one that has loaded Python's libraries and the command already (0.05 s instead of 0.5 s);
where the system cannot fork, and with SORA_ADVERSARY_COLD=1, each starts from nothing. Both are real processes: they
are interrupted, terminated and killed as such.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adversary.clip import maker
from adversary.pace import Pace
from adversary.servers import Server

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-adversary-0001"
TOKEN = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDAwMDAwMDB9.adversary"  # a JWT that runs out in 2099
LIMIT = 25.0  # real seconds, after which the user presses Ctrl-C


@dataclass(frozen=True)
class Run:
    """A command that has ended. ``code`` is negative for a signal; ``cut`` says that the user lost patience."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str
    began: float
    ended: float
    cut: bool = False

    @property
    def text(self) -> str:
        return f"{self.err}\n{self.out}"

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Process:
    """A command that runs."""

    def __init__(self, user: User, arguments: tuple[str, ...], pace: Pace, patch: str | None) -> None:
        user.count += 1
        self._base = user.folder / f"run{user.count:03d}"
        self.arguments = arguments
        self.began = time.time()
        self._process = _context().Process(target=_command, args=(arguments, str(self._base), user.env, pace, patch))
        self._process.start()

    @property
    def err(self) -> str:
        path = self._base.with_suffix(".err")
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def send(self, how: int) -> None:
        if self._process.is_alive():
            os.kill(self._process.pid or 0, how)

    def kill(self) -> Run:
        self._process.kill()
        return self.wait()

    def interrupt(self, how: int = signal.SIGINT) -> Run:
        self.send(how)
        return self.wait(15)

    def wait(self, limit: float = LIMIT) -> Run:
        self._process.join(limit)
        cut = self._process.is_alive()
        if cut:
            self.send(signal.SIGINT)
            self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        out = self._base.with_suffix(".out")
        said = out.read_text("utf-8", "replace") if out.exists() else ""
        code = self._process.exitcode
        told = self._base.with_suffix(".code")  # a fork server may lose the status of a process; its own word does not
        if code and code > 0 and told.exists():
            code = int(told.read_text("utf-8"))
        return Run(self.arguments, -99 if code is None else code, said, self.err, self.began, time.time(), cut)


class User:
    """A state folder, an output folder, profiles."""

    def __init__(self, folder: Path, pace: Pace) -> None:
        self.folder, self.pace = folder, pace
        self.home, self.output = folder / "home", folder / "out"
        self.home.mkdir(parents=True, exist_ok=True)
        self.output.mkdir(exist_ok=True)
        self.count = 0
        self.runs: list[Run] = []
        self.profiles: dict[str, dict[str, Any]] = {}
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SORA_", "LC_", "LANG")) and not name.lower().endswith("_proxy")
        }
        state = {"SORA_HOME": str(self.home), "SORA_OUTPUT_DIR": str(self.output)}
        self.env = {
            **clean,
            **state,
            "ADV_KEY": KEY,
            "ADV_TOKEN": TOKEN,
            "LANG": "en_US.UTF-8",
            "PYTHONIOENCODING": "utf-8",
        }

    def profile(self, server: Server, name: str = "own", **settings: Any) -> None:
        """Written as the README says that it may be: by hand."""
        key = "ADV_TOKEN" if server.provider == "sora_web" else "ADV_KEY"
        lines = {"provider": server.provider, "base_url": server.url, "key_env": key, "poll_seconds": 0.5}
        if server.dialect:
            lines["dialect"] = server.dialect
        self.profiles[name] = {**lines, **server.settings, **settings}
        text = ""
        for profile, values in self.profiles.items():
            text += f"[profiles.{profile}]\n"
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items() if key != "extra")
            if values.get("extra"):
                text += f"[profiles.{profile}.extra]\n"
                text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in values["extra"].items())
        (self.home / "profiles.toml").write_text(text, "utf-8")
        # who writes by hand allows the variable, too
        allowed = {f"{facts['key_env']}@{facts['base_url']}" for facts in self.profiles.values()}
        self.env["SORA_TRUSTED_KEYS"] = " ".join(sorted(allowed))

    def start(self, *arguments: str, skew: float = 0.0, patch: str | None = None) -> Process:
        """``skew``: seconds by which its clock is ahead. ``patch``: Python that its process runs first, to be another
        computer, or another program that uses the public Engine."""
        return Process(self, arguments, replace(self.pace, skew=skew), patch)

    def run(self, *arguments: str, limit: float = LIMIT) -> Run:
        return self.keep(self.start(*arguments).wait(limit))

    def keep(self, run: Run) -> Run:
        self.runs.append(run)
        return run

    def jobs(self) -> list[dict[str, Any]]:
        """What the ledger says through the command, newest first."""
        run = self.start("jobs", "--json").wait()
        found: list[dict[str, Any]] = run.json if run.code == 0 else []
        return found

    def held(self) -> dict[str, Path]:
        """The videos that the user has, by what they say in their last box."""
        found = {}
        for path in sorted(self.output.rglob("*.mp4")):
            if name := maker(path.read_bytes()):
                found[name] = path
        return found


def until(true: Callable[[], object], limit: float = 20.0) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + limit
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _context() -> Any:
    if "forkserver" not in multiprocessing.get_all_start_methods() or os.environ.get("SORA_ADVERSARY_COLD"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["adversary._warm"])
    return context


def _command(arguments: tuple[str, ...], base: str, env: dict[str, str], pace: Pace, patch: str | None) -> None:
    """In the new process: what `python -m sora_core` does."""
    import runpy

    if hasattr(os, "setsid"):
        os.setsid()  # the terminal's Ctrl-C is for the tests, not for the command
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it runs in the background
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    for number, (path, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (f"{base}.out", _WRITE), (f"{base}.err", _WRITE))
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    if pace.speed != 1.0 or pace.skew:
        pace.make_it_so()
    if patch:
        exec(patch, {})
    sys.argv = ["sora-video", *arguments]
    try:
        runpy.run_module("sora_core", run_name="__main__", alter_sys=False)
    except SystemExit as end:
        Path(f"{base}.code").write_text(str(end.code or 0), "utf-8")
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
