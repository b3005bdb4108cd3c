"""Self-hosted servers of the OpenAI protocol as they deviate from it, each below ``/openai~NAME``."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob
from ..core import Core, Incoming, Route
from ..forms import Fields, read_fields, read_json
from ..recent import Recent
from ..refusal import Refusal
from ..wire.openai import STATUS
from ._dialect import Dialect, FastApi, Invalid, inline_image, wrong_method

_FPS = 24
_AQUILES_SIZES = ("1024x1792", "1280x720", "1792x1024", "720x1280")


class VllmOmni(Dialect):
    """Multipart only; a failed job's page is HTTP 500; 404 while pending, 422 for the content of a failed one."""

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
        if refusal.status == 401:
            return {"error": "Unauthorized"}
        kind = {404: "Not Found", 422: "Unprocessable Entity", 500: "Internal Server Error"}.get(
            refusal.status, "Bad Request"
        )
        error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.status}
        return {"error": error}

    async def read(self, call: Incoming) -> Fields:
        if call.request.content_type != "multipart/form-data":
            entry = {"type": "missing", "loc": "body.prompt", "msg": "Field required", "input": "None"}
            raise Refusal(400, f"1 validation error:\n  {entry}", param="body.prompt")
        fields = await read_fields(call.request)
        if isinstance(fields.get("image_reference"), str):
            try:
                fields["input_reference"] = read_json(fields["image_reference"])
            except ValueError as error:
                raise Refusal(400, f"Invalid image_reference JSON: {error}") from error
        return fields

    async def sync(self, call: Incoming) -> web.StreamResponse:
        job = await self._enter(call)
        progress = await self._core.end_of(job)
        if progress.state is not State.SUCCEEDED:
            raise Refusal(500, f"Video generation failed: {progress.message}")
        return await self._core.send(call, job)

    async def version(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"version": "0.30.0"})

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        status = 500 if self.state(job) is State.FAILED else 200
        return web.json_response(self._as_json(call, job), status=status)

    async def content(self, call: Incoming) -> web.StreamResponse:
        state = self.state(self._find(call))
        if state is State.FAILED:
            raise Refusal(422, "Video generation failed. Check job status for error details.")
        if state is not State.SUCCEEDED:
            raise Refusal(404, "Generation is still in-progress")
        return await super().content(call)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        video.pop("queue_position", None)
        done, failed = video["status"] == "completed", video["status"] == "failed"
        return {
            **video,
            "progress": 100 if done else 0,
            "error": {"code": 500, "message": video["error"]["message"]} if failed else None,
            "quality": "default",
            "media_type": "video/mp4",
            "expires_at": None,
            "file_name": f"{job.id}.mp4" if done else None,
            "inference_time_s": 1.5 if done or failed else None,
            "fps": float(_FPS),
            "num_frames": _FPS * job.order.seconds,
            "duration_s": float(job.order.seconds),
            "metrics": None,
            "stage_durations": {"text_encoding": 0.25, "denoising": 1.25} if done else {},
            "peak_memory_mb": 0.0,
            "action": None,
        }


