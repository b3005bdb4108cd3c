"""Says why a server cannot be reached, one layer after the other: proxy, name, port, TLS.

Blocking and without a request: it only opens connections. For a person who has to set something right.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from ..errors import NetworkError
from ..urls import shown_address
from .environment import proxy_for, tls_context

WAIT_SECONDS = 5.0

_CERTIFICATE = {10: "expired", 18: "self_signed", 19: "unknown_issuer", 20: "unknown_issuer", 62: "other_name"}


def obstacle(url: str, proxy: str = "") -> NetworkError | None:
    """What keeps this machine from the server, as far as connections tell; None when they all open.

    ``proxy`` is the profile's own; without one the environment's counts, as it does for the requests.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    via = proxy or proxy_for(url)
    if via:
        return _proxy(via, own=bool(proxy), host=host)
    blocked = _port(host, port)
    if blocked:
        return blocked
    return _tls(host, port) if parts.scheme == "https" else _plain(host, port)


def _innermost(caught: BaseException) -> BaseException:
    """The first cause says most: "Name or service not known" rather than "All attempts failed"."""
    while caught.__cause__ or caught.__context__:
        caught = caught.__cause__ or caught.__context__ or caught
    return caught


def reason_of(caught: BaseException) -> str:
    text = str(_innermost(caught)) or str(caught)
    return f"{type(caught).__name__}: {text}" if text else type(caught).__name__


def no_such_name(caught: BaseException) -> bool:
    """Whether DNS itself answered that there is no such name; a resolver that cannot be asked right now has not."""
    certain = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
    cause = _innermost(caught)
    return isinstance(cause, socket.gaierror) and cause.errno in certain


def _proxy(proxy: str, *, own: bool, host: str) -> NetworkError | None:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    where = "the profile" if own else "the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY)"
    blocked = _port(parts.hostname or "", parts.port or (1080 if parts.scheme.startswith("socks") else 80))
    if blocked:
        return NetworkError(
            "network.proxy_names_cannot_reached", proxy=shown_address(proxy), where=where, reason=blocked.message
        )
    return NetworkError("network.proxy_names_answers_but_does", proxy=shown_address(proxy), where=where, host=host)


def _port(host: str, port: int) -> NetworkError | None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return NetworkError("network.no_address_known_name_dns", host=host)
    try:
        socket.create_connection((host, port), timeout=WAIT_SECONDS).close()
    except ConnectionRefusedError:
        return NetworkError("network.nothing_listens_on_port_connection", port=port, host=host)
    except OSError as error:
        return NetworkError(
            "network.port_does_not_answer", port=port, host=host, kind=type(error).__name__, error=error
        )
    return None


def _tls(host: str, port: int) -> NetworkError | None:
    try:
        _handshake(host, port, tls_context())
        return None
    except ssl.SSLCertVerificationError as error:
        said = f"network.certificate_{_CERTIFICATE.get(error.verify_code, 'refused')}"
        return NetworkError(said, host=host, why=error.verify_message, fix="network.certificate")
    except (ssl.SSLError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
    if _speaks_plain_http(host, port):
        return NetworkError("network.port_speaks_plain_http_not", port=port, host=host)
    return NetworkError("network.takes_connection_but_tls_fails", host=host, port=port, reason=reason)


def _plain(host: str, port: int) -> NetworkError | None:
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE  # nothing is sent: it is only asked whether TLS is spoken
    try:
        _handshake(host, port, unchecked)
    except (ssl.SSLError, OSError):
        return None
    return NetworkError("network.port_speaks_https_not_plain", port=port, host=host)


def _handshake(host: str, port: int, context: ssl.SSLContext) -> None:
    with (
        socket.create_connection((host, port), timeout=WAIT_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=host),
    ):
        return


def _speaks_plain_http(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=WAIT_SECONDS) as connection:
            connection.settimeout(WAIT_SECONDS)
            connection.sendall(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("ascii", "replace"))
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False
