"""What a URL says about where a request would go."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit, urlunsplit


def origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine's loopback."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_private(url: str) -> bool:
    """Whether the URL's host is named by a loopback, private or link-local address."""
    try:
        address = ipaddress.ip_address((urlsplit(url).hostname or "").lower())
    except ValueError:
        return is_local(url)
    return address.is_private or address.is_loopback or address.is_link_local


def bare_url(url: str) -> str:
    """The URL without user, query and fragment: safe to show."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, (f"[{host}]" if ":" in host else host) + port, parts.path, "", ""))
