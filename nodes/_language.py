"""The language of whoever reads: that of the page that asked, else the one that is set in ComfyUI."""

from __future__ import annotations

import functools
import json
from contextvars import ContextVar
from pathlib import Path

from ..sora_core import texts
from . import _host as host

_SETTING = "Comfy.Locale"

of_request: ContextVar[str] = ContextVar("sora_video_language", default="")


def speak_the_language_of_the_page() -> None:
    texts.ask_for_language(lambda: of_request.get() or _set_in_comfyui())


def _set_in_comfyui() -> str:
    path = host.settings_file()
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return ""


@functools.lru_cache(maxsize=1)
def _read(path: Path, _stamp: int) -> str:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:  # half written, or not ours to judge
        return ""
    value = found.get(_SETTING, "") if isinstance(found, dict) else ""
    return value if isinstance(value, str) else ""
