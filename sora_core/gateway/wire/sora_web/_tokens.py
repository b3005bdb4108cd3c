"""Session, refresh and access tokens: who may have them, what they are exchanged for, when they end."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ...core import Core, Incoming, Route
from ...forms import read_json
from ...recent import Recent
from ...refusal import Refusal
from .. import _tasks as tasks
from ._dialect import Dialect
from ._refusals import INVALIDATED, OAuthRefusal, unauthorized
from ._site import iso

CLIENTS = {
    "app_LlGpXReQgckcGGUo2JrYvtJK": "com.openai.chat://auth0.openai.com/ios/com.openai.chat/callback",
    "pdlLIX2Y72MIl2rhLhTE9VV9bN905kBh": "https://chatgpt.com/api/auth/callback/login-web",
}
EMAIL = "preview@example.invalid"

_OFFICIAL = "https://sora.chatgpt.com"
_COOKIE = "__Secure-next-auth.session-token"
_SESSION_SECONDS = 90 * 86_400
_OAUTH_FIELDS = ("client_id", "grant_type", "redirect_uri", "refresh_token")


@dataclass(frozen=True)
class _Refresh:
    """A refresh token's key of the gateway, and the client that it is bound to since its first use."""

    key: str
    client: str


class Tokens:
    """Shared by all dialects. A token that this server did not issue is taken if the gateway admits it as its key."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._secret = secrets.token_bytes(32)
        self._issued: Recent[str] = Recent()  # access token -> key
        self._sessions: Recent[str] = Recent()  # session token and dialect -> access token
        self._refresh: Recent[_Refresh] = Recent()
        self._spent: Recent[bool] = Recent()

    def key_of(self, access: str) -> str:
        """What an access token stands for."""
        return self._issued.get(access, access)

    def check(self, request: web.Request) -> None:
        """Refuses an access token that is none, or no longer."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise unauthorized("Unauthorized: an access token is required as Bearer.")
        if not token.startswith("eyJ"):
            raise Refusal(401, INVALIDATED, code="token_invalidated")
        end = _end_of(token)
        if end is not None and end <= self._core.clock.now():
            raise Refusal(401, "Your authentication token has expired.", code="token_expired")

    def routes(self, dialect: Dialect) -> tuple[Route, ...]:
        async def session(call: Incoming) -> web.StreamResponse:
            return self._session(call.request, dialect)

        async def oauth(call: Incoming) -> web.StreamResponse:
            return await self._exchange(call.request, dialect)

        return (
            Route("GET", "/api/auth/session", "session", "token", session, open=True),
            Route("POST", "/oauth/token", "oauth", "token", oauth, open=True),
        )

    def _session(self, request: web.Request, dialect: Dialect) -> web.Response:
        check_headers(request, {"Accept": "application/json"}, _OFFICIAL)
        token = request.cookies.get(_COOKIE, "")
        key = next((key for key in (token, token.removeprefix("sess-")) if self._core.admits(key)), None)
        if not token.startswith("sess-") or key is None:
            raise unauthorized("Unauthorized: the session token is not valid.")
        name = f"{dialect.name} {token}"
        access = self._sessions.get(name)
        now = self._core.clock.now()
        if access is None or (_end_of(access) or 0) <= now:
            access = self._sessions[name] = self._issue(key, dialect)
        user = {"email": EMAIL, "name": "Preview"}
        return web.json_response({"accessToken": access, "user": user, "expires": iso(now + _SESSION_SECONDS)})

    async def _exchange(self, request: web.Request, dialect: Dialect) -> web.Response:
        try:
            fields = await tasks.read_json(request)
        except Refusal as refusal:
            raise OAuthRefusal(400, refusal.message, code="invalid_request") from refusal
        for name in _OAUTH_FIELDS:
            if not isinstance(fields.get(name), str) or not fields[name]:
                raise OAuthRefusal(400, f"{name} is required", code="invalid_request")
        if request.headers.get("Accept") != "application/json":
            raise OAuthRefusal(400, "Accept must be application/json", code="invalid_request")
        if fields["grant_type"] != "refresh_token":
            raise OAuthRefusal(400, "grant_type must be refresh_token", code="unsupported_grant_type")
        client, given = fields["client_id"], fields["refresh_token"]
        if client not in CLIENTS:
            raise OAuthRefusal(401, "The client id is not valid.", code="Unauthorized")
        if fields["redirect_uri"] != CLIENTS[client]:
            raise OAuthRefusal(400, "redirect_uri is not that of the client", code="invalid_grant")
        key = self._key_of_refresh(given, client)
        following = given
        if dialect.rotates:
            self._spent[given] = True
            self._refresh.pop(given, None)
            following = f"rt_{secrets.token_urlsafe(32)}"
        self._refresh[following] = _Refresh(key, client)
        return web.json_response(
            {
                "access_token": self._issue(key, dialect),
                "refresh_token": following,
                "expires_in": int(dialect.token_seconds),
                "token_type": "Bearer",
            }
        )

    def _key_of_refresh(self, given: str, client: str) -> str:
        known = self._refresh.get(given)
        if given in self._spent:
            raise OAuthRefusal(400, "The refresh token has been used already.", code="invalid_grant")
        if known is not None and known.client != client:
            raise OAuthRefusal(400, "The refresh token belongs to another client.", code="invalid_grant")
        if known is None and (given.startswith(("sess-", "eyJ")) or not self._core.admits(given)):
            raise OAuthRefusal(400, "The refresh token is not valid or has expired.", code="invalid_grant")
        return given if known is None else known.key

    def _issue(self, key: str, dialect: Dialect) -> str:
        now = self._core.clock.now()
        claims = {"iat": int(now), "exp": int(now + dialect.token_seconds), "jti": secrets.token_hex(8), "email": EMAIL}
        text = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        token = f"{text}.{_b64(hmac.digest(self._secret, text.encode(), hashlib.sha256))}"
        self._issued[token] = key
        return token


def check_headers(request: web.Request, fixed: dict[str, str], official: str, path: str = "/") -> None:
    """Refuses a request without these values, or that does not come from a page of the site or of this server."""
    for name, value in fixed.items():
        if request.headers.get(name) != value:
            raise Refusal(400, f"The header {name} must be {value}.", param=name, code="bad_request")
    home = request.headers.get("Origin", "")
    if home != official and home.partition("://")[2] != request.host:  # whose TLS may end in front of it
        raise Refusal(400, f"The header Origin must be {official}.", param="Origin", code="bad_request")
    if request.headers.get("Referer") != home + path:
        raise Refusal(400, f"The header Referer must be {home}{path}.", param="Referer", code="bad_request")


def _part(value: dict[str, Any]) -> str:
    return _b64(json.dumps(value, separators=(",", ":")).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _end_of(token: str) -> float | None:
    """``exp`` of the token; None where it cannot be read, as with a key that only begins like one."""
    try:
        part = token.split(".")[1]
        claims = read_json(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
