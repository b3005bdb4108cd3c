"""The secrets that a leak hunt plants, and a server that takes them and tries to have them written down."""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

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

    def variables(self) -> dict[str, str]:
        """The planted ones, by the names that profiles know them by."""
        names = ("session", "refresh", "account", "parse")
        return {
            "SORA_HUNT_KEY": KEY,
            **{f"SORA_HUNT_{name.upper()}": SECRETS[name] for name in names},
            "SORA_HUNT_PROXY": self.url.replace("://", f"://user:{SECRETS['proxy']}@"),
        }

    def never_brought(self) -> list[str]:
        """Which of the secrets no request had: nothing that was hunted for."""
        came = "\n".join(self.brought)
        sent = {name: secret for name, secret in SECRETS.items() if name not in ("signature", "proxy")}
        sent["proxy"] = base64.b64encode(f"user:{SECRETS['proxy']}".encode()).decode()
        return [name for name, secret in sent.items() if secret not in came]


class _Handler(BaseHTTPRequestHandler):
    server: Hostile
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        return

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_CONNECT(self) -> None:
        """As a proxy it repeats the password in its refusal."""
        self.server.brought.append(str(self.headers))
        self.send_response(407, f"{SECRETS['proxy']} is not known")
        self.send_header("content-length", "0")
        self.end_headers()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        server, echo = self.server, ECHOES[self.server.turn % len(ECHOES)]
        server.turn += 1
        server.brought.append(f"{self.headers} {body.decode('latin-1')}")
        came = server.brought[-1]  # what somebody else's key is, no process could know
        key = next((secret for secret in SECRETS.values() if secret in came), "nothing")
        way = self.path.split("/")[1]
        link = f"{server.url}/file/v.mp4?X-Amz-Signature={SECRETS['signature']}&x=1"
        if (way == "web" and "/auth/session" in self.path) or "/oauth/token" in self.path:
            tokens = {"accessToken": SECRETS["access"], "access_token": SECRETS["access"]}
            return self._send(200, json.dumps({**tokens, "refresh_token": SECRETS["refresh"]}).encode())
        if way == "file":
            return self._send(200, server.clip, "video/mp4")
        if way == "page":
            return self._send(502, f"<html><title>{echo(key)}</title><body>{key} {link}</body></html>".encode())
        if way in ("401", "402", "400", "429", "500", "web"):
            said = {"error": {"message": f"no: {echo(key)} at {link}", "code": echo(key)[:40]}}
            text = json.dumps(said) if "\\" not in echo(key) else json.dumps(said).replace("\\\\", "\\")
            return self._send(400 if way == "web" else int(way), text.encode())
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


def a_clip(path: Path, comment: str = "") -> bytes:
    """A small one, as a server would send it."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(8):
            picture = np.full((96, 128, 3), 20 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()
