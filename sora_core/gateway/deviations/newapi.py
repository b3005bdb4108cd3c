"""The New API service as servers deviate from it, each below ``/newapi~NAME``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob, JobProgress
from ..core import Core
from ..wire import _tasks as tasks
from ..wire.newapi import STATES, TASK_PREFIX, NewApiWire


class Duomi(NewApiWire):
    """Wraps the native answers."""

    dialect = "duomi"
    inline_images = True

    def _created(self, job: BookedJob) -> web.Response:
        return web.json_response({"code": 200, "msg": "success", "data": {"task_id": tasks.task_id(job)}})

    def _as_json(self, given: str, progress: JobProgress, made: dict[str, Any] | None) -> dict[str, Any]:
        url = made["videos"][0]["url"] if made and "videos" in made else None
        facts = {} if url else made or {}
        message = f"{progress.code}: {progress.message}" if progress.state is State.FAILED else ""
        task = {"task_id": given, "status": STATES[progress.state], "progress": progress.percent}
        return {"code": 200, "msg": message, "data": {**task, "video_url": url, **facts}}


class Late(NewApiWire):
    """Says succeeded, and names the link two polls later."""

    dialect = "late"

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._late = tasks.Lateness()

    def _has_link(self, job: BookedJob) -> bool:
        return self._late.has_link(job)


class PromptId(NewApiWire):
    """Answers a chat with the bare task id, and a character at once."""

    dialect = "prompt-id"

    def _character_created(self, job: BookedJob) -> web.Response:
        return web.json_response(tasks.character(job))

    def _chat_answer(self, job: BookedJob) -> web.Response:
        return web.json_response({"task_id": tasks.task_id(job), "status": "pending"})


class Old(NewApiWire):
    """Keeps the link of a generic task in ``fail_reason``, and names the task of a created one only as ``data``."""

    dialect = "old"

    def _task_created(self, job: BookedJob) -> web.Response:
        return web.json_response({"code": "success", "message": "", "data": TASK_PREFIX + tasks.task_id(job)})

    def _outcome(self, url: str, text: str, progress: JobProgress) -> dict[str, str]:
        return {"fail_reason": url or text}
