"""What is decided when a prompt is queued, before ComfyUI validates it and makes its cache keys."""

from __future__ import annotations

import functools
from typing import Any

from . import _host as host

FRAMES_SLOT, AUDIO_SLOT = 1, 2


def resolve_auto_frames_when_queued() -> None:
    """Writes `frames = auto` out when a prompt is queued.

    ComfyUI's cache does not know which sockets are connected. Written into the node's inputs, the
    decision is part of the cache key: connecting the socket later runs the node again.
    """
    host.on_prompt(_resolve_auto_frames)


def _resolve_auto_frames(request: dict[str, Any]) -> dict[str, Any]:
    prompt = request.get("prompt")
    if not isinstance(prompt, dict):
        return request
    nodes = {node_id: node for node_id, node in prompt.items() if isinstance(node, dict)}
    inputs = [node["inputs"] for node in nodes.values() if isinstance(node.get("inputs"), dict)]
    links = {(str(value[0]), value[1]) for each in inputs for value in each.values() if _is_link(value)}
    for node_id, node in nodes.items():
        if str(node.get("class_type", "")) in _decoding_nodes() and isinstance(node.get("inputs"), dict):
            wanted = bool(links & {(str(node_id), FRAMES_SLOT), (str(node_id), AUDIO_SLOT)})
            if node["inputs"].get("frames", "auto") == "auto":
                node["inputs"]["frames"] = "decode" if wanted else "skip"
    return request


def _is_link(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and isinstance(value[0], (str, int))
    )


@functools.cache
def _decoding_nodes() -> frozenset[str]:
    from . import NODES

    schemas = [node.GET_SCHEMA() for node in NODES]
    return frozenset(schema.node_id for schema in schemas if any(each.id == "frames" for each in schema.inputs))
