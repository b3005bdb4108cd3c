"""What the servers that deviate from the OpenAI protocol share."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob
from ..core import Core, Incoming, Route
from ..forms import Fields
from ..refusal import Refusal
from ..wire._beside_videos import NAMES, BesideVideos
from ..wire.openai import OpenAIWire


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
        self._beside = BesideVideos(core, self.name)
        prefix = f"/openai~{self.dialect}"
        self.mounts = (prefix + self.root, prefix) if self.root == "/v1" else (prefix + self.root,)

    def routes(self) -> tuple[Route, ...]:
        """Without the pages that only relays have; subclasses leave out more or add their own."""
        left_out = {"remix", *(NAMES - {"picture"} if self.has_pictures else NAMES)}
        own = [route for route in super().routes() if route.operation != "quota" and route.name not in left_out]
        return (*own, Route("GET", "/openapi.json", "openapi", "models", self.openapi))

    def without(self, *names: str) -> tuple[Route, ...]:
        return tuple(route for route in Dialect.routes(self) if route.name not in names)

    async def openapi(self, call: Incoming) -> web.StreamResponse:
        if not self.title:
            raise Refusal(404, "Not Found")
        paths: dict[str, object] = {f"/v1{route.path}": {} for route in self.routes()}
        return web.json_response({"openapi": "3.1.0", "info": {"title": self.title, "version": "1"}, "paths": paths})

    def state(self, job: BookedJob) -> State:
        return self._core.books.progress(job).state


class FastApi(Dialect):
    """Refusals as ``{"detail": ...}``."""

    def error(self, refusal: Refusal) -> Any:
        return {"detail": refusal.detail if isinstance(refusal, Invalid) else refusal.message}


async def wrong_method(call: Incoming) -> web.StreamResponse:
    raise Refusal(405, "Method Not Allowed")


def inline_image(fields: Fields, name: str) -> None:
    """Plain base64 becomes bytes; an address stays and is refused later, as everywhere in the preview."""
    value = fields.get(name)
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        try:
            fields[name] = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise Refusal(400, f"{name} is not base64") from error
