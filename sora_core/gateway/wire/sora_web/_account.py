"""The only account: who it is, what it has subscribed to, what it has left, its invitation and its name."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from ...core import Incoming, Route
from ...forms import text_of
from ...refusal import Refusal, invalid
from ._characters import USERNAME, taken
from ._refusals import balance
from ._site import Site, iso, json_of
from ._tokens import EMAIL

INVITE = "SORA-PREV-IEW1"  # the account's own

_CODE = re.compile(r"SORA-[A-Z0-9]{4}-[A-Z0-9]{4}")
_NAME = "Preview"
_CREATED = 1_735_689_600  # 2025-01-01
_MONTH_SECONDS = 30 * 86_400


class AccountPages:
    """It is active from the beginning; activating it again changes nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._account = site.memory.account

    def routes(self) -> tuple[Route, ...]:
        names = "/project_y/profile/username"
        return (
            Route("GET", "/me", "me", "account", self.me),
            Route("GET", "/billing/subscriptions", "subscriptions", "account", self.subscriptions),
            Route("GET", "/project_y/invite/mine", "invite", "account", self.invite),
            Route("GET", "/nf/check", "quota", "quota", self.check),
            Route("GET", "/m/bootstrap", "activate", "account", self.activate),
            Route("POST", "/project_y/invite/accept", "accept_invite", "account", self.accept_invite),
            Route("POST", f"{names}/check", "check_username", "account", self.check_username),
            Route("POST", f"{names}/set", "set_username", "account", self.set_username),
        )

    async def me(self, call: Incoming) -> web.StreamResponse:
        picture = "https://preview.invalid/avatar.jpg"
        me = {"email": EMAIL, "name": _NAME, "username": self._account.username, "picture": picture}
        return web.json_response({**me, "created_at": iso(_CREATED)})

    async def subscriptions(self, call: Incoming) -> web.StreamResponse:
        end = self._site.core.clock.now() + _MONTH_SECONDS
        plan = {"id": "chatgpt_plus", "title": "ChatGPT Plus"}
        end_ts: str | int = iso(end) if self._site.dialect.document else int(end)
        return web.json_response({"data": [{"plan": plan, "end_ts": end_ts}]})

    async def invite(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"invite_code": INVITE, "redeemed_count": 2, "total_count": 5})

    async def check(self, call: Incoming) -> web.StreamResponse:
        left: dict[str, Any] = balance(self._site.core.books, self._site.core.clock.now())
        if self._site.dialect.document:
            whole = int(left["estimated_num_videos_remaining"])
            left = {name: left[name] for name in ("rate_limit_reached", "access_resets_in_seconds")}
            left["estimated_num_videos_remaining"] = whole
        return web.json_response({"rate_limit_and_credit_balance": left})

    async def activate(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"success": True})

    async def accept_invite(self, call: Incoming) -> web.StreamResponse:
        code = text_of(await json_of(call, ("invite_code",)), "invite_code")
        if not _CODE.fullmatch(code) or code == INVITE:
            raise Refusal(403, "The invite code is not valid.", param="invite_code", code="invalid_invite_code")
        before, self._account.invited = self._account.invited, True
        return web.json_response({"success": True, "already_accepted": before})

    async def check_username(self, call: Incoming) -> web.StreamResponse:
        name = text_of(await json_of(call, ("username",)), "username")
        return web.json_response({"available": bool(USERNAME.fullmatch(name)) and name not in taken(self._site)})

    async def set_username(self, call: Incoming) -> web.StreamResponse:
        name = text_of(await json_of(call, ("username",)), "username")
        if not USERNAME.fullmatch(name):
            raise invalid("username", "username takes 3 to 30 of a-z, 0-9, _ and .")
        if name in taken(self._site) and name != self._account.username:
            raise Refusal(400, f"The username {name} is taken.", param="username", code="username_taken")
        self._account.username = name
        return web.json_response({"username": name, "display_name": _NAME})
