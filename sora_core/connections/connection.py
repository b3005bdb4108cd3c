"""Profiles in use: each with its provider, HTTP client and limits."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
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
from ..transport.urls import origin as url_origin
from .limits import Limits

if TYPE_CHECKING:
    from ..gateway import Gateway

# The preview renders in seconds; four times real time keeps the wait short and the progress visible.
PREVIEW_SPEED = 4.0


@dataclass(frozen=True)
class Connection:
    """One profile in use."""

    profile: Profile
    provider: Provider
    http: Http
    limits: Limits
    can: Capabilities
    proxy: Secret  # empty: none but the environment's
    place: Place  # where its jobs are made


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
            base_url, key = provider.base_url(), self._credentials.get(profile)
        proxy = self._credentials.proxy(profile)
        identity = (profile, base_url, key.reveal(), proxy.reveal())
        known = self._open.get(name)
        if known and known[0] == identity:
            return known[1]
        if known:
            self._retired.append(known[1])  # jobs may still be at work over it
        connection = self._connect(profile, provider, base_url, key, proxy)
        self._open[name] = (identity, connection)
        return connection

    def _connect(self, profile: Profile, provider: Provider, base_url: str, key: Secret, proxy: Secret) -> Connection:
        can = provider.can
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
        )
        provider.opened(http, TokenStore(self._credentials, profile))
        limits = Limits(
            profile.name,
            self._ledger(),
            self._clock,
            max_jobs=profile.max_jobs or can.max_jobs,
            requests_per_minute=profile.requests_per_minute or can.requests_per_minute,
        )
        # the embedded gateway listens elsewhere each time, and is one place all the same
        origin = profile.name if profile.embedded else "{}://{}:{}".format(*url_origin(base_url))
        place = Place(provider.name, origin, "" if profile.embedded else self._ledger().account(key))
        return Connection(profile, provider, http, limits, can, proxy, place)

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
            await connection.http.aclose()
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
