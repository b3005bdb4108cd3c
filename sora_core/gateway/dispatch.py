"""The way of every request: counted, let in or not, befallen by faults, handled, shaped."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from .core import Core, Incoming, Route, Wire
from .faults import FaultRule
from .files import noise
from .refusal import Refusal

_CLIENT_GONE = 499  # as nginx writes it
_HTML = "<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"


class Dispatcher:
    """Puts the routes of the protocols on an application."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def mount(self, app: web.Application, wire: Wire) -> None:
        for mount in wire.mounts:
            for route in wire.routes():
                handler = self._handler(wire, route)
                if route.method == "GET":
                    app.router.add_get(mount + route.path, handler)
                else:
                    app.router.add_route(route.method, mount + route.path, handler)
        root = min(wire.mounts, key=len)
        unknown = Route("*", "", "unknown", "unknown", _unknown)
        app.router.add_route("*", root, self._handler(wire, unknown))
        app.router.add_route("*", root + "/{tail:.*}", self._handler(wire, unknown))

    def _handler(self, wire: Wire, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        name = f"{wire.name}.{route.name}"

        async def handle(request: web.Request) -> web.StreamResponse:
            self._core.books.requests[name] += 1
            if not route.open and not self._core.admits(wire.credential(request)):
                return wire.refuse(_wrong_key())
            call = Incoming(request, self._core.faults.take(route.operation))
            if call.taken:
                self._core.books.faulted[name] += 1
            try:
                return await _with_faults(call, wire, route)
            except ConnectionError:
                return web.Response(status=_CLIENT_GONE)  # to nobody: the client has gone away

        return handle


async def _with_faults(call: Incoming, wire: Wire, route: Route) -> web.StreamResponse:
    answer = call.taken.answer
    await asyncio.sleep(call.taken.delay_seconds("before"))
    try:
        if answer is not None and answer.when == "before" and answer.do != "truncate":
            # The request is taken in whole, as by a server that breaks while it works on it.
            await call.request.read()
            return _spoiled(call.request, wire, answer)
        response = await route.handler(call)
    except Refusal as refusal:
        response = wire.refuse(refusal)
    except web.HTTPException as error:
        response = wire.refuse(Refusal(error.status, error.reason))
    await asyncio.sleep(call.taken.delay_seconds("after"))
    if answer is not None and answer.when == "after":
        return _spoiled(call.request, wire, answer)
    return response


def _spoiled(request: web.Request, wire: Wire, rule: FaultRule) -> web.StreamResponse:
    if rule.do == "drop":
        _reset(request)
        return web.Response(status=500)
    if rule.do == "garbage":
        return _garbage(rule.kind)
    if rule.do == "corrupt":
        return noise(rule.byte_count, "video/mp4")
    if rule.do == "redirect_loop":
        return web.Response(status=302, headers={"Location": str(request.rel_url)})
    if rule.do == "refuse":
        return wire.refuse(Refusal(rule.status, rule.message, code=rule.code, headers=rule.headers))
    if rule.do == "expire":
        return wire.refuse(Refusal(rule.status, "The link to this video has expired.", code="expired"))
    if rule.body is None:
        text = f"The server answers with status {rule.status}, as a fault of the preview gateway says."
        return wire.refuse(Refusal(rule.status, text, headers=rule.headers))
    if isinstance(rule.body, str):
        return web.Response(status=rule.status, text=rule.body, headers=rule.headers)
    return web.json_response(rule.body, status=rule.status, headers=rule.headers)


def _garbage(kind: str) -> web.Response:
    if kind == "html":
        return web.Response(text=_HTML, content_type="text/html")
    if kind == "json":
        return web.Response(body=b'{"id": "video_', content_type="application/json")
    return web.Response(body=random.Random(1).randbytes(512), content_type="application/json")  # noqa: S311 - noise


def _reset(request: web.Request) -> None:
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # No lingering: the client sees a reset, not a polite end. Windows has 16-bit fields here.
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


async def _unknown(call: Incoming) -> web.StreamResponse:
    raise Refusal(404, f"Invalid URL ({call.request.method} {call.request.path})")


def _wrong_key() -> Refusal:
    return Refusal(401, "Incorrect API key provided: send the key that this gateway was started with.")
