"""Access tokens: given as they are, or made of a session token or a refresh token and made anew in time.

However many jobs wait, and in however many processes, one of them renews. A rotated refresh token is on the disk
before anything goes on: the old one is spent, and losing the new one would lock the user out. So a renewal that has
begun is seen to its end, even when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import (
    AuthError,
    BadResponse,
    ChallengePage,
    JobNotFound,
    ProfileError,
    RequestRejected,
    SoraError,
    StorageError,
)
from ...models import Effect, Secret
from ...profiles.profiles import Profile
from ...profiles.tokens import TokenStore
from ...transport import Call, Http
from ...urls import bare_url
from .._answers import normalize
from .addresses import Addresses, origin_of
from .identity import Identity

SETTINGS = frozenset(("client_id", "redirect_uri"))
IOS_CLIENT = "app_LlGpXReQgckcGGUo2JrYvtJK"
REDIRECTS = {  # a refresh token is bound to its client, and a client to its redirect
    IOS_CLIENT: "com.openai.chat://auth0.openai.com/ios/com.openai.chat/callback",
    "pdlLIX2Y72MIl2rhLhTE9VV9bN905kBh": "https://chatgpt.com/api/auth/callback/login-web",
}
RENEWABLE = ("token_expired", "token_invalidated")
EARLY_SECONDS = 60.0  # a token is made anew so long before it ends, or in the last tenth of a short life
_SECONDS_TO_END = 20.0  # for a renewal, when everything is closed
_COOKIE = "__Secure-next-auth.session-token"


def client_of(profile: Profile) -> tuple[str, str]:
    """Client id and redirect, which belong together. Raises ProfileError for an unknown client without its redirect."""
    client = profile.extra.get("client_id", "").strip() or IOS_CLIENT
    redirect = profile.extra.get("redirect_uri", "").strip() or REDIRECTS.get(client, "")
    if not redirect:
        raise ProfileError(
            "sora_web.profile_redirect_client_id_not",
            profile=profile.name,
            client=client,
            redirects=", ".join(REDIRECTS),
        )
    return client, redirect


def claims_of(token: str) -> Mapping[str, Any]:
    """What a JSON web token says about itself, unchecked; empty for what is none."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


