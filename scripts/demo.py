"""The main job, free and without a key: a clip on the preview gateway, in a real ComfyUI when one is found."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from comfyui_process import ROOT, checkouts, running, version_of

PROMPT = "A paper boat drifts down a rain-soaked street at dusk, neon reflections, slow dolly shot"


def main() -> int:
    target = ROOT / "output"
    target.mkdir(exist_ok=True)
    found = checkouts()
    video = _in_comfyui(max(found, key=version_of), target) if found else None
    if video is None:
        print("No ComfyUI was found (COMFYUI_DIR, comfy-cli's workspace, ~/comfy/ComfyUI): using the command.")
        video = _by_command(target)
    _show(video)
    return 0


def _in_comfyui(checkout: Path, target: Path) -> Path | None:
    print(f"Starting the ComfyUI in {checkout} on a temporary folder, with this pack in custom_nodes ...")
    graph = json.loads((ROOT / "api_examples" / "text_to_video.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as base:
        try:
            with running(checkout, Path(base), env={"SORA_PREVIEW_SPEED": "4"}) as comfy:
                print(f"POST {comfy.url}/prompt  (api_examples/text_to_video.json)")
                entry = comfy.run(graph, timeout=300)
                produced = Path(next(iter(entry["outputs"].values()))["text"][0])
                kept = target / produced.name
                for suffix in (".mp4", ".json"):
                    kept.with_suffix(suffix).write_bytes(produced.with_suffix(suffix).read_bytes())
                return kept
        except RuntimeError as error:
            print(f"That ComfyUI did not start, so it goes without: {error}", file=sys.stderr)
            return None


def _by_command(target: Path) -> Path:
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "SORA_HOME": home, "SORA_OUTPUT_DIR": str(target)}
        command = [sys.executable, "-m", "sora_core", "generate", PROMPT, "--seconds", "5"]
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
        return Path(done.stdout.strip())


def _show(video: Path) -> None:
    facts = json.loads(video.with_suffix(".json").read_text("utf-8"))
    print(f"\n{video}")
    print(f"{facts['width']}x{facts['height']}, {facts['fps']:g} fps, {facts['seconds']:g} s, job {facts['job_id']}")
    opener = {"Darwin": ["open"], "Windows": ["cmd", "/c", "start", ""]}.get(platform.system(), ["xdg-open"])
    if sys.stdout.isatty() and (platform.system() != "Linux" or os.environ.get("DISPLAY")):
        subprocess.run([*opener, str(video)], check=False)


if __name__ == "__main__":
    sys.exit(main())
