"""The Sora web protocol, below ``/sora-web``, as servers were seen to speak it.

Of the faults, ``refuse`` knows the codes of the protocol: ``challenge`` (the page before the site), ``heavy_load``,
``too_many_concurrent_tasks``, ``rate_limit_exhausted``, ``token_expired`` and others. ``fail`` with a code such as
``sora_content_violation`` makes a violation of the draft, with another code an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace

from aiohttp import web

from ...core import Core, Handler, Incoming, Route
from ...refusal import Refusal
from ._account import AccountPages
from ._characters import Characters
from ._create import Create
from ._dialect import Dialect
from ._posts import Posts
from ._refusals import response
from ._sentinel import Sentinel
from ._site import Memory, Site
from ._tasks import Tasks
from ._tokens import Tokens
from ._uploads import Uploads


class SoraWebWire:
    """Puts the parts together: those below ``/backend`` need an access token."""

    def __init__(self, core: Core, dialect: Dialect, memory: Memory, tokens: Tokens, sentinel: Sentinel) -> None:
        self._core = core
        self._dialect = dialect
        self._tokens = tokens
        self._sentinel = sentinel
        self._site = Site(core, dialect, memory)
        self.name = dialect.wire_name
        self.mounts: tuple[str, ...] = (self._site.mount,)

    def routes(self) -> tuple[Route, ...]:
        site, posts = self._site, Posts(self._site, self._sentinel)
        create, tasks = Create(site, self._sentinel), Tasks(site)
        parts = (create, tasks, posts, Uploads(site), Characters(site), AccountPages(site))
        below = [route for part in parts for route in part.routes()]
        return (
            *self._tokens.routes(self._dialect),
            *self._sentinel.routes(self._dialect),
            *posts.open_routes(),
            *(replace(route, path=f"/backend{route.path}", handler=self._signed_in(route.handler)) for route in below),
        )

    def _signed_in(self, handler: Handler) -> Handler:
        def checked(call: Incoming) -> Awaitable[web.StreamResponse]:
            self._tokens.check(call.request)
            return handler(call)

        return checked

    def credential(self, request: web.Request) -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._tokens.key_of(token) if scheme == "Bearer" else None

    def refuse(self, refusal: Refusal) -> web.Response:
        return response(refusal, self._core.books, self._core.clock.now())


def sora_web_wires(core: Core, deviating: Sequence[Dialect] = ()) -> tuple[SoraWebWire, ...]:
    """One server that speaks in several ways: tokens, uploads, posts and characters are known to all of them."""
    memory, tokens, sentinel = Memory(), Tokens(core), Sentinel(core)
    return tuple(SoraWebWire(core, dialect, memory, tokens, sentinel) for dialect in (Dialect(), *deviating))
