"""The OpenAI Videos protocol, below ``/openai/v1`` and ``/openai``; answers as in openai-python ``types/video*.py``."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...models import State
from ..books import HARD_LIMIT_USD, BookedJob, Order
from ..core import STILLS, Core, Incoming, Route
from ..forms import MAX_SEED, Fields, image_of, prompt_of, read_fields, shots_of, size_of, text_of, whole_of
from ..refusal import Refusal, invalid
from ._base import BaseWire
from ._beside_videos import BesideVideos

DEFAULT_MODEL = "sora-2"
DEFAULT_SECONDS = 4
DEFAULT_SIZE = (720, 1280)
MODELS = ("sora-2", "sora-2-pro", "preview")

STATUS = {
    State.QUEUED: "queued",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
}
MAX_FPS = 120
_HOW = {"num_inference_steps": "steps", "guidance_scale": "guidance", "flow_shift": "shift"}
_BESIDE = {"last_frame": "last frame", "video_reference": "reference clip", "audio_reference": "reference sound"}
_MAX_HOW = 200
_MAX_SECONDS = 60
_PAGE = 20
_MAX_PAGE = 100


class OpenAIWire(BaseWire):
    """Create, retrieve, list, delete, content, remix, models, what is beside videos, and relays' billing pages."""

    name = "openai"
    owner = "preview"
    mounts: tuple[str, ...] = ("/openai/v1", "/openai")

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._beside = BesideVideos(core, self.name)

    def routes(self) -> tuple[Route, ...]:
        return (
            *self._beside.routes(),
            Route("POST", "/videos", "create", "create", self.create),
            Route("GET", "/videos", "list", "list", self.list_videos),
            Route("GET", "/videos/{id}", "retrieve", "retrieve", self.retrieve),
            Route("DELETE", "/videos/{id}", "delete", "delete", self.delete),
            Route("GET", "/videos/{id}/content", "content", "content", self.content),
            Route("POST", "/videos/{id}/remix", "remix", "remix", self.remix),
            Route("POST", "/videos/edits", "remix", "remix", self.edit),
            Route("POST", "/videos/extensions", "remix", "remix", self.extend),
            Route("GET", "/models", "models", "models", self.models),
            Route("GET", "/dashboard/billing/subscription", "subscription", "quota", self.subscription),
            Route("GET", "/dashboard/billing/usage", "usage", "quota", self.usage),
        )

    def error(self, refusal: Refusal) -> Any:
        code = refusal.code or ("invalid_api_key" if refusal.status == 401 else None)
        kind = "rate_limit_exceeded" if refusal.status == 429 else refusal.kind
        return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}}

    async def create(self, call: Incoming) -> web.StreamResponse:
        return self._video(call, await self._enter(call))

    async def read(self, call: Incoming) -> Fields:
        """What the client sent, under this protocol's own names."""
        return await read_fields(call.request)

    async def _enter(self, call: Incoming) -> BookedJob:
        fields = await self.read(call)
        shots = shots_of(fields)
        given = sum(shot.seconds for shot in shots)
        width, height = size_of(fields, DEFAULT_SIZE)
        fps = whole_of(fields, "fps", Order.fps, 1, MAX_FPS)
        frames = whole_of(fields, "num_frames", 0, 1, _MAX_SECONDS * fps)
        usual = math.ceil(frames / fps) or min(round(given) or DEFAULT_SECONDS, _MAX_SECONDS)
        order = Order(
            protocol=self.name,
            prompt=prompt_of(fields, required=not shots),
            model=text_of(fields, "model") or DEFAULT_MODEL,
            seconds=usual if frames else whole_of(fields, "seconds", usual, 1, _MAX_SECONDS),
            fps=fps,
            frames=frames,
            how=" · ".join(_how(fields))[:_MAX_HOW],
            width=width,
            height=height,
            shots=shots,
            image=image_of(fields, "input_reference"),
            style=text_of(fields, "style"),
            negative_prompt=text_of(fields, "negative_prompt"),
            seed=whole_of(fields, "seed", 0, -MAX_SEED, MAX_SEED),
            cast=self._beside.cast_of(fields),
        )
        return await self._core.accept(call, order)

    async def remix(self, call: Incoming) -> web.StreamResponse:
        source = self._find(call)
        if self._core.books.progress(source).state is not State.SUCCEEDED:
            raise invalid("video_id", f"Video '{source.id}' is not completed; only a completed video can be remixed.")
        fields = await self.read(call)
        shots = shots_of(fields)
        order = replace(
            source.order,
            prompt=prompt_of(fields, required=not shots),
            shots=shots,
            image=await self._core.image_of(source),
            style=text_of(fields, "style", source.order.style),
            negative_prompt=text_of(fields, "negative_prompt", source.order.negative_prompt),
            seed=whole_of(fields, "seed", source.order.seed, -MAX_SEED, MAX_SEED),
            remix_of=source.id,
        )
        return self._video(call, await self._core.accept(call, order))

    async def edit(self, call: Incoming) -> web.StreamResponse:
        return await self._of_a_video(call, "Edit", seconds=None)

    async def extend(self, call: Incoming) -> web.StreamResponse:
        return await self._of_a_video(call, "Extension", seconds=DEFAULT_SECONDS)

    async def _of_a_video(self, call: Incoming, word: str, *, seconds: int | None) -> web.StreamResponse:
        """Of a job of ours, which says how long and how large, or of a file, of which nothing but that it is there."""
        fields = await self.read(call)
        given = fields.get("video")
        named = given.get("id") if isinstance(given, dict) else None
        source = self._core.find(str(named), self.name) if named else None
        if named and (source is None or self._core.books.progress(source).state is not State.SUCCEEDED):
            raise Refusal(404, f"No completed video has the id '{named!s:.120}'.", code="video_not_found")
        if not named and not isinstance(given, bytes):
            raise invalid("video", "Invalid value for 'video': send a file, or an object with the id of a video.")
        width, height = DEFAULT_SIZE
        of = source.order if source else Order(self.name, "", DEFAULT_MODEL, DEFAULT_SECONDS, width, height)
        order = replace(
            of,
            prompt=prompt_of(fields),
            seconds=whole_of(fields, "seconds", of.seconds if seconds is None else seconds, 1, _MAX_SECONDS),
            frames=of.frames if seconds is None else 0,
            shots=(),
            image=await self._core.image_of(source) if source else None,
            seed=whole_of(fields, "seed", of.seed, -MAX_SEED, MAX_SEED),
            how=f"{word} of {source.id if source else 'an uploaded clip'}",
        )
        return self._video(call, await self._core.accept(call, order))

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        return self._video(call, self._find(call))

    async def list_videos(self, call: Incoming) -> web.StreamResponse:
        query = dict(call.request.query)
        limit = whole_of(query, "limit", _PAGE, 1, _MAX_PAGE)
        order = query.get("order") or "desc"
        if order not in ("asc", "desc"):
            raise invalid("order", "Invalid value for 'order': use 'asc' or 'desc'.")
        jobs = self._core.books.newest_first(self.name)
        if order == "asc":
            jobs.reverse()
        after = query.get("after")
        if after:
            place = next((place for place, job in enumerate(jobs) if job.id == after), None)
            if place is None:
                raise invalid("after", f"Invalid value for 'after': no video has the id '{after:.80}'.")
            jobs = jobs[place + 1 :]
        page = [self._as_json(call, job) for job in jobs[:limit]]
        return web.json_response(
            {
                "object": "list",
                "data": page,
                "has_more": len(jobs) > limit,
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
            }
        )

    async def delete(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        self._core.remove(job)
        return web.json_response({"id": job.id, "object": "video.deleted", "deleted": True})

    async def content(self, call: Incoming) -> web.StreamResponse:
        job = self._find(call)
        variant = call.request.query.get("variant") or "video"
        if variant != "video" and variant not in STILLS:
            raise invalid("variant", f"Invalid value for 'variant': '{variant:.40}'. Use video, {', '.join(STILLS)}.")
        progress = self._core.books.progress(job)
        if progress.state is State.FAILED:
            raise Refusal(422, f"Video '{job.id}' failed: {progress.message}", code=progress.code)
        if progress.state is not State.SUCCEEDED:
            status = STATUS[progress.state]
            raise Refusal(404, f"Video '{job.id}' is not ready yet: its status is '{status}'.", code="video_not_ready")
        return await self._core.send(call, job, variant)

    async def models(self, call: Incoming) -> web.StreamResponse:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": self.owner} for name in MODELS]
        return web.json_response({"object": "list", "data": data})

    async def subscription(self, call: Incoming) -> web.StreamResponse:
        return web.json_response(
            {
                "object": "billing_subscription",
                "has_payment_method": True,
                "soft_limit_usd": HARD_LIMIT_USD,
                "hard_limit_usd": HARD_LIMIT_USD,
                "system_hard_limit_usd": HARD_LIMIT_USD,
                "access_until": 0,
            }
        )

    async def usage(self, call: Incoming) -> web.StreamResponse:
        return web.json_response({"object": "list", "total_usage": self._core.books.usage_cents})

    def _find(self, call: Incoming) -> BookedJob:
        job_id = call.request.match_info["id"]
        job = self._core.find(job_id, self.name)
        if job is None:
            raise Refusal(404, f"Video with id '{job_id:.120}' not found.", code="video_not_found")
        return job

    def _video(self, call: Incoming, job: BookedJob) -> web.Response:
        poll_after = self._core.books.progress(job).poll_after
        headers = {} if poll_after is None else {"openai-poll-after-ms": str(round(poll_after * 1000))}
        return web.json_response(self._as_json(call, job), headers=headers)

    def _as_json(self, call: Incoming, job: BookedJob) -> dict[str, Any]:
        progress = self._core.books.progress(job)
        order = job.order
        failed = progress.state is State.FAILED
        queued = progress.state is State.QUEUED
        return {
            "id": job.id,
            "object": "video",
            "model": order.model,
            "status": STATUS[progress.state],
            "progress": progress.percent,
            "created_at": int(job.created_at),
            "completed_at": None if progress.completed_at is None else int(progress.completed_at),
            "expires_at": None if progress.expires_at is None else int(progress.expires_at),
            "error": {"code": progress.code, "message": progress.message} if failed else None,
            "prompt": order.prompt,
            "seconds": str(order.seconds),
            "size": order.size,
            "remixed_from_video_id": order.remix_of or None,
            **({"queue_position": self._core.books.queue_position(job)} if queued else {}),
        }


def _how(fields: Fields) -> list[str]:
    """What the animatic cannot show, in words: settings of a model, and references that are not its first picture."""
    told = [f"{word} {fields[name]}" for name, word in _HOW.items() if name in fields]
    return [*told, *(f"with a {word}" for name, word in _BESIDE.items() if name in fields)]
