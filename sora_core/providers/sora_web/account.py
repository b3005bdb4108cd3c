"""The account behind a profile: who it is, what it has subscribed to, its invitation, its quota, its user name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...errors import BadResponse, RequestRejected, SoraError, SubmissionUnknown
from ...models import Effect, Quota
from ...transport import Call, Http, Reply
from .._answers import normalize

_NAMES = "/project_y/profile/username"


async def show(http: Http) -> dict[str, Any]:
    """Everything that can be read; a part that the server refuses holds its error. Raises when none can be."""
    parts = {"user": _user, "subscriptions": _subscriptions, "invite": _invite, "quota": _quota}
    found: dict[str, Any] = {}
    errors: list[SoraError] = []
    for name, part in parts.items():
        try:
            found[name] = await part(http)
        except SoraError as error:
            errors.append(error)
            found[name] = {"error": error.message, "code": error.code}
    if len(errors) == len(parts):
        raise errors[0]
    return found


async def activate(http: Http) -> dict[str, Any]:
    return _succeeded(_object(await http.send(_get("/m/bootstrap"))))


async def accept_invite(http: Http, code: str) -> dict[str, Any]:
    """Using up a code is an effect: it is sent once."""
    try:
        reply = await http.send(_post("/project_y/invite/accept", {"invite_code": code}, Effect.CHARGE))
    except SubmissionUnknown as error:
        error.advise("sora_web.invitation_open")
        raise
    return _succeeded(_object(reply))


async def check_username(http: Http, name: str) -> bool:
    answer = _object(await http.send(_post(f"{_NAMES}/check", {"username": name}, Effect.IDEMPOTENT)))
    if not isinstance(answer.get("available"), bool):
        raise BadResponse("sora_web.server_does_not_say_whether")
    return bool(answer["available"])


async def set_username(http: Http, name: str) -> dict[str, Any]:
    return _object(await http.send(_post(f"{_NAMES}/set", {"username": name}, Effect.IDEMPOTENT)))


async def quota(http: Http) -> Quota:
    """Videos that are left; ``resets_in`` seconds until there are more."""
    return quota_of(await http.send(_get("/nf/check")))


def quota_of(reply: Reply) -> Quota:
    balance = normalize.dig(normalize.parse(reply.body), "rate_limit_and_credit_balance")
    if not isinstance(balance, dict):
        raise BadResponse("sora_web.server_s_answer_no_quota", reason=normalize.failure_of(reply).message)
    reached = balance.get("rate_limit_reached")
    return Quota(
        remaining=normalize.number_of(balance.get("estimated_num_videos_remaining")),
        unit="videos",
        resets_in=normalize.number_of(balance.get("access_resets_in_seconds")),
        limit_reached=reached if isinstance(reached, bool) else None,
    )


async def _user(http: Http) -> Mapping[str, Any]:
    me = _object(await http.send(_get("/me")))
    return {name: me.get(name) for name in ("email", "name", "username", "picture", "created_at")}


async def _subscriptions(http: Http) -> list[dict[str, Any]]:
    data = _object(await http.send(_get("/billing/subscriptions"))).get("data")
    return [
        {
            "plan": normalize.text_of(normalize.dig(item, "plan.id")),
            "title": normalize.text_of(normalize.dig(item, "plan.title")),
            "ends_at": normalize.time_of(normalize.dig(item, "end_ts")),
        }
        for item in (data if isinstance(data, list) else [])
    ]


async def _invite(http: Http) -> Mapping[str, Any]:
    mine = _object(await http.send(_get("/project_y/invite/mine")))
    return {"code": mine.get("invite_code"), "used": mine.get("redeemed_count"), "total": mine.get("total_count")}


async def _quota(http: Http) -> Mapping[str, Any]:
    return asdict(await quota(http))


def _succeeded(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("success") is False:
        raise RequestRejected("sora_web.server_took_request_but_says")
    return answer


def _get(path: str) -> Call:
    return Call("GET", path, Effect.READ, timeout=30)


def _post(path: str, body: dict[str, str], effect: Effect) -> Call:
    return Call("POST", path, effect, json=body, timeout=30)


def _object(reply: Reply) -> dict[str, Any]:
    value = normalize.parse(reply.body)
    if not isinstance(value, dict):
        raise BadResponse("sora_web.server_s_answer_not_what", reason=normalize.failure_of(reply).message)
    return value
