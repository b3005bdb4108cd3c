"""What every wire begins with: the key as Bearer, and refusals as JSON with their status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from ..core import Core
from ..forms import bearer_key
from ..refusal import Refusal


class BaseWire:
    """A protocol says what its errors look like; one that deviates takes what it deviates in from here, too."""

    name: str
    mounts: tuple[str, ...]
    error_headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, core: Core) -> None:
        self._core = core

    def credential(self, request: web.Request) -> str | None:
        return bearer_key(request)

    def error(self, refusal: Refusal) -> Any:
        """The body of a refusal, as JSON."""
        raise NotImplementedError

    def refuse(self, refusal: Refusal) -> web.Response:
        headers = {**refusal.headers, **self.error_headers}
        return web.json_response(self.error(refusal), status=refusal.status, headers=headers)
