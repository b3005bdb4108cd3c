"""What the conformance suite has to know of Acme: recipes, and a server to run them at.

Here the server is a double in this process. One that can be started for real is better: return a `Peer` in front of it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sora_core.conformance import FELL_OVER, KEY, Line, Peer, Recipe, Wire, words
from sora_core.conformance.media import drawn_clip

RECIPES = [
    Recipe(
        name="acme",
        provider="acme",
        path="",
        can=words("made seed fails refused wrong_key no_remix lost_unlisted restart"),
        usual={"seconds": 5, "size": "1280x720"},
        saw={"length": 5, "resolution": "1280x720"},
        refused_extra={"spice": "9"},  # the profile's extra fields go with every request
    )
]


def peer(recipe: Recipe, folder: Path) -> Peer:
    return AcmeDouble(folder)


class AcmeDouble(Peer):
    poll_seconds = 0.05

    def __init__(self, folder: Path) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.clip = drawn_clip(folder / "clip.mp4")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._begin = 0
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def line(self, scenario: str, secrets: Mapping[str, str]) -> Iterator[Wire]:
        self._begin = len(self.jobs)
        with Line(self.url) as line:
            yield line

    def journal(self) -> list[dict[str, Any]]:
        return self.jobs[self._begin :]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(acme: AcmeDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.headers["authorization"] != f"Bearer {KEY}":
                self._answer(401, {"error": {"message": "wrong key"}})
            elif asked.get("spice", 0) > 5:
                self._answer(400, {"error": {"message": "spice must be 5 or less"}})
            else:
                acme.jobs.append({**asked, "prompt": asked["text"], "polls": 0})
                self._answer(200, {"job": {"id": f"a{len(acme.jobs)}", "phase": "waiting"}})

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2].removesuffix(".mp4")
            job = acme.jobs[int(name[1:]) - 1]
            if self.path.startswith("/files/"):
                self._send(200, "video/mp4", acme.clip)
                return
            job["polls"] += 1
            told: dict[str, Any] = {"id": name, "phase": "cooking"}
            if job["polls"] > 1:
                failed = "[fails]" in job["text"]
                told |= {"phase": "burnt", "error": FELL_OVER} if failed else {"phase": "plated"}
                told |= {} if failed else {"file": f"/files/{name}.mp4"}
            self._answer(200, {"job": told})

        def _answer(self, status: int, value: Any) -> None:
            self._send(status, "application/json", json.dumps(value).encode())

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            pass

    return Handler
