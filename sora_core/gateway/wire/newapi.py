"""The New API service, below ``/newapi``: its native API, the chat form, and new-api's own task form.

Below ``/newapi~NAME`` as it deviates: ``~duomi`` wraps the native answers, ``~late`` says succeeded and names the
link two polls later, ``~prompt-id`` answers a chat with the bare task id, and a character at once; ``~old`` keeps
the link of a generic task in ``fail_reason``, and names the task of a created one only as ``data``.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...models import State
from ..books import Job, Order
from ..core import Call, Core, Route
from ..forms import Fields, prompt_of, size_of, text_of, whole_of
from ..refusal import Refusal, invalid
from . import _relay as relay

PROTOCOL = "newapi"
GENERIC = "newapi-task"
DIALECTS = ("", "duomi", "late", "prompt-id", "old")

_STATES = {State.QUEUED: "pending", State.RUNNING: "running", State.SUCCEEDED: "succeeded", State.FAILED: "error"}
_STATUS = {
    State.QUEUED: "SUBMITTED",
    State.RUNNING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
}
_TASK_PREFIX = "task_"
_MAX_SECONDS = 60


class TaskRefusal(Refusal):
    """Said in the shape of new-api's task form."""


class NewApiWire(relay.RelayWire):
    """Generations, characters, remix and tasks; chat completions; video generations and their content."""

    protocol = "newapi"

    def __init__(self, core: Core, dialect: str = "") -> None:
        super().__init__(core, dialect)
        self._late = relay.Lateness()

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

    def refuse(self, refusal: Refusal) -> web.Response:
        body: dict[str, Any] = {"code": refusal.code or "invalid_request", "message": refusal.message, "data": None}
        if not isinstance(refusal, TaskRefusal):
            message = f"{refusal.message} (request id: preview)"
            kind = "<nil>" if refusal.status >= 500 else "new_api_error"
            body = {"error": {"message": message, "type": kind, "param": "", "code": refusal.code or ""}}
        return web.json_response(body, status=refusal.status, headers=refusal.headers)

    async def create(self, call: Call) -> web.StreamResponse:
        fields = await relay.read_json(call.request)
        model = relay.choice_of(fields, "model", relay.MODELS)
        _check_clips(fields)
        width, height = relay.SIZES[relay.choice_of(fields, "aspect_ratio", ("16:9", "9:16"), "16:9"), False]
        seconds = relay.duration_of(fields, text=False)
        image = relay.images_of(fields, "image_urls", data=self._dialect == "duomi")
        order = Order(PROTOCOL, prompt_of(fields), model, seconds, width, height, image=image)
        return self._created(await self._core.accept(call, order))

    async def remix(self, call: Call) -> web.StreamResponse:
        given = call.request.match_info["id"]
        is_task = given.startswith(_TASK_PREFIX)
        source = relay.find(self._core, given.removeprefix(_TASK_PREFIX), GENERIC if is_task else PROTOCOL)
        if source is None:
            raise (TaskRefusal if is_task else Refusal)(404, "task not found", code="task_not_exist")
        if self._core.books.progress(source).state is not State.SUCCEEDED:
            raise invalid("video_id", "the source video is not finished", "task_not_completed")
        fields, order = await relay.read_json(call.request), source.order
        order = replace(order, prompt=prompt_of(fields), image=await self._core.image_of(source))
        order = replace(order, remix_of=given, model=text_of(fields, "model", order.model))
        if not is_task:
            aspect = fields.get("aspect_ratio") and relay.choice_of(fields, "aspect_ratio", ("16:9", "9:16"))
            width, height = relay.SIZES[aspect, False] if aspect else (order.width, order.height)
            seconds = relay.duration_of(fields, order.seconds, text=False)
            order = replace(order, width=width, height=height, seconds=seconds)
        job = await self._core.accept(call, order)
        return self._task_created(job) if is_task else self._created(job)

    async def create_character(self, call: Call) -> web.StreamResponse:
        fields = await relay.read_json(call.request)
        job = await relay.enter_character(self._core, call, fields, PROTOCOL)
        if self._dialect == "prompt-id":
            return web.json_response(relay.character(job))
        return self._created(job)

    def _created(self, job: Job) -> web.Response:
        if self._dialect == "duomi":
            return web.json_response({"code": 200, "msg": "success", "data": {"task_id": relay.task_id(job)}})
        return web.json_response({"id": relay.task_id(job)})

    async def retrieve(self, call: Call) -> web.StreamResponse:
        given = call.request.match_info["id"]
        job = relay.find(self._core, given, PROTOCOL)
        if job is None:
            job = relay.find(self._core, given, relay.character_protocol(PROTOCOL))
            made = relay.character(job) if job else None
        else:
            made = {"videos": [{"url": relay.link(call, self.mounts[0], job)}]}
        if job is None:
            gone = {"id": given, "state": "error", "data": None, "progress": 0, "message": "task not found"}
            return web.json_response(gone)
        progress = self._core.books.progress(job)
        done = progress.state is State.SUCCEEDED and (self._dialect != "late" or self._late.has_link(job))
        message = f"{progress.code}: {progress.message}" if progress.state is State.FAILED else ""
        if self._dialect == "duomi":
            url = made["videos"][0]["url"] if made and "videos" in made else None
            task = {"task_id": given, "status": _STATES[progress.state], "progress": progress.percent}
            task |= {"video_url": url if done else None, **(made if made and done and url is None else {})}
            return web.json_response({"code": 200, "msg": message, "data": task})
        return web.json_response(
            {
                "id": given,
                "state": _STATES[progress.state],
                "data": made if done else None,
                "progress": progress.percent,
                "message": message,
            }
        )

    async def chat(self, call: Call) -> web.StreamResponse:
        fields = await relay.read_json(call.request)
        model = text_of(fields, "model")
        if not model:
            raise invalid("model", "model is required")
        text, image = _message(fields)
        order = Order(PROTOCOL, text, model, 10, 1280, 720, image=image)
        job = await self._core.accept(call, order)
        if self._dialect == "prompt-id":
            return web.json_response({"task_id": relay.task_id(job), "status": "pending"})
        message = {"role": "assistant", "content": f"任务已提交，任务ID: {relay.task_id(job)}"}
        return web.json_response(
            {
                "id": f"chatcmpl-{job.id[6:]}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            }
        )

    async def create_task(self, call: Call) -> web.StreamResponse:
        try:
            fields = await relay.read_json(call.request)
            if not text_of(fields, "model"):
                raise invalid("model", "model is required")
            length = {"seconds": fields.get("duration", fields.get("seconds"))}
            width, height = size_of(fields, (1280, 720))
            seconds = whole_of(length, "seconds", 5, 1, _MAX_SECONDS)
            image = relay.images_of(fields, "images", data=True)
            order = Order(GENERIC, prompt_of(fields), text_of(fields, "model"), seconds, width, height, image=image)
        except Refusal as refusal:
            raise TaskRefusal(refusal.status, refusal.message, code=refusal.code) from refusal
        return self._task_created(await self._core.accept(call, order))

    def _task_created(self, job: Job) -> web.Response:
        task = _TASK_PREFIX + relay.task_id(job)
        if self._dialect == "old":
            return web.json_response({"code": "success", "message": "", "data": task})
        return web.json_response({"id": task, "task_id": task, "object": "video", "status": "queued", "progress": 0})

    async def retrieve_task(self, call: Call) -> web.StreamResponse:
        job = self._task(call)
        progress = self._core.books.progress(job)
        text = progress.message if progress.state is State.FAILED else ""
        url = relay.link(call, self.mounts[0], job) if progress.state is State.SUCCEEDED else ""
        named = {"fail_reason": url or text} if self._dialect == "old" else {"fail_reason": text}
        if self._dialect != "old" and progress.state.terminal:
            named["result_url"] = url or text  # of a failed task, too, where its reason stands
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
            **named,
        }
        return web.json_response({"code": "success", "message": "", "data": row})

    async def content(self, call: Call) -> web.StreamResponse:
        job = self._task(call)
        progress = self._core.books.progress(job)
        if progress.state is not State.SUCCEEDED:
            status = _STATUS[progress.state]
            raise Refusal(400, f"Task is not completed yet, current status: {status}", code="invalid_request_error")
        return await self._core.send(call, job)

    async def models(self, call: Call) -> web.StreamResponse:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "custom"} for name in relay.MODELS]
        return web.json_response({"success": True, "object": "list", "data": data})

    async def file(self, call: Call) -> web.StreamResponse:
        found = [
            protocol
            for protocol in (PROTOCOL, GENERIC)
            if relay.find(self._core, call.request.match_info["id"], protocol)
        ]
        return await relay.send_file(self._core, call, (found or [PROTOCOL])[0])

    def _task(self, call: Call) -> Job:
        job = relay.find(self._core, call.request.match_info["id"].removeprefix(_TASK_PREFIX), GENERIC)
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
        relay.timestamps_of(clip)


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
    image = relay.images_of({"messages": urls}, "messages", data=True) if urls else None
    return prompt_of({"prompt": "\n".join(texts)}), image


def newapi_wires(core: Core) -> tuple[NewApiWire, ...]:
    return tuple(NewApiWire(core, dialect) for dialect in DIALECTS)
