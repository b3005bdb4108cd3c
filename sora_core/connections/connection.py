"""Profiles in use: each with its provider, HTTP client and limits."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..clock import Clock
from ..errors import ProfileError
from ..ledger.ledger import Ledger
from ..ledger.row import Place
from ..models import Capabilities, Secret
from ..profiles.credentials import Credentials, authorization
from ..profiles.profiles import Profile, Profiles
from ..profiles.tokens import TokenStore
from ..providers import Provider, provider_for
from ..transport import Http
from ..urls import origin as url_origin
from .limits import Limits

if TYPE_CHECKING:
    from ..gateway import Gateway

# The preview renders in seconds; four times real time keeps the wait short and the progress visible.
PREVIEW_SPEED = 4.0


DOWN_SECONDS = 30.0  # for which a server is passed over that could not be reached


@dataclass
class Server:
    """One of several that a profile leads to."""

    provider: Provider
    http: Http
    place: Place
    down_until: float = 0.0  # on the clock that never jumps


@dataclass(frozen=True)
class Connection:
    """One profile in use: the way to one of its servers, and the others beside it."""

    profile: Profile
    provider: Provider
    http: Http
    limits: Limits
    can: Capabilities
    proxy: Secret  # empty: none but the environment's
    place: Place  # where its jobs are made
    servers: tuple[Server, ...] = ()  # all of them, where there are several

    @property
    def claim_place(self) -> Place:
        """Where a job is claimed; at which of several servers it is made is settled when it is sent."""
        return replace(self.place, origin="") if self.servers else self.place

    def at(self, place: Place) -> Connection:
        """The way to where a job was made; the same one where that is none of the servers."""
        for each in self.servers:
            if each.place == place:
                return replace(self, provider=each.provider, http=each.http, place=each.place)
        return self

    def up(self, now: float) -> list[Place]:
        """The places of the servers that are not known to be down; all of them when each is."""
        return [each.place for each in self.servers if each.down_until <= now] or [each.place for each in self.servers]

    def fails_over(self, now: float) -> bool:
        """This server could not be reached: it is passed over for a while. Whether there is another one."""
        for each in self.servers:
            if each.place == self.place:
                each.down_until = now + DOWN_SECONDS
        return any(each.down_until <= now for each in self.servers)


class Connections:
    """Opens connections when they are first used and keeps them. Lives in the engine's loop."""

    def __init__(
        self, profiles: Profiles, credentials: Credentials, clock: Clock, ledger: Callable[[], Ledger]
    ) -> None:
        self._ledger = ledger
        self._profiles = profiles
        self._credentials = credentials
        self._clock = clock
        self._open: dict[str, tuple[tuple[object, ...], Connection]] = {}
        self._retired: list[Connection] = []
        self._gateway: tuple[Gateway, Secret] | None = None
        self._starting = asyncio.Lock()

    async def get(self, name: str) -> Connection:
        """The profile's connection; a new one when the profile or its key has changed. Raises InputError."""
        profile = self._profiles.get(name)
        provider = provider_for(profile)
        if profile.embedded:
            base_url, key = await self._embedded()
        else:
            base_url, key = provider.base_url(), self._credentials.get(profile)  # each server's is the user's word
        proxy = self._credentials.proxy(profile)
        identity = (profile, profile.described, base_url, key.reveal(), proxy.reveal())
        known = self._open.get(name)
        if known and known[0] == identity:
            return known[1]
        ledger = self._ledger()
        account = "" if profile.embedded else await ledger.aside(ledger.account, key)
        known = self._open.get(name)
        if known and known[0] == identity:
            return known[1]  # it was opened meanwhile
        if known:
            self._retired.append(known[1])  # jobs may still be at work over it
        connection = self._connect(profile, provider, base_url, key, proxy, account)
        self._open[name] = (identity, connection)
        return connection

    def _connect(
        self, profile: Profile, provider: Provider, base_url: str, key: Secret, proxy: Secret, account: str
    ) -> Connection:
        can = provider.can
        limits = Limits(
            profile.name,
            self._ledger(),
            self._clock,
            max_jobs=profile.max_jobs or can.max_jobs,
            requests_per_minute=profile.requests_per_minute or can.requests_per_minute,
        )
        if not profile.servers:
            server = self._server(profile, provider, base_url, key, proxy, account)
            return Connection(profile, provider, server.http, limits, can, proxy, server.place)
        providers = [provider_for(each) for each in profile.at_each_server()]
        servers = tuple(
            self._server(each.profile, each, each.base_url(), key, proxy, account, fails_over=True)
            for each in providers
        )
        first = servers[0]
        return Connection(profile, first.provider, first.http, limits, can, proxy, first.place, servers)

    def _server(
        self,
        profile: Profile,
        provider: Provider,
        base_url: str,
        key: Secret,
        proxy: Secret,
        account: str,
        fails_over: bool = False,
    ) -> Server:
        http = Http(
            base_url,
            judge=provider.judge,
            clock=self._clock,
            auth=authorization(profile.auth, key),
            proxy=proxy.reveal() or None,
            key_urls=provider.key_urls(),
            named_urls=provider.named_urls(),
            never=provider.never_hosts,
            plain_links=profile.allow_http,
            fails_over=fails_over,
        )
        provider.opened(http, TokenStore(self._credentials, profile))
        # the embedded gateway listens elsewhere each time, and is one place all the same
        origin = profile.name if profile.embedded else "{}://{}:{}".format(*url_origin(base_url))
        place = Place(provider.name, origin, account)
        return Server(provider, http, place)

    async def _embedded(self) -> tuple[str, Secret]:
        """The preview gateway's address and token; it is started when first asked for."""
        async with self._starting:
            if self._gateway is None:
                from ..gateway import Gateway

                token = secrets.token_urlsafe(24)
                gateway = Gateway(key=token, admin_key=token, speed=_preview_speed())
                await gateway.start()
                self._gateway = (gateway, Secret(token))
            gateway, secret = self._gateway
            return f"{gateway.url}/openai/v1", secret

    async def aclose(self) -> None:
        for connection in (*self._retired, *(connection for _, connection in self._open.values())):
            for http in {connection.http, *(each.http for each in connection.servers)}:
                await http.aclose()
        self._open.clear()
        self._retired.clear()
        if self._gateway:
            await self._gateway[0].stop()
            self._gateway = None


def _preview_speed() -> float:
    text = os.environ.get("SORA_PREVIEW_SPEED", "").strip()
    try:
        speed = float(text) if text else PREVIEW_SPEED
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise ProfileError("connections.sora_preview_speed_must_number", given=text)
    return speed
