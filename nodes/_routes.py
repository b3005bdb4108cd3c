"""/sora_video/*: reads are GET and pure; effects are POST or DELETE with a JSON body. No route gives out a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from server import PromptServer

from ..sora_core.errors import InvalidRequest, SoraError
from ..sora_core.ledger.row import Job
from ..sora_core.models import Destination
from ._host import engine, has_ledger

_STATUS = {2: 400, 3: 402, 4: 409, 5: 409, 6: 502}
_JOB_FIELDS = (
    "job_id", "remote_id", "profile", "provider", "model", "seconds", "prompt", "state", "progress", "error", "path",
    "width", "height", "fps", "duration", "created_at", "submitted_at", "finished_at", "delivered_at",
)  # fmt: skip

Body = dict[str, Any]


def add_routes() -> None:
    """Called while the pack loads, before the server starts."""
    if PromptServer.instance is None:
        return
    routes = PromptServer.instance.routes
    routes.get("/sora_video/profiles")(_read(_profiles))
    routes.get("/sora_video/jobs")(_read(_jobs))
    routes.post("/sora_video/profiles/key")(_effect(_set_key))
    routes.delete("/sora_video/profiles/key")(_effect(_delete_key))
    routes.post("/sora_video/jobs/cancel")(_effect(_cancel))
    routes.post("/sora_video/jobs/forget")(_effect(_forget))
    routes.post("/sora_video/jobs/remote_id")(_effect(_name_remote))


def _profiles() -> Any:
    listed = engine().profiles.all().values()
    return [
        {
            "name": each.name,
            "provider": each.provider,
            "base_url": each.base_url,
            "key": engine().credentials.source(each),
        }
        for each in listed
    ]


def _jobs() -> Any:
    return [_facts(job) for job in engine().ledger.jobs(limit=200)] if has_ledger() else []


def _set_key(body: Body) -> Any:
    profile = engine().profiles.get(_text(body, "profile"))
    if profile.embedded:
        raise InvalidRequest("The profile 'preview' needs no key.")
    engine().credentials.set(profile.name, _text(body, "key"))
    return {"profile": profile.name, "key": engine().credentials.source(profile)}


def _delete_key(body: Body) -> Any:
    return {"deleted": engine().credentials.delete(_text(body, "profile"))}


def _cancel(body: Body) -> Any:
    return _facts(engine().cancel(_text(body, "job_id")).result())


def _forget(body: Body) -> Any:
    job = engine().ledger.find(_text(body, "job_id"))
    return _facts(engine().ledger.forget(job))


def _name_remote(body: Body) -> Any:
    """For an unknown job: it was accepted, and this is its id. Its video is collected in the background."""
    job = engine().name_remote(_text(body, "job_id"), _text(body, "remote_id")).result()
    engine().resume(job.job_id, None, Destination(Path(job.folder), job.stem), lambda progress: None)
    return _facts(job)


def _facts(job: Job) -> dict[str, Any]:
    facts = asdict(job)
    return {name: facts[name] for name in _JOB_FIELDS}


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(f"'{name}' is missing; it must be a non-empty string.")
    return value.strip()


def _read(work: Callable[[], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        return await _answer(work)

    return handler


def _effect(work: Callable[[Body], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        # JSON and same origin only: another web page in the user's browser must not reach this
        if request.content_type != "application/json":
            return _refusal(415, "InvalidRequest", "The body must be application/json.")
        if _is_foreign(request):
            return _refusal(403, "InvalidRequest", "Requests from other sites are refused.")
        try:
            body = json.loads(await request.text())
        except ValueError:
            return _refusal(400, "InvalidRequest", "The body is not valid JSON.")
        if not isinstance(body, dict):
            return _refusal(400, "InvalidRequest", "The body must be a JSON object.")
        return await _answer(lambda: work(body))

    return handler


def _is_foreign(request: web.Request) -> bool:
    if request.headers.get("Sec-Fetch-Site", "same-origin") in ("cross-site", "same-site"):
        return True
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host


async def _answer(work: Callable[[], Any]) -> web.Response:
    try:
        # in a thread: the server's loop must not wait for a disk or a remote host
        return web.json_response(await asyncio.to_thread(work))
    except SoraError as error:
        return _refusal(_STATUS.get(error.exit_code, 500), error.kind, str(error))


def _refusal(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"error": {"kind": kind, "message": message}}, status=status)
