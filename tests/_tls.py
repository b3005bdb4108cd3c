"""TLS on loopback: a certificate of our own, and a server's end that can damage what it sends."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Tls(NamedTuple):
    server: ssl.SSLContext
    certificate: Path  # by which a client trusts that server


def tls_in(folder: Path) -> Tls:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed: no certificate can be made for the TLS port")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return Tls(server, certificate)


class RawTls:
    """The server's end of one connection, whose records can be seen and damaged before they go."""

    def __init__(self, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def request(self) -> bytes:
        """What the client says first."""
        await self._until_done(self._tls.do_handshake)
        return await self._until_done(lambda: self._tls.read(2**16))

    def records(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._outgoing.read()

    async def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._writer.write(self._outgoing.read())
                if not (came := await self._reader.read(2**16)):
                    raise ConnectionResetError("the client has gone") from None
                self._incoming.write(came)
            finally:
                self._writer.write(self._outgoing.read())
