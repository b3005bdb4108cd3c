"""The front ends that ComfyUI's page is tried in: what each checkout pins, and the newest of the package registry."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from comfyui_process import checkouts, python_of, version_of

PACKAGE = "comfyui-frontend-package"
_VERSION_OF = f"import importlib.metadata as it; print(it.version({PACKAGE!r}))"


@dataclass(frozen=True)
class PageHost:
    """A checkout and the front end that it serves. ``static`` None: the one that it pins."""

    checkout: Path
    static: Path | None = None

    @property
    def arguments(self) -> list[str]:
        return ["--front-end-root", str(self.static)] if self.static else []

    @property
    def version(self) -> str:
        """Of the front end."""
        return self.static.parent.parent.name if self.static else _pinned(self.checkout)


def page_hosts() -> list[PageHost]:
    """Every checkout with its own front end, and the newest checkout with the registry's newest one."""
    found = [PageHost(each) for each in checkouts()]
    if not found:
        return []
    newest = _newest()
    if newest and newest.name not in (each.version for each in found):
        top = max(found, key=lambda each: version_of(each.checkout))
        found.append(PageHost(top.checkout, newest / "comfyui_frontend_package" / "static"))
    return found


def _pinned(checkout: Path) -> str:
    return subprocess.run(
        [python_of(checkout), "-c", _VERSION_OF], capture_output=True, text=True, check=True
    ).stdout.strip()


def _newest() -> Path | None:
    """Its unpacked wheel, in a folder named by its version; of an earlier day when the registry cannot be reached."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sora-video-nodes" / "front-ends"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as fresh:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", fresh, PACKAGE]
        subprocess.run(command, capture_output=True)
        for wheel in Path(fresh).glob("*.whl"):
            target = cache / wheel.name.split("-")[1]
            if not target.is_dir():
                unpacked = Path(fresh) / "unpacked"
                zipfile.ZipFile(wheel).extractall(unpacked)
                unpacked.rename(target)
    known = [path for path in cache.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", path.name)]
    return max(known, key=lambda path: tuple(map(int, path.name.split("."))), default=None)
