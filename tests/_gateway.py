"""The real preview gateway as a process of its own, and what its books say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent


class GatewayProcess:
    """`sora-video gateway`, on a random port of the loopback."""

    def __init__(self, *, speed: float = 20.0, key: str | None = None, is_hidden: bool = False) -> None:
        """``is_hidden``: the key comes by the environment, not as an argument."""
        command = [sys.executable, "-m", "sora_core", "gateway", "--speed", str(speed)]
        command += ["--key", key] if key and not is_hidden else []
        given = {"SORA_GATEWAY_KEY": key} if key and is_hidden else {}
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | given)
        self._admin = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(trust_env=False, timeout=10)  # one TLS context: making one takes longer than asking
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        assert line.startswith("listening on "), line
        self.url = line.removeprefix("listening on ")
        self._charges_before = 0
        self._requests_before: dict[str, int] = {}

    def __enter__(self) -> GatewayProcess:
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    @property
    def openai(self) -> str:
        return self.url + "/openai/v1"

    def stats(self) -> dict[str, Any]:
        return self._http.get(self.url + "/_gateway/stats", headers=self._admin).raise_for_status().json()

    def count_from_here(self) -> None:
        """What came before is not counted any more, so that tests can share the process."""
        stats = self.stats()
        self._charges_before, self._requests_before = stats["charges"], stats["requests"]

    @property
    def charges(self) -> int:
        return int(self.stats()["charges"]) - self._charges_before

    def requests(self, operation: str) -> int:
        counted = self.stats()["requests"].items()
        return sum(count - self._requests_before.get(name, 0) for name, count in counted if name.endswith(operation))

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._http.post(self.url + path, **body)

    def fault(self, *rules: dict[str, Any]) -> None:
        reply = self.post("/_gateway/faults", json={"faults": list(rules)}, headers=self._admin)
        reply.raise_for_status()

    def stop(self) -> None:
        self._http.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
        if self._process.stdout:
            self._process.stdout.close()
