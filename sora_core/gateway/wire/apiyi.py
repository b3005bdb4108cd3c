"""The apiyi relay, below ``/apiyi``: multipart, the raw key, errors in its words."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob, Order
from ..core import Incoming, Route
from ..forms import image_of, prompt_of, read_fields, size_of
from ..refusal import Refusal, invalid
from . import _tasks as tasks

PROTOCOL = "apiyi"
MODELS = ("sora-2",)
SIZES = ("1280x720", "720x1280")
SECONDS = ("10", "15")
PROMPT_CHARS = 1000  # and more are too many
IMAGE_BYTES = 10_000_000
MAX_JOBS = 5
CODES = {
    400: "invalid_request",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found",
    415: "invalid_request",
    429: "rate_limit_exceeded",
}

_STATUS = {
    State.QUEUED: "submitted",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
}


class ApiYiWire(tasks.TaskWire):
    """Create, retrieve, content."""

    protocol = PROTOCOL
    roots = ("/v1", "")

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/videos", "create", "create", self.create),
            Route("GET", "/videos/{id}", "retrieve", "retrieve", self.retrieve),
            Route("GET", "/videos/{id}/content", "content", "content", self.content),
        )

    def credential(self, request: web.Request) -> str | None:
        return request.headers.get("Authorization", "").strip() or None

    def error(self, refusal: Refusal) -> Any:
        known = set(CODES.values()) | {"content_policy_violation", "insufficient_quota"}
        code = refusal.code if refusal.code in known else CODES.get(refusal.status, "server_error")
        return {"error": {"code": code, "message": refusal.message, "type": refusal.kind}}

    async def create(self, call: Incoming) -> web.StreamResponse:
        if call.request.content_type != "multipart/form-data":
            raise Refusal(400, "Content-Type must be multipart/form-data")
        fields = await read_fields(call.request)
        for name in ("prompt", "model", "size", "seconds"):
            if not fields.get(name):
                raise invalid(name, f"Missing required parameter: {name}")
        prompt = prompt_of(fields)
        if len(prompt) >= PROMPT_CHARS:
            raise invalid("prompt", f"prompt must have fewer than {PROMPT_CHARS} characters")
        model = tasks.choice_of(fields, "model", MODELS)
        tasks.choice_of(fields, "size", SIZES)
        seconds = int(tasks.choice_of(fields, "seconds", SECONDS))
        image = image_of(fields, "input_reference")
        if image is not None and len(image) >= IMAGE_BYTES:
            raise invalid("input_reference", "input_reference must be smaller than 10MB")
        if self._running() >= MAX_JOBS:
            raise Refusal(429, f"No more than {MAX_JOBS} videos at the same time")
        width, height = size_of(fields, (0, 0))
        job = await self._core.accept(call, Order(PROTOCOL, prompt, model, seconds, width, height, image=image))
        return web.json_response(self._as_json(call, job))

    def _running(self) -> int:
        books = self._core.books
        return sum(not books.progress(job).state.terminal for job in books.newest_first(PROTOCOL))

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        return web.json_response(self._as_json(call, self._find(call)))

    async def content(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        if self._core.books.progress(job).state is not State.SUCCEEDED:
            raise Refusal(400, "The video is not completed yet")
        return await self._core.send(call, job)

    def _find(self, call: Incoming) -> BookedJob:
        given = call.request.match_info["id"]
        job = self._core.find(given, PROTOCOL)
        if job is None:
            raise Refusal(404, f"No video has the id {given:.80}")
        return job

    def _link(self, call: Incoming, job: BookedJob) -> str | None:
        return f"http://{call.request.host}{self.mounts[0]}/videos/{job.id}/content"

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        if progress.state is State.FAILED:
            failed = {"id": job.id, "status": "failed", "progress": 0, "error": progress.message}
            return {**failed, "created_at": int(job.created_at)}
        return {
            "id": job.id,
            "status": _STATUS[progress.state],
            "progress": progress.percent,
            "prompt": job.order.prompt,
            "model": job.order.model,
            "size": job.order.size,
            "seconds": str(job.order.seconds),
            "created_at": int(job.created_at),
            "url": self._link(call, job) if progress.state is State.SUCCEEDED else None,
            "completed_at": None if progress.completed_at is None else int(progress.completed_at),
        }
