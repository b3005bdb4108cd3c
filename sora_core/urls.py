"""What a URL says about where a request would go."""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from urllib.parse import urlsplit, urlunsplit

# nets whose last 32 bits are the IPv4 address that is meant: NAT64, compatible, translated (SIIT)
_CARRYING = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
# of IANA's registries, what older Pythons take for the public internet
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48", "3fff::/20", "5f00::/16", "fec0::/10")))


def origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port


def has_host(url: str) -> bool:
    """Whether the URL names a host that may be one: older Pythons let anything stand in brackets."""
    try:
        parts = urlsplit(url)
        if "[" in parts.netloc:
            ipaddress.ip_address((parts.hostname or "").partition("%")[0])
        return bool(parts.hostname)
    except ValueError:
        return False


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine's loopback."""
    host, address = _host(url)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def is_private(url: str) -> bool:
    """Whether the URL's host is named by an address that is not of the public internet."""
    _, address = _host(url)
    return is_local(url) or (address is not None and is_inside(str(address)))


def is_name(host: str) -> bool:
    """Whether the host can be asked for: a name in other letters, or one that stands for such ("xn--"), may be none."""
    if host.isascii() and "xn--" not in host:
        return True
    import httpx

    try:
        return bool(httpx.URL(f"http://{host}").host)
    except (httpx.InvalidURL, ValueError):
        return False


def is_inside(address: str) -> bool:
    """Whether an IP address is of this machine, this network or the provider's (CGNAT), or carries such a one."""
    ip = _carried(ipaddress.ip_address(address.partition("%")[0]))
    return not ip.is_global or ip.is_multicast or any(ip in net for net in _SPECIAL)


def _carried(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address inside of an IPv6 one, where there is one: the network takes it there."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    if any(ip in net for net in _CARRYING):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or ip


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


def shown_url(url: str) -> str:
    """Safe to show; nothing of what is no address."""
    try:
        return bare_url(url)
    except ValueError:
        return "***"


def holds_login(url: str) -> bool:
    """Whether an address that a person wrote may hold a password: one that is not escaped can stand anywhere before
    an "@", also where a scheme is missing."""
    return "@" in unicodedata.normalize("NFKC", url)


def shown_address(url: str) -> str:
    """An address that a person wrote, safe to show; nothing of it where a password would be taken for host or path."""
    try:
        place = urlsplit(url).netloc
    except ValueError:
        return "***"
    return "***" if holds_login(url.replace(place, "", 1)) else shown_url(url)
