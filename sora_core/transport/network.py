"""Connections that listen while they speak, and that read in large pieces.

A server may answer before it has read a large request, and close: 413, too large. Whoever only writes until all is
written finds the connection broken, and the answer gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Callable, Iterable
from typing import Any, cast

import anyio
import httpcore

READ_BYTES = 2**20  # in one piece: each costs its way up through httpcore and httpx
_CIPHER_BYTES = 2**18  # the same while it is encrypted; more is slower again
_LARGE_BYTES = 2**14  # of a write during which an answer may come

Connected = Callable[[str, int, str], None]


class Stream(httpcore.AsyncNetworkStream):
    """One connection, over the one that httpcore makes. ``attentive``: it listens from the first byte on."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, *, attentive: bool) -> None:
        self._inner = inner
        self._attentive = attentive
        self._early: asyncio.Task[bytes] | None = None  # listens while a request is written
        self._tls: ssl.SSLObject | None = inner.get_extra_info("ssl_object")
        self._failed: ssl.SSLError | None = None  # behind what was read last

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._failed:
            raise httpcore.ReadError(self._failed)
        if self._early is None:
            return await self._read(max(max_bytes, READ_BYTES), timeout)
        early, self._early = self._early, None
        try:
            await asyncio.wait({early}, timeout=timeout)
            if not early.done():
                raise httpcore.ReadTimeout
            return early.result()
        finally:
            early.cancel()

    # What TLS says of a damaged record, or that nobody is there to write to, is no error of httpcore's before this.

    async def _read(self, max_bytes: int, timeout: float | None) -> bytes:
        try:
            return self._with_more(await self._inner.read(max_bytes, timeout))
        except ssl.SSLError as error:
            raise httpcore.ReadError(error) from error

    async def _write(self, buffer: bytes, timeout: float | None) -> None:
        try:
            await self._inner.write(buffer, timeout)
        except (ssl.SSLError, anyio.EndOfStream) as error:
            raise httpcore.WriteError(str(error) or "the connection has ended") from error

    def _with_more(self, first: bytes) -> bytes:
        """With what else has come: TLS hands out one record, of 16 KiB at most, and many may lie there."""
        if not self._tls or not first:
            return first
        records, size = [first], len(first)
        try:
            while size < READ_BYTES and (record := self._tls.read(READ_BYTES)):
                records.append(record)
                size += len(record)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._failed = error
        return b"".join(records)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises WriteError when the server has answered meanwhile; `read` has its answer then."""
        if self._early is None and len(buffer) < _LARGE_BYTES and not self._attentive:
            return await self._write(buffer, timeout)
        if self._early is None:
            self._early = asyncio.create_task(self._read(READ_BYTES, None))
            await asyncio.sleep(0)  # it listens from here on
        writing = asyncio.create_task(self._write(buffer, timeout))
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
        _read_at_most(_CIPHER_BYTES, self._inner)
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
        _read_at_most(READ_BYTES, made)
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


def _read_at_most(size: int, stream: httpcore.AsyncNetworkStream) -> None:
    """How much is read from the socket at once. asyncio takes 256 KiB, and of these anyio hands 64 KiB to TLS and
    copies the rest each time. There is no public way; where the private one is gone, it stays as it is."""
    with contextlib.suppress(AttributeError):
        connection = cast("Any", stream)._stream
        connection._transport.max_size = size
        connection.receive = functools.partial(connection.receive, max_bytes=size)
