"""The hunt in a running ComfyUI with debug logs: graphs that end in every way, a crash, a kill, every route.

What is searched: every answer, every frame of an open page's socket, the log, the process list, and all that lies in
ComfyUI's base folder. Then a node leaks a secret of its own on purpose: a search that does not find it everywhere is
no search.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import requests
from _hostile import SECRETS, Hostile
from _search import Place, files_below, hits
from _trust import trust_all
from comfyui_process import OURS, ROOT, ComfyUI, Refused, checkouts, version_of

OPERATIONS = [
    (method.upper(), path)
    for path, methods in json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"].items()
    for method in methods
]
THEIRS = (
    "/history", "/queue", "/object_info", "/internal/logs", "/internal/logs/raw", "/system_stats", "/prompt",
    "/settings", "/features", "/extensions", "/internal/folder_paths", "/internal/files/output",
    "/internal/files/input", "/internal/files/temp",
)  # fmt: skip
WAYS = ("ok", "fails", "dead", "401", "402", "400", "429", "500", "page", "broken", "away")
PLANTED = {"planted": "P1anted/on+purpose=0a9b8c7d6e~5f4A"}
# where the planted one has to be found, by how the places' names begin
KINDS = (
    "answer of GET /history", "answer of GET /queue", "answer of GET /object_info", "answer of GET /internal/logs",
    "answer of GET /system_stats", "answer of GET /sora_video/jobs", "answer of GET /sora_video/jobs/{job_id}/graph",
    "frame", "process list", "comfyui.log", "input/", "temp/", "output/", "metadata of output/",
    "user/__sora_video/jobs.sqlite, table jobs", "user/__sora_video/jobs.sqlite, table workflows",
)  # fmt: skip


@dataclass
class Found:
    version: str
    ends: dict[str, Any] = field(default_factory=dict)  # of each graph
    operations: set[tuple[str, str]] = field(default_factory=set)
    frames: int = 0
    before: list[Place] = field(default_factory=list)  # everything, before the leak on purpose
    planted: list[str] = field(default_factory=list)  # in which kinds of places that one was found


class Watch:
    """What comes by while ComfyUI runs: frames of a page's socket, arguments of processes, and answers."""

    def __init__(self, comfy: ComfyUI) -> None:
        self._comfy = comfy
        self._ended = threading.Event()
        self.seen: dict[Place, None] = {}  # each once
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self._page, self._arguments)]
        for each in self.threads:
            each.start()

    def note(self, where: str, data: bytes) -> None:
        self.seen[where, data] = None

    def stop(self) -> None:
        self._ended.set()
        for each in self.threads:
            each.join(20)

    def _page(self) -> None:
        while not self._ended.wait(0.2):
            with contextlib.suppress(aiohttp.ClientError, OSError):  # it is being started
                asyncio.run(self._frames())

    async def _frames(self) -> None:
        comfy = self._comfy
        subscribed = {"clientId": comfy.client_id, "enabled": True}
        address = f"{comfy.url}/ws?clientId={comfy.client_id}".replace("http", "ws", 1)
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            async with session.patch(f"{comfy.url}/internal/logs/subscribe", json=subscribed) as reply:
                reply.raise_for_status()
            while not self._ended.is_set():
                try:
                    message = await socket.receive(timeout=1)
                except asyncio.TimeoutError:
                    continue
                if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    return
                self.note("frame", message.data.encode() if isinstance(message.data, str) else message.data)

    def _arguments(self) -> None:
        """Of every process, as every user of the machine can read them (Linux)."""
        while not self._ended.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.note("process list", path.read_bytes())


