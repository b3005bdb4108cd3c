"""The wire between the client and a server: a loopback HTTP server that passes on, counts and loses answers.

The client under test only ever talks to a `Wire`. In front of a server it is a `Line`. It counts the create calls that
were taken, and loses answers on demand, so that a lost answer is the same thing everywhere: the server did all of it,
and the connection is reset.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"))
FELL_OVER = "the model fell over"  # what a server says of a job that was told to fail


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire(ABC):
    """Use it as a context manager. ``url`` is the origin that the client is given."""

    def __init__(self) -> None:
        self._lose = 0
        self._lock = threading.Lock()
        self.taken = 0  # create calls that the server took, whatever became of their answers
        self.posts = 0
        self.complaints: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def lose_answers(self, count: int = 1) -> None:
        """The next so many answers to a create call do not arrive."""
        with self._lock:
            self._lose = count

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """None: the connection is to be reset."""
        answer = self.answer(method, path, headers, body)
        with self._lock:
            lost = method == "POST" and self._lose > 0 and answer is not None and answer.status < 300
            self._lose -= lost
            self.posts += method == "POST"
            self.taken += method == "POST" and answer is not None and _was_taken(answer)
        return None if lost else answer

    @abstractmethod
    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """What stands behind says; None when it cannot be reached."""


class Line(Wire):
    """In front of a server."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target
        self._client = httpx.Client(trust_env=False, timeout=120, limits=httpx.Limits(max_keepalive_connections=0))

    def __exit__(self, *reason: object) -> None:
        super().__exit__(*reason)
        self._client.close()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        onward = {name: value for name, value in headers.items() if name.lower() not in _HOP}
        try:
            reply = self._client.request(method, self.target + path, headers=onward, content=body)
        except httpx.HTTPError:
            return None
        self.keep(method, path, headers, body, reply)
        kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP}
        content = reply.content
        if not content.startswith(b"\x00\x00\x00"):  # links to itself lead through here
            content = content.replace(self.target.encode(), self.url.encode())
        return Answer(reply.status_code, kept, content)

    def keep(self, method: str, path: str, headers: Mapping[str, str], body: bytes, reply: httpx.Response) -> None:
        """For who wants to know what passed."""


def _was_taken(answer: Answer) -> bool:
    """Whether a create call reached the engine: a server that answers with the video may answer with its failure."""
    return answer.status < 300 or FELL_OVER.encode() in answer.body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client left


def _handler(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def _pass(self) -> None:
            body = b"".join(self._body())
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = wire.exchange(self.command, self.path, headers, body)
            if answer is None:
                self._reset()
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = _pass

        def _body(self) -> Iterator[bytes]:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                while size := int(self.rfile.readline(), 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                yield self.rfile.read(int(self.headers.get("content-length", "0")))

        def _reset(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def log_message(self, *words: Any) -> None:
            pass

    return Handler
