"""The client's one way to a server, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest
from _clock import FakeClock
from _listener import Listener
from _server import CLOSE, RESET, SILENCE, Server, refused_port, reply

from sora_core.errors import (
    AuthError,
    BadResponse,
    JobNotFound,
    ModerationRejected,
    NetworkError,
    Overloaded,
    QuotaExceeded,
    RateLimited,
    RequestRejected,
    ServerError,
    SoraError,
    StorageError,
    SubmissionUnknown,
)
from sora_core.models import Effect, Upload
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http
from sora_core.transport.retry import ATTEMPTS, LONGEST_WAIT_SECONDS

OK = reply(200, {"id": "video_1", "status": "queued"})
BUSY_QUOTA = {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}
READ = Call("GET", "/videos/1", Effect.READ, timeout=5)
CHARGE = Call("POST", "/videos", Effect.CHARGE, form={"prompt": "a cat"}, timeout=5)
DELETE = Call("DELETE", "/videos/1", Effect.IDEMPOTENT, timeout=5)
QUICK = 0.2  # seconds until a silent server counts as dead


CERTAIN = sorted({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@pytest.fixture
def resolver(monkeypatch):
    """Makes every name end in what getaddrinfo says in such a case."""

    def answer(code: int) -> None:
        def getaddrinfo(*_: object, **__: object) -> None:
            raise socket.gaierror(code, "as the resolver says it")

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return answer


async def _error(http: Http, call: Call, **options: object) -> SoraError:
    with pytest.raises(SoraError) as caught:
        await http.send(call, **options)
    return caught.value


class TestAServerThatCannotBeReached:
    @pytest.mark.parametrize("call", [READ, DELETE, CHARGE], ids=lambda call: call.effect.value)
    async def test_is_tried_again_a_few_times_and_then_named(self, connect, clock, call):
        port = refused_port()
        error = await _error(connect(f"http://127.0.0.1:{port}/v1"), call)
        assert type(error) is NetworkError
        assert str(port) in error.message
        assert len(clock.sleeps) == ATTEMPTS - 1

    async def test_a_charge_is_never_put_on_record_as_sent(self, connect):
        marks: list[int] = []

        async def mark() -> None:
            marks.append(1)

        await _error(connect(f"http://127.0.0.1:{refused_port()}/v1"), CHARGE, on_sent=mark)
        assert marks == []

    async def test_a_charge_goes_through_once_the_server_is_up(self, connect, clock):
        port = refused_port()
        servers: list[Server] = []

        async def start_the_server(seconds: float) -> None:
            FakeClock.advance(clock, seconds)
            if not servers:
                servers.append(Server(OK))
                await servers[0].start(port)

        clock.sleep = start_the_server
        answer = await connect(f"http://127.0.0.1:{port}/v1").send(CHARGE)
        assert answer.status == 200
        assert len(servers[0].requests) == 1
        await servers[0].__aexit__()

    @pytest.mark.parametrize("said", CERTAIN)
    @pytest.mark.parametrize("call", [READ, CHARGE], ids=lambda call: call.effect.value)
    async def test_a_name_that_does_not_exist_is_named_at_once(self, connect, clock, resolver, call, said):
        resolver(said)
        marks: list[int] = []

        async def mark() -> None:
            marks.append(1)

        error = await _error(connect("https://no-such-host.invalid/v1"), call, on_sent=mark)
        assert type(error) is NetworkError
        assert "'no-such-host.invalid'" in error.message
        assert "spelling" in str(error)
        assert sum(clock.sleeps) <= 1
        assert marks == []

    async def test_a_resolver_that_cannot_be_asked_right_now_is_tried_again_as_often(self, connect, clock, resolver):
        resolver(socket.EAI_AGAIN)
        error = await _error(connect("https://relay.invalid/v1"), CHARGE)
        assert type(error) is NetworkError
        assert len(clock.sleeps) == ATTEMPTS - 1

    async def test_a_proxy_whose_name_does_not_exist_is_not_taken_for_the_server(self, connect, clock, resolver):
        resolver(socket.EAI_NONAME)
        error = await _error(connect("https://relay.example/v1", proxy="http://proxy.invalid:8080"), CHARGE)
        assert "No address is known for the name 'relay.example'" not in error.message
        assert sum(clock.sleeps) <= 1

    async def test_a_server_that_does_not_speak_tls_is_not_sent(self, connect):
        async def speak_first(reader, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with Listener(speak_first) as server:
            error = await _error(connect(f"https://127.0.0.1:{server.port}/v1"), CHARGE, attempts=1)
        assert type(error) is NetworkError


BROKEN = {"close": CLOSE, "reset": RESET, "silence": SILENCE}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
class TestAServerThatReadsTheRequestAndDoesNotAnswer:
    async def test_a_charge_is_sent_exactly_once_and_its_fate_is_unknown(self, connect, clock, answer):
        async with Server(answer, OK) as server:
            error = await _error(connect(server.url), replace(CHARGE, timeout=QUICK))
            assert len(server.requests) == 1
        assert type(error) is SubmissionUnknown
        assert clock.sleeps == []

    @pytest.mark.parametrize("call", [READ, DELETE], ids=lambda call: call.effect.value)
    async def test_what_costs_nothing_is_tried_again(self, connect, answer, call):
        async with Server(answer, answer, OK) as server:
            assert (await connect(server.url).send(replace(call, timeout=QUICK))).ok
            assert len(server.requests) == 3

    async def test_a_read_gives_up_in_the_end(self, connect, answer):
        async with Server(answer) as server:
            error = await _error(connect(server.url), replace(READ, timeout=QUICK), attempts=2)
            assert len(server.requests) == 2
        assert type(error) is NetworkError


async def test_a_charge_whose_answer_breaks_off_is_unknown(connect):
    async def half(request, writer):
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"id": "vid')
        await writer.drain()
        writer.close()

    async with Server(half, OK) as server:
        assert type(await _error(connect(server.url), CHARGE)) is SubmissionUnknown
        assert len(server.requests) == 1


async def test_a_charge_whose_answer_is_no_http_is_unknown(connect):
    async with Server(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", OK) as server:
        assert type(await _error(connect(server.url), CHARGE)) is SubmissionUnknown
        assert len(server.requests) == 1


async def test_a_charge_whose_answer_is_garbled_gzip_is_unknown(connect):
    garbled = reply(200, b"not gzip at all", {"content-encoding": "gzip"})
    async with Server(garbled, OK) as server:
        assert type(await _error(connect(server.url), CHARGE)) is SubmissionUnknown
        assert len(server.requests) == 1


class TestAServerThatIsBusy:
    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("call", [READ, DELETE, CHARGE], ids=lambda call: call.effect.value)
    async def test_is_waited_for_as_long_as_it_says(self, connect, clock, call, status):
        async with Server(reply(status, {"error": "busy"}, {"retry-after": "7"}), OK) as server:
            assert (await connect(server.url).send(call)).ok
            assert len(server.requests) == 2
        assert clock.sleeps == [7.0]

    async def test_a_code_that_documents_the_overload_counts_as_busy_whatever_the_status(self, connect):
        async with Server(reply(400, {"error": {"message": "busy", "code": "heavy_load"}}), OK) as server:
            assert (await connect(server.url).send(CHARGE)).ok
            assert len(server.requests) == 2

    @pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, Overloaded)])
    async def test_is_given_up_after_a_bound(self, connect, clock, status, kind):
        async with Server(reply(status, {"error": "busy"}, {"retry-after": "1"})) as server:
            error = await _error(connect(server.url), CHARGE)
            assert len(server.requests) == ATTEMPTS
        assert type(error) is kind
        assert sum(clock.sleeps) <= ATTEMPTS * LONGEST_WAIT_SECONDS

    async def test_that_wants_an_hour_is_told_to_the_user(self, connect, clock):
        async with Server(reply(429, {"error": "busy"}, {"retry-after": "3600"})) as server:
            error = await _error(connect(server.url), CHARGE)
            assert len(server.requests) == 1
        assert type(error) is RateLimited
        assert error.retry_after == 3600
        assert clock.sleeps == []


REFUSALS = [
    (429, BUSY_QUOTA, QuotaExceeded),
    (402, {"error": {"message": "pay first"}}, QuotaExceeded),
    (
        403,
        {"error": {"message": "用户额度不足, 剩余额度: ＄-0.003902", "code": "insufficient_user_quota"}},
        QuotaExceeded,
    ),
    (400, {"error": {"message": "no", "code": "moderation_blocked"}}, ModerationRejected),
    (400, {"error": {"message": "size is wrong"}}, RequestRejected),
    (401, {"error": "Unauthorized"}, AuthError),
    (403, {"error": {"message": "forbidden"}}, AuthError),
    (404, {"detail": "Not Found"}, JobNotFound),
    (422, {"detail": [{"loc": ["body", "size"], "msg": "bad"}]}, RequestRejected),
]


@pytest.mark.parametrize("call", [READ, CHARGE], ids=lambda call: call.effect.value)
@pytest.mark.parametrize(
    ("status", "body", "kind"), REFUSALS, ids=[f"{status}-{kind.__name__}" for status, _, kind in REFUSALS]
)
async def test_a_refusal_is_raised_at_once(connect, clock, call, status, body, kind):
    async with Server(reply(status, body), OK) as server:
        error = await _error(connect(server.url), call)
        assert len(server.requests) == 1
    assert type(error) is kind
    assert clock.sleeps == []


# What the text of such an answer says proves nothing: it comes from a proxy, or from a server
# that fell over after it had taken the request.
BODIES = {
    "empty": b"",
    "web page": "<html><head><title>502 Bad Gateway</title></head></html>",
    "timeout": {"error": {"message": "Timed out waiting for task_id", "code": "task_id_timeout"}},
    "speaks of overload": {"error": {"message": "upstream overloaded, the task may still be running"}},
    "speaks of capacity": "<html><body>The origin is at capacity</body></html>",
    "speaks of quota": {"error": {"message": "could not refund 余额不足 after the task was made"}},
    "speaks of moderation": {"error": {"message": "moderation service timed out"}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_charge_that_ends_in_a_server_error_is_unknown_and_never_repeated(connect, status, body):
    async with Server(reply(status, body), OK) as server:
        result = await asyncio.gather(connect(server.url).send(CHARGE), return_exceptions=True)
        assert len(server.requests) == 1
    assert [type(each) for each in result] == [SubmissionUnknown]


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_read_that_ends_in_a_server_error_is_tried_again(connect, status):
    async with Server(reply(status), reply(status), OK) as server:
        assert (await connect(server.url).send(READ)).ok
        assert len(server.requests) == 3


async def test_a_read_that_keeps_failing_raises_what_the_server_said(connect):
    async with Server(reply(500, {"error": "engine is on fire"})) as server:
        error = await _error(connect(server.url), READ)
    assert type(error) is ServerError
    assert "engine is on fire" in error.message


@pytest.mark.parametrize("status", [408, 409, 425])
async def test_a_status_that_passes_does_not_end_a_read(connect, status):
    """A poll must not lose a paid job to a proxy's hiccup."""
    async with Server(reply(status), OK) as server:
        assert (await connect(server.url).send(READ)).ok
        assert len(server.requests) == 2


