"""A real server on loopback, down to the socket: it answers by script and remembers what it was sent.

    async with Server(CLOSE, reply(200, {"id": "1"})) as server:
        ...
    assert len(server.requests) == 2

Each request takes the next answer; the last one stays. An answer is the bytes to send, or an
async function of (request, writer) that does what it likes with the connection.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from _listener import Listener, reset


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire. ``target`` is the raw text after the method."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = bytes | Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


async def CLOSE(request: Request, writer: asyncio.StreamWriter) -> None:
    """The request is read, the connection ends politely and without an answer."""
    writer.close()


async def RESET(request: Request, writer: asyncio.StreamWriter) -> None:
    """The request is read, the connection is torn down."""
    reset(writer)


async def SILENCE(request: Request, writer: asyncio.StreamWriter) -> None:
    """The request is read and nothing ever comes back."""
    await asyncio.sleep(3600)


def reply(status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole HTTP answer. ``body`` is bytes, text, or anything else as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = {"content-length": str(len(data)), **{name.lower(): value for name, value in (headers or {}).items()}}
    head = [f"HTTP/1.1 {status} Because"] + [f"{name}: {value}" for name, value in lines.items() if value]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + data


def cut(answer: bytes, keep: int) -> Script:
    """The answer, broken off ``keep`` bytes into its body."""
    head, _, body = answer.partition(b"\r\n\r\n")

    async def send(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"\r\n\r\n" + body[:keep])
        await writer.drain()
        writer.close()

    return send


class Server:
    """Use it as `async with`."""

    def __init__(self, *answers: Script) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        self.connections = 0
        self.bytes_seen = 0
        self._listener = Listener(self._serve)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self._listener.close()

    async def start(self, port: int = 0) -> None:
        await self._listener.open(port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        while not writer.is_closing():
            request = await self._read(reader, number)
            self.requests.append(request)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(request, writer)

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Request:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            self.bytes_seen += len(error.partial)
            raise
        first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        body = await self._body(reader, headers)
        self.bytes_seen += len(head) + len(body)
        return Request(method, target, headers, body, connection)

    async def _body(self, reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return body


def refused_port() -> int:
    """A port of loopback where no one listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
