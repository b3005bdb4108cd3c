"""A real ComfyUI as a process, on a base directory of its own, with this pack dropped into custom_nodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import requests

OURS = {"X-Sora-Video": "en"}  # what our routes want of whoever changes something
ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("__init__.py", "nodes", "sora_core", "web", "locales", "example_workflows", "pyproject.toml")


def patience(seconds: float) -> float:
    """What a wait of so many seconds on an idle machine may take on this one, as busy as it is now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return seconds * max(1.0, load / (os.cpu_count() or 1))


def checkouts() -> list[Path]:
    """COMFYUI_DIR (several with the path separator), comfy-cli's default workspace, ~/comfy/ComfyUI*."""
    named = [Path(each) for each in os.environ.get("COMFYUI_DIR", "").split(os.pathsep) if each]
    found = named or [*_comfy_cli_workspace(), *sorted((Path.home() / "comfy").glob("ComfyUI*"))]
    unique = {path.resolve(): path for path in found if (path / "main.py").is_file()}
    return list(unique.values())


def _comfy_cli_workspace() -> list[Path]:
    config = Path.home() / ".config" / "comfy-cli" / "config.ini"
    if not config.is_file():
        return []
    lines = config.read_text("utf-8").splitlines()
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    return [
        Path(value.strip()) for key, value in pairs.items() if key.strip() in ("default_workspace", "recent_workspace")
    ]


def python_of(checkout: Path) -> str:
    """COMFYUI_PYTHON; else the checkout's own environment; else the python3 on the path."""
    if os.environ.get("COMFYUI_PYTHON"):
        return os.environ["COMFYUI_PYTHON"]
    for name in (".venv", "venv"):
        for inner in ("bin/python", "Scripts/python.exe"):
            if (checkout / name / inner).is_file():
                return str(checkout / name / inner)
    return shutil.which("python3") or sys.executable


def version_of(checkout: Path) -> tuple[int, ...]:
    text = (checkout / "comfyui_version.py").read_text("utf-8")
    return tuple(int(part) for part in text.split('"')[1].split("."))


def install_requirements(python: str) -> None:
    """What the pack needs beyond ComfyUI's own requirements, as installing the pack does."""
    if subprocess.run([python, "-c", "import httpx, socksio, Crypto"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "httpx[socks]", "pycryptodome"], check=True)


def install_pack(base: Path, folder: str) -> Path:
    """Copies what a user's folder holds; a copy shows that nothing outside of it is needed."""
    target = base / "custom_nodes" / folder
    target.mkdir(parents=True)
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy2(source, target / name)
    return target


class ComfyUI:
    """One running server. ``restart(kill=True)`` is a crash."""

    def __init__(
        self,
        checkout: Path,
        base: Path,
        *,
        folder: str = "sora-video-nodes",
        env: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
    ):
        self.checkout = checkout
        self.base = base
        self.client_id = uuid.uuid4().hex
        self._env = {**os.environ, "SORA_PREVIEW_SPEED": "20", **(env or {})}
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.log = base / "comfyui.log"
        self.port = 0
        install_requirements(python_of(checkout))
        self.pack = install_pack(base, folder)
        self._folder = folder

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *extra: str) -> None:
        self.port = self.port or _free_port()  # as before, when it is started again: pages are open on it
        command = [
            python_of(self.checkout), "main.py", "--cpu", "--disable-auto-launch", "--port", str(self.port),
            "--base-directory", str(self.base), "--database-url", "sqlite:///:memory:", "--disable-api-nodes",
            *self._arguments, *extra,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.checkout, env=self._env, stdout=log, stderr=log)
        deadline = time.monotonic() + patience(180)
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(requests.RequestException):
                if requests.get(self.url + "/system_stats", timeout=2).ok:
                    return
            time.sleep(0.2)
        raise RuntimeError(f"ComfyUI did not start:\n{self.log.read_text('utf-8', 'replace')[-4000:]}")

    def stop(self, *, kill: bool = False) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if kill and os.name == "posix" else signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        self._process = None

    def object_info(self, node: str) -> dict[str, Any]:
        return requests.get(f"{self.url}/object_info/{node}", timeout=30).json().get(node, {})

    def queue(self, prompt: dict[str, Any], *, workflow: dict[str, Any] | None = None) -> str:
        """Posts an API-format prompt; its id. Raises with the server's own words when it is refused."""
        extra = {"extra_pnginfo": {"workflow": workflow}} if workflow else {}
        body = {"prompt": prompt, "client_id": self.client_id, "extra_data": extra}
        reply = requests.post(self.url + "/prompt", json=body, timeout=60)
        if not reply.ok:
            raise Refused(reply.json())
        return str(reply.json()["prompt_id"])

    def wait(self, prompt_id: str, timeout: float = 120) -> dict[str, Any]:
        """The finished prompt's history entry."""
        deadline = time.monotonic() + patience(timeout)
        while time.monotonic() < deadline:
            history = requests.get(f"{self.url}/history/{prompt_id}", timeout=30).json()
            if prompt_id in history:
                return history[prompt_id]
            time.sleep(0.1)
        raise TimeoutError(f"prompt {prompt_id} is not done:\n{self.log.read_text('utf-8', 'replace')[-3000:]}")

    def run(self, prompt: dict[str, Any], timeout: float = 120) -> dict[str, Any]:
        return self.wait(self.queue(prompt), timeout)

    def run_watched(self, prompt: dict[str, Any], timeout: float = 120) -> list[dict[str, Any]]:
        """What an open page is told while the prompt runs, without the pictures."""
        return asyncio.run(asyncio.wait_for(self._watch(prompt), timeout))

    async def _watch(self, prompt: dict[str, Any]) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        socket_url = f"{self.url}/ws?clientId={self.client_id}".replace("http", "ws", 1)
        async with aiohttp.ClientSession() as session, session.ws_connect(socket_url) as socket:
            prompt_id = await asyncio.to_thread(self.queue, prompt)
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    continue
                event = json.loads(message.data)
                told.append(event)
                done = event["type"] == "executing" and event["data"]["node"] is None
                if done and event["data"].get("prompt_id") == prompt_id:
                    break
        return told

    def post(self, path: str, body: Any = None) -> requests.Response:
        return requests.post(self.url + path, json=body, headers=OURS, timeout=60)

    def delete(self, path: str, body: Any = None) -> requests.Response:
        return requests.delete(self.url + path, json=body, headers=OURS, timeout=60)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=60)


class Refused(Exception):
    """POST /prompt said no; the argument is its answer."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(checkout: Path, base: Path, **options: Any) -> Iterator[ComfyUI]:
    comfy = ComfyUI(checkout, base, **options)
    try:
        comfy.start()
        yield comfy
    finally:
        comfy.stop()
