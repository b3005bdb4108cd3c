"""Who may ask: the page of this ComfyUI and scripts of its user, never another site in the user's browser.

A site that rebinds its name to this machine is of the same origin to the browser; the Host that it sends gives it away.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from aiohttp import web

HEADER = "X-Sora-Video"  # its value is the language of whoever asks; no form and no other site can send it
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_OTHER_SITES = ("cross-site", "same-site")


def refusal(request: web.Request, *, is_effect: bool) -> tuple[int, str, str] | None:
    """HTTP status, id of the error's text and what it names; None for a request that is let through."""
    if not is_known_host(request.headers.get("Host", "")):
        return 403, "route_host", request.headers.get("Host", "")[:200]
    if request.headers.get("Sec-Fetch-Site", "") in _OTHER_SITES or _is_foreign(request):
        return 403, "route_origin", ""
    if is_effect and HEADER not in request.headers:
        return 403, "route_header", HEADER
    if is_effect and request.content_type != "application/json":
        return 415, "route_json", ""
    return None


def is_from_here(request: web.Request) -> bool:
    """Whether this machine asks for itself: a proxy says for whom it asks."""
    return is_loopback(request.remote or "") and not any(name in request.headers for name in _OF_PROXIES)


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_known_host(host: str) -> bool:
    """Whether nobody else can own this name: an address, localhost, this machine, or one that the user has allowed."""
    name = _name_of(host)
    if name is None:
        return False
    allowed = {each.strip().lower() for each in os.environ.get("SORA_ALLOWED_HOSTS", "").split(",")}
    own = {"localhost", socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
    return name.endswith(".localhost") or name in own | allowed - {""} or _is_address(name)


def _name_of(host: str) -> str | None:
    """Without the port; None for what is no host."""
    try:
        parts = urlsplit(f"//{host}")
        is_plain = parts.port is not None or not host.endswith(":")
        return parts.hostname if parts.netloc == host and "@" not in host and is_plain else None
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_foreign(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    try:
        return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()
    except ValueError:
        return True  # nothing that a browser sends
