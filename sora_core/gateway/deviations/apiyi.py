"""The apiyi protocol as servers deviate from it, each below ``/apiyi~NAME``."""

from __future__ import annotations

from aiohttp import web

from ..books import BookedJob
from ..core import Incoming
from ..wire._base import BaseWire
from ..wire.apiyi import ApiYiWire


class Bearer(ApiYiWire):
    """Wants the key with "Bearer"."""

    dialect = "bearer"

    def credential(self, request: web.Request) -> str | None:
        return BaseWire.credential(self, request)


class NoUrl(ApiYiWire):
    """Completes without a link."""

    dialect = "no-url"

    def _link(self, call: Incoming, job: BookedJob) -> str | None:
        return None


class Mirror(ApiYiWire):
    """Names its own host in the link, whatever address it was asked at."""

    dialect = "mirror"

    def _link(self, call: Incoming, job: BookedJob) -> str | None:
        return f"https://api.preview.invalid/v1/videos/{job.id}/content"
