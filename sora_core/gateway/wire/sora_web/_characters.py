"""Characters: a clip becomes a cameo, and a cameo with a name and a picture becomes a character."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any

from aiohttp import web

from ....models import State
from ...books import Order
from ...core import Incoming, Route
from ...forms import text_of
from ...refusal import Refusal, invalid
from .. import _tasks as tasks
from ._dialect import CHARACTERS
from ._site import Cameo, Site, json_of, missing
from ._uploads import form_of

USERNAME = re.compile(r"[a-z0-9_][a-z0-9_.]{1,28}[a-z0-9_]")

_SIDE = 64  # of what is drawn for a character, which nobody asks for
_FINALIZE = ("cameo_id", "username", "display_name", "profile_asset_pointer", "instruction_set")


class Characters:
    """Making a cameo is charged, as with the other protocols; naming, publishing and deleting are not."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> tuple[Route, ...]:
        cameos, document = "/project_y/cameos", self._site.dialect.document
        made = Route("POST", "/characters/from-generation", "character", "create", self.from_generation)
        return (
            Route("POST", "/characters/upload", "character", "create", self.upload),
            *(() if document else (made,)),
            Route("GET", f"{cameos}/in_progress/{{id}}", "cameo", "retrieve", self.retrieve),
            Route("POST", "/characters/finalize", "finalize", "character", self.finalize),
            Route("POST", f"{cameos}/by_id/{{id}}/update_v2", "visibility", "character", self.update),
            Route("DELETE", "/project_y/characters/{id}", "forget", "delete", self.delete),
        )

    async def upload(self, call: Incoming) -> web.StreamResponse:
        clip, fields = await form_of(call, ("video/mp4",), "timestamps")
        return await self._make(call, clip, *tasks.timestamps_of(fields))

    async def from_generation(self, call: Incoming) -> web.StreamResponse:
        fields = await json_of(call, ("generation_id", "timestamps"), ("character_id",))
        if fields.get("character_id") is not None:
            raise invalid("character_id", "character_id must be null")
        span = fields["timestamps"]
        if not isinstance(span, list) or len(span) != 2 or any(isinstance(at, (str, bool)) for at in span):
            raise invalid("timestamps", f"timestamps must be [start, end] in seconds, not {span!r:.40}")
        start, end = tasks.timestamps_of({"timestamps": f"{span[0]},{span[1]}"})
        job = self._site.draft(fields["generation_id"])
        if job is None or job.render is None:
            raise missing(f"draft {fields['generation_id']}")
        clip = await asyncio.to_thread(job.render.path.read_bytes)
        return await self._make(call, clip, start, end)

    async def _make(self, call: Incoming, clip: bytes, start: float, end: float) -> web.Response:
        from ...render import stills

        try:
            picture = await asyncio.to_thread(stills.portrait, clip, start, end)
        except ValueError as error:
            raise invalid("file", f"{error}") from error
        order = Order(CHARACTERS, f"character, {start:g} to {end:g} s", "", 1, _SIDE, _SIDE)
        job = await self._site.core.accept(call, order)
        cameo_id = f"cameo_{job.id.removeprefix('video_')}"
        self._site.memory.cameos[cameo_id] = Cameo(job, picture)
        return web.json_response({"id": cameo_id})

    async def retrieve(self, call: Incoming) -> web.StreamResponse:
        cameo = self._find(call.request.match_info["id"])
        progress = self._site.progress(cameo.job)
        done, failed = progress.state is State.SUCCEEDED, progress.state is State.FAILED
        number = cameo.job.number
        hints: dict[str, Any] = {"display_name_hint": None, "username_hint": None, "profile_asset_url": None}
        if done:
            hints = {
                "display_name_hint": f"Preview {number}",
                "username_hint": f"preview{number}" if self._site.dialect.document else f"user.preview{number}",
                "profile_asset_url": self._site.link(call, cameo.job, "webp"),
            }
        if self._site.dialect.document:
            status = "completed" if done else "failed" if failed else "processing"
            hint = "A character of the preview." if done else None
            return web.json_response({"status": status, **hints, "instruction_set_hint": hint})
        is_final = cameo.character_id or (done and self._site.dialect.says_finalized)
        status = "finalized" if is_final else "failed" if failed else "processing"
        text = progress.message if failed else "Completed" if done else "Processing"
        rest = {"instruction_set_hint": None, "instruction_set": "A character of the preview." if done else None}
        return web.json_response({"status": status, "status_message": text, **hints, **rest})

    async def finalize(self, call: Incoming) -> web.StreamResponse:
        fields = await json_of(call, (*_FINALIZE, "safety_instruction_set"))
        cameo = self._find(fields["cameo_id"])
        username, name = text_of(fields, "username"), text_of(fields, "display_name")
        if self._site.progress(cameo.job).state is not State.SUCCEEDED:
            raise Refusal(400, "The cameo is not finished.", param="cameo_id", code="cameo_not_ready")
        if cameo.character_id:
            raise Refusal(400, "The cameo is a character already.", param="cameo_id", code="already_finalized")
        if not USERNAME.fullmatch(username) or not name.strip():
            raise invalid("username", "username takes 3 to 30 of a-z, 0-9, _ and ., display_name must not be empty")
        if username in taken(self._site):
            raise Refusal(400, f"The username {username} is taken.", param="username", code="username_taken")
        if text_of(fields, "profile_asset_pointer") not in self._site.memory.pointers:
            raise invalid("profile_asset_pointer", "profile_asset_pointer is of no uploaded picture")
        if fields["instruction_set"] is not None or fields["safety_instruction_set"] is not None:
            raise invalid("instruction_set", "instruction_set and safety_instruction_set must be null")
        cameo.username, cameo.character_id = username, f"char_{secrets.token_hex(12)}"
        return web.json_response({"character": {"character_id": cameo.character_id}})

    async def update(self, call: Incoming) -> web.StreamResponse:
        cameo = self._find(call.request.match_info["id"])
        fields = await json_of(call, ("visibility",))
        cameo.visibility = tasks.choice_of(fields, "visibility", ("public", "private"))
        return web.json_response({})

    async def delete(self, call: Incoming) -> web.StreamResponse:
        given = call.request.match_info["id"]
        cameos = self._site.memory.cameos
        cameo_id = next((name for name, cameo in cameos.items() if cameo.character_id == given), None)
        if cameo_id is None:
            raise missing(f"character {given}")
        del cameos[cameo_id]
        return web.json_response({}) if self._site.dialect.document else web.Response(status=204)

    def _find(self, given: object) -> Cameo:
        cameo = self._site.memory.cameos.get(given) if isinstance(given, str) else None
        if cameo is None:
            raise missing(f"cameo {given}")
        return cameo


def taken(site: Site) -> set[str]:
    """User names that somebody has."""
    own = {site.memory.account.username} if site.memory.account.username else set()
    return {"sora", "preview", *own, *(cameo.username for cameo in site.memory.cameos.values() if cameo.username)}
