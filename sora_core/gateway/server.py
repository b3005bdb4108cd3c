"""The preview gateway: an HTTP server on loopback that speaks wire protocols and renders animatics."""

from __future__ import annotations

import asyncio
import hmac
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from ..clock import SystemClock
from ..errors import InvalidRequest, StorageError
from .core import Core
from .deviations import wires
from .dispatch import Dispatcher
from .faults import FaultBox, FaultRule, parse_faults
from .forms import MAX_BODY_BYTES
from .hosts import only_named
from .listening import settle, stop_accepting

_SHUTDOWN_SECONDS = 0.5


class Gateway:
    """``async with`` is not needed: ``start``, then ``stop``, in the same event loop, whichever that is.

    ``key`` must come with every request of a protocol, ``admin_key`` as Bearer with those below ``/_gateway``; None
    asks for none. ``speed`` divides the time that jobs take. Files go to ``workdir``, or to a temporary folder that
    ``stop`` removes.
    """

    def __init__(
        self,
        *,
        key: str | None = None,
        admin_key: str | None = None,
        speed: float = 1.0,
        faults: Sequence[FaultRule] = (),
        workdir: Path | None = None,
        fault_seed: int | None = None,
    ) -> None:
        if not speed > 0:
            raise InvalidRequest("gateway.speed_gateway_must_more_than", speed=speed)
        self._key = key
        self._admin_key = admin_key
        self._speed = speed
        self._faults = FaultBox(faults, fault_seed)
        self._workdir = workdir
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._core: Core | None = None
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """``http://HOST:PORT`` of the running gateway."""
        if not self._url:
            raise RuntimeError("the gateway is not running")
        return self._url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens; port 0 takes a free one. Raises InvalidRequest (the address), StorageError (the folder)."""
        if self._runner is not None:
            raise RuntimeError("the gateway is running already")
        listening = asyncio.ensure_future(self._listen(host, port))
        try:
            await asyncio.shield(listening)  # canceled in the middle, asyncio would leave a socket behind
        except BaseException:
            await asyncio.wait([listening])
            await self.stop()
            raise

    async def _listen(self, host: str, port: int) -> None:
        core = self._core = Core(
            folder=self._folder(), clock=SystemClock(), speed=self._speed, faults=self._faults, key=self._key
        )
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[only_named({host})])
        dispatcher = Dispatcher(core)
        for wire in wires(core):
            dispatcher.mount(app, wire)
        app.router.add_get("/_gateway/stats", self._stats)
        app.router.add_get("/_gateway/faults", self._show_faults)
        app.router.add_post("/_gateway/faults", self._set_faults)
        app.router.add_delete("/_gateway/faults", self._clear_faults)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        assert self._runner.server
        try:
            self._server = await asyncio.get_running_loop().create_server(self._runner.server, host, port)
        except (OSError, OverflowError) as error:
            raise InvalidRequest("gateway.gateway_cannot_listen_on", host=host, port=port, error=error) from error
        bound = self._server.sockets[0].getsockname()[1]
        self._url = f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Closes connections, ends renders, removes the temporary folder. May be called again."""
        server, runner, core, temporary = self._server, self._runner, self._core, self._temporary
        self._server = self._runner = self._core = self._temporary = None
        self._url = ""
        if server is not None:
            await stop_accepting(server)
        if runner is not None:
            connections = [handler.transport for handler in runner.server.connections] if runner.server else []
            await runner.cleanup()
            for transport in connections:
                if transport is not None:
                    transport.abort()  # of a client that does not read: a polite end would wait for it
            await settle()
        if core is not None:
            await core.close()
        if temporary is not None:
            await asyncio.to_thread(temporary.cleanup)

    def _folder(self) -> Path:
        try:
            if self._workdir is None:
                # Windows cannot remove a file that a client still reads; that must not break the stop.
                self._temporary = tempfile.TemporaryDirectory(prefix="sora-preview-", ignore_cleanup_errors=True)
                return Path(self._temporary.name)
            self._workdir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError("gateway.gateway_has_no_folder_work", error=error) from error
        return self._workdir

    def _admin(self, request: web.Request) -> Core:
        """The core, for those who may look behind the counter."""
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if self._admin_key is not None and not hmac.compare_digest(given, f"Bearer {self._admin_key}".encode()):
            raise web.HTTPUnauthorized(text='{"error": "the admin key is wrong"}', content_type="application/json")
        if self._core is None:
            raise web.HTTPServiceUnavailable
        return self._core

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self._admin(request).books.stats())

    async def _show_faults(self, request: web.Request) -> web.Response:
        return web.json_response(self._admin(request).faults.as_json())

    async def _set_faults(self, request: web.Request) -> web.Response:
        core = self._admin(request)
        if request.content_type != "application/json":  # which no page of another site can send unasked
            return web.json_response({"error": "Content-Type must be application/json"}, status=415)
        try:
            rules, seed = parse_faults(await request.read())
        except InvalidRequest as error:
            return web.json_response({"error": error.message}, status=400)
        core.faults.replace(rules, seed)
        return web.json_response(core.faults.as_json())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        core = self._admin(request)
        core.faults.replace(())
        return web.json_response(core.faults.as_json())
