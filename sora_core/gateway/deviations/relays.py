"""Relays and clouds of the OpenAI protocol as they deviate from it, each below ``/openai~NAME``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from ...models import State
from ..books import BookedJob
from ..core import Incoming, Route
from ..forms import Fields, read_fields
from ..refusal import Refusal
from ..wire.openai import STATUS, OpenAIWire
from ._dialect import Dialect


class LiteLLM(Dialect):
    """A proxy: opaque base64 ids, nulls nearly everywhere, and a list with the ids of the server behind it."""

    dialect = "litellm"
    has_pictures = True
    owner = "openai"
    title = "LiteLLM API"

    def routes(self) -> tuple[Route, ...]:
        return self.without("delete")

    error_headers: ClassVar[Mapping[str, str]] = {"x-litellm-version": "1.108.7"}

    def refuse(self, refusal: Refusal) -> web.Response:
        if refusal.status == 401:  # its word for any key but its own, where it has no database
            error = {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}
            return web.json_response({"error": error}, status=400)
        return super().refuse(refusal)

    def error(self, refusal: Refusal) -> Any:
        return {"error": {"message": refusal.message, "type": "None", "param": "None", "code": str(refusal.status)}}

    async def list_videos(self, call: Incoming) -> web.StreamResponse:
        jobs = self._core.books.newest_first(self.name)
        return web.json_response({"object": "list", "data": [{"id": job.id, "status": None} for job in jobs]})

    def _find(self, call: Incoming) -> BookedJob:
        given = call.request.match_info["id"]
        try:
            inner = base64.b64decode(given.removeprefix("video_"), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Refusal(404, f"Video '{given:.80}' not found") from error
        job = self._core.find(inner.rpartition("video_id:")[2].partition(";")[0], self.name)
        if job is None:
            raise Refusal(404, f"Video '{given:.80}' not found")
        return job

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        inner = (
            f"litellm:custom_llm_provider:openai;model_id:{job.order.model};video_id:{job.id};deployment_id:{'0' * 64}"
        )
        video.pop("queue_position", None)
        video.pop("prompt")
        done = video["status"] == "completed"
        used = {"duration_seconds": float(job.order.seconds)} if video["status"] == "queued" else None
        progress = 100 if done else 0 if video["status"] == "queued" else 99
        encoded = "video_" + base64.b64encode(inner.encode()).decode()
        return {**video, "id": encoded, "progress": progress, "expires_at": None, "usage": used}


class NewApi(Dialect):
    """A relay: ``unknown`` right after create, the link in the metadata, an unknown job is HTTP 400."""

    dialect = "new-api"
    has_pictures = True
    owner = "custom"

    def routes(self) -> tuple[Route, ...]:
        billing = [route for route in OpenAIWire.routes(self) if route.operation == "quota" or route.name == "remix"]
        return (*self.without("list", "delete"), *billing)

    error_headers: ClassVar[Mapping[str, str]] = {"X-Oneapi-Request-Id": "2026"}

    def error(self, refusal: Refusal) -> Any:
        if refusal.code == "task_not_exist":
            return {"code": refusal.code, "message": refusal.message, "data": None}
        message = f"{refusal.message} (request id: 2026)"
        return {"error": {"message": message, "type": "new_api_error", "param": "", "code": refusal.code or ""}}

    async def content(self, call: Incoming) -> web.StreamResponse:
        if self.state(self._find(call)) is not State.SUCCEEDED:
            raise Refusal(400, "Task is not completed yet, current status: IN_PROGRESS", code="invalid_request_error")
        return await super().content(call)

    def _find(self, call: Incoming) -> BookedJob:
        job = self._core.find(call.request.match_info["id"], self.name)
        if job is None:
            raise Refusal(400, "task_not_exist", code="task_not_exist")
        return job

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        video.pop("queue_position", None)
        if video["status"] == "queued":
            video["status"] = "unknown"
        url = f"{call.request.scheme}://{call.request.host}{self.mounts[0]}/videos/{job.id}/content"
        link = {"metadata": {"url": url}} if video["status"] == "completed" else {}
        return {**video, "task_id": job.id, "created_at": int(job.created_at * 1000), **link}


class Azure(Dialect):
    """Below ``/openai/v1``, with the key in the header api-key."""

    dialect = "azure"
    root = "/openai/v1"
    owner = "system"
    error_headers: ClassVar[Mapping[str, str]] = {"apim-request-id": "0"}

    def routes(self) -> tuple[Route, ...]:
        return (*super().routes(), Route("POST", "/videos/{id}/remix", "remix", "remix", self.remix))

    def credential(self, request: web.Request) -> str | None:
        return request.headers.get("api-key")


class OpenRouter(Dialect):
    """JSON with ``duration``, answered with 202 and a polling address; results below ``unsigned_urls``."""

    dialect = "openrouter"
    root = "/api/v1"

    def routes(self) -> tuple[Route, ...]:
        return (*self.without("list", "delete"), Route("GET", "/credits", "credits", "quota", self.credits))

    async def credits(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"data": {"total_credits": 10, "total_usage": self._core.books.usage_cents / 100}})

    async def models(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"data": [{"id": "wan/video", "canonical_slug": "wan/video", "name": "Wan"}]})

    async def read(self, call: Incoming) -> Fields:
        fields = await read_fields(call.request)
        if call.request.content_type != "application/json" or not fields.get("model") or "seconds" in fields:
            raise Refusal(400, "Invalid request: a JSON object with model, prompt and duration is expected")
        if "duration" in fields:
            fields["seconds"] = fields.pop("duration")
        frames = fields.pop("frame_images", None)
        if frames:
            fields["input_reference"] = frames[0]["image_url"]["url"]
        return fields

    async def create(self, call: Incoming) -> web.StreamResponse:
        return web.json_response(self._as_json(call, await self._enter(call)), status=202)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        path = f"{self.mounts[0]}/videos/{job.id}"
        words = {State.QUEUED: "pending", State.RUNNING: "in_progress"}
        video: dict[str, Any] = {
            "id": job.id,
            "status": words.get(progress.state) or STATUS[progress.state],
            "polling_url": path,
        }
        if progress.state is State.SUCCEEDED:
            video["unsigned_urls"] = [f"{call.request.scheme}://{call.request.host}{path}/content?index=0"]
        if progress.state is State.FAILED:
            video["error"] = progress.message
        return video
