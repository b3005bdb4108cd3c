"""Clients that go away in the middle: no trouble of the gateway's."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from gateway_caller import Caller

from sora_core.gateway import Gateway

TALK = b'{"model": "sora2-landscape", "stream": true, "messages": [{"role": "user", "content": "a fox"}]}'
# what the client has sent, and what it has read, when it resets the connection
REQUESTS = {
    "in the middle of its request": b"POST /openai/v1/videos HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 5000\r\n\r\n{",
    "in the middle of a stream": b"POST /skyriff/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(TALK), TALK),
    "before the answer": b"GET /_gateway/stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.mark.parametrize("case", REQUESTS)
async def test_a_client_that_resets_the_connection_leaves_no_traceback(
    case: str, gateway: Gateway, caller: Caller, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    where = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(REQUESTS[case])
    await writer.drain()
    if "stream" in case:
        await reader.readuntil(b"Progress")
    else:
        await asyncio.sleep(0.05)
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    await asyncio.sleep(0.6)  # the stream's next word is due by then
    assert [record.getMessage() for record in caplog.records] == []
    assert (await caller.stats())["charges"] == (1 if "stream" in case else 0)
