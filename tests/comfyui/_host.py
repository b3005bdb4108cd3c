"""What the tests in a real ComfyUI share."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
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

    def most_at_once(self, prompt_id: str, texts: Sequence[str]) -> int:
        """How many jobs with these prompts the gateway ever had under way at the same time, until the graph ended."""
        most = 0
        while prompt_id not in self.comfy.get(f"/history/{prompt_id}").json():
            ours = [each for each in self.gateway.stats()["jobs"] if each["prompt"] in texts]
            most = max(most, sum(each["status"] in ("queued", "running") for each in ours))
            time.sleep(0.05)
        return most


def error_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The execution_error (or execution_interrupted) message of a history entry."""
    for kind, data in entry["status"]["messages"]:
        if kind in ("execution_error", "execution_interrupted"):
            return {"kind": kind, **data}
    raise AssertionError(f"no error in {json.dumps(entry['status'])[:500]}")


def outputs_of(entry: dict[str, Any]) -> dict[str, Any]:
    assert entry["status"]["status_str"] == "success", json.dumps(entry["status"])[:3000]
    return entry["outputs"]
