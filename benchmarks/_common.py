"""What every benchmark needs, in its child processes too: our own core, memory, fresh processes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20
T = TypeVar("T")


class Failed(RuntimeError):
    """A benchmark could not be measured; the message says why."""


def load_core() -> None:
    """Makes `sora_core` importable without putting the repository, which has a package `nodes`, on the path."""
    folder = ROOT / "sora_core"
    spec = importlib.util.spec_from_file_location(
        "sora_core", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["sora_core"] = module
    spec.loader.exec_module(module)


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run_child(python: str, script: str, *arguments: str, cwd: Path | None = None) -> dict[str, Any]:
    """Runs a script in a process of its own; the last line it prints is its result, as JSON."""
    run = run_raw(python, script, *arguments, cwd=cwd)
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return result


def peers_python() -> str:
    """The interpreter with the peers (torchcodec, decord, OpenCV): that of SORA_BENCH_PEERS, else this one."""
    return os.environ.get("SORA_BENCH_PEERS") or sys.executable


def missing_module(python: str, name: str) -> str:
    """Why the interpreter cannot import the module, in a line; empty where it can."""
    run = subprocess.run([python, "-c", f"import {name}"], capture_output=True, text=True, check=False)
    return run.stderr.strip().splitlines()[-1] if run.returncode else ""


def run_raw(python: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Raises Failed with the child's own words when the child fails."""
    run = subprocess.run([python, *arguments], cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    if run.returncode:
        raise Failed(f"{' '.join(arguments)} failed:\n{run.stderr[-3000:]}")
    return run


def timed(*commands: list[str], cwd: Path | None = None, **env: str) -> dict[str, float]:
    """Wall and CPU (user and system) seconds of programs, one after the other; what they print is dropped."""
    began, before = time.perf_counter(), os.times()
    for command in commands:
        subprocess.run(command, cwd=cwd, env={**_environment(), **env}, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": time.perf_counter() - began, "cpu": cpu}


def in_turn(contestants: Iterable[T], turn: int) -> list[T]:
    """The order of a turn: backwards every other time, so that it is not always the same one that comes first."""
    return list(contestants)[:: -1 if turn % 2 else 1]


def _environment() -> dict[str, str]:
    # one that is set for the parent would keep the child from the byte code that users have
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def say(text: str) -> None:
    """Progress, on stderr: stdout is for the figures."""
    print(text, file=sys.stderr, flush=True)
