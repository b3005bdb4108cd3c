"""Pictures on the server: the same content is put there once for as long as the connection is open."""

from __future__ import annotations

import asyncio

from ...errors import BadResponse
from ...models import Effect, Upload
from ...transport import Call, Http
from .._answers import normalize


class Uploads:
    """The ids of what was uploaded, by content hash. Lives in the engine's loop."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def id_of(self, http: Http, image: Upload) -> str:
        """Uploads it, which is free, unless that was done. Raises BadResponse for an answer without an id."""
        async with self._locks.setdefault(image.sha256, asyncio.Lock()):
            if image.sha256 not in self._ids:
                self._ids[image.sha256] = await _upload(http, image)
            return self._ids[image.sha256]

    def forget(self) -> None:
        """The server refused a request: it may no longer know what was uploaded."""
        self._ids.clear()


async def _upload(http: Http, image: Upload) -> str:
    form, files = {"file_name": image.filename}, (("file", image),)
    reply = await http.send(Call("POST", "/uploads", Effect.IDEMPOTENT, form=form, files=files, timeout=180))
    upload_id = normalize.text_of(normalize.dig(normalize.parse(reply.body), "id"))
    if not upload_id:
        raise BadResponse("sora_web.server_took_image_but_answer")
    return upload_id
