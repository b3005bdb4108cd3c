"""schemathesis against the routes of a real ComfyUI: what docs/openapi.json allows, and what it does not.

It lives in an environment of its own, below .cache/: it would change what the tests' environment has.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from comfyui_process import ROOT, checkouts, running, version_of

HOME = ROOT / ".cache" / "schemathesis"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = "25"  # of each operation and phase


def tool() -> Path:
    """The installed command."""
    command = HOME / ("Scripts/schemathesis.exe" if sys.platform == "win32" else "bin/schemathesis")
    if not command.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        python = command.with_name("python.exe" if sys.platform == "win32" else "python")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "schemathesis>=4"], check=True)
    return command


def main() -> int:
    found = checkouts()
    if not found:
        sys.exit("No ComfyUI was found (COMFYUI_DIR, comfy-cli's workspace, ~/comfy/ComfyUI).")
    with tempfile.TemporaryDirectory() as base, running(max(found, key=version_of), Path(base)) as comfy:
        command = [
            str(tool()), "run", str(ROOT / "docs" / "openapi.json"), "--url", comfy.url, "--header", "X-Sora-Video: en",
            "--checks", CHECKS, "--max-examples", EXAMPLES, "--seed", "1", *sys.argv[1:],
        ]  # fmt: skip
        return subprocess.run(command, cwd=base).returncode


if __name__ == "__main__":
    sys.exit(main())
