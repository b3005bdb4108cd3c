"""Nodes of an API-format prompt, as the tests queue them."""

from __future__ import annotations

from typing import Any

OWN = {"profile": "own", "seed": 0}
SMALL = {"seconds": 2, "size": "320x180"}

Prompt = dict[str, Any]


def node(class_type: str, /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def t2v(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Text2Video", **{"prompt": prompt, **OWN, **SMALL, **inputs})


def i2v(prompt: str, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Image2Video", **{"prompt": prompt, **OWN, **SMALL, **inputs})


def board(script: str = "", **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Storyboard", **{"script": script, "prompt": "", **OWN, "size": "320x180", **inputs})


def shot(text: str, seconds: float, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Shot", text=text, seconds=seconds, **inputs)


def remix(prompt: str, source: Any, **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Remix", **{"prompt": prompt, **OWN, "source_job": source, **inputs})


def edit(prompt: str, operation: str = "edit", **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_Edit", **{"prompt": prompt, **OWN, "operation": operation, **inputs})


def gone(start: float = 0.0) -> dict[str, Any]:
    return node("SoraTest_Gone", path="/nowhere/clip.mp4", start=start)


def character(**inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_CreateCharacter", **{"profile": "relay", "name": "", **inputs})


def clean(**inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_RemoveWatermark", **{"source": "x", "profile": "own", "confirm_rights": True, **inputs})


def plain(width: int, height: int, count: int = 1) -> dict[str, Any]:
    return node("EmptyImage", width=width, height=height, batch_size=count, color=0x3366CC)


def resume(job_id: Any = "", **inputs: Any) -> dict[str, Any]:
    return node("SoraVideo_ResumeJob", **{"job_id": job_id, "profile": "own", **inputs})


def lines(*texts: str) -> dict[str, Any]:
    """A list of strings: the next node runs once for each."""
    return node("SoraTest_Strings", lines="\n".join(texts))


def inspect(**inputs: Any) -> dict[str, Any]:
    return node("SoraTest_Inspect", **{"save_as": "", **inputs})
