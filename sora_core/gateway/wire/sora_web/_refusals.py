"""How the Sora web servers say no: most as OpenAI does, some parts in shapes of their own."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...books import Books
from ...refusal import Refusal

INVALIDATED = "Your authentication token has been invalidated. Please try signing in again."

_BY_STATUS = {
    400: "bad_request",
    401: "token_invalidated",
    404: "not_found",
    415: "bad_request",
    429: "rate_limit_exceeded",
    500: "internal_error",
    503: "heavy_load",
}
_OF_FORMS = frozenset(
    "invalid_value invalid_type missing_required_parameter empty_string string_above_max_length invalid_json "
    "invalid_image invalid_form unsupported_content_type".split()
)
_CHALLENGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head>'
    "<body><noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)
_STORAGE = '<?xml version="1.0" encoding="utf-8"?><Error><Code>{}</Code><Message>{}</Message></Error>'
_QUOTA = 1000  # videos a day, of play money
_DAY_SECONDS = 86_400
_ACTIVE = 3


class OAuthRefusal(Refusal):
    """Said as OAuth 2.0 does (RFC 6749, 5.2)."""


class StorageRefusal(Refusal):
    """Said by the store of files that links lead to."""


class ParseRefusal(Refusal):
    """Said by the parse service."""


def unauthorized(message: str) -> Refusal:
    return Refusal(401, message, code="Unauthorized")


def response(refusal: Refusal, books: Books, now: float) -> web.Response:
    status, headers = refusal.status, refusal.headers
    if refusal.code == "challenge":
        headers = {**headers, "cf-mitigated": "challenge", "Content-Type": "text/html; charset=UTF-8"}
        return web.Response(status=status, text=_CHALLENGE, headers=headers)
    if isinstance(refusal, StorageRefusal):
        text = _STORAGE.format(refusal.code, refusal.message)
        return web.Response(status=status, text=text, content_type="application/xml", headers=headers)
    return web.json_response(_body(refusal, books, now), status=status, headers=headers)


def _body(refusal: Refusal, books: Books, now: float) -> dict[str, Any]:
    if isinstance(refusal, OAuthRefusal):
        return {"error": refusal.code, "error_description": refusal.message}
    if isinstance(refusal, ParseRefusal):
        return {"error": refusal.message}
    if refusal.code == "rate_limit_exhausted":  # the only one without an error
        spent = {**balance(books, now), "estimated_num_videos_remaining": 0.0, "rate_limit_reached": True}
        return {"type": refusal.code, "rate_limit_and_credit_balance": {**spent, "credit_remaining": 0}}
    code = refusal.code if refusal.code not in _OF_FORMS else None
    code = code or _BY_STATUS.get(refusal.status)
    message = INVALIDATED if code == "token_invalidated" else refusal.message
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    details = {"details": {"num_tasks": _ACTIVE}} if code == "too_many_concurrent_tasks" else {}
    return {"error": {"message": message, "type": kind, "param": refusal.param, "code": code, **details}}


def balance(books: Books, now: float) -> dict[str, Any]:
    """What the account has left, and in how many seconds it is given more."""
    left = max(_QUOTA - books.charges, 0)
    return {
        "estimated_num_videos_remaining": float(left),
        "estimated_num_purchased_videos_remaining": 0,
        "credit_remaining": left,
        "rate_limit_reached": left == 0,
        "access_resets_in_seconds": _DAY_SECONDS - int(now) % _DAY_SECONDS,
    }