class Keyring:
    """The access token of one profile. Lives in the engine's loop."""

    def __init__(
        self,
        http: Http,
        token_store: TokenStore,
        addresses: Addresses,
        identity: Identity,
        *,
        client: tuple[str, str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._token_store = token_store
        self._addresses = addresses
        self._identity = identity
        self._client = client
        self._now = now
        self._lock = asyncio.Lock()
        self._renewals: set[asyncio.Task[None]] = set()
        self._tokens: Mapping[str, str] = {}
        self._is_saved = True

    async def headers(self) -> Mapping[str, Secret]:
        """Raises AuthError, or what the network says, when there is no access token to be had."""
        given = self._token_store.given().reveal()
        if not given or given.startswith("eyJ"):
            return _bearer(given)
        await self._see_to_it(given, "")
        return _bearer(self._tokens["access"])

    async def renewed(self, error: SoraError, used: Mapping[str, Secret]) -> bool:
        """After a refusal that says that the token has ended: whether there is another one by now."""
        if not isinstance(error, AuthError) or error.code not in RENEWABLE:
            return False
        given = self._token_store.given().reveal()
        before = used["authorization"].reveal() if "authorization" in used else ""
        if not given or given.startswith("eyJ"):
            raise _ended(error, given)
        await self._see_to_it(given, before.removeprefix("Bearer "))
        return f"Bearer {self._tokens['access']}" != before

    async def aclose(self) -> None:
        if self._renewals:
            await asyncio.wait(self._renewals, timeout=_SECONDS_TO_END)

    async def _see_to_it(self, given: str, ended: str) -> None:
        """That there is an access token, another than ``ended``; who stops waiting stops no renewal."""
        if self._is_saved and self._is_good(self._tokens, ended):
            return
        renewal = asyncio.get_running_loop().create_task(self._one_at_a_time(given, ended))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)
        await asyncio.shield(renewal)

    async def _one_at_a_time(self, given: str, ended: str) -> None:
        async with self._lock:
            if not self._is_good(self._tokens, ended):
                async with self._token_store.alone():
                    if self._is_saved:
                        self._tokens = self._token_store.kept() or self._tokens  # another process may have been faster
                    if not self._is_good(self._tokens, ended):
                        await self._renew(given)
                    self._save()
            self._save()

    def _is_good(self, tokens: Mapping[str, str], ended: str) -> bool:
        return self._lasts(tokens) and tokens["access"] != ended

    def _lasts(self, tokens: Mapping[str, str]) -> bool:
        until = float(tokens.get("until", "0"))
        early = min(EARLY_SECONDS, float(tokens.get("life", "0")) / 10)
        return bool(tokens.get("access")) and self._now() < until - early

    def _save(self) -> None:
        """Raises StorageError; the tokens are kept in memory, and the next request tries again."""
        if self._is_saved:
            return
        try:
            self._token_store.keep(self._tokens)
        except StorageError as error:
            raise StorageError(
                "sora_web.token_profile_renewed_new_one", reason=error.message, profile=self._token_store.profile.name
            ) from error
        self._is_saved = True

    async def _renew(self, given: str) -> None:
        if given.startswith("sess-"):
            self._take(await self._from_session(given), access="accessToken", refresh="")
            return
        refresh = self._tokens.get("refresh") or given
        try:
            answer = await self._from_refresh(refresh)
        except (AuthError, RequestRejected) as error:
            kept = self._token_store.kept()
            if kept.get("refresh", refresh) == refresh:
                raise _refused(error) from None
            self._tokens = kept  # another process has rotated it meanwhile, on a disk that has no locks
            if self._lasts(kept):
                return
            answer = await self._from_refresh(kept["refresh"])
        self._take(answer, access="access_token", refresh=self._tokens.get("refresh") or given)

    def _take(self, answer: Any, *, access: str, refresh: str) -> None:
        token = normalize.text_of(normalize.dig(answer, access))
        if not token:
            raise BadResponse("sora_web.server_s_answer_exchange_token", access=access)
        claims, now = claims_of(token), self._now()
        life = normalize.number_of(normalize.dig(answer, "expires_in"))
        begin, end = normalize.number_of(claims.get("iat")), normalize.number_of(claims.get("exp"))
        if end is not None:  # counted from now: the two clocks may differ
            life = end - (begin if begin is not None else now)
        rotated = normalize.text_of(normalize.dig(answer, "refresh_token")) or refresh
        self._tokens = {
            "access": token,
            "until": repr(now + (life or 0.0)) if life else repr(now + 3600.0),
            "life": repr(life or 3600.0),
            **({"refresh": rotated} if rotated else {}),
        }
        self._is_saved = False

    async def _from_session(self, session: str) -> Any:
        home = origin_of(self._addresses.home)
        headers: dict[str, str | Secret] = {
            "accept": "application/json",
            "cookie": Secret(f"{_COOKIE}={session}"),
            "origin": home,
            "referer": home + "/",
            "user-agent": self._identity.user_agent,
        }
        call = Call("GET", self._addresses.session_url, Effect.READ, headers=headers, timeout=30, anonymous=True)
        try:
            return await self._exchanged(call)
        except (AuthError, RequestRejected) as error:
            raise _refused(error) from None

    async def _from_refresh(self, refresh: str) -> Any:
        client, redirect = self._client
        body = {
            "client_id": client,
            "grant_type": "refresh_token",
            "redirect_uri": redirect,
            "refresh_token": Secret(refresh),
        }
        headers = {"accept": "application/json", "user-agent": self._identity.user_agent}
        url = self._addresses.oauth_url
        call = Call("POST", url, Effect.IDEMPOTENT, json=body, headers=headers, timeout=30, anonymous=True)
        return await self._exchanged(call)

    async def _exchanged(self, call: Call) -> Any:
        try:
            return normalize.parse((await self._http.send(call)).body)
        except (JobNotFound, BadResponse) as error:
            if isinstance(error, ChallengePage):
                raise
            path, reason = bare_url(call.path), error.message
            raise BadResponse("sora_web.where_tokens_exchanged_not_there", path=path, reason=reason) from None


def _bearer(token: str) -> dict[str, Secret]:
    return {"authorization": Secret(f"Bearer {token}")} if token else {}


def _refused(error: SoraError) -> AuthError:
    return AuthError("said", said=error.message, code=error.code, provider="sora_web", fix="sora_web.token_refused")


def _ended(error: SoraError, token: str) -> AuthError:
    end = normalize.number_of(claims_of(token).get("exp"))
    when = f" It says that it ends at {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(end))} UTC." if end else ""
    said = error.message + when
    return AuthError("said", said=said, code=error.code, provider="sora_web", fix="sora_web.token_ended")
