"""The hunt over the real command.

It runs over servers that take the key, refuse it, repeat it in their errors in every spelling, break off and lie; one
run is killed, one crashes; debug logging of every library is on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from _hostile import SECRETS, Hostile
from _search import Place, files_below

ROOT = Path(__file__).resolve().parents[2]
CRASH = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
sys.path.insert(0, {root!r})
from sora_core.cli import main
from sora_core.jobs import deliver, run
def crash(*a, **k):
    raise RuntimeError("planted crash")
if sys.argv[1] == "crash":
    run.deliver = crash
sys.argv = sys.argv[1:]
sys.exit(main())
"""


@dataclass
class Hunt:
    """Runs in ``folder``, and what they left."""

    folder: Path
    variables: Mapping[str, str]
    outputs: dict[str, bytes] = field(default_factory=dict)
    arguments: set[bytes] = field(default_factory=set)
    exits: dict[str, int] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SORA_")}
        return clean | {
            "SORA_HOME": str(self.folder / "home"),
            "SORA_OUTPUT_DIR": str(self.folder / "out"),
            **self.variables,
            "PYTHONDEVMODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def run(
        self, name: str, *words: str, stdin: str = "", crash: bool = False, kill_when: Callable[[], bool] | None = None
    ) -> int:
        run = ["-c", CRASH.format(root=str(ROOT)), "crash" if crash else "run"]
        process = subprocess.Popen(
            [sys.executable, *run, *words], cwd=self.folder, env=self.env(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        watching = threading.Thread(target=self._watch, args=(process.pid,), daemon=True)
        watching.start()
        if kill_when:
            until = time.monotonic() + 30
            while not kill_when() and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        out, _ = process.communicate(stdin.encode(), timeout=120)
        self.outputs[name] = out
        self.exits[name] = process.returncode
        return process.returncode

    def _watch(self, pid: int) -> None:
        """The process's arguments, as every user of the machine can read them (Linux)."""
        path = Path(f"/proc/{pid}/cmdline")
        for _ in range(20):
            try:
                self.arguments.add(path.read_bytes())
            except OSError:
                return
            time.sleep(0.05)

    def places(self) -> Iterator[Place]:
        """Everything that is left, with its name."""
        yield from ((f"output of {name}", data) for name, data in self.outputs.items())
        yield from (("the process list", data) for data in self.arguments)
        yield from files_below(self.folder)


WAYS = {  # the path of the profile, and how the command ends
    "ok": 0, "fails": 4, "dead": None, "401": 3, "402": 3, "400": 4, "429": None, "500": 5, "page": 5, "broken": 5,
    "away": 5,
}  # fmt: skip


def hunt(folder: Path, clip: bytes, ways: tuple[str, ...] = tuple(WAYS)) -> Hunt:
    """Runs everything, and hands back what is to be searched."""
    server = Hostile(clip)
    found = Hunt(folder, server.variables())
    try:
        for way in ways:
            # one attempt is enough: what is repeated waits for minutes
            url = f"{server.url}/{way}/v1"
            found.run(f"add {way}", "profiles", "add", way, "--provider", "openai", "--base-url", url, "--key-env",
                      "SORA_HUNT_KEY", "--poll", "0.1")  # fmt: skip
            if way != "429":
                found.run(f"generate {way}", "generate", f"a cat, {way}", "--profile", way, "--json")
            found.run(f"doctor {way}", "doctor", way, "--json")
        _other_kinds(found, server)
        before = len(server.brought)
        sent = lambda: len(server.brought) > before  # noqa: E731
        found.run("killed", "generate", "a cat, killed", "--profile", "ok", kill_when=sent)
        found.run("crashed", "generate", "a cat, crashed", "--profile", "ok", crash=True)
        _collect(found)
        for words in (("jobs", "--json"), ("profiles", "list", "--json"), ("profiles", "rekey")):
            found.run(" ".join(words), *words)
    finally:
        server.shutdown()
        server.server_close()
    if ways == tuple(WAYS) and server.never_brought():
        raise RuntimeError(f"never sent, so not hunted: {', '.join(server.never_brought())}")
    return found


def _collect(found: Hunt) -> None:
    """What was paid and is not here yet keeps its link; once it is here, the link is gone."""
    found.run("open jobs", "jobs", "--json")
    lines = found.outputs["open jobs"].decode().splitlines()
    for job in json.loads(next(line for line in lines if line.startswith("[{"))):
        if job["remote_id"] and job["state"] not in ("delivered", "failed"):
            found.run(f"resume {job['job_id']}", "resume", job["job_id"])


def _other_kinds(found: Hunt, server: Hostile) -> None:
    url = f"{server.url}/ok/v1"
    found.run("add stored", "profiles", "add", "stored", "--provider", "openai", "--base-url", url, "--key-stdin",
              stdin=SECRETS["stored key"] + "\n")  # fmt: skip
    found.run("generate stored", "generate", "a dog", "--profile", "stored")
    found.run("add proxy", "profiles", "add", "proxy", "--provider", "openai", "--base-url", "https://relay.invalid",
              "--key-env", "SORA_HUNT_KEY", "--proxy-env", "SORA_HUNT_PROXY")  # fmt: skip
    found.run("doctor proxy", "doctor", "proxy", "--json")
    for name, variable in (("web-session", "SORA_HUNT_SESSION"), ("web-refresh", "SORA_HUNT_REFRESH")):
        found.run(f"add {name}", "profiles", "add", name, "--provider", "sora_web", "--base-url", f"{server.url}/web",
                  "--key-env", variable, "--extra", f"parse_url={server.url}/400", "--extra",
                  "parse_token_env=SORA_HUNT_PARSE")  # fmt: skip
        found.run(f"quota {name}", "quota", name)
        found.run(f"clean {name}", "clean", "https://sora.example/p/s_1", "--profile", name, "--confirm-rights")
    found.run("add drafts", "profiles", "add", "drafts", "--provider", "skyriff", "--base-url", f"{server.url}/400",
              "--key-env", "SORA_HUNT_KEY", "--extra", "drafts_token_env=SORA_HUNT_ACCOUNT")  # fmt: skip
    found.run("clean drafts", "clean", "drafts", "--profile", "drafts", "--confirm-rights")
