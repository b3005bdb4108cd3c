"""What every benchmark needs: ComfyUI's checkout, our own core, memory, fresh processes, a table."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def comfyui() -> Path | None:
    """The checkout to compare with: COMFYUI_DIR, else ~/comfy/ComfyUI; None when there is none."""
    folder = Path(os.environ.get("COMFYUI_DIR") or Path.home() / "comfy" / "ComfyUI").expanduser()
    return folder if (folder / "comfy_api").is_dir() else None


def python_of(checkout: Path | None) -> str:
    """The interpreter that this ComfyUI runs in, else our own."""
    if checkout:
        for name in (".venv/bin/python", "venv/bin/python", ".venv/Scripts/python.exe", "venv/Scripts/python.exe"):
            if (checkout / name).exists():
                return str(checkout / name)
    return sys.executable


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


def run_child(python: str, script: str, *arguments: str) -> dict[str, Any]:
    """Runs a script in a process of its own; the last line it prints is its result, as JSON."""
    run = subprocess.run([python, script, *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{script} {' '.join(arguments)} failed:\n{run.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return result


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
