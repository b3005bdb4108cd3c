"""The Shenma protocol as its relatives answer it, each below ``/shenma~NAME``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...models import State
from ..books import BookedJob
from ..core import Core, Incoming, Route
from ..wire import _tasks as tasks
from ..wire.shenma import STATUS, ShenmaWire

_HOME = '<!doctype html><html lang="zh"><head><title>API</title></head><body><div id="root"></div></body></html>'


class Comfly(ShenmaWire):
    """ "45%", ``fail_reason``, the link in ``data.output``."""

    dialect = "comfly"

    def _created(self, job: BookedJob) -> web.Response:
        return web.json_response({"task_id": tasks.task_id(job)})

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        return web.json_response(self._as_json(call, self._find(call)))

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        done = progress.state is State.SUCCEEDED and self._has_link(job)
        return {
            "task_id": tasks.task_id(job),
            "platform": "sora",
            "action": "sora-video",
            "status": STATUS[progress.state],
            "fail_reason": f"{progress.code}: {progress.message}" if progress.state is State.FAILED else "",
            "submit_time": int(job.created_at),
            "start_time": int(job.created_at),
            "finish_time": int(progress.completed_at or 0),
            "progress": f"{progress.percent}%",
            "data": self._output(tasks.link(call, self.mounts[0], job) if done else ""),
            "cost": 0.2,
        }

    def _has_link(self, job: BookedJob) -> bool:
        return True

    def _output(self, url: str) -> dict[str, Any]:
        return {"output": url}


class Outputs(Comfly):
    """The link in a list."""

    dialect = "outputs"

    def _output(self, url: str) -> dict[str, Any]:
        return {"outputs": [url] if url else []}


class Late(Comfly):
    """SUCCESS, and the link two polls later."""

    dialect = "late"

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._late = tasks.Lateness()

    def _has_link(self, job: BookedJob) -> bool:
        return self._late.has_link(job)


class Bare(ShenmaWire):
    """Neither characters nor remix nor quota: it answers them, as any address, with its home page and HTTP 200."""

    dialect = "bare"

    def routes(self) -> tuple[Route, ...]:
        anything = (Route(method, "/{tail:.*}", "home", "unknown", _home) for method in ("GET", "POST"))
        return (*self.basic_routes(), *anything)

    def _created(self, job: BookedJob) -> web.Response:
        return web.json_response({"task_id": tasks.task_id(job)})


async def _home(call: Incoming) -> web.StreamResponse:
    return web.Response(text=_HOME, content_type="text/html")
