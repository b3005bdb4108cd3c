"""Says why a server cannot be reached, one layer after the other: proxy, name, port, TLS.

Blocking and without a request: it only opens connections. For a person who has to set something right.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from .environment import proxy_for, tls_context
from .urls import bare_url

WAIT_SECONDS = 5.0

_CERTIFICATE = {
    10: ("has expired", "证书已过期"),
    18: ("is self-signed", "证书为自签名"),
    19: ("is signed by someone that this machine does not know", "证书链含未知的自签名机构"),
    20: ("is signed by someone that this machine does not know", "证书由未知机构签发"),
    62: ("is made out to another name", "证书域名不符"),
}


@dataclass(frozen=True)
class Obstacle:
    """What is in the way and what to do about it."""

    message: str
    fix: str
    fix_zh: str


def obstacle(url: str, proxy: str = "") -> Obstacle | None:
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


def _proxy(proxy: str, *, own: bool, host: str) -> Obstacle | None:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    where = "the profile" if own else "the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY)"
    blocked = _port(parts.hostname or "", parts.port or (1080 if parts.scheme.startswith("socks") else 80))
    if blocked:
        return Obstacle(
            f"The proxy {bare_url(proxy)} that {where} names cannot be reached: {blocked.message}",
            f"Correct or remove the proxy in {where}, or start it.",
            "请修正或移除代理设置，或启动该代理。",
        )
    return Obstacle(
        f"The proxy {bare_url(proxy)} that {where} names answers, but does not get through to {host}.",
        f"Look into the proxy's own log, or go without it (`proxy` in the profile; NO_PROXY={host}).",
        f"请查看代理日志，或绕过代理（配置中的 proxy；NO_PROXY={host}）。",
    )


def _port(host: str, port: int) -> Obstacle | None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return Obstacle(
            f"No address is known for the name '{host}' (DNS).",
            "Check the spelling of the base URL, the network and its DNS; a proxy or VPN may be needed.",
            "请检查地址拼写、网络与 DNS；可能需要代理或 VPN。",
        )
    try:
        socket.create_connection((host, port), timeout=WAIT_SECONDS).close()
    except ConnectionRefusedError:
        return Obstacle(
            f"Nothing listens on port {port} of {host}: the connection was refused.",
            "Start the server, or correct the port in the base URL.",
            "请启动服务器，或修正地址中的端口。",
        )
    except OSError as error:
        return Obstacle(
            f"Port {port} of {host} does not answer ({type(error).__name__}: {error}).",
            "Check the address, the firewall and whether a proxy or VPN is needed.",
            "请检查地址与防火墙，以及是否需要代理或 VPN。",
        )
    return None


def _tls(host: str, port: int) -> Obstacle | None:
    try:
        _handshake(host, port, tls_context())
        return None
    except ssl.SSLCertVerificationError as error:
        words, words_zh = _CERTIFICATE.get(error.verify_code, (f"is not accepted ({error.verify_message})", "证书无效"))
        return Obstacle(
            f"The TLS certificate of {host} {words}.",
            "Give the server a certificate that this machine trusts, or name the file of its issuer in SSL_CERT_FILE; "
            "a server on this very machine can do with plain http.",
            f"{words_zh}。请换用受信任的证书，或用环境变量 SSL_CERT_FILE 指定其签发机构；本机服务器可直接用 http。",
        )
    except (ssl.SSLError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
    if _speaks_plain_http(host, port):
        return Obstacle(
            f"Port {port} of {host} speaks plain http, not https.",
            f"Write the base URL with http://{host}:{port} (and allow_http = true where it is not this machine), "
            "or name the port that speaks https.",
            "该端口只支持 http：请把地址改为 http://（非本机还需 allow_http = true），或改用支持 https 的端口。",
        )
    return Obstacle(
        f"{host}:{port} takes the connection, but TLS fails ({reason}).",
        "Check the port, and whether something on the way (a proxy, a filter) breaks TLS.",
        "请检查端口，以及途中是否有代理或过滤设备破坏了 TLS。",
    )


def _plain(host: str, port: int) -> Obstacle | None:
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE  # nothing is sent: it is only asked whether TLS is spoken
    try:
        _handshake(host, port, unchecked)
    except (ssl.SSLError, OSError):
        return None
    return Obstacle(
        f"Port {port} of {host} speaks https, not plain http.",
        f"Write the base URL with https://{host}:{port}.",
        "该端口只支持 https：请把地址改为 https://。",
    )


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
