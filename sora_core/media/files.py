"""Files of delivered videos and pictures: where they go, streaming them there, and never a half one under its name."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ..clock import Clock
from ..errors import (
    AuthError,
    InvalidRequest,
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
from ..models import Destination
from ..transport import Call, Http
from ..transport.redact import redact
from .kind import VIDEO, Kind

log = logging.getLogger(__name__)

FREE_BYTES_NEEDED = 256 * 2**20
_STALE_LINK = (JobNotFound, NotReady, RequestRejected)
_PASSING = (NetworkError, Overloaded, RateLimited, ServerError)
_MAX_FRUITLESS = 6
_LONGEST_WAIT_SECONDS = 120.0
_HEAD_BYTES = 64


def check_destination(destination: Destination) -> None:
    """Raises InputError unless a file can be written there. Called before anything is paid."""
    folder = destination.folder
    if destination.exact and destination.exact.exists():
        raise InvalidRequest(f"{destination.exact} exists already; name another file or move it away.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".sora-{os.getpid()}.tmp"
        probe.write_bytes(b"0")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(f"The output folder {folder} cannot be written: {error.strerror or error}.") from error
    if free < FREE_BYTES_NEEDED:
        raise StorageError(
            f"The disk of {folder} has {free / 2**20:.0f} MiB left; a file needs {FREE_BYTES_NEEDED / 2**20:.0f} MiB."
        )


def part_path(folder: Path, job_id: str) -> Path:
    """Where a job's bytes gather until they are whole; found again after a restart."""
    return folder / f".{job_id}.part"


def write_part(part: Path, data: bytes, kind: Kind = VIDEO) -> None:
    """A file that came in one piece; ``part`` is there when all of it is. Raises MediaError, StorageError."""
    if kind.sniff(data[:_HEAD_BYTES]) is None:
        raise MediaError(f"The server sent no {kind.word}: {_describe(data[:200])}")
    try:
        with _unfinished(part).open("wb") as stream:
            stream.write(data)
            os.fsync(stream.fileno())
        _unfinished(part).replace(part)
    except OSError as error:
        raise StorageError(f"{part.parent} cannot be written: {error.strerror or error}.") from error


def next_path(destination: Destination, suffix: str, announce: Callable[[Path], None] = lambda path: None) -> Path:
    """The first free name, as ComfyUI counts: stem_00001_.mp4. The name is taken by creating it empty.

    ``announce`` hears of it right before, so that a crash leaves no empty file that nobody knows.
    """
    for path in _names(destination, suffix):
        announce(path)
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            continue
    raise StorageError(f"{destination.exact} has come up since the job began and is not overwritten; move it away.")


def _names(destination: Destination, suffix: str) -> Iterator[Path]:
    if destination.exact:
        if not destination.exact.exists():
            yield destination.exact
        return
    pattern = re.compile(re.escape(destination.stem) + r"_(\d+)_?\.")
    taken = (pattern.match(path.name) for path in destination.folder.iterdir())
    first = max((int(match[1]) for match in taken if match), default=0) + 1
    yield from (destination.folder / f"{destination.stem}_{number:05}_{suffix}" for number in itertools.count(first))


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def is_intact(path: str | None, *, size: int | None, sha256: str | None) -> bool:
    """Whether the file is there, byte for byte as it was hashed."""
    try:
        return bool(path) and Path(path or "").stat().st_size == size and sha256_of(Path(path or "")) == sha256
    except OSError:
        return False


def place(
    part: Path,
    destination: Destination,
    *,
    planned: str | None,
    plan: Callable[[Path, str, int], None],
    kind: Kind = VIDEO,
) -> Path:
    """Moves a whole download under its name: checked, with metadata, hashed.

    ``plan`` is told name, hash and size before the name is taken; ``planned`` is the name that an earlier
    walk took and did not fill. Content credentials (C2PA) sign the bytes, so a file that carries them is
    kept as it is. Raises MediaError for what is not of that kind.
    """
    try:
        kind.probe(part)
    except MediaError:
        part.unlink(missing_ok=True)  # the next try downloads it afresh
        raise
    try:
        finished = _with_metadata(part, destination, kind)
        with finished.open("rb+") as stream:
            suffix = f".{kind.sniff(stream.read(_HEAD_BYTES))}"
            os.fsync(stream.fileno())
        sha256, size = sha256_of(finished), finished.stat().st_size
        path = Path(planned) if planned else None
        if path and path.is_file() and path.stat().st_size == 0:
            plan(path, sha256, size)
        else:
            path = next_path(destination, suffix, lambda name: plan(name, sha256, size))
        finished.replace(path)
        discard(part)
    except OSError as error:
        raise StorageError(f"{destination.folder} cannot be written: {error.strerror or error}.") from error
    return path


def discard(part: Path) -> None:
    """Removes what gathered for a file that is in its place."""
    for path in (part, _tagged(part), _unfinished(part)):
        path.unlink(missing_ok=True)


def _unfinished(part: Path) -> Path:
    return part.with_suffix(".new.part")


def _tagged(part: Path) -> Path:
    return part.with_suffix(".tagged.part")


def _with_metadata(part: Path, destination: Destination, kind: Kind) -> Path:
    if not destination.metadata or kind.is_signed(part):
        return part
    tagged = _tagged(part)
    try:
        kind.embed(part, tagged, destination.metadata)
    except MediaError as error:
        log.warning("the workflow could not be embedded, the file is kept without it: %s", error.message)
        tagged.unlink(missing_ok=True)
        return part
    return tagged


