"""Serves a finished file: ranges, validators, HEAD, and the faults that concern a download."""

from __future__ import annotations

import asyncio
import email.utils
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from .faults import Taken

_CHUNK_BYTES = 256 * 1024
_SLOW_STEP_SECONDS = 0.05


class FileAnswer(web.StreamResponse):
    """A file, sent when the server is ready for it (as aiohttp's FileResponse does).

    Not FileResponse itself: that one takes an ``If-Range`` with an ETag for no condition at all and would
    continue a download with the bytes of another file.
    """

    def __init__(self, path: Path, content_type: str, etag: str, taken: Taken) -> None:
        super().__init__(headers={hdrs.ACCEPT_RANGES: "bytes", hdrs.ETAG: f'"{etag}"'})
        self.content_type = content_type
        self._path = path
        self._tag = f'"{etag}"'
        self._taken = taken

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        stat = await asyncio.to_thread(self._path.stat)
        modified = email.utils.formatdate(stat.st_mtime, usegmt=True)
        self.headers[hdrs.LAST_MODIFIED] = modified
        first, stop = self._select(request, stat.st_size, modified)
        if self.status != web.HTTPRequestRangeNotSatisfiable.status_code and self.status != 304:
            self.content_length = stop - first
        writer = await super().prepare(request)
        if request.method != hdrs.METH_HEAD and first < stop:
            await self._send(request, first, stop)
        return writer

    def _select(self, request: web.BaseRequest, size: int, modified: str) -> tuple[int, int]:
        """The bytes to send, [first, stop); sets the status and its headers."""
        if request.headers.get(hdrs.IF_NONE_MATCH) in (self._tag, "*"):
            self.set_status(304)
            return 0, 0
        condition = request.headers.get(hdrs.IF_RANGE)
        if condition is not None and condition not in (self._tag, modified):
            return 0, size
        try:
            wanted = request.http_range
        except ValueError:
            return self._unsatisfiable(size)
        if wanted.start is None and wanted.stop is None:
            return 0, size
        first, stop, _ = wanted.indices(size)
        if first >= stop:
            return self._unsatisfiable(size)
        self.set_status(206)
        self.headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{stop - 1}/{size}"
        return first, stop

    def _unsatisfiable(self, size: int) -> tuple[int, int]:
        self.set_status(416)
        self.headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
        self.content_length = 0
        return 0, 0

    async def _send(self, request: web.BaseRequest, first: int, stop: int) -> None:
        answer = self._taken.answer
        cut = stop if answer is None or answer.do != "truncate" else min(first + answer.byte_count, stop)
        with self._path.open("rb") as file:
            async for chunk in _chunks(file, first, cut, self._taken.bytes_per_second):
                await self.write(chunk)
        if cut < stop and request.transport is not None:
            request.transport.close()  # after what was written has left: the client sees all of those bytes


async def _chunks(file: BinaryIO, first: int, stop: int, bytes_per_second: float | None) -> AsyncIterator[bytes]:
    file.seek(first)
    left = stop - first
    step = _CHUNK_BYTES if bytes_per_second is None else max(int(bytes_per_second * _SLOW_STEP_SECONDS), 1)
    while left > 0:
        chunk = await asyncio.to_thread(file.read, min(step, left))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk
        if bytes_per_second is not None and left:
            await asyncio.sleep(len(chunk) / bytes_per_second)


def noise(byte_count: int, content_type: str) -> web.Response:
    """Bytes that are nothing, announced as something; the same every time."""
    body = random.Random(byte_count).randbytes(byte_count)  # noqa: S311 - noise, not a secret
    return web.Response(body=body, content_type=content_type)
