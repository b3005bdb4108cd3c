"""A listener on loopback whose end leaves no connection behind, wherever one is on its way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable

from sora_core.gateway.listening import settle, stop_accepting

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Change = Callable[[bytes], bytes]


class Listener:
    """``serve`` sees to each connection, which is closed when it returns; it may break with the connection."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    async def __aenter__(self) -> Listener:
        await self.open()
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self.close()

    async def open(self, port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        """Listens, on the port of before when it was closed for a while. Port 0 takes a free one."""
        if self._server is None:
            at = port or self.port
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", at, backlog=512, ssl=tls)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """From here on connections are refused; those that are open go on."""
        server, self._server = self._server, None
        if server is not None:
            await stop_accepting(server)

    async def close(self) -> None:
        await self.refuse()
        tasks = list(self._connections)
        for task, writer in self._connections.items():
            writer.transport.abort()  # not close: that waits for a client that reads
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await settle()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: one that is canceled before its first step could not close what it was given.
        task = asyncio.get_running_loop().create_task(self._see_to(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _see_to(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            try:
                await self._serve(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()


def reset(writer: asyncio.StreamWriter) -> None:
    """Tears the connection down, so that the other end is told of a reset and not of an end."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):  # gone by now
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target_port: int,
    *,
    ask: Change = bytes,
    answer: Change = bytes,
) -> None:
    """Passes everything on to a port of loopback and back, until one of the two ends; ``ask`` and ``answer`` may
    change what passes."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target_port)
    try:
        await asyncio.gather(pump(reader, far_writer, ask), pump(far_reader, writer, answer))
    finally:
        far_writer.transport.abort()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Change = bytes) -> None:
    """One direction. A reset of one end is a reset of the other."""
    try:
        while data := await reader.read(2**16):
            writer.write(change(data))
            await writer.drain()
    except ConnectionError:
        reset(writer)
        return
    with contextlib.suppress(OSError, RuntimeError):  # the other end may be gone
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()
