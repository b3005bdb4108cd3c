"""A TCP proxy in front of the gateway that can be closed (connections refused) and can cut what is open.

Two of them make two hosts of one gateway: one for the API, whose answers then name the other one, and that other
one for links, which can be down alone.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from typing import Any

from _listener import Change, Listener, pump, reset


class Proxy:
    """Runs in a thread of its own, always on the same port, over TLS with a context for it. ``ask`` and ``answer``
    may change what passes."""

    def __init__(
        self, target_port: int, *, ask: Change = bytes, answer: Change = bytes, tls: ssl.SSLContext | None = None
    ) -> None:
        self._target_port = target_port
        self._ask, self._answer = ask, answer
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener = Listener(self._serve)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="campaign-proxy", daemon=True)
        self._thread.start()
        self.open()

    @property
    def port(self) -> int:
        return self._listener.port

    def open(self) -> None:
        self._call(self._listener.open(tls=self._tls))

    def close(self) -> None:
        """From here on connections are refused; those that are open go on."""
        self._call(self._listener.refuse())

    def cut(self) -> int:
        """Resets every open connection, wherever its request is; how many."""
        return int(self._call(self._cut()))

    def stop(self) -> None:
        self._call(self._listener.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _cut(self) -> int:
        count = len(self._writers)
        for writer in list(self._writers):
            reset(writer)
        return count // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            reset(writer)
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(pump(reader, far_writer, self._ask), pump(far_reader, writer, self._answer))
        finally:
            self._writers -= {writer, far_writer}
            far_writer.transport.abort()
