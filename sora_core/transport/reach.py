"""Where requests may go: to the user's own addresses anywhere, to what a server names only out of this network.

Names prove nothing: whoever owns one may let it lead anywhere, and elsewhere the next time. So what is decided by an
address before is decided once more by the peer of the open connection, before a byte is sent. Behind a proxy the proxy
decides: only it sees the address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from ..errors import BadResponse
from ..urls import bare_url, is_inside, is_private, origin

# Proxies that answer for every name with an address of this net (Clash's "fake IP") are on many machines; no network
# has hosts there.
_STAND_INS = ipaddress.ip_network("198.18.0.0/15")


class Reach:
    """Of one connection. ``named`` are the origins that the user named, the server's own first."""

    def __init__(
        self, base_url: str, named: Iterable[str], *, never: Iterable[str] = (), plain_links: bool = False
    ) -> None:
        self._named = set(map(origin, named))
        self._peers = {(host, port) for _, host, port in self._named}
        _, host, port = origin(base_url)
        self._own = (host, port)
        self._never = tuple(never)
        self._plain_links = plain_links or urlsplit(base_url).scheme == "http"
        self._is_local: bool | None = True if is_private(base_url) else None  # of a name: once it has been reached

    def settled(self, url: str) -> str:
        """The address as it is asked: a server that is spoken to in secret does not make us speak openly.

        Raises BadResponse for what is no address, for one inside this network, and for services that have ended.
        """
        import httpx

        try:
            parsed, here = httpx.URL(url), origin(url)
            host = parsed.host.lower().rstrip(".")  # which not every name can be read as
        except (httpx.InvalidURL, ValueError) as error:
            raise BadResponse("transport.server_named_link_none", url=url[:100]) from error
        if parsed.scheme not in ("http", "https") or not host:
            raise BadResponse("transport.server_named_link_not_followed", url=url[:100])
        if any(host == ended or host.endswith(f".{ended}") for ended in self._never):
            raise BadResponse("transport.server_points_service_has_ended", host=host)
        if here in self._named:
            return url
        if is_private(url) and not self._is_local:
            raise BadResponse("transport.server_points_address_inside_network", url=bare_url(url))
        if parsed.scheme == "https" or self._plain_links:
            return url
        if here[2] != 80:
            raise BadResponse("transport.link_plain_http", url=bare_url(url))
        return urlunsplit(urlsplit(url)._replace(scheme="https", netloc=urlsplit(url).netloc.removesuffix(":80")))

    def connected(self, host: str, port: int, address: str) -> None:
        """Raises BadResponse when a connection to ``host`` ended at an ``address`` where it may not go."""
        inside = is_inside(address) and ipaddress.ip_address(address.partition("%")[0]) not in _STAND_INS
        peer = (host.lower(), port)
        if peer == self._own:  # one that was outside once is of there: its name may lead inside now and then
            self._is_local = inside and self._is_local is not False
        is_trusted = self._is_local or (peer in self._peers and peer != self._own)
        if inside and not is_trusted:
            raise BadResponse("transport.server_points_address_inside_network", url=f"{host} ({address})")
