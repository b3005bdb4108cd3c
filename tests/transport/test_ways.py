"""The way of a request out of this machine, over real sockets: proxies, and answers that come early."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core.errors import ProfileError, RequestRejected, SubmissionUnknown
from sora_core.models import Effect, Upload
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http

REFUSAL = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large"
SIZES = {"100 kB": 10**5, "3 MB": 3 * 10**6, "20 MB": 2 * 10**7}


@pytest.fixture
def environ(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def client(url: str, **options: object) -> Http:
    return Http(url, judge=partial(normalize.error_of, provider="openai"), clock=FakeClock(), **options)


def upload(size: int) -> Call:
    picture = Upload(bytes(size), "image/png", "a.png")
    return Call(
        "POST", "/videos", Effect.CHARGE, form={"prompt": "x"}, files=(("input_reference", picture),), timeout=5
    )


class EarlyServer:
    """Answers as soon as it has read the head of a request, and then ``ends`` the connection. In threads of its own."""

    def __init__(self, ends: str, answer: bytes = REFUSAL) -> None:
        self.ends = ends
        self.answer = answer
        self.heads = 0
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> EarlyServer:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._start(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._talk, self._door.accept()[0])

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            self.heads += 1
            connection.sendall(self.answer)
            if self.ends == "while it is written":
                time.sleep(0.2)
            elif self.ends == "after it was given up":
                connection.shutdown(socket.SHUT_WR)
                time.sleep(0.5)
            elif self.ends == "torn":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("ends", ["at once", "while it is written", "after it was given up"])
@pytest.mark.parametrize("size", SIZES)
async def test_an_answer_that_comes_before_the_request_is_read_is_heard(size, ends):
    with EarlyServer(ends) as server:
        http = client(server.url)
        for _ in range(3):
            with pytest.raises(RequestRejected, match="too large"):
                await http.send(upload(SIZES[size]))
        assert server.heads == 3
        await http.aclose()


@pytest.mark.parametrize("ends", ["at once", "torn"])
async def test_a_connection_that_breaks_without_an_answer_leaves_it_open(ends):
    with EarlyServer(ends, b"") as server:
        http = client(server.url)
        with pytest.raises(SubmissionUnknown):
            await http.send(upload(SIZES["3 MB"]))
        assert server.heads == 1
        await http.aclose()


async def test_a_large_request_that_is_read_slowly_arrives_whole():
    async with Server(reply(200, {"id": "1"})) as server:
        http = client(server.url)
        await http.send(upload(SIZES["20 MB"]))
        assert len(server.requests[0].body) > SIZES["20 MB"]
        assert bytes(10**6) in server.requests[0].body
        await http.aclose()


async def test_connections_are_still_used_again():
    async with Server(reply(200, {"id": "1"})) as server:
        http = client(server.url)
        for _ in range(3):
            await http.send(Call("GET", "/a", Effect.READ))
        assert server.connections == 1
        await http.aclose()


class TestAProxyOfTheEnvironment:
    async def test_is_asked_for_what_is_elsewhere(self, environ):
        async with Server(reply(200, {"from": "proxy"})) as proxy:
            environ.setenv("HTTP_PROXY", proxy.url)
            http = client("http://relay.invalid/v1")
            assert (await http.send(Call("GET", "/models", Effect.READ))).ok
            assert proxy.requests[0].target == "http://relay.invalid/v1/models"
            await http.aclose()

    async def test_is_passed_by_where_it_is_said(self, environ):
        async with Server(reply(200)) as proxy, Server(reply(200, {"from": "server"})) as server:
            environ.setenv("HTTP_PROXY", proxy.url)
            for http in (client(server.url), client(f"http://localhost.localdomain:{server.port}")):
                environ.setenv("NO_PROXY", "localdomain,[::1],fd12::/16")
                with contextlib.suppress(Exception) if "localdomain" in http.base_url else contextlib.nullcontext():
                    await http.send(Call("GET", "/models", Effect.READ), attempts=1)
                await http.aclose()
            assert proxy.requests == []

    async def test_counts_for_a_link_that_leads_away_from_this_machine(self, environ):
        """A server on loopback needs no proxy; the file that it names may lie elsewhere."""
        async with Server(reply(200, b"file")) as proxy, Server(reply(200, {"id": "1"})) as server:
            environ.setenv("HTTP_PROXY", proxy.url)
            http = client(server.url)
            await http.send(Call("GET", "/v1/videos/1", Effect.READ))
            await http.send(Call("GET", "http://cdn.invalid/a.mp4", Effect.READ))
            assert [request.target for request in proxy.requests] == ["http://cdn.invalid/a.mp4"]
            await http.aclose()

    async def test_that_cannot_be_used_stops_only_what_needs_it(self, environ):
        environ.setenv("ALL_PROXY", "socks://127.0.0.1:1")
        async with Server(reply(200, {"id": "1"})) as server:
            http = client(server.url)
            await http.send(Call("GET", "/v1/videos/1", Effect.READ))
            with pytest.raises(ProfileError, match="ALL_PROXY"):
                await http.send(Call("GET", "http://cdn.invalid/a.mp4", Effect.READ))
            with pytest.raises(ProfileError, match="ALL_PROXY"):
                await http.send(Call("POST", "http://cdn.invalid/a", Effect.CHARGE))
            await http.aclose()

    async def test_is_not_asked_where_the_profile_has_its_own(self, environ):
        environ.setenv("ALL_PROXY", "socks://127.0.0.1:1")
        async with Server(reply(200)) as proxy:
            http = client("http://relay.invalid/v1", proxy=proxy.url)
            await http.send(Call("GET", "/models", Effect.READ))
            assert len(proxy.requests) == 1
            await http.aclose()
