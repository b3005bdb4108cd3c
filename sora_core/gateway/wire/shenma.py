"""The Shenma protocol, below ``/shenma``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...models import State
from ..books import HARD_LIMIT_USD, BookedJob, Order
from ..core import Core, Incoming, Route
from ..forms import prompt_of
from ..recent import Recent
from ..refusal import Refusal, invalid
from . import _tasks as tasks

PROTOCOL = "shenma"
RAW_PER_USD = 500_000

STATUS = {
    State.QUEUED: "NOT_START",
    State.RUNNING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
}


class CharacterRefusal(Refusal):
    """Said in the shape of the characters' address, which is another than that of the rest."""


class ShenmaWire(tasks.TaskWire):
    """Create, retrieve, remix, quota and characters."""

    protocol = "shenma"

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._private: Recent[bool] = Recent()

    def routes(self) -> tuple[Route, ...]:
        return (
            *self.basic_routes(),
            Route("POST", "/v1/videos/{id}/remix", "remix", "remix", self.remix),
            Route("POST", "/sora/v1/characters", "character", "create", self.create_character),
            Route("GET", "/v1/token/quota", "quota", "quota", self.quota),
        )

    def basic_routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/v2/videos/generations", "create", "create", self.create),
            Route("GET", "/v2/videos/generations/{id}", "retrieve", "retrieve", self.retrieve),
            Route("GET", "/files/{id}.mp4", "content", "content", self.file),
        )

    def error(self, refusal: Refusal) -> Any:
        body: dict[str, Any] = {"code": refusal.code or "invalid_request", "message": refusal.message, "data": None}
        if isinstance(refusal, CharacterRefusal):
            body = {"error": {"message_zh": refusal.message, "code": refusal.code}}
        elif refusal.status in (401, 403, 429) or refusal.status >= 500:
            error = {"message": f"{refusal.message} (request id: preview)", "type": "new_api_error", "param": ""}
            body = {"error": {**error, "code": refusal.code or ""}}
        return body

    async def create(self, call: Incoming) -> web.StreamResponse:
        fields = await tasks.read_json(call.request)
        model = tasks.choice_of(fields, "model", tasks.MODELS)
        aspect = tasks.choice_of(fields, "aspect_ratio", ("16:9", "9:16"), "16:9")
        seconds = tasks.duration_of(fields, text=True)
        hd, private = tasks.flag_of(fields, "hd"), tasks.flag_of(fields, "private")
        tasks.flag_of(fields, "watermark", True)
        if model == "sora-2" and (hd or seconds == 25):
            raise invalid("model", "sora-2 supports neither hd nor duration 25; use sora-2-pro")
        if hd and seconds == 25:
            raise invalid("hd", "hd and duration 25 cannot be combined")
        width, height = tasks.SIZES[aspect, hd]
        image = tasks.images_of(fields, "images", data=True)
        order = Order(PROTOCOL, prompt_of(fields), model, seconds, width, height, image=image)
        job = await self._core.accept(call, order)
        if private:
            self._private[job.id] = True
        return self._created(job)

    async def remix(self, call: Incoming) -> web.StreamResponse:
        source = self._find(call)
        if self._core.books.progress(source).state is not State.SUCCEEDED:
            raise invalid("task_id", "the source task is not finished", "task_not_completed")
        if source.id in self._private:
            raise Refusal(403, "A private video cannot be remixed.", code="video_is_private")
        fields = await tasks.read_json(call.request)
        unknown = set(fields) - {"prompt"}
        if unknown:
            raise invalid(min(unknown), f"a remix takes only a prompt, not {min(unknown)}")
        image = await self._core.image_of(source)
        order = replace(source.order, prompt=prompt_of(fields), image=image, remix_of=tasks.task_id(source))
        return self._created(await self._core.accept(call, order))

    def _created(self, job: BookedJob) -> web.Response:
        return _text(
            {"task_id": tasks.task_id(job), "status": "NOT_START", "progress": 0, "created_at": int(job.created_at)}
        )

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        return _text(self._as_json(call, self._find(call)))

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress, order = self._core.books.progress(job), job.order
        done, failed = progress.state is State.SUCCEEDED, progress.state is State.FAILED
        return {
            "task_id": tasks.task_id(job),
            "status": STATUS[progress.state],
            "progress": progress.percent,
            "created_at": int(job.created_at),
            "model": order.model,
            "duration": order.seconds,
            "size": order.size,
            "video_url": tasks.link(call, self.mounts[0], job) if done else None,
            **({"error": {"code": progress.code, "message": progress.message}} if failed else {}),
        }

    async def create_character(self, call: Incoming) -> web.StreamResponse:
        try:
            fields = await tasks.read_json(call.request)
            if "model" in fields:
                raise Refusal(503, f"当前分组 default 下对于模型 {fields['model']} 无可用渠道", code="model_not_found")
            if call.taken.fate is not None and call.taken.fate.do == "fail":
                raise Refusal(400, call.taken.fate.message, code=call.taken.fate.code)
            job = await tasks.enter_character(self._core, call, fields, PROTOCOL)
        except Refusal as refusal:
            raise CharacterRefusal(refusal.status, refusal.message, code=refusal.code) from refusal
        return web.json_response({**tasks.character(job), "profile_desc": None})

    async def quota(self, call: Incoming) -> web.StreamResponse:
        total = int(HARD_LIMIT_USD * RAW_PER_USD)
        used = self._core.books.usage_cents * RAW_PER_USD // 100
        return web.json_response({"total_quota": total, "used_quota": used, "remaining_quota": total - used})

    async def file(self, call: Incoming) -> web.StreamResponse:
        return await tasks.send_file(self._core, call, PROTOCOL)

    def _find(self, call: Incoming) -> BookedJob:
        job = tasks.find(self._core, call.request.match_info["id"], PROTOCOL)
        if job is None:
            raise Refusal(400, "task_not_exist", code="task_not_exist")
        return job


def _text(value: dict[str, Any]) -> web.Response:
    """JSON that calls itself text, as the document says."""
    return web.Response(text=json.dumps(value, ensure_ascii=False), content_type="text/plain")
