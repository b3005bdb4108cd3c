"""Posts, the files that links lead to, and the parse service, which finds the clip behind a shared link."""

from __future__ import annotations

import asyncio
import html
import re
import secrets
import uuid
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ....models import State
from ...books import BookedJob
from ...core import Incoming, Route
from ...forms import Fields, text_of
from ...refusal import invalid
from ._dialect import CHARACTERS
from ._refusals import ParseRefusal, StorageRefusal
from ._sentinel import Sentinel
from ._site import Site, constant, generation_id, iso, json_of, missing, origin

_FILE = re.compile(r"([0-9a-f]{32})\.(mp4|webp|png)")
_SHARED = re.compile(r".*/p/([^/]+)/?")
_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><title>{}</title></head><body><video controls src="{}"></video></body></html>'
)


class Posts:
    """Publish and delete, below the account; permalinks, files and the parse service, for everybody."""

    def __init__(self, site: Site, sentinel: Sentinel) -> None:
        self._site = site
        self._sentinel = sentinel

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/project_y/post", "publish", "publish", self.publish),
            Route("DELETE", "/project_y/post/{id}", "unpublish", "delete", self.delete),
        )

    def open_routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/p/{id}", "permalink", "unknown", self.permalink, open=True),
            Route("GET", "/files/{name}", "content", "content", self.file, open=True),
            Route("POST", "/get-sora-link", "parse", "parse", self.parse, open=True),
        )

    async def publish(self, call: Incoming) -> web.StreamResponse:
        self._sentinel.check(call.request, self._site.dialect)
        fields = await json_of(call, ("attachments_to_create", "post_text"))
        text_of(fields, "post_text")
        job = self._attached(fields["attachments_to_create"])
        post_id = f"s_{secrets.token_hex(16)}"
        self._site.memory.posts[post_id] = job
        return web.json_response({"post": self._as_json(call, post_id, job)})

    def _attached(self, value: object) -> BookedJob:
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
            raise invalid("attachments_to_create", "attachments_to_create must be a list of one attachment")
        item: Fields = value[0]
        if set(item) != {"generation_id", "kind"}:
            raise invalid("attachments_to_create", "an attachment is generation_id and kind")
        constant(item, "kind", "sora")
        job = self._site.draft(item["generation_id"])
        if job is None:
            raise missing(f"draft {item['generation_id']}")
        return job

    def _as_json(self, call: Incoming, post_id: str, job: BookedJob) -> dict[str, Any]:
        url, now = self._site.link(call, job, "mp4"), self._site.core.clock.now()
        if self._site.dialect.document:
            return {"id": post_id, "video_url": url, "created_at": iso(now)}
        attachment = {
            "id": f"{post_id}-attachment-0",
            "generation_id": generation_id(job),
            "kind": "sora",
            "url": url,
            "downloadable_url": url,
            "download_urls": {"watermark": url, "no_watermark": url},
            "encodings": {"source": {"path": url}},
        }
        link = f"{origin(call.request)}{self._site.mount}/p/{post_id}"
        return {"id": post_id, "permalink": link, "posted_at": now, "attachments": [attachment]}

    async def delete(self, call: Incoming) -> web.StreamResponse:
        post_id = call.request.match_info["id"]
        if self._site.memory.posts.pop(post_id, None) is None:
            raise missing(f"post {post_id}")
        return web.Response(status=204)

    async def permalink(self, call: Incoming) -> web.StreamResponse:
        post_id = call.request.match_info["id"]
        job = self._post(post_id)
        if job is None:
            raise missing(f"post {post_id}")
        page = _PAGE.format(html.escape(job.order.prompt[:200]), html.escape(self._site.link(call, job, "mp4")))
        return web.Response(text=page, content_type="text/html")

    def _post(self, post_id: str) -> BookedJob | None:
        job = self._site.memory.posts.get(post_id)
        return None if job is None else self._site.core.books.find(job.id)

    async def file(self, call: Incoming) -> web.StreamResponse:
        self._site.check_link(call.request)
        match = _FILE.fullmatch(call.request.match_info["name"])
        job = self._site.core.books.find(f"video_{match[1]}") if match else None
        if match is None or job is None or job.render is None:
            raise StorageRefusal(404, "The specified blob does not exist.", code="BlobNotFound")
        if match[2] == "webp":
            return await self._portrait(call, job)
        if match[2] == "png":
            from ...render import stills

            return web.Response(body=await asyncio.to_thread(stills.picture, job.render.path), content_type="image/png")
        return await self._site.core.send(call, job)

    async def _portrait(self, call: Incoming, job: BookedJob) -> web.StreamResponse:
        """Of a character the picture that was taken from its clip, of a video its thumbnail."""
        if job.order.protocol != CHARACTERS:
            return await self._site.core.send(call, job, "thumbnail")
        pictures = [cameo.picture for cameo in self._site.memory.cameos.values() if cameo.job is job]
        if not pictures:
            raise StorageRefusal(404, "The specified blob does not exist.", code="BlobNotFound")
        return web.Response(body=pictures[0], content_type="image/webp")

    async def parse(self, call: Incoming) -> web.StreamResponse:
        """The clip behind ``…/p/ID``; the id may be that of a post, or of any finished video of this gateway."""
        fields = await json_of(call, ("url", "token"))
        url, token = fields["url"], fields["token"]
        if not isinstance(token, str) or not self._site.core.admits(token):
            raise ParseRefusal(401, "The token of the parse service is wrong.")
        match = _SHARED.fullmatch(_path_of(url))
        if match is None:
            raise ParseRefusal(400, "url must be a shared link, https://…/p/ID.")
        job = self._post(match[1]) or self._video(match[1])
        if job is None or self._site.progress(job).state is not State.SUCCEEDED:
            raise ParseRefusal(404, "There is no such video here, or it is not finished.")
        return web.json_response({"download_link": self._site.link(call, job, "mp4")})

    def _video(self, given: str) -> BookedJob | None:
        """Of any protocol, in any of the ways in which they write the ids of the books."""
        prefix, _, rest = given.rpartition("_")
        task = rest[::-1] if prefix == "task" else rest
        found = [self._site.core.books.find(f"video_{text}") for text in (task, _as_hex(rest))]
        return next((job for job in found if job is not None), None)


def _path_of(url: object) -> str:
    """Empty for what is no address of a page."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return ""
    return parts.path if parts.scheme in ("http", "https") else ""


def _as_hex(text: str) -> str:
    try:
        return uuid.UUID(text).hex
    except ValueError:
        return ""