class TestTheMomentOfSending:
    async def test_is_on_record_before_the_server_sees_a_byte(self, connect):
        async with Server(OK) as server:
            seen: list[int] = []

            async def look() -> None:
                await asyncio.sleep(0.05)  # what would leave meanwhile has arrived by then
                seen.append(server.bytes_seen)

            await connect(server.url).send(CHARGE, on_sent=look)
            assert seen == [0]
            assert server.bytes_seen > 0

    async def test_that_cannot_be_recorded_stops_the_request(self, connect):
        async def full() -> None:
            raise StorageError("The disk is full.")

        async with Server(OK) as server:
            error = await _error(connect(server.url), CHARGE, on_sent=full)
            await asyncio.sleep(0.05)
            assert server.requests == []
            assert server.bytes_seen == 0
        assert type(error) is StorageError

    async def test_comes_with_each_try(self, connect):
        marks: list[int] = []
        async with Server(reply(429), OK) as server:

            async def mark() -> None:
                marks.append(len(server.requests))

            await connect(server.url).send(CHARGE, on_sent=mark)
        assert marks == [0, 1]


class TestConnections:
    async def test_a_charge_never_gets_a_used_one(self, connect):
        async with Server(OK) as server:
            http = connect(server.url)
            await http.send(READ)
            await http.send(CHARGE)
            await http.send(CHARGE)
            assert [request.connection for request in server.requests] == [1, 2, 3]

    async def test_reads_share_one(self, connect):
        async with Server(OK) as server:
            http = connect(server.url)
            for _ in range(3):
                await http.send(READ)
            assert server.connections == 1

    async def test_a_read_survives_that_the_server_has_closed_the_idle_one(self, connect):
        async def answer_and_hang_up(request, writer):
            writer.write(OK)
            await writer.drain()
            writer.close()

        async with Server(answer_and_hang_up, answer_and_hang_up) as server:
            http = connect(server.url)
            assert (await http.send(READ)).ok
            await asyncio.sleep(0.05)
            assert (await http.send(READ)).ok

    async def test_a_proxy_of_the_environment_is_not_asked_for_loopback(self, connect, monkeypatch):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{refused_port()}")
        async with Server(OK) as server:
            http = connect(server.url)
            assert (await http.send(READ)).ok
            assert (await http.send(CHARGE)).ok

    async def test_a_proxy_of_the_profile_is_used(self, connect):
        async with Server(OK) as proxy:
            http = connect("http://relay.example/v1", proxy=proxy.url)
            assert (await http.send(READ)).ok
            assert proxy.requests[0].target == "http://relay.example/v1/videos/1"

    async def test_a_proxy_that_breaks_before_the_tunnel_stands_has_sent_nothing(self, connect):
        async with Server(CLOSE) as proxy:
            error = await _error(connect("https://relay.example/v1", proxy=proxy.url), CHARGE)
            assert {request.method for request in proxy.requests} == {"CONNECT"}
        assert type(error) is NetworkError


