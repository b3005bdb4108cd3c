"""What became of tasks: those under way, the drafts of those that ended, and the newest pictures."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from ....models import State
from ...books import BookedJob
from ...core import Incoming, Route
from ...refusal import invalid
from ._create import FPS
from ._dialect import IMAGES, PROTOCOL
from ._site import Site, generation_id, iso, limit_of

_DRAFTS, _RECENT = 15, 20
_VIOLATIONS = ("sora_content_violation", "content_policy_violation", "moderation_blocked", "safety_filter_triggered")
_STATUS = {
    State.QUEUED: "queued",
    State.RUNNING: "running",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
}
_DOCUMENTED = {
    State.QUEUED: "pending",
    State.RUNNING: "processing",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
}


class Tasks:
    """As servers were seen to answer: a task that ended, well or not, leaves the pending ones and is a draft.

    To the letter of the document a failed task stays with the pending ones, and drafts have no pages.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._document = site.dialect.document

    def routes(self) -> tuple[Route, ...]:
        drafts = Route("GET", "/project_y/profile/drafts", "drafts", "list", self.drafts)
        v2 = Route("GET", "/project_y/profile/drafts/v2", "drafts", "list", self.drafts)
        return (
            Route("GET", "/nf/pending/v2", "pending", "retrieve", self.pending),
            *((drafts,) if self._document else (drafts, v2)),
            Route("GET", "/v2/recent_tasks", "recent", "retrieve", self.recent),
        )

    def _jobs(self, *states: State) -> list[BookedJob]:
        jobs = self._site.core.books.newest_first(PROTOCOL)
        return [job for job in jobs if self._site.progress(job).state in states]

    async def pending(self, call: Incoming) -> web.StreamResponse:
        if not self._document:
            return web.json_response([self._pending(job) for job in self._jobs(State.QUEUED, State.RUNNING)])
        jobs = self._jobs(State.QUEUED, State.RUNNING, State.FAILED)
        return web.json_response([self._documented_pending(job) for job in jobs])

    def _pending(self, job: BookedJob) -> dict[str, Any]:
        progress = self._site.progress(job)
        return {
            "id": self._site.task_id(job),
            "task_type": "video_gen",
            "status": _STATUS[progress.state],
            "progress_pct": None if progress.state is State.QUEUED else progress.percent / 100,
            "failure_reason": None,
            "prompt": job.order.prompt,
            "title": None,
            "created_at": job.created_at,
            "generations": [],
        }

    def _documented_pending(self, job: BookedJob) -> dict[str, Any]:
        progress = self._site.progress(job)
        return {
            "id": self._site.task_id(job),
            "status": _DOCUMENTED[progress.state],
            "progress": progress.percent / 100,
            "created_at": iso(job.created_at),
            "prompt": job.order.prompt,
            "orientation": _orientation(job),
            "n_frames": job.order.seconds * FPS,
        }

    async def drafts(self, call: Incoming) -> web.StreamResponse:
        limit = limit_of(call, _DRAFTS)
        if self._document:
            done = self._jobs(State.SUCCEEDED)[:limit]
            return web.json_response({"drafts": [self._documented_draft(call, job) for job in done]})
        ended = self._jobs(State.SUCCEEDED, State.FAILED)
        cursor = call.request.query.get("cursor")
        if cursor:
            last = _number(cursor)
            ended = [job for job in ended if job.number < last]
        page = ended[:limit]
        more = _cursor(page[-1].number) if len(ended) > limit else None
        return web.json_response({"items": [self._draft(call, job) for job in page], "cursor": more})

    def _draft(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress, order = self._site.progress(job), job.order
        failed = progress.state is State.FAILED
        url = None
        if not failed and not (self._site.dialect.late and not self._site.late.has_link(job)):
            url = self._site.link(call, job, "mp4")
        violation = failed and progress.code in _VIOLATIONS
        reason = progress.message if failed else None
        return {
            "id": generation_id(job),
            "task_id": self._site.task_id(job),
            "kind": "sora_content_violation" if violation else "sora_error" if failed else "sora_draft",
            "url": "" if failed else url,
            "downloadable_url": url,
            "download_urls": {"watermark": url, "no_watermark": None} if url else {},
            "width": order.width,
            "height": order.height,
            "duration_s": float(order.seconds),
            "created_at": job.created_at,
            "prompt": order.prompt,
            "title": None,
            "reason_str": reason,
            "markdown_reason_str": reason,
            "encodings": self._encodings(call, job, url),
        }

    def _encodings(self, call: Incoming, job: BookedJob, url: str | None) -> dict[str, Any]:
        thumbnail = self._site.link(call, job, "webp") if url else None
        return {"source": {"path": url}, "thumbnail": {"path": thumbnail}} if url else {}

    def _documented_draft(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        return {
            "id": generation_id(job),
            "status": "completed",
            "created_at": iso(job.created_at),
            "prompt": job.order.prompt,
            "video_url": self._site.link(call, job, "mp4"),
            "thumbnail_url": self._site.link(call, job, "webp"),
            "duration_seconds": job.order.seconds,
            "orientation": _orientation(job),
        }

    async def recent(self, call: Incoming) -> web.StreamResponse:
        limit = limit_of(call, _RECENT)
        jobs = self._site.core.books.newest_first(IMAGES)
        page = jobs[:limit]
        if self._document:
            return web.json_response({"tasks": [self._documented_picture(call, job) for job in page]})
        last = self._site.task_id(page[-1]) if page else None
        tasks = [self._picture(call, job) for job in page]
        return web.json_response({"task_responses": tasks, "has_more": len(jobs) > limit, "last_id": last})

    def _picture(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress = self._site.progress(job)
        made = {"id": generation_id(job), "task_id": self._site.task_id(job), "url": self._site.link(call, job, "png")}
        return {
            "id": self._site.task_id(job),
            "task_type": "image_gen",
            "status": _STATUS[progress.state],
            "progress_pct": None if progress.state is State.QUEUED else progress.percent / 100,
            "generations": [made] if progress.state is State.SUCCEEDED else [],
            "failure_reason": progress.message if progress.state is State.FAILED else None,
            "prompt": job.order.prompt,
        }

    def _documented_picture(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        state = self._site.progress(job).state
        url = {"image_url": self._site.link(call, job, "png")} if state is State.SUCCEEDED else {}
        return {
            "id": self._site.task_id(job),
            "type": "image_gen",
            "status": _DOCUMENTED[state],
            "created_at": iso(job.created_at),
            "prompt": job.order.prompt,
            **url,
        }


def _orientation(job: BookedJob) -> str:
    return "landscape" if job.order.width > job.order.height else "portrait"


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"before={number}".encode()).decode("ascii")


def _number(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor).removeprefix(b"before="))
    except (binascii.Error, ValueError) as error:
        raise invalid("cursor", f"cursor: {cursor!r:.40} is none of this server's") from error
