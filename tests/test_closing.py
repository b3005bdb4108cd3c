"""Whoever closes leaves no connection behind, at whatever step of its way one is just then.

What is left behind fails whichever test the collector happens to run in.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from _listener import Listener
from _server import SILENCE, Request, Server, reply
from campaign.proxy import Proxy

from sora_core.clock import SystemClock
from sora_core.connections.connection import Connection
from sora_core.engine import Engine
from sora_core.errors import Interrupted, ServerError
from sora_core.gateway import FaultRule, Gateway
from sora_core.models import Effect
from sora_core.profiles.profiles import Profile
from sora_core.transport import Call, Http

STEPS = range(14)  # of the event loop: from a connection that is asked for to its answer
READ = b"GET /openai/v1/videos/video_1/content HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
ASKED = {"nothing": b"", "half a request": READ[:-2], "a request": READ}
FLOOD_BYTES = 2**25  # more than the socket's buffers hold


@contextmanager
def nothing_left() -> Iterator[None]:
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    assert [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)] == []


def run(work: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """In a loop that is closed at once, as the engine's is: without the steps that asyncio.run still takes."""

    async def whole() -> None:
        await work(*arguments)

    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(whole())


async def steps(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def knock(client: socket.socket, port: int, text: bytes) -> None:
    client.connect(("127.0.0.1", port))
    client.sendall(text)


async def ask_the_gateway(client: socket.socket, text: bytes, count: int) -> None:
    server = Gateway()
    await server.start()
    knock(client, int(server.url.rpartition(":")[2]), text)
    await steps(count)
    await server.stop()


async def ask_the_server(client: socket.socket, text: bytes, count: int) -> None:
    server = Server(SILENCE)
    await server.start()
    knock(client, server.port, text)
    await steps(count)
    await server.__aexit__()


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("ask", [ask_the_gateway, ask_the_server])
def test_a_server_that_stops_closes_what_has_just_arrived(
    ask: Callable[[socket.socket, bytes, int], Awaitable[None]], asked: str
) -> None:
    with nothing_left():
        for count in STEPS:
            with socket.socket() as client:
                run(ask, client, ASKED[asked], count)


def test_a_proxy_that_stops_closes_what_it_is_just_connecting() -> None:
    with nothing_left(), socket.create_server(("127.0.0.1", 0)) as far:
        for _ in STEPS:
            with socket.socket() as client:
                proxy = Proxy(far.getsockname()[1])
                knock(client, proxy.port, READ)
                proxy.stop()


def test_a_listener_lets_go_who_reads_nothing() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(FLOOD_BYTES))

    async def one(client: socket.socket) -> None:
        async with Listener(flood) as listener:
            knock(client, listener.port, b"")
            await steps(20)

    with nothing_left(), socket.socket() as client:
        run(one, client)


def test_a_gateway_lets_go_who_does_not_read_the_file() -> None:
    async def one(client: socket.socket) -> None:
        server = Gateway(faults=[FaultRule("content", "corrupt", byte_count=FLOOD_BYTES)])
        await server.start()
        knock(client, int(server.url.rpartition(":")[2]), READ)
        await asyncio.to_thread(client.recv, 1)
        await server.stop()

    with nothing_left(), socket.socket() as client:
        run(one, client)


def test_a_gateway_that_is_canceled_while_it_starts_does_not_listen() -> None:
    async def one(count: int) -> None:
        server = Gateway()
        start = asyncio.get_running_loop().create_task(server.start())
        await steps(count)
        start.cancel()
        await asyncio.wait([start])
        if not start.cancelled():
            await server.stop()

    with nothing_left():
        for count in STEPS:
            run(one, count)


@pytest.mark.parametrize("effect", [Effect.READ, Effect.CHARGE], ids=lambda effect: effect.value)
def test_a_request_that_is_canceled_closes_its_connection(effect: Effect) -> None:
    async def one(count: int) -> None:
        async with Server(reply(200, {})) as server:
            http = Http(server.url, judge=lambda reply: ServerError("no"), clock=SystemClock())
            task = asyncio.get_running_loop().create_task(http.send(Call("GET", "/x", effect)))
            await steps(count)
            task.cancel()
            await asyncio.wait([task])
            await http.aclose()

    with nothing_left():
        for count in STEPS:
            run(one, count)


def test_an_engine_that_is_closed_ends_what_is_under_way(tmp_path: Path, no_settings: None) -> None:
    """Whoever still waits is told that the waiting is over."""
    arrived = threading.Event()

    async def never(request: Request, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(3600)

    async def read(connection: Connection) -> object:
        return await connection.http.send(Call("GET", "/x", Effect.READ))

    def ask_and_close(url: str) -> None:
        engine = Engine(tmp_path / "home")
        engine.add_profile(Profile("far", provider="openai", base_url=url, auth="none"))
        handle = engine.ask("far", read)
        assert arrived.wait(60)
        engine.close()
        with pytest.raises(Interrupted):
            handle.result(60)

    async def one() -> None:
        async with Server(never) as server:
            await asyncio.to_thread(ask_and_close, server.url)

    with nothing_left():
        run(one)


def test_what_does_not_end_is_named_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """A script that has all its videos must not end with an error because a server does not answer."""
    monkeypatch.setattr("sora_core.engine.CLOSE_SECONDS", 0.2)
    begun = threading.Event()

    async def stubborn(connection: Connection) -> None:
        until = asyncio.get_running_loop().time() + 1.0
        while (left := until - asyncio.get_running_loop().time()) > 0:
            begun.set()
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                continue

    engine = Engine(tmp_path)
    engine.profiles.add(Profile("own", base_url="http://127.0.0.1:9", auth="none"))
    engine.ask("own", stubborn)
    assert begun.wait(10)
    engine.close()
    assert "still at work after 0.2 s" in caplog.text
