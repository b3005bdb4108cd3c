"""Whom the client talks to: a server of others, a cassette of one, or the gateway."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from _cassette import Cassette, Scenario
from _environment import python_of
from _gateway import GatewayProcess
from _servers import SERVERS, ServerKind
from _wire import RecordingLine, Tape

from sora_core.conformance.peer import Peer
from sora_core.conformance.recipes import KEY, WRONG_KEY, Recipe
from sora_core.conformance.wire import FELL_OVER, Wire

LAUNCH = Path(__file__).parent / "launch"
SECRETS = {KEY: "@key", WRONG_KEY: "@wrong-key"}
FATES: dict[str, tuple[dict[str, Any], ...]] = {
    "fails": tuple({"on": on, "do": "fail", "code": "boom", "message": FELL_OVER} for on in ("create", "remix")),
    "never ends": ({"on": "create", "do": "stuck"},),
    **{
        name: ({"on": "create", "do": "status", "status": status, "body": body},)
        for name, (status, body) in {
            "no quota": (429, {"error": {"code": "insufficient_quota", "message": "no"}}),
            "no quota, in words": (403, {"error": {"message": "用户额度不足"}}),
            "moderated": (400, {"error": {"code": "content_policy_violation"}}),
            "moderated, in words": (400, {"error": {"message": "提示词违规"}}),
            "moderated, within": (400, {"code": "x", "message": '{"error":{"code":"moderation_blocked"}}'}),
            "refused": (400, {"error": {"message": "no such thing"}}),
            "invalid": (422, {"detail": [{"loc": ["body", "n"], "msg": "bad"}]}),
        }.items()
    },
    "busy": ({"on": "create", "do": "status", "status": 429, "headers": {"Retry-After": "0.1"}, "times": 2},),
    "expired": ({"on": "content", "do": "expire"},),
    "strange word": ({"on": "retrieve", "do": "status", "status": 200, "body": {"id": "x", "status": "levitating"}},),
}
_START_SECONDS = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealServer(Peer):
    """A process with a server's own HTTP layer."""

    def __init__(self, kind: ServerKind, folder: Path, clip: bytes) -> None:
        self.kind = kind
        self._folder = folder
        self._clip = clip
        self._gateway = GatewayProcess(speed=40, key=KEY) if kind.behind == "gateway" else None
        self._server = (
            RealServer(SERVERS[kind.behind], _made(folder / "behind"), clip) if kind.behind in SERVERS else None
        )
        self._behind = self._gateway.openai if self._gateway else f"{self._server.url}/v1" if self._server else ""
        self._port = free_port()
        self._journal = folder / "journal.jsonl"
        self._journal.touch()
        self._read = 0
        self._log = folder / "log.txt"
        self._python = python_of(kind)
        (folder / "clip.mp4").write_bytes(clip)
        self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _start(self) -> None:
        local = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env = {
            **local, "CONFORMANCE_CLIP": str(self._folder / "clip.mp4"), "CONFORMANCE_JOURNAL": str(self._journal),
            "XDG_DATA_HOME": str(self._folder), "DYN_FILE_KV": str(self._folder / "kv"), "HF_HUB_OFFLINE": "1",
            "HOME": str(self._folder), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **self.kind.env,
        }  # fmt: skip
        script = LAUNCH / f"run_{(self.kind.script or self.kind.name).replace('-', '_')}.py"
        command = [self._python, script, "--port", str(self._port), *self.kind.arguments]
        command += ["--behind", self._behind] if self._behind else []
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        headers = {"authorization": f"Bearer {KEY}"}
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                reply = httpx.get(self.url + self.kind.ready, headers=headers, trust_env=False, timeout=10)
                if reply.is_success and (self.kind.ready != "/v1/models" or reply.json()["data"]):
                    return
            time.sleep(0.3)
        self.close()
        raise RuntimeError(f"{self.kind.title} did not start:\n{self._log.read_text('utf-8', 'replace')[-3000:]}")

    @contextlib.contextmanager
    def line(self, scenario: str, secrets: Mapping[str, str]) -> Iterator[Wire]:
        self._read = len(self._entries())
        if self._gateway:
            self._gateway.fault()
        with RecordingLine(self.url, self._clip, {**secrets, str(self._folder): "@folder"}) as line:
            yield line

    def order(self, fate: str) -> None:
        if self._gateway:
            self._gateway.fault(*FATES[fate])

    def break_answers(self, how: dict[str, Any]) -> None:
        assert self._gateway, "only the gateway behind a proxy does that"
        self._gateway.fault({"on": "create", "when": "after", "times": None, **how})

    def _entries(self) -> list[dict[str, Any]]:
        if self._gateway:
            return list(self._gateway.stats()["jobs"])
        if self._server:
            return self._server._entries()
        return [json.loads(line) for line in self._journal.read_text("utf-8").splitlines()]

    def journal(self) -> list[dict[str, Any]]:
        return self._entries()[self._read :]

    def restart(self) -> None:
        self._stop()
        self._start()

    def close(self) -> None:
        self._stop()
        if self._gateway:
            self._gateway.stop()
        if self._server:
            self._server.close()

    def _stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 15)
        try:
            self._process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait(10)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class Recorded(Peer):
    """A cassette in the place of its server."""

    hasty = True
    poll_seconds = 0.05

    def __init__(self, cassette: Cassette, clip: bytes) -> None:
        self._cassette = cassette
        self._clip = clip
        self._scenario = Scenario()

    @contextlib.contextmanager
    def line(self, scenario: str, secrets: Mapping[str, str]) -> Iterator[Wire]:
        self._scenario = self._cassette.scenarios[scenario]
        with Tape(self._scenario.exchanges, self._clip, {**secrets}) as tape:
            yield tape
            assert not tape.complaints, "not as it was recorded; record anew with scripts/servers:\n" + "\n".join(
                tape.complaints
            )

    def journal(self) -> list[dict[str, Any]]:
        return self._scenario.journal

    def break_answers(self, how: dict[str, Any]) -> None:
        pass  # it is on the tape


class PreviewGateway(Peer):
    """Our own gateway, which keeps the books of what was charged."""

    poll_seconds = 0.05

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway

    @contextlib.contextmanager
    def line(self, scenario: str, secrets: Mapping[str, str]) -> Iterator[Wire]:
        self._gateway.fault()
        with RecordingLine(self._gateway.url, b"", secrets) as line:
            yield line

    def charges(self, wire: Wire) -> int:
        return self._gateway.charges

    def journal(self) -> list[dict[str, Any]]:
        return list(self._gateway.stats()["jobs"])

    def order(self, fate: str) -> None:
        self._gateway.fault(*FATES[fate])

    def break_answers(self, how: dict[str, Any]) -> None:
        self._gateway.fault({"on": "create", "when": "after", "times": 2, **how})


def cassette_path(folder: Path, recipe: Recipe) -> Path:
    return folder / f"{recipe.title}.json"
