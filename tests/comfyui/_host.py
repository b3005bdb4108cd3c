"""What the tests in a real ComfyUI share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _gateway import GatewayProcess
from comfyui_process import ComfyUI, Refused, checkouts, python_of, running

__all__ = ["KEY", "ComfyUI", "Refused", "Stage", "checkouts", "error_of", "outputs_of", "python_of", "running"]

KEY = "test-key-4f1b77c0d2e9"  # the gateway's; must be found in nothing that is written


@dataclass
class Stage:
    """A running ComfyUI, and a gateway that its profile `own` charges."""

    comfy: ComfyUI
    gateway: GatewayProcess
    home: Path


def error_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The execution_error (or execution_interrupted) message of a history entry."""
    for kind, data in entry["status"]["messages"]:
        if kind in ("execution_error", "execution_interrupted"):
            return {"kind": kind, **data}
    raise AssertionError(f"no error in {json.dumps(entry['status'])[:500]}")


def outputs_of(entry: dict[str, Any]) -> dict[str, Any]:
    assert entry["status"]["status_str"] == "success", json.dumps(entry["status"])[:3000]
    return entry["outputs"]
