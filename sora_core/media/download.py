"""A file from a server to the disk: placed by what each answer says, resumed, never a half one taken for a whole."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from ..clock import Clock
from ..errors import (
    AuthError,
    BadResponse,
    JobNotFound,
    MediaError,
    NetworkError,
    NotReady,
    Overloaded,
    RateLimited,
    RequestRejected,
    ServerError,
    SoraError,
    StorageError,
)
from ..texts import size_of
from ..transport import Call, Http, Reply
from ..transport.packing import DRIP_BYTES, coding_of, steady, unpacked
from .container import HEAD_BYTES
from .kind import VIDEO, Kind, described
from .placing import damaged_path, write_part
from .threads import in_file_thread

if TYPE_CHECKING:
    import httpx

UNSIZED_LIMIT_BYTES = 8 * 2**30  # of a file whose length nobody says
TEXT_LIMIT_BYTES = 64 * 2**20  # of what comes in the place of a file
_STALE_LINK = (JobNotFound, NotReady, RequestRejected)
_PASSING = (NetworkError, Overloaded, RateLimited, ServerError)
_MAX_FRUITLESS = 6
_MAX_UNUSABLE = 3  # times that what came was no sound file
_MAX_HOPS = 5  # from one answer that names an address to the next
_LONGEST_WAIT_SECONDS = 120.0
_STEP_BYTES = 2**20
_CONTENT_RANGE = re.compile(r"\s*bytes[ =](\d+)-(\d+)/(\d+|\*)\s*", re.IGNORECASE)


class Source(Protocol):
    """Gives the call that reads the bytes; with ``refresh`` it asks the job for a new link first."""

    def __call__(self, *, refresh: bool) -> Awaitable[Call]: ...


@dataclass(frozen=True)
class Extent:
    """Which bytes of its file a body is, by the answer's own word: ``start`` to ``end`` (the first after it) of
    ``total``; None where it does not say."""

    start: int
    end: int | None = None
    total: int | None = None


def extent_of(status: int, headers: Mapping[str, str]) -> Extent | None:
    """None for a part that does not say which."""
    length = headers.get("content-length", "")
    # a length counts the bytes on the wire, which are others than the file's where they are packed
    size = int(length) if length.isdecimal() and not coding_of(headers) else None
    if status != 206:
        return Extent(0, size, size)
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if not match:
        return None
    start, end = int(match[1]), int(match[2]) + 1
    total = None if match[3] == "*" else int(match[3])
    return Extent(start, end, total) if start < end <= (total or end) else None


class Download:
    """One file, streamed to ``part`` and resumed by Range until it is whole and sound.

    ``validator`` is the ETag or date that the bytes in ``part`` belong to; a changed file starts over. ``read``
    makes a call, or the file itself, of an answer that is none (JSON with a link); ``check`` raises MediaError for
    a file that is not sound.
    """

    def __init__(
        self,
        http: Http,
        part: Path,
        *,
        clock: Clock,
        validator: str | None,
        on_validator: Callable[[str | None], Awaitable[object]],
        on_bytes: Callable[[int, int | None], None],
        read: Callable[[Reply], Call | bytes | None] = lambda reply: None,
        check: Callable[[Path], object] = lambda path: None,
        kind: Kind = VIDEO,
    ) -> None:
        self._http = http
        self._part = part
        self._clock = clock
        self._validator = validator
        self._on_validator = on_validator
        self._on_bytes = on_bytes
        self._read = read
        self._check = check
        self._kind = kind
        self._digest, self._hashed = hashlib.sha256(), 0  # of so many bytes from the start
        self._elsewhere: Call | None = None  # where an answer said that the file is
        self._in_parts: int | None = None  # total of a file of which the server only ever sends a part
        self._unsound: list[str] = []  # hashes of whole files that were not

    async def run(self, source: Source) -> str:
        """The SHA-256 of the part, which is whole and sound then.

        Raises MediaError for what is of another kind or damaged, ServiceError when it cannot be had for now.
        """
        fruitless, unusable, refresh, furthest = 0, 0, False, self._size()
        while True:
            error: SoraError
            try:
                if await self._attempt(self._elsewhere or await source(refresh=refresh)):
                    await self._check_whole()
                    return self._digest.hexdigest()
                error, refresh = NetworkError("media.download_ended_before_file_whole"), False
            except (AuthError, BadResponse) as caught:
                if refresh:
                    raise  # a fresh link was refused too: the key is the trouble, or what stands at the address
                error, refresh = caught, True
            except _STALE_LINK as caught:
                error, refresh = caught, True
            except _PASSING as caught:
                error, refresh = caught, False
            except MediaError as caught:
                error, refresh, unusable = caught, True, unusable + 1
            if refresh:
                self._elsewhere = None
            # bytes that were there before, or a few, are no progress: it would go on for ever
            has_grown = self._size() >= furthest + DRIP_BYTES
            furthest = max(furthest, self._size())
            fruitless = 0 if has_grown else fruitless + 1
            if fruitless >= _MAX_FRUITLESS or unusable >= _MAX_UNUSABLE or len(set(self._unsound)) < len(self._unsound):
                raise error
            if fruitless:
                await self._clock.sleep(min(error.retry_after or 0.5 * 2.0**fruitless, _LONGEST_WAIT_SECONDS))

    def _size(self) -> int:
        try:
            return self._part.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    async def _attempt(self, call: Call) -> bool:
        """Over as many addresses as answers name; True when the file is whole."""
        for _ in range(_MAX_HOPS):
            outcome = await self._pass(call)
            if isinstance(outcome, bool):
                return outcome
            self._elsewhere = call = outcome
        raise MediaError("media.server_points_from_one_address")

    async def _pass(self, call: Call) -> bool | Call:
        """One answer: True when the file is whole, a call when the answer names another address."""
        if call.path.startswith("data:"):
            return self._write(_inline(call.path))
        offset = self._size() if self._validator or self._in_parts else 0
        headers = {**call.headers, "accept-encoding": "identity"}
        if offset:
            headers |= {"range": f"bytes={offset}-", **({"if-range": self._validator} if self._validator else {})}
        async with self._http.stream(replace(call, headers=headers)) as response:
            if response.status_code == 416:
                return await self._end_at(offset, response.headers)
            if response.status_code not in (200, 203, 206):
                raise await self._http.judge_stream(response)
            extent = extent_of(response.status_code, response.headers)
            if extent is None and not offset:
                extent = extent_of(200, response.headers)
            if extent is None or (extent.start and not self._goes_on(extent, response.headers)):
                await self._start_over(None)
                return False
            return await self._receive(response, extent)

    def _goes_on(self, extent: Extent, headers: Mapping[str, str]) -> bool:
        """Whether a part that begins in the middle fits to what is here. Some servers ignore If-Range and go on with
        another file; what is packed has other bytes."""
        same = _validator(headers) in (None, self._validator) and self._in_parts in (None, extent.total)
        return extent.start <= self._size() and same and not coding_of(headers)

    async def _receive(self, response: httpx.Response, extent: Extent) -> bool | Call:
        wire = unpacked(self._http.wire(response), coding_of(response.headers))
        chunks = _with_whole_head(steady(wire, self._clock))
        first = await anext(chunks, b"")
        if extent.start == 0:
            # not before: an error page in the place of the file must not cost what is here already
            if self._kind.sniff(first[:HEAD_BYTES]) is None:
                return await self._read_answer(response, first, chunks)
            await self._start_over(None if coding_of(response.headers) else _validator(response.headers))
        await self._copy(first, chunks, extent)
        self._in_parts = None
        if extent.end is None:
            return True
        if self._size() == extent.end < (extent.total or 0):
            self._in_parts = extent.total
        return self._size() == extent.end == (extent.total or extent.end)

    async def _read_answer(self, response: httpx.Response, first: bytes, chunks: AsyncIterator[bytes]) -> bool | Call:
        """What came in the place of the file: where it is, or the file in other clothes. Raises MediaError."""
        body = bytearray(first)
        async for chunk in chunks:
            body += chunk
            if len(body) > TEXT_LIMIT_BYTES:
                break
        found = self._read(self._http.reply(response, bytes(body)))
        if found is None:
            raise MediaError("media.server_sent_no", word=self._kind.word, body=described(bytes(body[:HEAD_BYTES])))
        return found if isinstance(found, Call) else self._write(found)

    def _write(self, data: bytes) -> bool:
        """A file that came inside of something else."""
        write_part(self._part, data, self._kind)
        self._digest, self._hashed = hashlib.sha256(data), len(data)
        return True

    async def _end_at(self, offset: int, headers: Mapping[str, str]) -> bool:
        """The server has no byte from there on: nothing was missing, or it has another file."""
        if headers.get("content-range", "") == f"bytes */{offset}":
            await self._hash_up_to(offset)
            return True
        await self._start_over(None)
        return False

    async def _copy(self, first: bytes, chunks: AsyncIterator[bytes], extent: Extent) -> None:
        await self._hash_up_to(extent.start)
        written = told = extent.start
        try:
            self._make_room(extent)
            # unbuffered: what has arrived is on the disk when the process dies
            with self._part.open("ab", buffering=0) as stream:
                stream.truncate(extent.start)
                async for chunk in _chained(first, chunks):
                    written += len(chunk)
                    await self._check_bounds(written, extent)
                    _write_all(stream, chunk)
                    self._digest.update(chunk)
                    self._hashed = written
                    if written - told >= _STEP_BYTES or told == extent.start:
                        told = written
                        self._on_bytes(written, extent.total)
        except OSError as error:
            raise self._unwritable(error) from error
        self._on_bytes(written, extent.total)

    def _make_room(self, extent: Extent) -> None:
        """The folder, and the space on its disk where it is known how much is needed. Raises OSError, StorageError."""
        folder = self._part.parent
        folder.mkdir(parents=True, exist_ok=True)
        free, needed = shutil.disk_usage(folder).free, (extent.end or 0) - extent.start
        if needed > free:
            raise StorageError("media.disk_has_mib_left_mib", folder=folder, free=size_of(free), needed=size_of(needed))

    async def _check_bounds(self, written: int, extent: Extent) -> None:
        if extent.end is not None and written > extent.end:
            await self._start_over(None)
            raise NetworkError("media.server_sent_more_bytes_than")
        if extent.end is None and written > UNSIZED_LIMIT_BYTES:
            await self._start_over(None)
            raise MediaError("media.server_sent_more_than_gib", unsized_limit_bytes=size_of(UNSIZED_LIMIT_BYTES))

    async def _hash_up_to(self, size: int) -> None:
        if self._hashed != size:
            self._digest, self._hashed = await in_file_thread(_hash_of_start, self._part, size), size

    async def _check_whole(self) -> None:
        """Raises MediaError for a file that is whole and no sound one, its bytes are kept beside; and StorageError."""
        try:
            await in_file_thread(self._check, self._part)
        except MediaError as error:
            self._unsound.append(self._digest.hexdigest())
            kept = await self._keep_damaged()
            again = "The server sent the same bytes again. " if len(self._unsound) > 1 else ""
            raise MediaError("media.what_came_kept_as", reason=error.message, again=again, kept=kept) from error
        except OSError as error:
            raise self._unwritable(error) from error

    async def _keep_damaged(self) -> Path:
        try:
            with self._part.open("rb") as stream:
                suffix = self._kind.sniff(stream.read(HEAD_BYTES)) or "bin"
            kept = damaged_path(self._part, suffix)
            self._part.replace(kept)
        except OSError as error:
            raise self._unwritable(error) from error
        await self._start_over(None)
        return kept

    async def _start_over(self, validator: str | None) -> None:
        try:
            self._part.unlink(missing_ok=True)  # first: old bytes must never lie under a new validator
        except OSError as error:
            raise self._unwritable(error) from error
        self._digest, self._hashed = hashlib.sha256(), 0
        self._validator = validator
        self._in_parts = None
        await self._on_validator(validator)

    def _unwritable(self, error: OSError) -> StorageError:
        return StorageError("media.cannot_written", parent=self._part.parent, reason=error.strerror or error)


def _validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range can name: a strong tag, else the date."""
    tag = headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("last-modified") or None


async def _with_whole_head(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes; the first chunk is long enough to tell what they are."""
    head = b""
    async for chunk in chunks:
        if len(head) >= HEAD_BYTES:
            yield chunk
            continue
        head += chunk
        if len(head) >= HEAD_BYTES:
            yield head
    if 0 < len(head) < HEAD_BYTES:
        yield head


async def _chained(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


def _write_all(stream: BinaryIO, chunk: bytes) -> None:
    """An unbuffered file may take less than it is given, on a disk that is filling up."""
    done = stream.write(chunk)
    while done < len(chunk):
        done += stream.write(chunk[done:])


def _hash_of_start(path: Path, size: int) -> hashlib._Hash:
    digest = hashlib.sha256()
    if size:
        with path.open("rb") as stream:
            while size and (chunk := stream.read(min(size, _STEP_BYTES))):
                digest.update(chunk)
                size -= len(chunk)
    return digest


def _inline(url: str) -> bytes:
    """The bytes of a data URI. Raises MediaError."""
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except ValueError as error:
        raise MediaError("media.server_s_answer_holds_file", error=error) from error
