"""Connections over TLS, to a server whose records come together, damaged, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import ssl
from collections.abc import Awaitable, Callable

import httpcore
import pytest
from _listener import Change, Listener, relay
from _server import reply
from _tls import RawTls, Tls, tls_in

from sora_core.errors import NetworkError, SubmissionUnknown
from sora_core.models import Effect
from sora_core.transport import Call
from sora_core.transport.network import READ_BYTES, Network

BODY = os.urandom(40_000)  # three records
DAMAGED = b"\x17\x03\x03\x00\x40" + bytes(64)  # of the right form, encrypted with no key of ours
Answer = Callable[[RawTls, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> Tls:
    return tls_in(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def serve(tls, monkeypatch):
    """Starts a server that answers each request so; gives its port."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    listeners = []

    async def serve(answer: Answer) -> int:
        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raw = RawTls(tls.server, reader, writer)
            await raw.request()
            await answer(raw, writer)
            await writer.drain()

        listeners.append(Listener(connection))
        await listeners[-1].open()
        return listeners[-1].port

    yield serve
    for listener in listeners:
        await listener.close()


async def _connected(port: int, tls: Tls) -> httpcore.AsyncNetworkStream:
    plain = await Network(attentive=False).connect_tcp("127.0.0.1", port)
    stream = await plain.start_tls(ssl.create_default_context(cafile=tls.certificate), "127.0.0.1")
    await stream.write(b"hello")
    return stream


async def _read_to_end(stream: httpcore.AsyncNetworkStream, pieces: list[bytes]) -> None:
    while piece := await stream.read(2**16, 5):
        pieces.append(piece)


async def test_records_that_came_together_are_read_together(serve, tls):
    async def answer(raw: RawTls, writer: asyncio.StreamWriter) -> None:
        writer.write(raw.records(BODY))

    stream, pieces = await _connected(await serve(answer), tls), []
    await _read_to_end(stream, pieces)
    await stream.aclose()
    assert b"".join(pieces) == BODY
    assert len(pieces) < 3


async def test_what_came_before_the_damage_is_read_and_the_end_is_no_end(serve, tls):
    async def answer(raw: RawTls, writer: asyncio.StreamWriter) -> None:
        writer.write(raw.records(BODY) + DAMAGED)

    stream, pieces = await _connected(await serve(answer), tls), []
    with pytest.raises(httpcore.ReadError):
        await _read_to_end(stream, pieces)
    await stream.aclose()
    assert b"".join(pieces) == BODY


@pytest.mark.parametrize("head", [0, 60])
async def test_a_damaged_answer_is_a_broken_connection(serve, connect, head):
    async def answer(raw: RawTls, writer: asyncio.StreamWriter) -> None:
        writer.write((raw.records(reply(200, {"id": "video_1"})[:head]) if head else b"") + DAMAGED)

    http = connect(f"https://127.0.0.1:{await serve(answer)}")
    with pytest.raises(NetworkError):
        await http.send(Call("GET", "/videos/1", Effect.READ, timeout=5))


async def test_a_charge_whose_answer_is_damaged_may_have_happened(serve, connect):
    async def answer(raw: RawTls, writer: asyncio.StreamWriter) -> None:
        writer.write(DAMAGED)

    http = connect(f"https://127.0.0.1:{await serve(answer)}")
    with pytest.raises(SubmissionUnknown):
        await http.send(Call("POST", "/videos", Effect.CHARGE, form={"prompt": "a cat"}, timeout=5))


async def test_a_server_that_wants_a_certificate_of_ours_is_not_connected_to(tls, connect, monkeypatch):
    """With TLS 1.3 the refusal comes in the place of the first answer."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    tls.server.verify_mode = ssl.CERT_REQUIRED
    try:
        listener = Listener(lambda reader, writer: asyncio.sleep(0))
        await listener.open(tls=tls.server)
        http = connect(f"https://127.0.0.1:{listener.port}")
        with pytest.raises(NetworkError):
            await http.send(Call("GET", "/videos/1", Effect.READ, timeout=5))
        await listener.close()
    finally:
        tls.server.verify_mode = ssl.CERT_NONE


async def test_the_private_door_to_larger_pieces_is_there(serve, tls):
    async def answer(raw: RawTls, writer: asyncio.StreamWriter) -> None: ...

    port = await serve(answer)
    plain = await Network(attentive=False).connect_tcp("127.0.0.1", port)
    connection = plain._inner._stream
    assert connection._transport.max_size == READ_BYTES
    stream = await plain.start_tls(ssl.create_default_context(cafile=tls.certificate), "127.0.0.1")
    assert stream._inner._stream.transport_stream is connection
    assert connection.receive.keywords == {"max_bytes": connection._transport.max_size}
    await stream.aclose()


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("effect", [Effect.READ, Effect.CHARGE])
async def test_whatever_becomes_of_the_bytes_on_the_way_it_is_a_network_error_or_the_answer(
    tls, connect, monkeypatch, seed, effect
):
    """One bit turned, or the line cut, anywhere in the handshake, the request or the answer."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    chance = random.Random(seed)
    of_client, is_cut, at = chance.random() < 0.5, chance.random() < 0.3, int(chance.triangular(0, 3000, 0))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(200, {"id": "video_1", "status": "queued"}))
        await writer.drain()

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        damage = _damage(at, is_cut=is_cut)
        await relay(reader, writer, server.port, **{"ask" if of_client else "answer": damage})

    call = Call("GET", "/videos/1", Effect.READ, timeout=2)
    if effect is Effect.CHARGE:
        call = Call("POST", "/videos", Effect.CHARGE, form={"prompt": "a cat"}, timeout=2)
    async with contextlib.AsyncExitStack() as stack:
        server = Listener(answer)
        stack.push_async_callback(server.close)
        await server.open(tls=tls.server)
        damaged = await stack.enter_async_context(Listener(line))
        with contextlib.suppress(NetworkError, SubmissionUnknown):
            answered = await connect(f"https://127.0.0.1:{damaged.port}").send(call, attempts=1)
            assert json.loads(answered.body) == {"id": "video_1", "status": "queued"}


def _damage(at: int, *, is_cut: bool) -> Change:
    """Turns a bit of the byte that has so many before it, or cuts the line there."""
    seen = 0

    def change(data: bytes) -> bytes:
        nonlocal seen
        place, seen = at - seen, seen + len(data)
        if not 0 <= place < len(data):
            return data
        if is_cut:
            raise ConnectionResetError
        changed = bytearray(data)
        changed[place] ^= 1 << at % 8
        return bytes(changed)

    return change
