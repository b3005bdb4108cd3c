"""What the deviating servers of the OpenAI protocol share in the gateway."""

from __future__ import annotations

import asyncio
import base64
import binascii

from aiohttp import web

from ...models import State
from ..books import Job, Progress
from ..core import Call, Core, Route
from ..forms import Fields
from ..refusal import Refusal
from ._openai_more import NAMES, More
from .openai import OpenAIWire

_TICK_SECONDS = 0.02


class Invalid(Refusal):
    """FastAPI's answer to a body that does not validate: HTTP 422 with a list."""

    def __init__(self, field: str, message: str, kind: str = "value_error") -> None:
        super().__init__(422, message, param=field)
        self.detail = [{"type": kind, "loc": ["body", field], "msg": message, "input": None}]


class Dialect(OpenAIWire):
    """What the dialects share: a name, mounts, and signs by which the server can be told."""

    dialect = ""
    root = "/v1"
    title = ""
    has_pictures = False

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.name = f"openai~{self.dialect}"
        self._more = More(core, self.name)
        prefix = f"/openai~{self.dialect}"
        self.mounts = (prefix + self.root, prefix) if self.root == "/v1" else (prefix + self.root,)

    def routes(self) -> tuple[Route, ...]:
        """Without the pages that only relays have; subclasses leave out more or add their own."""
        left_out = {"remix", *(NAMES - {"picture"} if self.has_pictures else NAMES)}
        own = [route for route in super().routes() if route.operation != "quota" and route.name not in left_out]
        return (*own, Route("GET", "/openapi.json", "openapi", "models", self.openapi))

    def without(self, *names: str) -> tuple[Route, ...]:
        return tuple(route for route in Dialect.routes(self) if route.name not in names)

    async def openapi(self, call: Call) -> web.StreamResponse:
        if not self.title:
            raise Refusal(404, "Not Found")
        paths: dict[str, object] = {f"/v1{route.path}": {} for route in self.routes()}
        return web.json_response({"openapi": "3.1.0", "info": {"title": self.title, "version": "1"}, "paths": paths})

    async def end(self, job: Job) -> Progress:
        """Waits for the job; the way of servers that answer with the video."""
        while True:
            progress = self._core.books.progress(job)
            if progress.state.terminal:
                return progress
            await asyncio.sleep(progress.poll_after or _TICK_SECONDS)

    def state(self, job: Job) -> State:
        return self._core.books.progress(job).state


class FastApi(Dialect):
    """Refusals as ``{"detail": ...}``."""

    def refuse(self, refusal: Refusal) -> web.Response:
        detail = refusal.detail if isinstance(refusal, Invalid) else refusal.message
        return web.json_response({"detail": detail}, status=refusal.status, headers=refusal.headers)


async def wrong_method(call: Call) -> web.StreamResponse:
    raise Refusal(405, "Method Not Allowed")


def inline_image(fields: Fields, name: str) -> None:
    """Plain base64 becomes bytes; an address stays and is refused later, as everywhere in the preview."""
    value = fields.get(name)
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        try:
            fields[name] = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise Refusal(400, f"{name} is not base64") from error