def write_sidecar(video: Path, facts: Mapping[str, Any]) -> None:
    """Provenance beside the file, as JSON: ids, prompt, hash, times. Never a secret."""
    text = json.dumps(facts, indent=1, ensure_ascii=False).encode("utf-8", "replace")
    temporary = video.with_name(f".{video.stem}.json.tmp")
    try:
        temporary.write_bytes(text)
        temporary.replace(video.with_suffix(".json"))
    except OSError as error:
        raise StorageError(f"{video.with_suffix('.json')} cannot be written: {error.strerror or error}.") from error


class Source(Protocol):
    """Gives the call that reads the bytes; with ``refresh`` it asks the job for a new link first."""

    def __call__(self, *, refresh: bool) -> Awaitable[Call]: ...


class Download:
    """One file, streamed to ``part`` and resumed by Range until it is whole.

    ``validator`` is the ETag or date that the bytes in ``part`` belong to; a changed file starts over.
    """

    def __init__(
        self,
        http: Http,
        part: Path,
        *,
        clock: Clock,
        validator: str | None,
        on_validator: Callable[[str | None], None],
        on_bytes: Callable[[int, int | None], None],
        kind: Kind = VIDEO,
    ) -> None:
        self._kind = kind
        self._http = http
        self._part = part
        self._clock = clock
        self._validator = validator
        self._on_validator = on_validator
        self._on_bytes = on_bytes

    async def run(self, source: Source) -> None:
        """Raises MediaError for what is of another kind, ServiceError when it cannot be had for now."""
        fruitless, refresh = 0, False
        while True:
            before = self._size()
            try:
                if await self._attempt(await source(refresh=refresh)):
                    return
                error: SoraError = NetworkError("The download ended before the file was whole.")
                refresh = False
            except AuthError as caught:
                if refresh:
                    raise  # a fresh link was refused too: the key is the trouble
                error, refresh = caught, True
            except _STALE_LINK as caught:
                error, refresh = caught, True
            except _PASSING as caught:
                error, refresh = caught, False
            fruitless = 0 if self._size() > before else fruitless + 1
            if fruitless >= _MAX_FRUITLESS:
                raise error
            if fruitless:
                await self._clock.sleep(min(error.retry_after or 0.5 * 2.0**fruitless, _LONGEST_WAIT_SECONDS))

    def _size(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    async def _attempt(self, call: Call) -> bool:
        """One pass over the wire; True when the file is whole."""
        offset = self._size() if self._validator else 0
        headers = {**call.headers, "accept-encoding": "identity"}
        if offset and self._validator:
            headers |= {"range": f"bytes={offset}-", "if-range": self._validator}
        async with self._http.stream(replace(call, headers=headers)) as response:
            if response.status_code == 416:
                if response.headers.get("content-range", "") == f"bytes */{offset}":
                    return True  # nothing was missing
                self._start_over(None)
                return False
            if response.status_code not in (200, 206):
                raise await self._http.judge_stream(response)
            start, total = _extent(response.status_code, response.headers)
            validator = _validator(response.headers)
            # some servers ignore If-Range and go on with another file
            if response.status_code == 206 and (start != offset or validator not in (None, self._validator)):
                self._start_over(None)
                return False
            if response.status_code == 200:
                self._start_over(validator)
            return await self._copy(response.aiter_bytes(), start, total)

    async def _copy(self, chunks: AsyncIterator[bytes], written: int, total: int | None) -> bool:
        try:
            # unbuffered: what has arrived is on the disk when the process dies
            with self._part.open("ab", buffering=0) as stream:
                async for chunk in _with_whole_head(chunks):
                    if written == 0 and self._kind.sniff(chunk[:_HEAD_BYTES]) is None:
                        raise MediaError(f"The server sent no {self._kind.word}: {_describe(chunk)}")
                    stream.write(chunk)
                    written += len(chunk)
                    self._on_bytes(written, total)
        except OSError as error:
            raise StorageError(f"{self._part.parent} cannot be written: {error.strerror or error}.") from error
        if written == 0:
            raise MediaError(f"The server sent no {self._kind.word}: 0 bytes.")
        if total is None:
            return True
        if written > total:
            self._start_over(None)
        return written == total

    def _start_over(self, validator: str | None) -> None:
        self._part.unlink(missing_ok=True)  # first: old bytes must never lie under a new validator
        self._validator = validator
        self._on_validator(validator)


def _validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range can name: a strong tag, else the date."""
    tag = headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("last-modified") or None


async def _with_whole_head(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes; the first chunk is long enough to tell what they are."""
    head = b""
    async for chunk in chunks:
        if len(head) >= _HEAD_BYTES:
            yield chunk
            continue
        head += chunk
        if len(head) >= _HEAD_BYTES:
            yield head
    if 0 < len(head) < _HEAD_BYTES:
        yield head


def _extent(status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Where the body starts in the file, and the file's length; None when the server does not say."""
    if status == 206:
        match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        if match:
            return int(match[1]), None if match[2] == "*" else int(match[2])
        return -1, None
    length = headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() else None


def _describe(chunk: bytes) -> str:
    text = " ".join(chunk[:200].decode("utf-8", errors="replace").split())
    printable = "".join(char for char in text if char.isprintable())
    return redact(printable[:120]) or f"{len(chunk)} bytes"
