"""Where files of nodes go, and how the page names them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.models import Destination
from . import _host as host


def destination_of(filename_prefix: str, hidden: Any) -> Destination:
    """Below the output folder, named as ComfyUI names files. Raises InvalidRequest for a path outside."""
    check_prefix(filename_prefix)
    folder, stem = host.save_path(filename_prefix)
    return Destination(folder, stem, metadata=_metadata(hidden))


def check_prefix(filename_prefix: str) -> None:
    """Raises InvalidRequest for one that names no file below the output folder."""
    output = host.output_folder().resolve()
    wanted = output / os.path.normpath(filename_prefix)
    if not wanted.name or not filename_prefix.strip() or not wanted.parent.resolve().is_relative_to(output):
        raise InvalidRequest("node.filename_prefix_does_not_name", filename_prefix=filename_prefix)


def _metadata(hidden: Any) -> dict[str, Any] | None:
    """What core's SaveVideo embeds, so that dropping the file on the canvas restores the graph."""
    if not host.embeds_metadata():
        return None
    metadata = dict(hidden.extra_pnginfo or {})
    if hidden.prompt is not None:
        metadata["prompt"] = hidden.prompt
    return metadata or None


def shown_in_player(path: Path) -> list[dict[str, str]]:
    """The file as the UI names it; empty when it lies outside of the output folder."""
    output = host.output_folder()
    try:
        relative = path.resolve().relative_to(output.resolve())
    except ValueError:
        return []
    return [{"filename": relative.name, "subfolder": relative.parent.as_posix().strip("."), "type": "output"}]
