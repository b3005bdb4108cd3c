"""Self-hosted servers of the OpenAI protocol as they deviate from it, each below ``/openai~NAME``."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob
from ..core import Core, Incoming, Route
from ..forms import Fields, read_fields
from ..recent import Recent
from ..refusal import Refusal
from ..wire.openai import STATUS, OpenAIWire
from ._dialect import Dialect, FastApi, Invalid, inline_image, wrong_method

_MAX_ACTIVE = 2  # of Aquiles


class VllmOmni(Dialect):
    """Multipart only; 404 while pending, 422 for a failed job, 409 for one that is being canceled."""

    dialect = "vllm-omni"
    has_pictures = True
    owner = "vllm"
    title = "FastAPI"

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/videos/sync", "sync", "create", self.sync),
            Route("GET", "/version", "version", "models", self.version),
            *super().routes(),
        )

    def error(self, refusal: Refusal) -> Any:
        if isinstance(refusal, Invalid):
            return {"detail": refusal.detail}
        if refusal.status == 401:
            return {"error": "Unauthorized"}
        kind = {404: "Not Found", 409: "Conflict"}.get(refusal.status, "Bad Request")
        return {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.status}}

    async def read(self, call: Incoming) -> Fields:
        if call.request.content_type != "multipart/form-data":
            raise Invalid("prompt", "Field required", "missing")
        fields = await read_fields(call.request)
        if isinstance(fields.get("image_reference"), str):
            try:
                fields["input_reference"] = json.loads(fields["image_reference"])
            except ValueError as error:
                raise Refusal(400, f"Invalid image_reference JSON: {error}") from error
        return fields

    async def sync(self, call: Incoming) -> web.StreamResponse:
        job = await self._enter(call)
        progress = await self.end(job)
        if progress.state is not State.SUCCEEDED:
            raise Refusal(500, f"Video generation failed: {progress.message}")
        return await self._core.send(call, job)

    async def version(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"version": "0.12.0"})

    async def delete(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        was = self.state(job)
        self._core.remove(job)
        if not was.terminal:
            raise Refusal(409, "Cancellation in progress; retry to confirm that the job is gone.")
        return web.json_response({"id": job.id, "object": "video.deleted", "deleted": True})

    async def content(self, call: Incoming) -> web.StreamResponse:
        state = self.state(self._find(call))
        if state is State.FAILED:
            raise Refusal(422, "Video generation failed. Check job status for details.")
        if state is not State.SUCCEEDED:
            raise Refusal(404, "Generation is still in-progress")
        return await super().content(call)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        video.pop("queue_position", None)
        error = {"code": 500, "message": video["error"]["message"]} if video["error"] else None
        done = video["status"] == "completed"
        extras = {"media_type": "video/mp4", "file_name": f"{job.id}.mp4", "inference_time_s": 1.5} if done else {}
        return {**video, "progress": 100 if done else 0, "error": error, "quality": "standard", **extras}


class SGLang(FastApi):
    """JSON with whole seconds, or a form; queued until done; the result lies at a cloud address."""

    dialect = "sglang"
    owner = "sglang"
    title = "SGLang Diffusion"

    def routes(self) -> tuple[Route, ...]:
        return (*super().routes(), Route("GET", "/cloud/{id}", "cloud", "content", self.cloud))

    async def read(self, call: Incoming) -> Fields:
        fields = await read_fields(call.request)
        if call.request.content_type == "application/json":
            if not isinstance(fields.get("seconds", 4), int):
                raise Invalid("seconds", "Input should be a valid integer", "int_type")
            if "input_reference" in fields:
                raise Refusal(400, "input_reference must be a path on the server; use reference_url for an address")
            fields["input_reference"] = fields.pop("reference_url", None)
        return fields

    async def delete(self, call: Incoming) -> web.StreamResponse:
        video = self._as_json(call, self._find(call))
        await super().delete(call)
        return web.json_response({**video, "status": "deleted", "progress": 0})

    async def content(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        if self.state(job) is not State.SUCCEEDED:
            raise Refusal(404, "Generation is still in-progress")
        url = self._cloud_url(call, job)
        raise Refusal(400, f"Video has been uploaded to cloud storage. Please use the cloud URL: {url}")

    async def cloud(self, call: Incoming) -> web.StreamResponse:
        return await OpenAIWire.content(self, call)

    def _cloud_url(self, call: Incoming, job: BookedJob) -> str:
        return f"{call.request.scheme}://{call.request.host}{self.mounts[0]}/cloud/{job.id}?sig=a%2Bb"

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        video.pop("queue_position", None)
        done, failed = video["status"] == "completed", video["status"] == "failed"
        return {
            **video,
            "status": video["status"] if done or failed else "queued",
            "progress": 100 if done else 0,
            "url": self._cloud_url(call, job) if done else None,
            "file_path": None,
            "error": {"message": video["error"]["message"]} if failed else None,
        }


class TensorRT(FastApi):
    """Strict JSON, answered with 202; text for an error, a number for seconds."""

    dialect = "tensorrt-llm"
    owner = "tensorrt_llm"
    known = frozenset(
        "prompt model seconds size seed negative_prompt input_reference n response_format format output_format width "
        "height num_frames fps num_inference_steps guidance_scale max_sequence_length user extra_params".split()
    )

    def routes(self) -> tuple[Route, ...]:
        return self.without("list")

    async def read(self, call: Incoming) -> Fields:
        if call.request.content_type != "application/json":
            raise Invalid("prompt", "Field required", "missing")
        fields = await read_fields(call.request)
        for name in fields:
            if name not in self.known:
                raise Invalid(name, "Extra inputs are not permitted", "extra_forbidden")
        inline_image(fields, "input_reference")
        return fields

    async def create(self, call: Incoming) -> web.StreamResponse:
        return web.json_response(self._as_json(call, await self._enter(call)), status=202)

    async def content(self, call: Incoming) -> web.StreamResponse:
        if self.state(self._find(call)) is not State.SUCCEEDED:
            raise Refusal(400, "Video is not ready yet")
        return await super().content(call)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        error = video["error"]["message"] if video["error"] else None
        return {**video, "seconds": float(job.order.seconds), "fps": 24.0, "error": error}


class Aquiles(FastApi):
    """``processing`` at once; 503 while busy; 500 for content that is not there; no key leads to /login."""

    dialect = "aquiles"
    owner = "aquiles"
    title = "Aquiles-Image"

    def routes(self) -> tuple[Route, ...]:
        return self.without("list", "delete")

    def refuse(self, refusal: Refusal) -> web.Response:
        if refusal.status == 401:
            return web.Response(status=302, headers={"Location": "/login"})
        return super().refuse(refusal)

    async def read(self, call: Incoming) -> Fields:
        jobs = self._core.books.newest_first(self.name)
        if sum(not self.state(job).terminal for job in jobs) >= _MAX_ACTIVE:
            text = f"The limit of {_MAX_ACTIVE} concurrent tasks has been reached. Please wait for one to complete."
            raise Refusal(503, text)
        return await super().read(call)

    async def content(self, call: Incoming) -> web.StreamResponse:
        if self.state(self._find(call)) is not State.SUCCEEDED:
            raise Refusal(500, "Internal Server Error")
        return await super().content(call)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        video.pop("queue_position", None)
        running = video["status"] in ("queued", "in_progress")
        return {**video, "status": "processing"} if running else video


class LocalAI(Dialect):
    """``POST /video`` answers with an address; sides, frames and frames a second instead of size and seconds."""

    dialect = "localai"
    root = ""
    title = "LocalAI API"

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._pictures: Recent[bytes] = Recent()

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/video", "create", "create", self.create),
            Route("GET", "/video", "wrong_method", "unknown", wrong_method),
            Route("GET", "/generated-videos/{id}", "content", "content", self.content),
            Route("POST", "/v1/images/generations", "picture", "create", self.create_picture),
            Route("GET", "/generated-images/{id}", "picture_content", "content", self.picture_content),
            Route("GET", "/v1/models", "models", "models", self.models),
            Route("GET", "/swagger/doc.json", "openapi", "models", self.openapi),
        )

    async def read(self, call: Incoming) -> Fields:
        fields = await read_fields(call.request)
        if call.request.content_type != "application/json" or not fields.get("model"):
            raise Refusal(400, "Bad Request")
        inline_image(fields, "start_image")
        fields["input_reference"] = fields.pop("start_image", None)
        fields["size"] = f"{fields.pop('width', 512)}x{fields.pop('height', 512)}"
        fields["seconds"] = max(1, round(fields.pop("num_frames", 64) / (fields.pop("fps", 0) or 16)))
        return fields

    async def create(self, call: Incoming) -> web.StreamResponse:
        job = await self._enter(call)
        progress = await self.end(job)
        if progress.state is not State.SUCCEEDED:
            raise Refusal(500, progress.message)
        path = f"{self.mounts[0]}/generated-videos/{job.id}"
        return web.json_response({"created": int(job.created_at), "id": job.id, "data": [{"url": path}]})

    async def create_picture(self, call: Incoming) -> web.StreamResponse:
        job, picture = await self._beside.picture(call)
        self._pictures[job.id] = picture
        path = f"{self.mounts[0]}/generated-images/{job.id}"
        return web.json_response({"created": int(job.created_at), "data": [{"url": path}]})

    async def picture_content(self, call: Incoming) -> web.StreamResponse:
        picture = self._pictures.get(call.request.match_info["id"])
        if picture is None:
            raise Refusal(404, "Not Found")
        return web.Response(body=picture, content_type="image/png")


class Dynamo(Dialect):
    """``POST /v1/videos`` blocks and answers with the video; there is nothing to ask for afterwards."""

    dialect = "dynamo"
    owner = "nvidia"
    title = "NVIDIA Dynamo OpenAI Frontend"

    def routes(self) -> tuple[Route, ...]:
        return (
            *self.without("list", "retrieve", "delete", "content"),
            Route("GET", "/videos", "wrong_method", "unknown", wrong_method),
            Route("GET", "/health", "health", "models", self.health),
        )

    async def health(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"status": "healthy", "endpoints": ["dyn://x.backend.generate"], "instances": []})

    async def read(self, call: Incoming) -> Fields:
        if call.request.content_type != "application/json":
            raise Refusal(415, "Expected request with `Content-Type: application/json`")
        fields = await read_fields(call.request)
        if not fields.get("model") or not isinstance(fields.get("seconds", 4), int):
            raise Refusal(400, "Failed to deserialize the JSON body: model is required, seconds is an i32")
        return {**fields, **fields.pop("nvext", {})}

    async def create(self, call: Incoming) -> web.StreamResponse:
        job = await self._enter(call)
        progress = await self.end(job)
        done = progress.state is State.SUCCEEDED and job.render is not None
        data = [{"output_format": "mp4", "b64_json": await _as_base64(job)}] if done else []
        return web.json_response(
            {
                "id": job.id,
                "object": "video",
                "model": job.order.model,
                "status": STATUS[progress.state],
                "progress": 100,
                "created": int(job.created_at),
                "data": data,
                **({} if done else {"error": progress.message}),
                "inference_time_s": 1.5,
            }
        )


async def _as_base64(job: BookedJob) -> str:
    data = await asyncio.to_thread(job.render.path.read_bytes) if job.render else b""
    return base64.b64encode(data).decode()
