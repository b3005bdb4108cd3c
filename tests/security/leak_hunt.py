"""The leak hunt: planted secrets, runs that end in every way, and a search of everything that is left behind.

A key, a session token, a refresh token, an account's token for a relay, a parse token, the password of a proxy and
signed links are planted. The real command runs over servers that take the key, refuse it, repeat it in their errors
in every spelling, break off and lie; one run is killed, one crashes; debug logging of every library is on. Then every
file, every output, every log, the arguments of every process and every clip is searched, in every spelling.
"""

from __future__ import annotations

import base64
import html
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
KEY = "Kq7/x+Vb9=Wt1_m~R4u.pL0-eY2zA"
SECRETS = {
    "key": KEY,
    "stored key": "St0red/k+y=Q8w_r5T~y7U.i9O-p1A",
    "session": "sess-Se55ion4f1d2c3b4a59687766554433",
    "refresh": "rt-Refre5h8c7b6a5d4e3f2g1h0i9j8k7l6",
    "access": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsZWFrIn0.Acce55S1gnature0123",
    "account": "Acc0untT0kenOfTheDrafts5a6b7c8d9e",
    "parse": "Par5eT0ken-1a2b3c4d5e6f7g8h9i0j",
    "proxy": "Pr0xyPassw0rd-9f8e7d6c5b4a",
    "signature": "S1gnatureOfTheL1nk0a1b2c3d4e5f6g7h8",
}
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


