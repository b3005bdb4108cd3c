"""What the parts of one Sora web server work with: the core, what it remembers, ids, signed links, fields."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web

from ....models import State
from ...books import BookedJob, JobProgress
from ...core import Core, Incoming
from ...forms import Fields
from ...recent import Recent
from ...refusal import Refusal, invalid
from .. import _tasks as tasks
from ._dialect import PROTOCOL, Dialect
from ._refusals import StorageRefusal

_KEPT_FILES = 64


@dataclass
class Cameo:
    """A character in the making, made by ``job``; finalized once it has a ``character_id``."""

    job: BookedJob
    picture: bytes
    visibility: str = "private"
    character_id: str = ""
    username: str = ""


@dataclass
class Account:
    """The only user."""

    username: str | None = None
    invited: bool = False


@dataclass
class Memory:
    """What all dialects remember together: they are one server that speaks in several ways."""

    uploads: Recent[bytes] = field(default_factory=lambda: Recent(_KEPT_FILES))
    pointers: Recent[bytes] = field(default_factory=lambda: Recent(_KEPT_FILES))  # of profile pictures
    cameos: Recent[Cameo] = field(default_factory=lambda: Recent(_KEPT_FILES))
    posts: Recent[BookedJob] = field(default_factory=Recent)
    account: Account = field(default_factory=Account)
    link_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)


class Site:
    """One server: a dialect with the memory and the core behind it."""

    def __init__(self, core: Core, dialect: Dialect, memory: Memory) -> None:
        self.core = core
        self.dialect = dialect
        self.memory = memory
        self.mount = f"/{dialect.wire_name}"
        self.late = tasks.Lateness()

    def progress(self, job: BookedJob) -> JobProgress:
        return self.core.books.progress(job)

    def task_id(self, job: BookedJob) -> str:
        """Another than that of the generation, except where the document takes them for one."""
        if self.dialect.document and job.order.protocol == PROTOCOL:
            return generation_id(job)
        return f"task_{_hex(job)[::-1]}"

    def draft(self, given: object) -> BookedJob | None:
        """The finished video with this generation id."""
        if not isinstance(given, str) or not given.startswith("gen_"):
            return None
        found = self.core.find(f"video_{given[4:]}", PROTOCOL)
        return found if found is not None and self.progress(found).state is State.SUCCEEDED else None

    def link(self, call: Incoming, job: BookedJob, suffix: str) -> str:
        """An address of the job's file that needs no Authorization; its query is signed and must stay as it is."""
        name = f"{_hex(job)}.{suffix}"
        end = iso(self.core.clock.now() + self.dialect.link_seconds)
        query = f"se={quote(end, safe='')}&sp=r&sv=2024-08-04&sig={quote(self._sign(name, end), safe='')}"
        return f"{origin(call.request)}{self.mount}/files/{name}?{query}"

    def check_link(self, request: web.Request) -> None:
        """Raises StorageRefusal."""
        name, query = request.match_info["name"], request.query
        if "Authorization" in request.headers:
            raise StorageRefusal(403, "A signed link takes no Authorization header.", code="AuthenticationFailed")
        given, end = query.get("sig", ""), query.get("se", "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._sign(name, end).encode()):
            raise StorageRefusal(403, "The signature did not match.", code="AuthenticationFailed")
        if end < iso(self.core.clock.now()):
            raise StorageRefusal(403, f"The link has expired at {end}.", code="AuthenticationFailed")

    def _sign(self, name: str, end: str) -> str:
        digest = hmac.digest(self.memory.link_key, f"{name}\n{end}".encode("utf-8", "surrogateescape"), hashlib.sha256)
        return base64.b64encode(digest).decode("ascii")


def _hex(job: BookedJob) -> str:
    return job.id.removeprefix("video_")


def generation_id(job: BookedJob) -> str:
    return f"gen_{_hex(job)}"


def origin(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def iso(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def json_of(call: Incoming, required: Collection[str], optional: Collection[str] = ()) -> Fields:
    """The body with these fields and no others."""
    fields = await tasks.read_json(call.request)
    for name in required:
        if name not in fields:
            raise invalid(name, f"Field required: {name}")
    for name in fields:
        if name not in required and name not in optional:
            raise invalid(name, f"Extra inputs are not permitted: {name:.60}")
    return fields


def constant(fields: Fields, name: str, value: object) -> None:
    """Refuses any other value."""
    if type(fields.get(name)) is not type(value) or fields[name] != value:
        raise invalid(name, f"{name} must be {value!r}, not {fields.get(name)!r:.60}")


def limit_of(call: Incoming, default: int) -> int:
    text = call.request.query.get("limit", str(default))
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise invalid("limit", f"limit must be a whole number from 1 to 100, not {text:.20}")
    return int(text)


def missing(what: str) -> Refusal:
    return Refusal(404, f"{what:.120} not found", code="not_found")
