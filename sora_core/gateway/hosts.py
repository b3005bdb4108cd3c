"""Under which names the gateway answers: a page that lets its own name point here (DNS rebinding) reads nothing."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def only_named(names: Collection[str]) -> Middleware:
    """Lets in requests whose Host is an IP address, localhost, this machine's name, or one of ``names``."""
    known = {name.lower() for name in (*names, "localhost", socket.gethostname())}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_known(request.headers.get("Host", ""), known):
            allowed = "an IP address, localhost, this machine's name or that of --host"
            return web.json_response({"error": f"The gateway answers only under {allowed}."}, status=403)
        return await handler(request)

    return check


def _is_known(host: str, known: Collection[str]) -> bool:
    try:
        name = "" if "@" in host else urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in known:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
