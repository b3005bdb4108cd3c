"""The SkyRiff relay, below ``/skyriff``: videos with everything in the model's name, the chat form, clean links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob, JobProgress, Order
from ..core import Incoming, Route
from ..forms import Fields, image_of, prompt_of, read_fields, text_of
from ..refusal import Refusal, invalid
from . import _completions as completions
from . import _tasks as tasks

PROTOCOL = "skyriff"
MODELS = {  # width, height, seconds
    "sora2-landscape": (1280, 720, 10),
    "sora2-portrait": (720, 1280, 10),
    "sora2-landscape-15s": (1280, 720, 15),
    "sora2-portrait-15s": (720, 1280, 15),
    "sora2-pro-landscape-25s": (1280, 720, 25),
    "sora2-pro-portrait-25s": (720, 1280, 25),
    "sora2-pro-landscape-hd-15s": (1792, 1024, 15),
    "sora2-pro-portrait-hd-15s": (1024, 1792, 15),
}
CHAT_MODELS = tuple(name for name in MODELS if "-pro-" not in name)
POST_MODEL, DRAFTS_MODEL = "sora_url", "sora-drafts-url"
CODES = {401: "invalid_api_key", 403: "permission_denied", 404: "not_found", 429: "rate_limit_exceeded"}

_STATUS = {
    State.QUEUED: "pending",
    State.RUNNING: "processing",
    State.SUCCEEDED: "success",
    State.FAILED: "failed",
}
ID_PREFIX = "video_"
_CLEAN_SECONDS = 2
_LATE_POLL_SECONDS = 0.2


class SkyRiffWire(tasks.TaskWire):
    """Create, retrieve, content, the links of results, and chat completions."""

    protocol = PROTOCOL
    roots = ("/v1", "")
    links = True  # a finished video names its link
    waits = True  # a chat answers when the video is there
    tells_task = False  # a stream begins with the id of the task
    breaks_off = False  # a stream ends in the middle

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/videos", "create", "create", self.create),
            Route("GET", "/videos/{id}", "retrieve", "retrieve", self.retrieve),
            Route("GET", "/videos/{id}/content", "content", "content", self.content),
            Route("POST", "/chat/completions", "chat", "create", self.chat),
            Route("GET", "/files/{id}.mp4", "file", "content", self.file),
        )

    def error(self, refusal: Refusal) -> Any:
        code = refusal.code or CODES.get(refusal.status)
        return {"error": {"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": code}}

    async def create(self, call: Incoming) -> web.StreamResponse:
        fields = await read_fields(call.request)
        is_form = call.request.content_type == "multipart/form-data"
        model = tasks.choice_of(fields, "model", tuple(MODELS))
        if is_form:
            _check_form(fields)
            image = image_of(fields, "input_reference")
        else:
            address = fields.get("image_url")
            image = None if address is None else tasks.images_of({"image_url": [address]}, "image_url", data=False)
        job = await self._accept(call, prompt_of(fields), model, image)
        facts = self._facts(job)
        return web.json_response({name: facts[name] for name in facts if name not in ("video_url", "completed_at")})

    async def _accept(self, call: Incoming, prompt: str, model: str, image: bytes | None) -> BookedJob:
        width, height, seconds = MODELS[model]
        return await self._core.accept(call, Order(PROTOCOL, prompt, model, seconds, width, height, image=image))

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        facts = self._facts(job)
        if facts["status"] == "success" and self.links:
            facts["video_url"] = tasks.link(call, self.mounts[0], job)
        return web.json_response(facts)

    def _facts(self, job: BookedJob) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        return {
            "id": ID_PREFIX + tasks.task_id(job),
            "size": job.order.size,
            "model": job.order.model,
            "object": "video.generation",
            "status": _STATUS[progress.state],  # a failed job has no more to say
            "progress": self._percent(progress),
            "video_url": None,
            "created_at": int(job.created_at),
            "completed_at": None if progress.completed_at is None else int(progress.completed_at),
        }

    def _percent(self, progress: JobProgress) -> int:
        return progress.percent

    async def content(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        if self._core.books.progress(job).state is not State.SUCCEEDED:
            raise Refusal(400, "The video is not completed yet.", code="video_not_completed")
        return await self._core.send(call, job)

    async def file(self, call: Incoming) -> web.StreamResponse:
        return await tasks.send_file(self._core, call, PROTOCOL)

    def _find(self, call: Incoming) -> BookedJob:
        given = call.request.match_info["id"]
        job = tasks.find(self._core, given.removeprefix(ID_PREFIX), PROTOCOL) if given.startswith(ID_PREFIX) else None
        if job is None:
            raise Refusal(404, f"No video has the id '{given:.80}'.", code="video_not_found")
        return job

    async def chat(self, call: Incoming) -> web.StreamResponse:
        fields = await tasks.read_json(call.request)
        model = tasks.choice_of(fields, "model", (*CHAT_MODELS, POST_MODEL, DRAFTS_MODEL))
        streams = completions.stream_of(fields)
        text, images = completions.message_of(fields)
        if model not in MODELS:
            if "stream" not in fields or streams:
                raise invalid("stream", f"model {model} needs stream: false", "invalid_request")
            return await self._clean(call, model, text)
        if (declined := self._declines(streams)) is not None:
            return web.json_response(completions.completion("0", model, declined))
        image = tasks.images_of({"image_url": images}, "image_url", data=True) if images else None
        job = await self._accept(call, prompt_of({"prompt": text}), model, image)
        if call.taken.answer is not None and call.taken.answer.when == "after":
            return web.Response()  # the fault is the whole answer
        return await (self._stream(call, job) if streams else self._answer(call, job))

    async def _answer(self, call: Incoming, job: BookedJob) -> web.Response:
        if self.waits:
            end = await self._core.end_of(job)
            if end.state is State.FAILED:
                return web.json_response(completions.error_of(Refusal(200, end.message, code=end.code)))
        return web.json_response(completions.completion(job.id[6:], job.order.model, self._result(call, job)))

    async def _stream(self, call: Incoming, job: BookedJob) -> web.StreamResponse:
        stream = completions.Stream(call, job.id[6:], job.order.model)
        await stream.begin()
        if not self.waits:
            await stream.finish(self._result(call, job))
            return stream.response
        tell = self._voice(stream)
        if self.tells_task:
            await tell(f"> 任务ID: `{ID_PREFIX}{tasks.task_id(job)}`\n")
        while True:
            progress = self._core.books.progress(job)
            await tell(f"**Video Generation Progress**: {progress.percent}% ({_STATUS[progress.state]})\n")
            if self.breaks_off:
                stream.cut()
                return stream.response
            if progress.state.terminal:
                break
            await asyncio.sleep(progress.poll_after or _LATE_POLL_SECONDS)
        if progress.state is State.FAILED:
            await stream.fail(Refusal(200, progress.message, code=progress.code))
        else:
            await stream.finish(self._result(call, job))
        return stream.response

    def _result(self, call: Incoming, job: BookedJob) -> str:
        """The content that answers with the video."""
        return f"```html\n<video src='{tasks.link(call, self.mounts[0], job)}' controls></video>\n```"

    def _voice(self, stream: completions.Stream) -> Callable[[str], Awaitable[None]]:
        """How progress is told."""
        return stream.tell

    def _declines(self, streams: bool) -> str | None:
        """What is said instead of a video, if anything."""
        return None

    async def _clean(self, call: Incoming, model: str, source: str) -> web.Response:
        """A clean rendition of a post, or of the newest draft. The token for the drafts is not kept."""
        if not source or source != source.strip():
            raise invalid("messages", "content must not be empty, nor begin or end with a space", "invalid_request")
        if model == POST_MODEL and "/p/s_" not in source:
            raise invalid("messages", "content must be the address of a post", "invalid_request")
        subject = source.rpartition("/")[2] if model == POST_MODEL else "draft_preview"
        order = Order(PROTOCOL, f"clean rendition of {subject}", model, _CLEAN_SECONDS, 720, 1280)
        job = await self._core.accept(call, order)
        end = await self._core.end_of(job)
        if end.state is State.FAILED:
            return web.json_response(completions.error_of(Refusal(200, end.message, code=end.code)))
        links = {
            "gif": "https://preview.invalid/clip.gif",
            "text": order.prompt,
            "id": subject,
            "mp4": tasks.link(call, self.mounts[0], job),
            "mp4_wm": "https://preview.invalid/clip_with_watermark.mp4",
            "md": f"# {subject}",
            "thumbnail": "https://preview.invalid/clip.jpg",
        }
        post = {"attachments_count": 1, "view_count": 0, "like_count": 0, "title": subject}
        more = {"links": links, "post_id": subject, "original_input": order.prompt, "post_info": post}
        return web.json_response(completions.completion(job.id[6:], model, "视频解析成功", **more))


def _check_form(fields: Fields) -> None:
    """The form is for a file; size and seconds are said again by the model's name, and need not agree with it."""
    if not isinstance(fields.get("input_reference"), bytes):
        raise invalid("input_reference", "input_reference is required in a form", "invalid_request")
    size, seconds = text_of(fields, "size"), text_of(fields, "seconds")
    if size and size not in ("1280x720", "720x1280"):
        raise invalid("size", f"invalid size: {size:.40}; allowed: 1280x720, 720x1280", "invalid_request")
    if seconds and not (seconds.isascii() and seconds.isdecimal()):
        raise invalid("seconds", f"invalid seconds: {seconds:.40}", "invalid_request")
