"""A server that takes a job, keeps a book of it, and hands out the file as badly as a case wants.

Raw sockets: what is wrong with an answer is wrong down to the last byte. No code of the gateway, none of the client.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """One request for the file. ``turn`` counts them from 1; ``offset`` is where its Range begins, 0 without one."""

    turn: int
    path: str
    headers: Mapping[str, str]

    @property
    def offset(self) -> int:
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match[1]) if match else 0


@dataclass
class Line:
    """The way back to whoever asked."""

    connection: socket.socket
    host: str
    closed: bool = False

    def head(self, status: int, **headers: object) -> None:
        lines = [f"HTTP/1.1 {status} So"] + [f"{n.replace('_', '-')}: {v}" for n, v in headers.items()]
        self.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)

    def send(self, status: int, body: bytes, **headers: object) -> None:
        self.head(status, **{"content_length": len(body), **headers})
        self.write(body)

    def json(self, value: object, status: int = 200, **headers: object) -> None:
        self.send(status, json.dumps(value).encode(), content_type="application/json", **headers)

    def chunk(self, data: bytes) -> None:
        self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def close(self) -> None:
        """Politely, as a server without a length ends its body."""
        self.closed = True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.closed = True


Habit = Callable[[Asked, Line], None]


@dataclass
class BytesServer:
    """``whole`` is the file; ``habit`` answers for it. ``charges`` is the book: one line for each job taken."""

    whole: bytes
    habit: Habit
    charges: list[Mapping[str, str]] = field(default_factory=list)  # the headers of each
    asked: list[Asked] = field(default_factory=list)
    answer: Habit | None = None  # to the request that charges, instead of a job
    status: Habit | None = None  # when the job is asked for, instead of "completed"

    def __post_init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._door.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(60)
        with connection, contextlib.suppress(OSError):
            for method, path, headers in _requests(connection):
                line = Line(connection, headers.get("host", ""))
                self._route(method, path, headers, line)
                if line.closed:
                    return

    def _route(self, method: str, path: str, headers: Mapping[str, str], line: Line) -> None:
        if method == "POST":
            self.charges.append(headers)
            if self.answer:
                return self.answer(Asked(len(self.charges), path, headers), line)
            return line.json({"id": "video_1", "object": "video", "status": "queued"})
        job = re.search(r"/videos/(video_\d+)$", path)
        if job and self.status:
            return self.status(Asked(0, path, headers), line)
        if job:
            return line.json({"id": job[1], "object": "video", "status": "completed", "progress": 100})
        if path.rpartition("?")[0].endswith("/videos"):
            return line.json({"object": "list", "data": [], "has_more": False})
        request = Asked(len(self.asked) + 1, path, headers)
        self.asked.append(request)
        return self.habit(request, line)


def _requests(connection: socket.socket) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """As they come over one connection, with their bodies read."""
    stream = connection.makefile("rb")
    while first := stream.readline().decode("latin-1").split():
        headers: dict[str, str] = {}
        while field_line := stream.readline().strip().decode("latin-1"):
            name, _, value = field_line.partition(":")
            headers[name.lower()] = value.strip()
        _read_body(stream, headers)
        yield first[0], first[1], headers


def _read_body(stream: object, headers: Mapping[str, str]) -> None:
    read, readline = stream.read, stream.readline  # type: ignore[attr-defined]
    if headers.get("transfer-encoding", "").lower() != "chunked":
        read(int(headers.get("content-length") or 0))
        return
    while size := int(readline().strip() or b"0", 16):
        read(size + 2)
    readline()
