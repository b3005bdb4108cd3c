"""/sora_video/*: what the page and scripts ask for. Reads are GET and pure; effects are POST or DELETE with JSON."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ...sora_core.errors import InvalidRequest, JobNotFound, SoraError
from .. import _host as host
from .._language import of_request
from . import costs, health, jobs, profiles, storyboard
from ._answers import File, Jpeg, Lines, Status, Text
from ._asked import MOST_BYTES, Asked, body_of
from ._guard import HEADER, is_from_here, refusal
from ._watch import watch_the_ledger

_STATUS = {2: 400, 3: 402, 4: 409, 5: 409, 6: 502}
# nothing of ours is guessed at, shown in another site's frame, or kept by a cache between the page and us
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Route:
    """``work`` runs in a thread: the server's loop must not wait for a disk or a remote host."""

    method: str
    path: str
    work: Callable[[Asked], Any]

    @property
    def is_effect(self) -> bool:
        return self.method != "GET"


ROUTES = (
    Route("GET", "/sora_video/profiles", profiles.listed),
    Route("GET", "/sora_video/providers", profiles.providers),
    Route("POST", "/sora_video/profiles", profiles.add),
    Route("DELETE", "/sora_video/profiles", profiles.remove),
    Route("POST", "/sora_video/profiles/edit", profiles.edit),
    Route("POST", "/sora_video/profiles/duplicate", profiles.duplicate),
    Route("POST", "/sora_video/profiles/key", profiles.set_key),
    Route("DELETE", "/sora_video/profiles/key", profiles.delete_key),
    Route("POST", "/sora_video/profiles/test", profiles.test),
    Route("POST", "/sora_video/profiles/quota", profiles.quota),
    Route("POST", "/sora_video/profiles/models", profiles.models),
    Route("POST", "/sora_video/profiles/loras", profiles.loras),
    Route("GET", "/sora_video/profiles/export", profiles.export),
    Route("POST", "/sora_video/profiles/import", profiles.import_),
    Route("GET", "/sora_video/jobs", jobs.listed),
    Route("GET", "/sora_video/jobs/summary", jobs.summary),
    Route("GET", "/sora_video/jobs/{job_id}", jobs.one),
    Route("GET", "/sora_video/jobs/{job_id}/graph", jobs.graph),
    Route("GET", "/sora_video/jobs/{job_id}/file", jobs.file),
    Route("GET", "/sora_video/jobs/{job_id}/picture", jobs.picture),
    Route("POST", "/sora_video/jobs/collect", jobs.collect),
    Route("POST", "/sora_video/jobs/cancel", jobs.cancel),
    Route("POST", "/sora_video/jobs/forget", jobs.forget),
    Route("POST", "/sora_video/jobs/remote_id", jobs.name_remote),
    Route("POST", "/sora_video/jobs/candidates", jobs.candidates),
    Route("POST", "/sora_video/jobs/last_frame", jobs.last_frame),
    Route("DELETE", "/sora_video/jobs/file", jobs.delete_file),
    Route("POST", "/sora_video/storyboard/check", storyboard.check),
    Route("GET", "/sora_video/estimate", costs.estimate),
    Route("GET", "/sora_video/costs", costs.by_day),
    Route("GET", "/sora_video/health", health.health),
    Route("GET", "/sora_video/metrics", health.metrics),
)


def add_routes() -> None:
    """Called while the pack loads, before the server starts."""
    for route in ROUTES:
        host.add_route(route.method, route.path, _handler(route))
    watch_the_ledger()


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        of_request.set(_language_of(request))
        refused = refusal(request, is_effect=route.is_effect)
        if refused:
            status, text, value = refused
            return _refusal(status, InvalidRequest(text, value=value))
        try:
            asked = Asked(await _values_of(request, is_effect=route.is_effect), is_from_here(request))
            answer = await asyncio.to_thread(route.work, asked)
        except SoraError as error:
            return _refusal(404 if isinstance(error, JobNotFound) else _STATUS.get(error.exit_code, 500), error)
        return await _answered(request, answer)

    return handle


def _language_of(request: web.Request) -> str:
    """That of the page, which names it; else the first one that a script's user prefers."""
    return request.headers.get(HEADER, "") or request.headers.get("Accept-Language", "")


async def _values_of(request: web.Request, *, is_effect: bool) -> dict[str, Any]:
    if not is_effect:
        if any(len(request.query.getall(name)) > 1 for name in request.query):
            raise InvalidRequest("route_twice")
        return {**request.query, **request.match_info}
    if (request.content_length or 0) > MOST_BYTES:
        raise InvalidRequest("route_too_large", most=MOST_BYTES)
    data = await request.content.read(MOST_BYTES + 1)
    while len(data) <= MOST_BYTES and (more := await request.content.read(MOST_BYTES + 1)):
        data += more
    if len(data) > MOST_BYTES:
        raise InvalidRequest("route_too_large", most=MOST_BYTES)
    return body_of(data)


async def _answered(request: web.Request, answer: Any) -> web.StreamResponse:
    if isinstance(answer, File):
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
        if answer.download:
            headers["Content-Disposition"] = f'attachment; filename="{_plain(answer.download)}"'
        return web.FileResponse(answer.path, headers=headers)
    if isinstance(answer, Jpeg):
        return web.Response(body=answer.data, content_type="image/jpeg", headers=_HEADERS)
    if isinstance(answer, Lines):
        return await _streamed(request, answer)
    if isinstance(answer, Text):
        return web.Response(body=answer.text.encode(), headers={**_HEADERS, "Content-Type": answer.content_type})
    if isinstance(answer, Status):
        return web.json_response(answer.value, status=answer.status, headers=_HEADERS)
    return web.json_response(answer, headers=_HEADERS)


async def _streamed(request: web.Request, lines: Lines) -> web.StreamResponse:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "application/x-ndjson"})
    await response.prepare(request)

    def send(value: Any) -> None:
        loop.call_soon_threadsafe(waiting.put_nowait, value)

    def work() -> None:
        try:
            lines.work(send)
        finally:
            send(None)

    context = contextvars.copy_context()
    done = loop.run_in_executor(None, context.run, work)
    while (value := await waiting.get()) is not None:
        await response.write(json.dumps(value).encode() + b"\n")
    await done
    await response.write_eof()
    return response


def _plain(name: str) -> str:
    return "".join(char if char.isalnum() or char in "._- " else "_" for char in name if char.isascii()) or "video"


def _refusal(status: int, error: SoraError) -> web.Response:
    said = {"error": {"kind": error.kind, "message": str(error)}}
    return web.json_response(said, status=status, headers=_HEADERS)