def spellings(secret: str) -> dict[str, bytes]:
    """What a search would find it by."""
    data = secret.encode()
    forms = {
        "plain": secret,
        "json": json.dumps(secret)[1:-1],
        "slashes": secret.replace("/", "\\/"),
        "unicode": "".join(f"\\u{ord(char):04x}" for char in secret),
        "percent": quote(secret, safe=""),
        "percent of percent": quote(quote(secret, safe=""), safe=""),
        "html": html.escape(secret),
        "html numbers": "".join(f"&#{ord(char)};" for char in secret),
        "hex": data.hex(),
    }
    for before in range(3):
        core = base64.b64encode(bytes(before) + data).decode()[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        forms[f"base64 {before}"] = core
        forms[f"base64url {before}"] = core.replace("+", "-").replace("/", "_")
    found = {name: form.encode() for name, form in forms.items()}
    found["cut"] = data[: max(16, len(data) * 2 // 3)]
    found["utf-16"] = secret.encode("utf-16-le")
    return found


ECHOES: tuple[Callable[[str], str], ...] = (
    str,
    lambda key: key.replace("/", "\\/"),
    lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    lambda key: quote(key, safe=""),
    html.escape,
    lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    lambda key: key[:20],
)


class Hostile(ThreadingHTTPServer):
    """Takes jobs, and answers each profile's path in a bad way of its own; remembers who brought which key."""

    daemon_threads = True

    def __init__(self, clip: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.clip = clip
        self.brought: list[str] = []
        self.turn = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hostile
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        return

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        server, echo = self.server, ECHOES[self.server.turn % len(ECHOES)]
        server.turn += 1
        server.brought.append(f"{self.headers} {body.decode('latin-1')}")
        came = server.brought[-1]  # what somebody else's key is, no process could know
        key = next((secret for secret in SECRETS.values() if secret in came), "nothing")
        way = self.path.split("/")[1]
        link = f"{server.url}/file/v.mp4?X-Amz-Signature={SECRETS['signature']}&x=1"
        if way == "file":
            return self._send(200, server.clip, "video/mp4")
        if way == "page":
            return self._send(502, f"<html><title>{echo(key)}</title><body>{key} {link}</body></html>".encode())
        if way in ("401", "402", "400", "429", "500"):
            said = {"error": {"message": f"no: {echo(key)} at {link}", "code": echo(key)[:40]}}
            text = json.dumps(said) if "\\" not in echo(key) else json.dumps(said).replace("\\\\", "\\")
            return self._send(int(way), text.encode())
        if way == "broken":
            self.wfile.write(f'HTTP/1.1 200 OK\r\ncontent-length: 9999\r\nx-k: {key}\r\n\r\n{{"k": "{key}"'.encode())
            self.close_connection = True
            return None
        if way == "away":
            self.send_response(302)
            self.send_header("location", f"http://localhost:{server.server_address[1]}/ok/v1/away?k={quote(key)}")
            self.send_header("set-cookie", f"session={SECRETS['session']}")
            self.send_header("content-length", "0")
            self.end_headers()
            return None
        state = {"fails": "failed", "dead": "completed"}.get(way, "completed")
        job = {"id": f"video_{server.turn}", "status": state, "prompt": f"{echo(key)}", "model": "m"}
        if state == "failed":
            job["error"] = {"message": f"failed with {echo(key)} and {link}", "code": "x"}
        else:
            # the link of a job that is still to be collected stays in the ledger: it has to
            job["url"] = link if way != "dead" else f"{server.url}/401/v.mp4"
        return self._send(200, json.dumps(job).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", f"session={SECRETS['session']}")
        self.end_headers()
        self.wfile.write(body)


@dataclass
class Hunt:
    """Runs in ``folder``, and what they left."""

    folder: Path
    outputs: dict[str, bytes] = field(default_factory=dict)
    arguments: set[bytes] = field(default_factory=set)
    exits: dict[str, int] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SORA_")}
        return clean | {
            "SORA_HOME": str(self.folder / "home"),
            "SORA_OUTPUT_DIR": str(self.folder / "out"),
            "HUNT_KEY": KEY,
            "HUNT_SESSION": SECRETS["session"],
            "HUNT_REFRESH": SECRETS["refresh"],
            "HUNT_ACCOUNT": SECRETS["account"],
            "HUNT_PARSE": SECRETS["parse"],
            "HUNT_PROXY": f"http://user:{SECRETS['proxy']}@127.0.0.1:9",
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

    def places(self) -> Iterator[tuple[str, bytes]]:
        """Everything that is left, with its name."""
        yield from ((f"output of {name}", data) for name, data in self.outputs.items())
        yield from (("the process list", data) for data in self.arguments)
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.folder)), path.read_bytes()
                yield f"the name of {path.name}", str(path).encode()

    def hits(self, secrets: Mapping[str, str] = SECRETS) -> list[str]:
        """Where which secret stands in which spelling."""
        forms = {(name, how): form for name, secret in secrets.items() for how, form in spellings(secret).items()}
        return [
            f"{where}: {name} ({how})"
            for where, data in self.places()
            for (name, how), form in forms.items()
            if form in data or form.lower() in data.lower()
        ]


WAYS = {  # the path of the profile, and how the command ends
    "ok": 0, "fails": 4, "dead": None, "401": 3, "402": 3, "400": 4, "429": None, "500": 5, "page": 5, "broken": 5,
    "away": 5,
}  # fmt: skip


def hunt(folder: Path, clip: bytes, ways: tuple[str, ...] = tuple(WAYS)) -> Hunt:
    """Runs everything, and hands back what is to be searched."""
    found = Hunt(folder)
    server = Hostile(clip)
    try:
        for way in ways:
            # one attempt is enough: what is repeated waits for minutes
            url = f"{server.url}/{way}/v1"
            found.run(f"add {way}", "profiles", "add", way, "--provider", "openai", "--base-url", url, "--key-env",
                      "HUNT_KEY", "--poll", "0.1")  # fmt: skip
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
    if not any(KEY in each for each in server.brought):  # else there was nothing to be found
        raise RuntimeError("the key was never sent: nothing was hunted")
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
              "--key-env", "HUNT_KEY", "--proxy-env", "HUNT_PROXY")  # fmt: skip
    found.run("doctor proxy", "doctor", "proxy", "--json")
    for name, variable in (("web-session", "HUNT_SESSION"), ("web-refresh", "HUNT_REFRESH")):
        found.run(f"add {name}", "profiles", "add", name, "--provider", "sora_web", "--base-url", f"{server.url}/401",
                  "--key-env", variable, "--extra", f"parse_url={server.url}/400", "--extra",
                  "parse_token_env=HUNT_PARSE")  # fmt: skip
        found.run(f"quota {name}", "quota", name)
        found.run(f"clean {name}", "clean", "https://sora.example/p/s_1", "--profile", name, "--confirm-rights")
    found.run("add drafts", "profiles", "add", "drafts", "--provider", "skyriff", "--base-url", f"{server.url}/400",
              "--key-env", "HUNT_KEY", "--extra", "drafts_token_env=HUNT_ACCOUNT")  # fmt: skip
    found.run("clean drafts", "clean", "drafts", "--profile", "drafts", "--confirm-rights")


def a_clip(path: Path) -> bytes:
    """A small one, as a server would send it."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(8):
            picture = np.full((96, 128, 3), 20 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def main() -> int:
    """The whole hunt; what was searched, and every hit."""
    with tempfile.TemporaryDirectory() as folder:
        clip = a_clip(Path(folder) / "clip.mp4")
        state = Path(folder) / "state"
        state.mkdir()
        found = hunt(state, clip)
        places, hits = list(found.places()), found.hits()
    size = sum(len(data) for _, data in places) / 2**20
    ends = ", ".join(f"{name}: {code}" for name, code in sorted(found.exits.items()) if name.startswith("generate"))
    print(f"{len(found.exits)} runs ({ends})")
    print(f"{len(places)} places, {size:.1f} MiB, {len(SECRETS)} secrets in {len(spellings('x' * 20))} spellings each")
    print(*hits or ["0 hits"], sep="\n")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
