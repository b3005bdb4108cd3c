"""An answer that may be too large for the memory: it goes to the disk as it comes. JSON stays small, files do not."""

from __future__ import annotations

import binascii
import mmap
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..errors import BadResponse, StorageError
from ..texts import size_of

REPLY_LIMIT_BYTES = 64 * 2**20
FILE_LIMIT_BYTES = 16 * 2**30
HEAD_BYTES = 1024
_IN_MEMORY_BYTES = 2**20
_STEP_BYTES = 4 * 2**20
# a JSON text that is nothing but base64, and long: a file. Some servers escape the slash.
_INLINE = re.compile(rb'"(?:data:[^",]{0,200};base64,)?([A-Za-z0-9+/=\\]{65536,})"')


@dataclass(frozen=True)
class Filed:
    """One of the files that an answer was or held; ``head`` are its first bytes."""

    path: Path
    head: bytes = field(repr=False)


class Spool:
    """Takes a body as it comes. With a ``path``, what is large goes there; without one, it is refused."""

    def __init__(self, path: Path | None, where: str) -> None:
        self._path = path
        self._where = where
        self._body = bytearray()
        self._size = 0
        self._stream: BinaryIO | None = None

    def add(self, chunk: bytes) -> None:
        """Raises BadResponse for more than is taken, StorageError."""
        self._size += len(chunk)
        limit = FILE_LIMIT_BYTES if self._path else REPLY_LIMIT_BYTES
        if self._size > limit:
            raise self._too_large(limit)
        try:
            if self._path and not self._stream and self._size > _IN_MEMORY_BYTES:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("wb")
                self._stream.write(self._body)
            if self._stream:
                self._stream.write(chunk)
            else:
                self._body += chunk
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self) -> tuple[bytes, tuple[Filed, ...]]:
        """The body, and the files that it was or held, in order. Of those, the body is what is around them. Blocks.

        Raises BadResponse, StorageError.
        """
        if not self._stream or not self._path:
            return bytes(self._body), ()
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            if bytes(self._body[:HEAD_BYTES]).lstrip()[:1] not in (b"{", b"["):
                head = bytes(self._body[:HEAD_BYTES])
                return head, (Filed(self._path, head),)
            return self._take_out(self._path)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        if self._stream:
            self._stream.close()

    def _take_out(self, path: Path) -> tuple[bytes, tuple[Filed, ...]]:
        """The JSON without the files in it, and these: the first in the JSON's place, the others beside it."""
        heads: list[bytes] = []
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
            spans = [match.span(1) for match in _INLINE.finditer(text)]
            if len(text) - sum(end - start for start, end in spans) > REPLY_LIMIT_BYTES:
                raise self._too_large(REPLY_LIMIT_BYTES)
            edges = [0, *(edge for span in spans for edge in span), len(text)]
            around = b"".join(text[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2))
            try:
                for number, (start, end) in enumerate(spans):
                    heads.append(_decode(text, start, end, _decoded(path, number)))
            except binascii.Error as error:
                raise BadResponse("transport.file_answer_from_no_base", where=self._where, error=error) from error
        places = [path, *(path.with_suffix(f".{number}.part") for number in range(1, len(heads)))]
        for number, place in enumerate(places[: len(heads)]):
            _decoded(path, number).replace(place)
        return around, tuple(map(Filed, places, heads))

    def _too_large(self, limit: int) -> BadResponse:
        return BadResponse("transport.answer_from_larger_than_mib", where=self._where, limit=size_of(limit))

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError("transport.answer_from_cannot_written", where=self._where, reason=error.strerror or error)


def _decoded(path: Path, number: int) -> Path:
    return path.with_suffix(f".{number}.decoded")


def _decode(text: mmap.mmap, start: int, end: int, target: Path) -> bytes:
    """Writes what the base64 between ``start`` and ``end`` stands for; its first bytes. Raises binascii.Error."""
    head, rest = b"", b""
    with target.open("wb") as stream:
        for at in range(start, end, _STEP_BYTES):
            signs = rest + text[at : min(at + _STEP_BYTES, end)].replace(b"\\", b"")
            whole = len(signs) - len(signs) % 4
            rest = signs[whole:]
            data = binascii.a2b_base64(signs[:whole])
            head = head or data[:HEAD_BYTES]
            stream.write(data)
        if rest:
            raise binascii.Error("it ends in the middle of a group")
        stream.flush()
        os.fsync(stream.fileno())
    return head
