"""Connections that listen while they speak, and that read in large pieces.

A server may answer before it has read a large request, and close: 413, too large. Whoever only writes until all is
written finds the connection broken, and the answer gone.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

READ_BYTES = 2**20  # in one piece; less copying than many small ones
_LARGE_BYTES = 2**14  # of a write during which an answer may come

Connected = Callable[[str, int, str], None]


class Stream(httpcore.AsyncNetworkStream):
    """One connection, over the one that httpcore makes. ``attentive``: it listens from the first byte on."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, *, attentive: bool) -> None:
        self._inner = inner
        self._attentive = attentive
        self._early: asyncio.Task[bytes] | None = None  # listens while a request is written

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._early is None:
            return await self._inner.read(max(max_bytes, READ_BYTES), timeout)
        early, self._early = self._early, None
        try:
            await asyncio.wait({early}, timeout=timeout)
            if not early.done():
                raise httpcore.ReadTimeout
            return early.result()
        finally:
            early.cancel()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises WriteError when the server has answered meanwhile; `read` has its answer then."""
        if self._early is None and len(buffer) < _LARGE_BYTES and not self._attentive:
            return await self._inner.write(buffer, timeout)
        if self._early is None:
            self._early = asyncio.create_task(self._inner.read(READ_BYTES, None))
            await asyncio.sleep(0)  # it listens from here on
        writing = asyncio.create_task(self._inner.write(buffer, timeout))
        try:
            await asyncio.wait({self._early, writing}, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                raise httpcore.WriteError("the server answered before it had read the request")
        finally:
            writing.cancel()
        return writing.result()

    async def aclose(self) -> None:
        if self._early:
            self._early.cancel()
            await asyncio.gather(self._early, return_exceptions=True)
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        secured = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        return Stream(secured, attentive=self._attentive)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Network(httpcore.AsyncNetworkBackend):
    """Makes such connections. ``connected`` is told host, port and the peer's address of each, and may refuse it."""

    def __init__(self, *, attentive: bool, connected: Connected | None = None) -> None:
        self._attentive = attentive
        self._connected = connected
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        made = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            if self._connected:
                self._connected(host, port, str(made.get_extra_info("server_addr")[0]))
        except BaseException:
            await made.aclose()
            raise
        return Stream(made, attentive=self._attentive)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        made = await self._inner.connect_unix_socket(path, timeout, socket_options)
        return Stream(made, attentive=self._attentive)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
