"""What a Sora Settings node says, from its inputs: when it runs, and already when a prompt with it is queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..sora_core.requests.settings import combined, settings_of, settings_of_lines

NODE_ID = "SoraVideo_Settings"
SOUND = ("as the server decides", "on", "off")
# what each input holds when nobody has set it: the server decides
UNSET: Mapping[str, Any] = {
    "steps": 0,
    "guidance": -1.0,
    "guidance_2": -1.0,
    "fps": 0.0,
    "num_frames": 0,
    "flow_shift": 0.0,
    "lora": "",
    "sound": SOUND[0],
    "sound_seconds": 0.0,
    "more": "",
}
_FLAGS = {"on": True, "off": False}
_MOST_IN_A_CHAIN = 50


def told(inputs: Mapping[str, Any], before: Any = None) -> dict[str, Any]:
    """The plain settings of the inputs, over those ``before``. Raises InvalidRequest."""
    said = {**UNSET, **inputs}
    written = {
        "steps": said["steps"] or None,
        "guidance": None if said["guidance"] < 0 else said["guidance"],
        "guidance_2": None if said["guidance_2"] < 0 else said["guidance_2"],
        "fps": said["fps"] or None,
        "num_frames": said["num_frames"] or None,
        "flow_shift": said["flow_shift"] or None,
        "lora": [line.strip() for line in said["lora"].splitlines() if line.strip()] or None,
        "sound": said["sound_seconds"] or True if said["sound"] == "on" else _FLAGS.get(said["sound"]),
    }
    own = settings_of({name: value for name, value in written.items() if value is not None})
    return combined(
        combined(settings_of({} if before is None else before), own), settings_of_lines(said["more"])
    ).plain()


def told_at(link: Any, prompt: Mapping[str, Any]) -> dict[str, Any] | None:
    """The settings that come over a link of a queued prompt; None where they are not all written in it.

    Raises InvalidRequest.
    """
    chain: list[dict[str, Any]] = []
    while link is not None:
        node = prompt.get(str(link[0])) if isinstance(link, list) and len(link) == 2 else None
        if not isinstance(node, dict) or node.get("class_type") != NODE_ID or len(chain) > _MOST_IN_A_CHAIN:
            return None
        inputs = node.get("inputs")
        chain.append(dict(inputs) if isinstance(inputs, dict) else {})
        link = chain[-1].pop("settings", None)
    return told_by(chain[::-1])


def told_by(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The settings of several nodes, each over the one before; None for an input that ComfyUI would not take.

    Raises InvalidRequest.
    """
    if not all(_is_sound(name, value) for inputs in nodes for name, value in inputs.items()):
        return None
    said: dict[str, Any] = {}
    for inputs in nodes:
        said = told(inputs, said)
    return said


def _is_sound(name: str, value: Any) -> bool:
    """Whether it is of the type that ComfyUI takes for the input."""
    if isinstance(UNSET.get(name), str):
        return isinstance(value, str)
    return name in UNSET and isinstance(value, (int, float)) and not isinstance(value, bool)