class TestBodies:
    async def test_a_byte_order_mark_is_read(self, connect):
        async with Server(reply(200, b"\xef\xbb\xbf" + b'{"id": "video_1"}')) as server:
            answer = await connect(server.url).send(READ)
        assert normalize.parse(answer.body) == {"id": "video_1"}

    async def test_an_endless_one_is_cut_off(self, connect):
        async def endless(request, writer):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
            for _ in range(70):
                writer.write(b" " * 2**20)
                await writer.drain()

        async with Server(endless) as server:
            error = await _error(connect(server.url), READ)
        assert type(error) is BadResponse

    async def test_an_endless_one_leaves_it_open_whether_a_charge_was_taken(self, connect):
        async def endless(request, writer):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
            for _ in range(70):
                writer.write(b" " * 2**20)
                await writer.drain()

        async with Server(endless) as server:
            error = await _error(connect(server.url), CHARGE)
            assert len(server.requests) == 1
        assert type(error) is SubmissionUnknown

    async def test_chinese_goes_out_as_utf8_in_json(self, connect):
        async with Server(OK) as server:
            await connect(server.url).send(Call("POST", "/x", Effect.CHARGE, json={"prompt": "猫 ＄ 🐈"}))
            assert server.requests[0].json == {"prompt": "猫 ＄ 🐈"}
            assert server.requests[0].headers["content-type"] == "application/json"

    async def test_chinese_goes_out_as_utf8_in_a_form(self, connect):
        async with Server(OK) as server:
            image = Upload(b"\x89PNG bytes", "image/png", "reference.png")
            await connect(server.url).send(
                replace(CHARGE, form={"prompt": "猫 🐈"}, files=(("input_reference", image),))
            )
            request = server.requests[0]
        assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'name="prompt"' in request.body
        assert "猫 🐈".encode() in request.body
        assert b'name="input_reference"; filename="reference.png"' in request.body
        assert b"\x89PNG bytes" in request.body

    async def test_a_form_without_a_file_is_multipart_too(self, connect):
        async with Server(OK) as server:
            await connect(server.url).send(CHARGE)
            assert server.requests[0].headers["content-type"].startswith("multipart/form-data; boundary=")

    @pytest.mark.parametrize(
        "body", [{"json": {"prompt": "half \ud83d emoji"}}, {"form": {"prompt": "half \ud83d emoji"}}]
    )
    async def test_a_lone_surrogate_does_not_stop_a_request(self, connect, body):
        async with Server(OK) as server:
            await connect(server.url).send(Call("POST", "/videos", Effect.CHARGE, **body))
            assert b"half ? emoji" in server.requests[0].body


async def test_an_interrupted_charge_leaves_no_connection_open(connect):
    async with Server(SILENCE) as server:
        task = asyncio.create_task(connect(server.url).send(CHARGE))
        while not server.requests and not task.done():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
