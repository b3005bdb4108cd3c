"""axe-core in the page: what keeps people who use a keyboard or a screen reader out."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from comfyui._browser import Tab

VERSION = "4.14.1"
_RUN = """async (selector) => {
  const {violations} = await axe.run(selector, {resultTypes: ['violations']})
  return violations.flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) => `${id}: ${html} ${failureSummary}`))
}"""


def violations(tab: Tab, selector: str) -> list[str]:
    """Everything that axe finds wrong below the selector."""
    tab.page.evaluate(_source())
    found: Any = tab.page.evaluate(_RUN, selector)
    return [str(each) for each in found]


def _source() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sora-video-nodes"
    script = cache / f"axe-core-{VERSION}.js"
    if not script.is_file():
        if not shutil.which("npm"):
            pytest.skip("npm is not there to get axe-core")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", "--silent", f"axe-core@{VERSION}"], cwd=folder, check=True)
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
                source = package.extractfile("package/axe.min.js")
                assert source
                cache.mkdir(parents=True, exist_ok=True)
                script.write_bytes(source.read())
    return script.read_text("utf-8")
