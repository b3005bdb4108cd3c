"""A small HTTP server that can misbehave at any byte."""

from __future__ import annotations

import email.parser
import email.policy
import json
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """As it came in, read to its last byte."""

    method: str
    path: str  # percent-decoded, without the query
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """What the body says, as JSON or as a form; files as bytes."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            return _form(kind, self.body)
        if kind.startswith("application/x-www-form-urlencoded"):
            return dict(urllib.parse.parse_qsl(self.body.decode()))
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def key(self) -> str:
        """The account's key, however it was sent."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True)
class Answer:
    """What goes out. ``reset``: the connection is torn down instead. ``cut``: torn down after so many bytes of
    the body, whose length was announced in full. ``chunked`` bodies go out piece by piece, and ``cut`` leaves out
    the end of the stream."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    cut: int | None = None
    chunked: bool = False
    after: float = 0.0  # real seconds before the first byte

    @property
    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False).encode()

    @property
    def kind(self) -> str:
        if isinstance(self.body, bytes | str):
            return "text/html; charset=utf-8" if self.raw.lstrip()[:1] == b"<" else "application/octet-stream"
        return "application/json"


RESET = Answer(reset=True)


class Listener:
    """Answers on a loopback port with ``answer(request)`` until it is closed."""

    def __init__(self, answer: Callable[[Request], Answer], port: int = 0) -> None:
        self._httpd = _Server(("127.0.0.1", port), _handler(answer))
        self.port = int(self._httpd.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._httpd.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or gave up is part of the game."""


def _handler(answer: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self._send(answer(self._read()))

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = handle_any

        def _read(self) -> Request:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                body = _unchunk(self.rfile)
            split = urllib.parse.urlsplit(self.path)
            return Request(
                self.command,
                urllib.parse.unquote(split.path),
                dict(urllib.parse.parse_qsl(split.query)),
                {name.lower(): value for name, value in self.headers.items()},
                body,
            )

        def _send(self, out: Answer) -> None:
            if out.after:
                time.sleep(out.after)
            if out.reset:
                return self._tear()
            self.send_response_only(out.status)
            self.send_header("Content-Type", out.headers.get("Content-Type", out.kind))
            for name, value in out.headers.items():
                if name != "Content-Type":
                    self.send_header(name, value)
            if out.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif out.status not in (204, 304):
                self.send_header("Content-Length", str(len(out.raw)))
            self.end_headers()
            part = out.raw if out.cut is None else out.raw[: out.cut]
            if out.chunked:
                self._chunks(part, ended=out.cut is None)
            elif self.command != "HEAD" and out.status not in (204, 304):
                self.wfile.write(part)
            self.wfile.flush()
            if out.cut is not None:
                time.sleep(0.05)  # a reset overtakes what is still in the buffers
                self._tear()
            return None

        def _chunks(self, body: bytes, *, ended: bool) -> None:
            if body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
            if ended:
                self.wfile.write(b"0\r\n\r\n")

        def _tear(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """The books are the log."""

    return Handler


def _form(kind: str, body: bytes) -> dict[str, Any]:
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    fields: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        raw = part.get_payload(decode=True)
        fields[str(name)] = raw if part.get_filename() else raw.decode("utf-8")  # type: ignore[union-attr]
    return fields


def _unchunk(stream: Any) -> bytes:
    body = b""
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body
