"""A TCP proxy in front of the gateway that can be closed (connections refused) and can cut what is open.

Two of them make two hosts of one gateway: one for the API, whose answers then name the other one, and that other
one for links, which can be down alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any

Change = Callable[[bytes], bytes]


def _as_it_is(data: bytes) -> bytes:
    return data


class Proxy:
    """Runs in a thread of its own, always on the same port. ``ask`` and ``answer`` may change what passes."""

    def __init__(self, target_port: int, *, ask: Change = _as_it_is, answer: Change = _as_it_is) -> None:
        self._target_port = target_port
        self._ask, self._answer = ask, answer
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="campaign-proxy", daemon=True)
        self._thread.start()
        self.port = 0
        self.open()

    def open(self) -> None:
        self._call(self._open())

    def close(self) -> None:
        """From here on connections are refused; those that are open go on."""
        self._call(self._close())

    def cut(self) -> int:
        """Resets every open connection, wherever its request is; how many."""
        return int(self._call(self._cut()))

    def stop(self) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _cut(self) -> int:
        count = len(self._writers)
        for writer in list(self._writers):
            _reset(writer)
        return count // 2

    async def _stop(self) -> None:
        await self._close()
        await self._cut()
        tasks = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(_pump(reader, far_writer, self._ask), _pump(far_reader, writer, self._answer))
        finally:
            self._writers -= {writer, far_writer}
            for each in (writer, far_writer):
                each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Change) -> None:
    """One direction. A reset of one end is a reset of the other."""
    try:
        while data := await reader.read(2**16):
            writer.write(change(data))
            await writer.drain()
    except ConnectionError:
        _reset(writer)
        return
    with contextlib.suppress(OSError, RuntimeError):  # the other end may be gone
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
