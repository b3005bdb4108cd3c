"""Tasks as relays keep them: strict JSON fields, ids and links of tasks, characters made of clips."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from ...models import State
from ..books import BookedJob, Order
from ..core import Core, Incoming
from ..forms import Fields, image_of, read_fields
from ..recent import Recent
from ..refusal import Refusal, invalid
from ._base import BaseWire

MODELS = ("sora-2", "sora-2-pro")
DURATIONS = (10, 15, 25)
SIZES = {
    ("16:9", False): (1280, 720),
    ("9:16", False): (720, 1280),
    ("16:9", True): (1920, 1080),
    ("9:16", True): (1080, 1920),
}
LATE_POLLS = 2  # of a finished job, in the dialects that name its link late

_CHARACTER_SIDE = 64  # a character is a job that draws a small picture nobody asks for
_TIMESTAMPS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*")


class TaskWire(BaseWire):
    """A relay's protocol below its name; one that deviates has a ``dialect`` and lies below ``PROTOCOL~DIALECT``."""

    protocol: ClassVar[str]
    dialect: ClassVar[str] = ""
    roots: ClassVar[tuple[str, ...]] = ("",)  # below that name

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.name = f"{self.protocol}~{self.dialect}" if self.dialect else self.protocol
        self.mounts = tuple(f"/{self.name}{root}" for root in self.roots)


async def read_json(request: web.Request) -> Fields:
    """The body's fields; these protocols take nothing but JSON."""
    if request.content_type != "application/json":
        raise Refusal(400, "Content-Type must be application/json.", code="invalid_request")
    return await read_fields(request)


def choice_of(fields: Fields, name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = fields.get(name, default)
    if value is None:
        raise invalid(name, f"{name} is required; allowed: {', '.join(allowed)}")
    if value not in allowed:
        raise invalid(name, f"invalid {name}: {value!r:.60}; allowed: {', '.join(allowed)}")
    return str(value)


def duration_of(fields: Fields, default: int = DURATIONS[0], *, text: bool) -> int:
    """10, 15 or 25; with ``text`` also as text, as some clients send it."""
    value = fields.get("duration", default)
    if text and isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value not in DURATIONS:
        raise invalid("duration", f"invalid duration: {value!r:.60}; allowed: {', '.join(map(str, DURATIONS))}")
    return int(value)


def flag_of(fields: Fields, name: str, default: bool = False) -> bool:
    value = fields.get(name, default)
    if not isinstance(value, bool):
        raise invalid(name, f"invalid {name}: {value!r:.60}; expected a boolean")
    return value


def images_of(fields: Fields, name: str, *, data: bool) -> bytes | None:
    """The first image that can be drawn, of a list of addresses and, with ``data``, data URIs.

    Addresses are taken, but the preview fetches none: such a job is drawn without its image.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        raise invalid(name, f"{name} must be a list of images")
    drawn = None
    for entry in value:
        if isinstance(entry, str) and entry.startswith(("http://", "https://")):
            continue
        if not data or not isinstance(entry, str):
            raise invalid(name, f"{name}: {entry!r:.60} is no address of an image")
        image = image_of({name: entry}, name)
        drawn = drawn or image
    return drawn


def timestamps_of(fields: Mapping[str, Any]) -> tuple[float, float]:
    """ "s,e", 1 to 3 seconds apart."""
    value = fields.get("timestamps")
    match = _TIMESTAMPS.fullmatch(value) if isinstance(value, str) else None
    start, end = (float(match[1]), float(match[2])) if match else (math.nan, math.nan)
    if not 0.999 <= end - start <= 3.001:
        raise invalid("timestamps", f"invalid timestamps: {value!r:.60}; it is 'start,end', 1 to 3 seconds apart")
    return start, end


def task_id(job: BookedJob) -> str:
    """The job's id as these servers write it."""
    return str(uuid.UUID(job.id.removeprefix("video_")))


def find(core: Core, given: str, protocol: str) -> BookedJob | None:
    try:
        return core.find(f"video_{uuid.UUID(given).hex}", protocol)
    except ValueError:
        return None


def link(call: Incoming, mount: str, job: BookedJob) -> str:
    return f"{call.request.scheme}://{call.request.host}{mount}/files/{task_id(job)}.mp4"


async def send_file(core: Core, call: Incoming, protocol: str) -> web.StreamResponse:
    """What a link of a finished job leads to."""
    job = find(core, call.request.match_info["id"], protocol)
    if job is None or core.books.progress(job).state is not State.SUCCEEDED:
        raise Refusal(404, "There is no such file.", code="file_not_found")
    return await core.send(call, job)


async def enter_character(core: Core, call: Incoming, fields: Fields, protocol: str) -> BookedJob:
    """Makes a character of a clip or of a finished job of the protocol, and charges for it."""
    start, end = timestamps_of(fields)
    url, task = fields.get("url"), fields.get("from_task")
    if bool(url) == bool(task):
        raise invalid("url", "exactly one of url and from_task is required")
    if url and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise invalid("url", f"invalid url: {url!r:.60}")
    source = find(core, str(task), protocol) if task else None
    if task and (source is None or core.books.progress(source).state is not State.SUCCEEDED):
        raise invalid("from_task", f"from_task: {task!r:.60} is no finished task", "task_not_exist")
    order = Order(
        protocol=character_protocol(protocol),
        prompt=f"character of {url or task}, {start:g} to {end:g} s",
        model="",
        seconds=1,
        width=_CHARACTER_SIDE,
        height=_CHARACTER_SIDE,
    )
    return await core.accept(call, order)


def character_protocol(protocol: str) -> str:
    return f"{protocol}-character"


def character(job: BookedJob) -> dict[str, Any]:
    """The finished character, as the job's number and id make it."""
    name = f"{job.id[6:15]}.preview{job.number}"
    return {
        "id": f"ch_{job.id[6:]}",
        "username": name,
        "permalink": f"https://preview.invalid/profile/{name}",
        "profile_picture_url": f"https://preview.invalid/pictures/{name}.webp",
    }


class Lateness:
    """Counts the polls of finished jobs, for servers that say SUCCESS before they know the link."""

    def __init__(self) -> None:
        self._seen: Recent[int] = Recent()

    def has_link(self, job: BookedJob) -> bool:
        seen = self._seen.get(job.id, 0) + 1
        self._seen[job.id] = seen
        return seen > LATE_POLLS
