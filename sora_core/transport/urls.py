"""What a URL says about where a request would go."""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from urllib.parse import urlsplit, urlunsplit


def origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine's loopback."""
    host, address = _host(url)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def is_private(url: str) -> bool:
    """Whether the URL's host is named by a loopback, private or link-local address."""
    _, address = _host(url)
    return is_local(url) or (address is not None and (address.is_private or address.is_link_local))


def _host(url: str) -> tuple[str, ipaddress.IPv4Address | ipaddress.IPv6Address | None]:
    """The host in plain form, and its address when it is one, however it is written (127.1, 0x7f000001)."""
    host = unicodedata.normalize("NFKC", urlsplit(url).hostname or "").lower().replace("\u3002", ".").rstrip(".")
    try:
        return host, ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return host, ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return host, None


def bare_url(url: str) -> str:
    """The URL without user, query and fragment: safe to show."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, (f"[{host}]" if ":" in host else host) + port, parts.path, "", ""))
