"""The Name_ protocol as the preview speaks it, below ``/name_``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob, Order
from ..core import Incoming, Route
from ..forms import prompt_of, size_of
from ..refusal import Refusal, invalid
from . import _tasks as tasks

PROTOCOL = "name_"
SECONDS = (5, 10)
_PHASES = {State.QUEUED: "waiting", State.RUNNING: "cooking", State.SUCCEEDED: "plated", State.FAILED: "burnt"}


class Name_Wire(tasks.TaskWire):
    """Create, retrieve, and the file behind the link."""

    protocol = PROTOCOL

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/jobs", "create", "create", self.create),
            Route("GET", "/jobs/{id}", "retrieve", "retrieve", self.retrieve),
            # "open": a link of a result is asked for without the key
            Route("GET", "/files/{id}.mp4", "content", "content", self.content, open=True),
        )

    def error(self, refusal: Refusal) -> Any:
        return {"error": {"code": refusal.code, "message": refusal.message}}

    async def create(self, call: Incoming) -> web.StreamResponse:
        fields = await tasks.read_json(call.request)
        prompt = prompt_of({"prompt": fields.get("text")})
        if fields.get("length") not in SECONDS:
            raise invalid("length", f"invalid length: {fields.get('length')!r:.60}; allowed: 5, 10")
        width, height = size_of({"size": fields.get("resolution")}, (1280, 720))
        order = Order(PROTOCOL, prompt, "", int(fields["length"]), width, height, seed=fields.get("seed"))
        return web.json_response(self._as_json(call, await self._core.accept(call, order)))

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        job = tasks.find(self._core, call.request.match_info["id"], PROTOCOL)
        if job is None:
            raise Refusal(404, "There is no such job.", code="not_found")
        return web.json_response(self._as_json(call, job))

    async def content(self, call: Incoming) -> web.StreamResponse:
        return await tasks.send_file(self._core, call, PROTOCOL)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        told = {"id": tasks.task_id(job), "phase": _PHASES[progress.state]}
        if progress.state is State.SUCCEEDED:
            told["file"] = tasks.link(call, self.mounts[0], job)
        if progress.state is State.FAILED:
            told["error"] = progress.message
        return {"job": told}
