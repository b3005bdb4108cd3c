"""The New API service, below ``/newapi``: its native API, the chat form, and new-api's own task form."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob, JobProgress, Order
from ..core import Incoming, Route
from ..forms import Fields, prompt_of, size_of, text_of, whole_of
from ..refusal import Refusal, invalid
from . import _tasks as tasks

PROTOCOL = "newapi"
GENERIC = "newapi-task"

STATES = {State.QUEUED: "pending", State.RUNNING: "running", State.SUCCEEDED: "succeeded", State.FAILED: "error"}
_STATUS = {
    State.QUEUED: "SUBMITTED",
    State.RUNNING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
}
TASK_PREFIX = "task_"
_MAX_SECONDS = 60


class TaskRefusal(Refusal):
    """Said in the shape of new-api's task form."""


class NewApiWire(tasks.TaskWire):
    """Generations, characters, remix and tasks; chat completions; video generations and their content."""

    protocol = "newapi"
    inline_images = False

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/v1/videos/generations", "create", "create", self.create),
            Route("POST", "/v1/characters", "character", "create", self.create_character),
            Route("GET", "/v1/videos/tasks/{id}", "retrieve", "retrieve", self.retrieve),
            Route("POST", "/v1/videos/{id}/remix", "remix", "remix", self.remix),
            Route("POST", "/v1/chat/completions", "chat", "create", self.chat),
            Route("POST", "/v1/video/generations", "task-create", "create", self.create_task),
            Route("GET", "/v1/video/generations/{id}", "task-retrieve", "retrieve", self.retrieve_task),
            Route("GET", "/v1/videos/{id}/content", "content", "content", self.content),
            Route("GET", "/v1/models", "models", "models", self.models),
            Route("GET", "/files/{id}.mp4", "file", "content", self.file),
        )

    def credential(self, request: web.Request) -> str | None:
        """With or without "Bearer"."""
        given = request.headers.get("Authorization", "").strip()
        return given[7:].strip() if given[:7].lower() == "bearer " else given or None

    def error(self, refusal: Refusal) -> Any:
        body: dict[str, Any] = {"code": refusal.code or "invalid_request", "message": refusal.message, "data": None}
        if not isinstance(refusal, TaskRefusal):
            message = f"{refusal.message} (request id: preview)"
            kind = "<nil>" if refusal.status >= 500 else "new_api_error"
            body = {"error": {"message": message, "type": kind, "param": "", "code": refusal.code or ""}}
        return body

    async def create(self, call: Incoming) -> web.StreamResponse:
        fields = await tasks.read_json(call.request)
        model = tasks.choice_of(fields, "model", tasks.MODELS)
        _check_clips(fields)
        width, height = tasks.SIZES[tasks.choice_of(fields, "aspect_ratio", ("16:9", "9:16"), "16:9"), False]
        seconds = tasks.duration_of(fields, text=False)
        image = tasks.images_of(fields, "image_urls", data=self.inline_images)
        order = Order(PROTOCOL, prompt_of(fields), model, seconds, width, height, image=image)
        return self._created(await self._core.accept(call, order))

    async def remix(self, call: Incoming) -> web.StreamResponse:
        given = call.request.match_info["id"]
        is_task = given.startswith(TASK_PREFIX)
        source = tasks.find(self._core, given.removeprefix(TASK_PREFIX), GENERIC if is_task else PROTOCOL)
        if source is None:
            raise (TaskRefusal if is_task else Refusal)(404, "task not found", code="task_not_exist")
        if self._core.books.progress(source).state is not State.SUCCEEDED:
            raise invalid("video_id", "the source video is not finished", "task_not_completed")
        fields, order = await tasks.read_json(call.request), source.order
        order = replace(order, prompt=prompt_of(fields), image=await self._core.image_of(source))
        order = replace(order, remix_of=given, model=text_of(fields, "model", order.model))
        if not is_task:
            aspect = fields.get("aspect_ratio") and tasks.choice_of(fields, "aspect_ratio", ("16:9", "9:16"))
            width, height = tasks.SIZES[aspect, False] if aspect else (order.width, order.height)
            seconds = tasks.duration_of(fields, order.seconds, text=False)
            order = replace(order, width=width, height=height, seconds=seconds)
        job = await self._core.accept(call, order)
        return self._task_created(job) if is_task else self._created(job)

    async def create_character(self, call: Incoming) -> web.StreamResponse:
        fields = await tasks.read_json(call.request)
        return self._character_created(await tasks.enter_character(self._core, call, fields, PROTOCOL))

    def _character_created(self, job: BookedJob) -> web.Response:
        return self._created(job)

    def _created(self, job: BookedJob) -> web.Response:
        return web.json_response({"id": tasks.task_id(job)})

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        given = call.request.match_info["id"]
        job = tasks.find(self._core, given, PROTOCOL)
        if job is None:
            job = tasks.find(self._core, given, tasks.character_protocol(PROTOCOL))
            made = tasks.character(job) if job else None
        else:
            made = {"videos": [{"url": tasks.link(call, self.mounts[0], job)}]}
        if job is None:
            gone = {"id": given, "state": "error", "data": None, "progress": 0, "message": "task not found"}
            return web.json_response(gone)
        progress = self._core.books.progress(job)
        done = progress.state is State.SUCCEEDED and self._has_link(job)
        return web.json_response(self._as_json(given, progress, made if done else None))

    def _has_link(self, job: BookedJob) -> bool:
        return True

    def _as_json(self, given: str, progress: JobProgress, made: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "id": given,
            "state": STATES[progress.state],
            "data": made,
            "progress": progress.percent,
            "message": f"{progress.code}: {progress.message}" if progress.state is State.FAILED else "",
        }

    async def chat(self, call: Incoming) -> web.StreamResponse:
        fields = await tasks.read_json(call.request)
        model = text_of(fields, "model")
        if not model:
            raise invalid("model", "model is required")
        text, image = _message(fields)
        order = Order(PROTOCOL, text, model, 10, 1280, 720, image=image)
        return self._chat_answer(await self._core.accept(call, order))

    def _chat_answer(self, job: BookedJob) -> web.Response:
        message = {"role": "assistant", "content": f"任务已提交，任务ID: {tasks.task_id(job)}"}
        return web.json_response(
            {
                "id": f"chatcmpl-{job.id[6:]}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": job.order.model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            }
        )

    async def create_task(self, call: Incoming) -> web.StreamResponse:
        try:
            fields = await tasks.read_json(call.request)
            if not text_of(fields, "model"):
                raise invalid("model", "model is required")
            length = {"seconds": fields.get("duration", fields.get("seconds"))}
            width, height = size_of(fields, (1280, 720))
            seconds = whole_of(length, "seconds", 5, 1, _MAX_SECONDS)
            image = tasks.images_of(fields, "images", data=True)
            order = Order(GENERIC, prompt_of(fields), text_of(fields, "model"), seconds, width, height, image=image)
        except Refusal as refusal:
            raise TaskRefusal(refusal.status, refusal.message, code=refusal.code) from refusal
        return self._task_created(await self._core.accept(call, order))

    def _task_created(self, job: BookedJob) -> web.Response:
        task = TASK_PREFIX + tasks.task_id(job)
        return web.json_response({"id": task, "task_id": task, "object": "video", "status": "queued", "progress": 0})

    async def retrieve_task(self, call: Incoming) -> web.StreamResponse:
        job = self._task(call)
        progress = self._core.books.progress(job)
        text = progress.message if progress.state is State.FAILED else ""
        url = tasks.link(call, self.mounts[0], job) if progress.state is State.SUCCEEDED else ""
        row = {
            "id": job.number,
            "task_id": call.request.match_info["id"],
            "platform": "55",
            "action": "generate",
            "status": _STATUS[progress.state],
            "progress": f"{100 if progress.state.terminal else progress.percent}%",
            "submit_time": int(job.created_at),
            "start_time": int(job.created_at),
            "finish_time": int(progress.completed_at or 0),
            "data": None,
            **self._outcome(url, text, progress),
        }
        return web.json_response({"code": "success", "message": "", "data": row})

    def _outcome(self, url: str, text: str, progress: JobProgress) -> dict[str, str]:
        # of a failed task, too, where its reason stands
        return {"fail_reason": text, **({"result_url": url or text} if progress.state.terminal else {})}

    async def content(self, call: Incoming) -> web.StreamResponse:
        job = self._task(call)
        progress = self._core.books.progress(job)
        if progress.state is not State.SUCCEEDED:
            status = _STATUS[progress.state]
            raise Refusal(400, f"Task is not completed yet, current status: {status}", code="invalid_request_error")
        return await self._core.send(call, job)

    async def models(self, call: Incoming) -> web.StreamResponse:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "custom"} for name in tasks.MODELS]
        return web.json_response({"success": True, "object": "list", "data": data})

    async def file(self, call: Incoming) -> web.StreamResponse:
        found = [
            protocol
            for protocol in (PROTOCOL, GENERIC)
            if tasks.find(self._core, call.request.match_info["id"], protocol)
        ]
        return await tasks.send_file(self._core, call, (found or [PROTOCOL])[0])

    def _task(self, call: Incoming) -> BookedJob:
        job = tasks.find(self._core, call.request.match_info["id"].removeprefix(TASK_PREFIX), GENERIC)
        if job is None:
            raise TaskRefusal(400, "task_not_exist", code="task_not_exist")
        return job


def _check_clips(fields: Fields) -> None:
    clips = fields.get("characters", [])
    if not isinstance(clips, list):
        raise invalid("characters", "characters must be a list")
    for clip in clips:
        if not isinstance(clip, dict) or not str(clip.get("url", "")).startswith(("http://", "https://")):
            raise invalid("characters", "every character needs the url of a clip")
        tasks.timestamps_of(clip)


def _message(fields: Fields) -> tuple[str, bytes | None]:
    """The text and the image of the last message."""
    messages = fields.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user":
        raise invalid("messages", "messages must end with one of the user")
    content = last.get("content")
    if isinstance(content, str):
        return prompt_of({"prompt": content}), None
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = [part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str)]
    urls = [
        part["image_url"].get("url")
        for part in parts
        if part.get("type") == "image_url" and isinstance(part.get("image_url"), dict)
    ]
    image = tasks.images_of({"messages": urls}, "messages", data=True) if urls else None
    return prompt_of({"prompt": "\n".join(texts)}), image
