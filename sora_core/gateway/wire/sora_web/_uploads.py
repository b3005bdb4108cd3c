"""Uploads: pictures to begin with, and pictures of characters."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from aiohttp import web

from ...core import Incoming, Route
from ...forms import Fields, check_image_size, read_fields
from ...recent import Recent
from ...refusal import Refusal, invalid
from ._site import Site

PICTURES = ("image/png", "image/jpeg", "image/webp")


class Uploads:
    """Keeps what was sent in the server's memory."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/uploads", "upload", "upload", self.upload),
            Route("POST", "/project_y/file/upload", "file_upload", "upload", self.upload_file),
        )

    async def upload(self, call: Incoming) -> web.StreamResponse:
        data, fields = await form_of(call, PICTURES, "file_name")
        if not fields["file_name"]:
            raise invalid("file_name", "file_name must not be empty")
        await _check_picture(data)
        prefix = "upload_" if self._site.dialect.document else "media_"
        return web.json_response({"id": _keep(self._site.memory.uploads, prefix, data)})

    async def upload_file(self, call: Incoming) -> web.StreamResponse:
        data, fields = await form_of(call, PICTURES, "use_case")
        uses = ("profile",) if self._site.dialect.document else ("profile", "inpaint_safe")
        if fields["use_case"] not in uses:
            raise invalid("use_case", f"use_case must be one of {', '.join(uses)}")
        await _check_picture(data)
        if fields["use_case"] == "inpaint_safe":
            file_id = _keep(self._site.memory.uploads, "file_", data)
            return web.json_response({"file_id": file_id, "asset_pointer": f"sediment://{file_id}", "size": len(data)})
        return web.json_response({"asset_pointer": _keep(self._site.memory.pointers, "asset_ptr_", data)})


async def form_of(call: Incoming, kinds: tuple[str, ...], *names: str) -> tuple[bytes, Fields]:
    """The one file of a form, and its texts: exactly these."""
    request = call.request
    if request.content_type != "multipart/form-data":
        raise Refusal(400, "Content-Type must be multipart/form-data.", param="Content-Type")
    fields = await read_fields(request)
    data: Any = fields.pop("file", None)
    part = (await request.post()).get("file")
    if not isinstance(part, web.FileField) or not isinstance(data, bytes) or not data:
        raise invalid("file", "file is required, as a file that is not empty")
    if part.content_type not in kinds:
        raise invalid("file", f"the file must be {', '.join(kinds)}, not {part.content_type}")
    if set(fields) != set(names) or not all(isinstance(value, str) for value in fields.values()):
        raise invalid("file", f"the form takes file and {', '.join(names)}, not {', '.join(sorted(fields)) or 'file'}")
    return data, fields


async def _check_picture(data: bytes) -> None:
    check_image_size("file", data)
    from ...render.picture import load

    try:
        await asyncio.to_thread(load, data)
    except ValueError as error:
        raise invalid("file", f"{error}") from error


def _keep(store: Recent[bytes], prefix: str, data: bytes) -> str:
    name = f"{prefix}{secrets.token_hex(12)}"
    store[name] = data
    return name
