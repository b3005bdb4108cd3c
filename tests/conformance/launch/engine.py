"""The stub that stands where a server's engine would generate: it copies a small clip, and obeys words in the prompt.

    [slow 2.5]  takes so many seconds          [fails]  the generation breaks

What it was asked for goes to the journal, one JSON object a line: proof of what arrived and how often work was done.
The environment names both files. Standard library only: it runs in the servers' own environments.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

STAGES = {"text_encoding": 0.25, "denoising": 1.5}  # seconds, as an engine that measures itself says them
PEAK_MB = 2048.0
FELL_OVER = "the model fell over"


class Result(SimpleNamespace):
    """What a server asks of a generation beside the file: nothing is there."""

    def __getattr__(self, name: str) -> None:
        return None


def clip() -> bytes:
    return Path(os.environ["CONFORMANCE_CLIP"]).read_bytes()


def digest(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()[:16]


def of_file(path: str | os.PathLike[str]) -> str:
    return digest(Path(path).read_bytes())


def pixels(image: Any) -> str:
    """Of a picture that the server has decoded."""
    return digest(image.convert("RGB").tobytes())


def note(prompt: str, **facts: Any) -> None:
    with Path(os.environ["CONFORMANCE_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(json.dumps({"prompt": prompt, **facts}, ensure_ascii=False, default=str) + "\n")


def wait_seconds(prompt: str) -> float:
    found = re.search(r"\[slow ([\d.]+)\]", prompt)
    return float(found[1]) if found else 0.0


def check(prompt: str) -> None:
    if "[fails]" in prompt:
        raise RuntimeError(FELL_OVER)


def generate(prompt: str, path: str | os.PathLike[str] | None = None, **facts: Any) -> bytes:
    """Blocks for as long as the prompt says. Raises RuntimeError when it says so."""
    note(prompt, **facts)
    time.sleep(wait_seconds(prompt))
    check(prompt)
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(clip())
    return clip()


def another(number: int) -> bytes:
    """The clip with its number behind it, in a box that players skip."""
    return clip() + b"\0\0\0\x09free" + bytes([number])
