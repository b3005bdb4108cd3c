"""What the environment says about the way to a server: proxies and certificates. What it says wrong is our error."""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..errors import ProfileError
from ..urls import is_local, shown_address

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def proxy_for(url: str) -> str:
    """The proxy that the environment, or the system, names for a URL; "" where none applies.

    Loopback never has one. Raises ProfileError, with the name of the variable, for one that cannot be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower().rstrip(".")
    if not host or is_local(url):
        return ""
    named = urllib.request.getproxies()
    proxy = (named.get(parts.scheme) or named.get("all") or "").strip()
    if not proxy or _goes_around(host, parts.port, named):
        return ""
    return _usable(proxy if "://" in proxy else f"http://{proxy}", parts.scheme, host)


def _goes_around(host: str, port: int | None, named: Mapping[str, str]) -> bool:
    if urllib.request.getproxies_environment():
        return is_excepted(host, port, named.get("no", ""))
    return bool(urllib.request.proxy_bypass(host))  # macOS and Windows have settings of their own


def is_excepted(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether a NO_PROXY names the host: a name with all below it, an address, a network, each with or without a port.

    ``host`` in lower case and without brackets. An entry that says nothing of a host is as good as none.
    """
    return any(_covers(entry.strip().lower(), host, port) for entry in re.split(r"[,\s]+", no_proxy))


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    name, wanted = _with_port(entry)
    if not name or (wanted and wanted != port):
        return False
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        suffix = name.removeprefix("*").lstrip(".").rstrip(".")
        return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))
    try:
        return address in ipaddress.ip_network(name.partition("%")[0], strict=False)
    except ValueError:
        return False


def _with_port(entry: str) -> tuple[str, int | None]:
    """Host or network, and port. A bare IPv6 address has colons, and no port."""
    entry = re.sub(r"^[a-z][a-z0-9+.-]*://", "", entry)
    match = re.fullmatch(r"\[([^\]]*)\](/\d+)?(?::(\d+))?", entry)
    if match:
        return match[1] + (match[2] or ""), int(match[3]) if match[3] else None
    host, colon, port = entry.partition(":")
    return (host, int(port)) if colon and port.isdecimal() else (entry, None)


def _usable(proxy: str, scheme: str, host: str) -> str:
    try:
        parts = urlsplit(proxy)
        is_usable = parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if is_usable:
        return proxy
    variable, shown = _variable(scheme), shown_address(proxy)
    raise ProfileError("transport.names_proxy_cannot_used_looks", variable=variable, shown=shown, host=host)


def _variable(scheme: str) -> str:
    """The variable that names the proxy."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        found = next((each for each in os.environ if each.lower() == name and os.environ[each].strip()), "")
        if found:
            return f"The environment variable {found}"
    return "The system's settings"


def tls_context() -> ssl.SSLContext:
    """The certificates that are trusted. Raises ProfileError, with the name of the variable, where there are none."""
    return _tls_context(*(os.environ.get(name, "") for name in _CERTIFICATES))


@functools.lru_cache(maxsize=4)
def _tls_context(file: str, folder: str) -> ssl.SSLContext:
    import httpx

    for name, path, is_there in zip(_CERTIFICATES, (file, folder), (os.path.isfile, os.path.isdir), strict=True):
        if path and not is_there(path):
            raise _no_certificates(name, path, "there is nothing of that name")
    try:
        return httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        name = next((name for name, path in zip(_CERTIFICATES, (file, folder), strict=True) if path), "SSL_CERT_FILE")
        raise _no_certificates(name, file or folder, str(error)) from error


def _no_certificates(name: str, path: str, reason: str) -> ProfileError:
    return ProfileError("transport.environment_variable_names_from_no", name=name, path=path, reason=reason)