class SGLang(FastApi):
    """JSON with whole seconds, or a form; what is made lies on the server's own disk."""

    dialect = "sglang"
    owner = "sglang"
    title = "FastAPI"

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._outputs: dict[str, int] = {}  # how many files, by job

    async def read(self, call: Incoming) -> Fields:
        if call.read:
            return dict(call.read)
        fields = await read_fields(call.request)
        if call.request.content_type == "application/json":
            if not isinstance(fields.get("seconds", 4), int):
                raise Invalid("seconds", "Input should be a valid integer", "int_type")
            if "input_reference" in fields:
                raise Refusal(400, "input_reference must be a path on the server; use reference_url for an address")
            fields["input_reference"] = fields.pop("reference_url", None)
        call.read.update(fields)
        return fields

    async def delete(self, call: Incoming) -> web.StreamResponse:
        video = self._as_json(call, self._find(call))
        await super().delete(call)
        return web.json_response({**video, "status": "deleted", "progress": 0})

    async def content(self, call: Incoming) -> web.StreamResponse:
        if not self.state(self._find(call)).terminal:
            raise Refusal(404, "Generation is still in-progress")
        job = self._find(call)
        variant = call.request.query.get("variant", "0")
        if variant not in map(str, range(self._outputs.get(job.id, 1))):
            raise Refusal(404, f"Video variant {variant} not found")
        return await self._core.send(call, job)

    async def create(self, call: Incoming) -> web.StreamResponse:
        fields = await self.read(call)
        count = fields.get("num_outputs_per_prompt") or fields.get("n") or 1
        if not str(count).isdigit():
            raise Invalid("num_outputs_per_prompt", "Input should be a valid integer", "int_type")
        job = await self._enter(call)
        self._outputs[job.id] = max(1, min(int(count), 10))
        return self._video(call, job)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        for name in ("queue_position", "prompt"):
            video.pop(name, None)
        done, failed = video["status"] == "completed", video["status"] == "failed"
        path = None if failed else f"/srv/outputs/{job.id}.mp4"  # also while there is nothing yet
        count = self._outputs.get(job.id, 1)
        nothing = dict.fromkeys("url expires_at peak_memory_mb inference_time_s revised_prompt action lidar".split())
        return {
            **video,
            **nothing,
            "progress": 100 if done else min(int(video["progress"] or 0), 99),
            "quality": "standard",
            "urls": [None] * count if done else None,
            "file_path": path,
            "file_paths": [f"/srv/outputs/{job.id}_{number}.mp4" for number in range(count)] if done else None,
            "num_outputs": count if done else None,
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
    """Four sizes or none, one job at once and no queue, a plain 500 for what it did not think of."""

    dialect = "aquiles"
    owner = "custom"
    title = "Aquiles-Image"

    def refuse(self, refusal: Refusal) -> web.Response:
        if refusal.status == 401:
            return super().refuse(Refusal(403, "Invalid API key"))
        if refusal.status == 500:
            return web.Response(status=500, text="Internal Server Error")
        return super().refuse(refusal)

    async def read(self, call: Incoming) -> Fields:
        fields = await super().read(call)
        if fields.get("size") not in (None, *_AQUILES_SIZES):
            raise Refusal(500, "Internal Server Error")
        if any(not self.state(job).terminal for job in self._core.books.newest_first(self.name)):
            raise Refusal(503, "The limit of 1 concurrent tasks has been reached. Please try again later.")
        return fields

    async def content(self, call: Incoming) -> web.StreamResponse:
        if self.state(self._find(call)) is not State.SUCCEEDED:
            raise Refusal(500, "Internal Server Error")
        return await super().content(call)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        video = super()._as_json(call, job)
        named = "id object model status created_at size seconds prompt error".split()
        running, progress = video["status"] == "in_progress", int(video["progress"] or 0)
        status = {"status": "processing"} if running else {}
        return {**{name: video[name] for name in named}, "progress": progress, "quality": "standard", **status}


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
        progress = await self._core.end_of(job)
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
        progress = await self._core.end_of(job)
        done = progress.state is State.SUCCEEDED and job.render is not None
        data = [{"output_format": "mp4", "b64_json": await _as_base64(job)}] if done else []
        return web.json_response(
            {
                "id": job.id,
                "object": "video",
                "model": job.order.model,
                "status": STATUS[progress.state],
                "progress": 100 if done else 0,
                "created": int(job.created_at),
                "data": data,
                **({"inference_time_s": 1.5} if done else {"error": progress.message}),
            }
        )


async def _as_base64(job: BookedJob) -> str:
    data = await asyncio.to_thread(job.render.path.read_bytes) if job.render else b""
    return base64.b64encode(data).decode()
