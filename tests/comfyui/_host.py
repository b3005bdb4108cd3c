"""What the tests in a real ComfyUI share."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _gateway import GatewayProcess
from _trust import trust_all
from comfyui_front_ends import PageHost
from comfyui_process import ComfyUI, Refused, checkouts, python_of, running

__all__ = [
    "KEY", "ComfyUI", "Refused", "Stage", "Stages", "checkouts", "error_of", "outputs_of", "progress_of",
    "python_of", "running",
]  # fmt: skip

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


class Stages:
    """Those that were asked for, each started once."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._found: dict[PageHost, Stage | Exception] = {}

    def on(self, host: PageHost) -> Stage:
        if host not in self._found:
            try:
                self._found[host] = _start(host, self._folders.mktemp("comfy"))
            except RuntimeError as error:  # its log is told once, and it is not waited for by every test
                self._found[host] = error
                pytest.fail(f"{host}: {error}")
        found = self._found[host]
        if isinstance(found, Exception):
            pytest.fail(f"{host} did not start; its log is with the first test that wanted it.")
        return found

    def stop(self) -> None:
        for each in self._found.values():
            if isinstance(each, Stage):
                each.comfy.stop()
                each.gateway.stop()


def _start(host: PageHost, base: Path) -> Stage:
    gateway = GatewayProcess(speed=20, key=KEY)
    shutil.copytree(Path(__file__).resolve().parent / "testing_pack", base / "custom_nodes" / "testing_pack")
    home = base / "user" / "__sora_video"
    home.mkdir(parents=True)
    (home / "profiles.toml").write_text(
        f'[profiles.own]\nprovider = "openai"\nbase_url = "{gateway.openai}"\nkey_env = "SORA_TEST_KEY"\n'
        'dialect = "preview"\npoll_seconds = 0.2\n'
        f'[profiles.keyless]\nprovider = "openai"\nbase_url = "{gateway.openai}"\nkey_env = "SORA_NO_KEY"\n'
        # their protocols make characters and clean links
        + "".join(
            f'[profiles.{name}]\nprovider = "{provider}"\nbase_url = "{gateway.url}/{provider}/v1"\n'
            'key_env = "SORA_TEST_KEY"\npoll_seconds = 0.2\n'
            for name, provider in (("relay", "newapi"), ("links", "skyriff"))
        )
        + f'[profiles.two]\nprovider = "openai"\nbase_url = "{gateway.openai}"\nkey_env = "SORA_TEST_KEY"\n'
        'dialect = "preview"\npoll_seconds = 0.2\nmax_jobs = 2\n'
    )
    trust_all(home)
    # a name with a dash and an at sign is what the registry and the Manager make of it
    keys = {"SORA_TEST_KEY": KEY, "SORA_TEST_SESSION": f"sess-{KEY}"}
    comfy = ComfyUI(host.checkout, base, folder="sora-video-nodes@0.1.0", env=keys, arguments=host.arguments)
    try:
        comfy.start()
    except RuntimeError:
        comfy.stop()
        gateway.stop()
        raise
    return Stage(comfy, gateway, home)


def refusal_of(comfy: ComfyUI, prompt: dict[str, Any], where: str) -> str:
    """What is said on the node when the prompt is queued and refused as a whole."""
    try:
        comfy.queue(prompt)
    except Refused as refused:
        return " ".join(error["details"] for error in refused.args[0]["node_errors"][where]["errors"])
    raise AssertionError("it was not refused")


def error_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The execution_error (or execution_interrupted) message of a history entry."""
    for kind, data in entry["status"]["messages"]:
        if kind in ("execution_error", "execution_interrupted"):
            return {"kind": kind, **data}
    raise AssertionError(f"no error in {json.dumps(entry['status'])[:500]}")


def progress_of(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page was told of the jobs that nodes wait for, from what run_watched saw."""
    return [each["data"] for each in told if each["type"] == "sora_video.progress"]


def outputs_of(entry: dict[str, Any]) -> dict[str, Any]:
    assert entry["status"]["status_str"] == "success", json.dumps(entry["status"])[:3000]
    return entry["outputs"]