@dataclass
class Host:
    """A ComfyUI, the server that its profiles lead to, and what comes by."""

    comfy: ComfyUI
    server: Hostile
    watch: Watch
    found: Found

    def ask(self, method: str, path: str, body: Any = None, **names: str) -> requests.Response:
        """``path`` as the document has it; ``names`` fill it in, or are its query."""
        query = {name: value for name, value in names.items() if f"{{{name}}}" not in path}
        reply = requests.request(
            method, self.comfy.url + path.format(**names), params=query, json=body, headers=OURS, timeout=120
        )
        if reply.status_code >= 500 and path.startswith("/sora_video") and "error" not in reply.json():
            raise RuntimeError(f"{method} {path}: {reply.status_code} {reply.text[:500]}")
        self.watch.note(f"answer of {method} {path}", f"{reply.headers}\n".encode() + reply.content)
        if path.startswith("/sora_video"):
            self.found.operations.add((method, path))
        return reply

    def graph(self, name: str, node: str, /, interrupt_after: float | None = None, **inputs: Any) -> None:
        """Runs one node to its end, and looks at what ComfyUI tells of it meanwhile and afterwards."""
        prompt = {"1": {"class_type": node, "inputs": inputs}}
        try:
            prompt_id = self.comfy.queue(prompt, workflow={"nodes": [], "name": name})
        except Refused as refused:
            self.watch.note("answer of POST /prompt", json.dumps(refused.args[0]).encode())
            self.found.ends[name] = "refused"
            return
        self.ask("GET", "/queue")
        if interrupt_after:
            time.sleep(interrupt_after)
            requests.post(f"{self.comfy.url}/interrupt", json={}, timeout=30)
        messages = dict(self.comfy.wait(prompt_id)["status"]["messages"])
        error = messages.get("execution_error") or {}
        kind = error.get("exception_type", "interrupted" if "execution_interrupted" in messages else "done")
        self.found.ends[name] = kind.rpartition(".")[2]
        self.look()

    def look(self) -> None:
        for path in THEIRS:
            self.ask("GET", path).raise_for_status()

    def jobs(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/sora_video/jobs", limit="200").json()

    def places(self) -> list[Place]:
        return [*self.watch.seen, *files_below(self.comfy.base)]


def hunt(base: Path, clip: bytes) -> Found:
    """Runs everything in the newest checkout. Raises RuntimeError where the hunt itself did not see what it has to."""
    checkout = max(checkouts(), key=version_of)
    shutil.copytree(Path(__file__).parent / "hunting_pack", base / "custom_nodes" / "hunting_pack")
    with _host(checkout, base, Hostile(clip)) as host:
        _graphs(host)
        _kill(host)
        _routes(host)
        host.found.before = host.places()
        host.found.frames = sum(where == "frame" for where, _ in host.watch.seen)
        _leak(host)
        missed = [*set(OPERATIONS) - host.found.operations, *host.server.never_brought()]
        missed += [kind for kind in KINDS if kind not in host.found.planted]
        if missed:
            raise RuntimeError(f"never asked, sent or found, so not hunted: {missed}")
        return host.found


@contextlib.contextmanager
def _host(checkout: Path, base: Path, server: Hostile) -> Iterator[Host]:
    home = base / "user" / "__sora_video"
    home.mkdir(parents=True)
    (home / "profiles.toml").write_text(_profiles(server.url), "utf-8")
    trust_all(home)
    variables = {**server.variables(), "HUNT_PLANTED": PLANTED["planted"]}
    comfy = ComfyUI(checkout, base, env=variables, arguments=("--verbose", "DEBUG"))
    watch = None
    try:
        comfy.start()
        watch = Watch(comfy)
        yield Host(comfy, server, watch, Found(".".join(map(str, version_of(checkout)))))
    finally:
        if watch:
            watch.stop()
        comfy.stop()
        server.shutdown()
        server.server_close()


def _profiles(url: str) -> str:
    def profile(name: str, provider: str, path: str, more: str) -> str:
        return f'[profiles.{name}]\nprovider = "{provider}"\nbase_url = "{path}"\npoll_seconds = 0.2\n{more}\n'

    key = 'key_env = "SORA_HUNT_KEY"'
    parse = f'[profiles.{{}}.extra]\nparse_url = "{url}/400"\nparse_token_env = "SORA_HUNT_PARSE"'
    return "".join(
        (
            *(profile(f"p{way}", "openai", f"{url}/{way}/v1", key) for way in WAYS),
            profile("stored", "openai", f"{url}/ok/v1", ""),
            profile("relay", "newapi", f"{url}/400/v1", key),
            profile("proxied", "openai", "https://relay.invalid/v1", f'{key}\nproxy_env = "SORA_HUNT_PROXY"'),
            *(
                profile(name, "sora_web", f"{url}/web", f'key_env = "SORA_HUNT_{name.upper()}"\n{parse.format(name)}')
                for name in ("session", "refresh")
            ),
            profile(
                "drafts", "skyriff", f"{url}/400",
                f'{key}\n[profiles.drafts.extra]\ndrafts_token_env = "SORA_HUNT_ACCOUNT"',
            ),
        )
    )  # fmt: skip


def _graphs(host: Host) -> None:
    host.ask("POST", "/sora_video/profiles/key", {"profile": "stored", "key": SECRETS["stored key"]}).raise_for_status()

    def make(name: str, profile: str, **more: Any) -> None:
        host.graph(name, "SoraVideo_Text2Video", prompt=f"a cat, {name}", profile=profile, seed=0, **more)

    for way in WAYS:
        make(way, f"p{way}", **({"interrupt_after": 3} if way == "429" else {}))
    make("stored", "stored")
    make("relay", "relay")
    done = next(job["job_id"] for job in host.jobs() if job["state"] == "delivered")
    host.graph("remix", "SoraVideo_Remix", prompt="a dog", profile="pok", seed=0, source_job=done)
    host.graph("resume", "SoraVideo_ResumeJob", job_id=done, profile="pok")
    host.graph("image", "SoraVideo_Image", prompt="a dog", profile="p400", seed=0)
    host.graph("prompt", "SoraVideo_EnhancePrompt", prompt="a dog", profile="session")
    host.graph(
        "character", "SoraVideo_CreateCharacter", profile="relay", name="x", video_url=f"{host.server.url}/file/v.mp4"
    )
    host.graph("proxied", "SoraVideo_Quota", profile="proxied")
    for name in ("session", "refresh"):
        make(name, name)
        host.graph(f"quota {name}", "SoraVideo_Quota", profile=name)
        link = "https://sora.example/p/s_1"
        host.graph(f"clean {name}", "SoraVideo_RemoveWatermark", source=link, profile=name, confirm_rights=True)
    host.graph("drafts", "SoraVideo_RemoveWatermark", source="drafts", profile="drafts", confirm_rights=True)
    host.graph("crash on", "Hunt_Crash", on=True)
    make("crashed", "pok")
    host.graph("crash off", "Hunt_Crash", on=False)


def _kill(host: Host) -> None:
    """While the server is being asked; the next process collects what was paid for."""
    asked = len(host.server.brought)
    prompt = {"prompt": "a cat, killed", "profile": "pok", "seed": 0}
    host.comfy.queue({"1": {"class_type": "SoraVideo_Text2Video", "inputs": prompt}})
    _until(lambda: len(host.server.brought) > asked)
    host.comfy.stop(kill=True)
    host.found.ends["killed"] = "killed"
    host.comfy.start()
    host.look()


def _routes(host: Host) -> None:
    """Every one of ours, for every profile and every job."""
    jobs = host.jobs()
    for job in jobs:
        if job["remote_id"] and job["state"] != "failed":  # what is paid for and not here keeps its link until it is
            host.ask("POST", "/sora_video/jobs/collect", {"job_id": job["job_id"]})
    _until(lambda: not [job for job in host.jobs() if job["state"] in ("submitting", "submitted", "downloading")])
    for name in [each["name"] for each in host.ask("GET", "/sora_video/profiles").json()]:
        for what in ("test", "quota", "models", "loras"):
            host.ask("POST", f"/sora_video/profiles/{what}", {"name": name})
        host.ask("GET", "/sora_video/estimate", profile=name)
    toml = host.ask("GET", "/sora_video/profiles/export").json()["toml"]
    host.ask("POST", "/sora_video/profiles/import", {"toml": toml})
    settings = {"provider": "openai", "base_url": f"{host.server.url}/401/v1", "key_env": "SORA_HUNT_KEY"}
    host.ask("POST", "/sora_video/profiles", {"name": "added", "settings": settings})
    host.ask("POST", "/sora_video/profiles/duplicate", {"name": "added", "new_name": "copied"})
    host.ask("POST", "/sora_video/profiles/edit", {"name": "stored", "settings": {"max_jobs": 2}})
    host.ask("POST", "/sora_video/storyboard/check", {"script": "[4s] a", "profile": "pok"})
    for path in ("providers", "costs", "health", "metrics", "jobs/summary"):
        host.ask("GET", f"/sora_video/{path}")
    for job in jobs:
        for ending in ("", "/graph", "/file", "/picture"):
            host.ask("GET", f"/sora_video/jobs/{{job_id}}{ending}", job_id=job["job_id"])
        for what in ("candidates", "last_frame", "cancel"):
            host.ask("POST", f"/sora_video/jobs/{what}", {"job_id": job["job_id"]})
    unknown = [job["job_id"] for job in host.jobs() if job["state"] == "unknown"]
    host.ask("POST", "/sora_video/jobs/remote_id", {"job_id": unknown[0], "remote_id": "video_1"})
    host.ask("POST", "/sora_video/jobs/forget", {"job_id": unknown[-1]})
    delivered = [job["job_id"] for job in host.jobs() if job["state"] == "delivered"]
    host.ask("DELETE", "/sora_video/jobs/file", {"job_id": delivered[0]}).raise_for_status()
    host.ask("DELETE", "/sora_video/profiles", {"name": "copied"})
    host.ask("DELETE", "/sora_video/profiles/key", {"profile": "stored"})
    host.look()


def _leak(host: Host) -> None:
    """On purpose, by the node and in a prompt: the same search has to find it in every kind of place."""
    host.graph("leak", "Hunt_Leak", text="")
    made = {"prompt": f"a {PLANTED['planted']}", "profile": "pok", "seed": 0}
    host.graph("planted", "SoraVideo_Text2Video", **made)
    for job in host.jobs()[:1]:
        host.ask("GET", "/sora_video/jobs/{job_id}/graph", job_id=job["job_id"])
    leaks = hits(host.places(), PLANTED)
    host.found.planted = [kind for kind in KINDS if any(leak.startswith(kind) for leak in leaks)]


def _until(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise RuntimeError("ComfyUI did not do what it was to do")
        time.sleep(0.05)
