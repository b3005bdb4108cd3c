"""The ways out of this machine: straight, or through a proxy; each is opened when the first request takes it."""

from __future__ import annotations

import httpx

from .environment import proxy_for, tls_context
from .network import Connected, Network


class Ways(httpx.AsyncBaseTransport):
    """Sends each request the way that is meant for its address.

    ``proxy`` is for all of them; without one, the environment is asked about each. What is wrong with a proxy or with
    certificates is told by the requests that need them, and stops no other. ``attentive`` connections hear an answer
    that comes before the request is written. ``connected`` sees the peers of straight ones. Raises ProfileError.
    """

    def __init__(
        self,
        proxy: str | None,
        limits: httpx.Limits,
        *,
        attentive: bool = False,
        connected: Connected | None = None,
    ) -> None:
        self._connected = connected
        self._attentive = attentive
        self._proxy = proxy
        self._limits = limits
        self._open: dict[tuple[str, bool], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = self._proxy or proxy_for(str(request.url))
        return await self._way(proxy, is_safe=request.url.scheme == "https").handle_async_request(request)

    def _way(self, proxy: str, *, is_safe: bool) -> httpx.AsyncHTTPTransport:
        if (proxy, is_safe) not in self._open:
            needs_tls = is_safe or proxy.startswith("https")
            way = httpx.AsyncHTTPTransport(
                verify=tls_context() if needs_tls else False,
                trust_env=False,
                limits=self._limits,
                proxy=proxy or None,
            )
            # httpx has no door for it; test_ways.py tells when this one closes
            way._pool._network_backend = Network(
                attentive=self._attentive, connected=None if proxy else self._connected
            )
            self._open[proxy, is_safe] = way
        return self._open[proxy, is_safe]

    async def aclose(self) -> None:
        for way in self._open.values():
            await way.aclose()
