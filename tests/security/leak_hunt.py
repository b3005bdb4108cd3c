"""The leak hunt: planted secrets, runs that end in every way, and a search of everything that is left behind.

A key, a session token, a refresh token, an account's token for a relay, a parse token, the password of a proxy and
signed links are planted, in the command and in a running ComfyUI. Then every file, every output, every answer, every
frame of the page's socket, every log, the arguments of every process and every clip is searched, in every spelling.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import _comfyui_hunt
import _command_hunt
from _hostile import SECRETS, a_clip
from _search import Place, hits, spellings


def command(folder: Path) -> list[str]:
    state = folder / "state"
    state.mkdir()
    found = _command_hunt.hunt(state, a_clip(folder / "clip.mp4"))
    print(f"Command: {len(found.exits)} runs ({_ends(found.exits)})")
    return searched(list(found.places()))


def comfyui(folder: Path) -> list[str]:
    found = _comfyui_hunt.hunt(folder / "comfyui", a_clip(folder / "clip.mp4"))
    print(f"ComfyUI {found.version}: {len(found.ends)} graphs ({_ends(found.ends)})")
    print(f"{len(found.operations)} routes of ours and {len(_comfyui_hunt.THEIRS)} of ComfyUI; {found.frames} frames")
    leaks = searched(found.before)
    print(f"A leak made on purpose was found in {len(found.planted)} kinds of places: {', '.join(found.planted)}")
    return leaks


def searched(places: list[Place]) -> list[str]:
    """Says how much that was."""
    size = sum(len(data) for _, data in places) / 2**20
    print(f"{len(places)} places, {size:.1f} MiB, {len(SECRETS)} secrets in {len(spellings('x' * 20))} spellings each")
    leaks = hits(places, SECRETS)
    print(*leaks or ["0 hits"], sep="\n", flush=True)
    return leaks


def _ends(ends: dict[str, object]) -> str:
    return ", ".join(f"{name}: {end}" for name, end in sorted(ends.items()))


def main() -> int:
    """The whole hunt, or the one that is named; what was searched, and every hit."""
    hunts = {"command": command, "comfyui": comfyui}
    leaks = []
    for name in sys.argv[1:] or hunts:
        with tempfile.TemporaryDirectory() as folder:
            leaks += hunts[name](Path(folder))
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
