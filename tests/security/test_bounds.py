"""No answer takes more memory, disk or time than is stated, however small it is on the wire."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from _clock import FakeClock
from _server import Request, Server, reply

from sora_core.errors import BadResponse, NetworkError, SoraError, SubmissionUnknown
from sora_core.models import Effect
from sora_core.providers import _chat as chat
from sora_core.providers._answers import normalize, prose
from sora_core.transport import Call, Http

READ = Call("GET", "/a", Effect.READ, timeout=5)
CHARGE = Call("POST", "/a", Effect.CHARGE, json={}, timeout=5)
MIB = 2**20


async def answered(answer: Any, call: Call, **options: Any) -> Exception:
    async with Server(answer) as server:
        http = Http(server.url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock())
        try:
            with pytest.raises(SoraError) as caught:
                await http.send(call, attempts=1, **options)
            return caught.value
        finally:
            await http.aclose()


def packed(times: int, data: bytes) -> bytes:
    for _ in range(times):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_a_gzip_bomb_is_ended(status):
    bomb = packed(1, bytes(300 * MIB))
    assert len(bomb) < MIB
    tracemalloc.start()
    try:
        error = await answered(reply(status, bomb, {"content-encoding": "gzip"}), READ)
        assert tracemalloc.get_traced_memory()[1] < 200 * MIB
    finally:
        tracemalloc.stop()
    assert isinstance(error, BadResponse)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "deflate", "gzip,identity,gzip", "x"])
async def test_only_one_layer_of_gzip_is_taken_off(coding):
    answer = reply(200, packed(2, b"{}"), {"content-encoding": coding})
    assert isinstance(await answered(answer, READ), BadResponse)
    assert isinstance(await answered(answer, CHARGE), SubmissionUnknown)


async def test_a_bomb_in_answer_to_a_charge_leaves_little_on_the_disk(tmp_path):
    spool = tmp_path / "spool"
    answer = reply(200, packed(1, bytes(300 * MIB)), {"content-encoding": "gzip"})
    assert isinstance(await answered(answer, CHARGE, spool=spool), SubmissionUnknown)
    assert spool.stat().st_size < 100 * MIB


async def test_what_is_asked_for_is_not_packed():
    async with Server(reply(200, {})) as server:
        http = Http(server.url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock())
        await http.send(READ)
        await http.aclose()
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_one_layer_of_gzip_is_read_all_the_same():
    async with Server(reply(200, gzip.compress(b'{"id": "v"}'), {"content-encoding": "gzip"})) as server:
        http = Http(server.url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock())
        assert (await http.send(READ)).body == b'{"id": "v"}'
        await http.aclose()


def dripping(clock: FakeClock, head: bytes) -> Callable[..., Any]:
    async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(10_000):
            await clock.sleep(10)
            writer.write(b"1\r\n \r\n")
            await writer.drain()

    return drip


async def test_a_drip_that_never_ends_is_ended():
    clock = FakeClock()
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with Server(dripping(clock, head)) as server:
        http = Http(server.url, judge=partial(normalize.error_of, provider="p"), clock=clock)
        with pytest.raises(NetworkError, match="KiB"):
            await asyncio.wait_for(http.send(READ, attempts=1), 30)
        await http.aclose()


async def test_a_head_that_never_ends_is_ended(monkeypatch):
    async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    monkeypatch.setattr("sora_core.transport.http._CONNECT_SECONDS", 0.1)
    call = Call("GET", "/a", Effect.READ, timeout=0.2)
    began = time.monotonic()
    assert isinstance(await answered(drip, call), NetworkError)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("unit", ["[],", "{},", "1,", '{"a":[]},'])
def test_json_that_is_nothing_but_values_is_not_read(unit):
    text = "[" + unit * 2_000_000 + "1]"
    tracemalloc.start()
    try:
        assert normalize.parse(text.encode()) is None
        assert tracemalloc.get_traced_memory()[1] < 8 * len(text)
    finally:
        tracemalloc.stop()


# Each is what made one of the readers look again and again at the same text.
UNITS = {
    "video tags": "<video ",
    "sources": "<source x src=",
    "half tags": "<video src='",
    "spaces": "<video" + " " * 50,
    "markdown": "](/",
    "markdown links": "](http://a/b",
    "links": "http://a.example/v ",
    "video links": "http://a.example/v.mp4 ",
    "cut links": "http://",
    "ids": " task_a1b2c3d4",
    "dotted ids": ".task_a1b2c3d4",
    "sora": "sora.",
    "sora tasks": "sora:task_",
    "long id": "a1",
    "request ids": "request id 7d444840-9dc0-11d1-b245-5ffdce74fad2 ",
    "failures": "❌",
    "brackets": "{",
    "fences": "```",
    "lines": "\n",
    "backslashes": "\\u",
    "stream": "stream ",
    "quotes": "{'type': ",
    "validation": "a\n  b [type=",
    "secrets": "bearer ",
}


def read_all(text: str) -> None:
    reader = chat.Reader(sent="a prompt" * 100, base_url="https://relay.example")
    body = {"choices": [{"delta": {"content": text, "reasoning_content": text}}]}
    reader.feed(f"data: {json.dumps(body)}\n\n".encode())
    reader.end()
    reader.answer()
    plain = chat.Reader(base_url="https://relay.example")
    plain.feed(json.dumps({"error": {"message": text}}).encode())
    plain.answer()
    prose.task_in_scrap(prose.unescaped(text), sent="")


def seconds(work: Callable[[str], None], text: str) -> float:
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        work(text)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_chat_answer_is_read_in_time_in_proportion_to_it(unit):
    few, many = unit * (50_000 // len(unit)), unit * (400_000 // len(unit))
    read_all(few)
    assert seconds(read_all, many) < 8 * 4 * max(seconds(read_all, few), 0.02)


EVENTS = {
    "deltas": 'data: {"choices": [{"delta": {"content": "ab"}}]}\n\n',
    "reasoning": 'data: {"choices": [{"delta": {"reasoning_content": "ab\\n"}}]}\n\n',
    "broken lines": 'data: {"a": \n',
    "data without an end": "data: x\n",
    "comments": ": ping\n",
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_a_stream_is_read_in_time_in_proportion_to_it(event):
    def feed(text: str) -> None:
        reader, data = chat.Reader(), text.encode()
        for at in range(0, len(data), 2**16):
            reader.feed(data[at : at + 2**16])
        reader.answer()

    few, many = event * 4_000, event * 32_000
    feed(few)
    assert seconds(feed, many) < 8 * 4 * max(seconds(feed, few), 0.05)


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_an_error_is_read_in_time_in_proportion_to_it(unit):
    def judge(text: str) -> None:
        body = json.dumps({"error": {"message": text}}).encode()
        normalize.failure_of(chat_reply(body))
        normalize.failure_of(chat_reply(text.encode()))

    few, many = unit * (50_000 // len(unit)), unit * (400_000 // len(unit))
    judge(few)
    assert seconds(judge, many) < 8 * 4 * max(seconds(judge, few), 0.02)


def chat_reply(body: bytes) -> Any:
    from sora_core.transport import Reply

    return Reply(400, {}, body, "https://relay.example")
