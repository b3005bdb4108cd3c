"""An environment of its own for a server, outside of the project: made once per list of packages, and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from _servers import ServerKind

CACHE = Path(os.environ.get("SORA_TEST_CACHE", "") or Path.home() / ".cache" / "sora-video-tests")


class NotInstalled(Exception):
    """The packages cannot be had here."""


def python_of(kind: ServerKind) -> Path:
    """The interpreter of the server's environment. Raises NotInstalled."""
    wanted = hashlib.sha256("\n".join([*kind.bare, "", *kind.needs]).encode()).hexdigest()[:12]
    folder = CACHE / f"{kind.script or kind.name}-{wanted}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / ".installed"
    if done.exists() and python.exists():
        return python
    venv.create(folder, with_pip=_uv() is None, clear=True)
    _pip(python, *kind.needs)
    _pip(python, "--no-deps", *kind.bare)
    done.touch()
    return python


def _uv() -> str | None:
    """Faster than pip by far, where it is to be had."""
    return shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


def _pip(python: Path, *what: str) -> None:
    if not [each for each in what if not each.startswith("-")]:
        return
    uv = _uv()
    installer = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    command = [*installer, "--quiet", *what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    if done.returncode:
        raise NotInstalled(f"{' '.join(what)}: {done.stderr.strip()[-400:]}")
