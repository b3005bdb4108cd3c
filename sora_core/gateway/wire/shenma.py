"""The Shenma protocol, below ``/shenma``; its relatives, which answer otherwise, below ``/shenma~NAME``.

``~comfly`` the poll of Comfly and its like: "45%", ``fail_reason``, the link in ``data.output``; ``~outputs`` the
link in a list; ``~late`` SUCCESS, and the link two polls later; ``~bare`` has neither characters nor remix nor
quota, and answers them with its home page and HTTP 200, as it answers any address that it does not know.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...models import State
from ..books import HARD_LIMIT_USD, Job, Order
from ..core import Call, Core, Route
from ..forms import prompt_of
from ..refusal import Refusal, invalid
from . import _relay as relay

PROTOCOL = "shenma"
DIALECTS = ("", "comfly", "outputs", "late", "bare")
RAW_PER_USD = 500_000

_STATUS = {
    State.QUEUED: "NOT_START",
    State.RUNNING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
}
_HOME = '<!doctype html><html lang="zh"><head><title>API</title></head><body><div id="root"></div></body></html>'


class CharacterRefusal(Refusal):
    """Said in the shape of the characters' address, which is another than that of the rest."""


class ShenmaWire(relay.RelayWire):
    """Create, retrieve, remix, quota and characters."""

    protocol = "shenma"

    def __init__(self, core: Core, dialect: str = "") -> None:
        super().__init__(core, dialect)
        self._private: set[str] = set()
        self._late = relay.Lateness()

    def routes(self) -> tuple[Route, ...]:
        routes = (
            Route("POST", "/v2/videos/generations", "create", "create", self.create),
            Route("GET", "/v2/videos/generations/{id}", "retrieve", "retrieve", self.retrieve),
            Route("GET", "/files/{id}.mp4", "content", "content", self.file),
        )
        if self._dialect == "bare":
            return (*routes, *(Route(method, "/{tail:.*}", "home", "unknown", _home) for method in ("GET", "POST")))
        return (
            *routes,
            Route("POST", "/v1/videos/{id}/remix", "remix", "remix", self.remix),
            Route("POST", "/sora/v1/characters", "character", "create", self.create_character),
            Route("GET", "/v1/token/quota", "quota", "quota", self.quota),
        )

    def refuse(self, refusal: Refusal) -> web.Response:
        body: dict[str, Any] = {"code": refusal.code or "invalid_request", "message": refusal.message, "data": None}
        if isinstance(refusal, CharacterRefusal):
            body = {"error": {"message_zh": refusal.message, "code": refusal.code}}
        elif refusal.status in (401, 403, 429) or refusal.status >= 500:
            error = {"message": f"{refusal.message} (request id: preview)", "type": "new_api_error", "param": ""}
            body = {"error": {**error, "code": refusal.code or ""}}
        return web.json_response(body, status=refusal.status, headers=refusal.headers)

    async def create(self, call: Call) -> web.StreamResponse:
        fields = await relay.read_json(call.request)
        model = relay.choice_of(fields, "model", relay.MODELS)
        aspect = relay.choice_of(fields, "aspect_ratio", ("16:9", "9:16"), "16:9")
        seconds = relay.duration_of(fields, text=True)
        hd, private = relay.flag_of(fields, "hd"), relay.flag_of(fields, "private")
        relay.flag_of(fields, "watermark", True)
        if model == "sora-2" and (hd or seconds == 25):
            raise invalid("model", "sora-2 supports neither hd nor duration 25; use sora-2-pro")
        if hd and seconds == 25:
            raise invalid("hd", "hd and duration 25 cannot be combined")
        width, height = relay.SIZES[aspect, hd]
        image = relay.images_of(fields, "images", data=True)
        order = Order(PROTOCOL, prompt_of(fields), model, seconds, width, height, image=image)
        job = await self._core.accept(call, order)
        if private:
            self._private.add(job.id)
        return self._created(job)

    async def remix(self, call: Call) -> web.StreamResponse:
        source = self._find(call)
        if self._core.books.progress(source).state is not State.SUCCEEDED:
            raise invalid("task_id", "the source task is not finished", "task_not_completed")
        if source.id in self._private:
            raise Refusal(403, "A private video cannot be remixed.", code="video_is_private")
        fields = await relay.read_json(call.request)
        unknown = set(fields) - {"prompt"}
        if unknown:
            raise invalid(min(unknown), f"a remix takes only a prompt, not {min(unknown)}")
        image = await self._core.image_of(source)
        order = replace(source.order, prompt=prompt_of(fields), image=image, remix_of=relay.task_id(source))
        return self._created(await self._core.accept(call, order))

    def _created(self, job: Job) -> web.Response:
        if self._dialect:
            return web.json_response({"task_id": relay.task_id(job)})
        return _text(
            {"task_id": relay.task_id(job), "status": "NOT_START", "progress": 0, "created_at": int(job.created_at)}
        )

    async def retrieve(self, call: Call) -> web.StreamResponse:
        job = self._find(call)
        if self._dialect in ("", "bare"):
            return _text(self._as_documented(call, job))
        return web.json_response(self._as_comfly(call, job))

    def _as_documented(self, call: Call, job: Job) -> dict[str, Any]:
        progress, order = self._core.books.progress(job), job.order
        done, failed = progress.state is State.SUCCEEDED, progress.state is State.FAILED
        return {
            "task_id": relay.task_id(job),
            "status": _STATUS[progress.state],
            "progress": progress.percent,
            "created_at": int(job.created_at),
            "model": order.model,
            "duration": order.seconds,
            "size": order.size,
            "video_url": relay.link(call, self.mounts[0], job) if done else None,
            **({"error": {"code": progress.code, "message": progress.message}} if failed else {}),
        }

    def _as_comfly(self, call: Call, job: Job) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        done = progress.state is State.SUCCEEDED
        if done and self._dialect == "late":
            done = self._late.has_link(job)
        url = relay.link(call, self.mounts[0], job) if done else ""
        return {
            "task_id": relay.task_id(job),
            "platform": "sora",
            "action": "sora-video",
            "status": _STATUS[progress.state],
            "fail_reason": f"{progress.code}: {progress.message}" if progress.state is State.FAILED else "",
            "submit_time": int(job.created_at),
            "start_time": int(job.created_at),
            "finish_time": int(progress.completed_at or 0),
            "progress": f"{progress.percent}%",
            "data": {"outputs": [url] if url else []} if self._dialect == "outputs" else {"output": url},
            "cost": 0.2,
        }

    async def create_character(self, call: Call) -> web.StreamResponse:
        try:
            fields = await relay.read_json(call.request)
            if "model" in fields:
                raise Refusal(503, f"当前分组 default 下对于模型 {fields['model']} 无可用渠道", code="model_not_found")
            if call.taken.fate is not None and call.taken.fate.do == "fail":
                raise Refusal(400, call.taken.fate.message, code=call.taken.fate.code)
            job = await relay.enter_character(self._core, call, fields, PROTOCOL)
        except Refusal as refusal:
            raise CharacterRefusal(refusal.status, refusal.message, code=refusal.code) from refusal
        return web.json_response({**relay.character(job), "profile_desc": None})

    async def quota(self, call: Call) -> web.StreamResponse:
        total = int(HARD_LIMIT_USD * RAW_PER_USD)
        used = self._core.books.usage_cents * RAW_PER_USD // 100
        return web.json_response({"total_quota": total, "used_quota": used, "remaining_quota": total - used})

    async def file(self, call: Call) -> web.StreamResponse:
        return await relay.send_file(self._core, call, PROTOCOL)

    def _find(self, call: Call) -> Job:
        job = relay.find(self._core, call.request.match_info["id"], PROTOCOL)
        if job is None:
            raise Refusal(400, "task_not_exist", code="task_not_exist")
        return job


async def _home(call: Call) -> web.StreamResponse:
    return web.Response(text=_HOME, content_type="text/html")


def _text(value: dict[str, Any]) -> web.Response:
    """JSON that calls itself text, as the document says."""
    return web.Response(text=json.dumps(value, ensure_ascii=False), content_type="text/plain")


def shenma_wires(core: Core) -> tuple[ShenmaWire, ...]:
    return tuple(ShenmaWire(core, dialect) for dialect in DIALECTS)
