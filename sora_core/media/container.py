"""What can be known of a video file, and written into it, without decoding a picture."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from ..errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

C2PA_BOX = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_FIRST_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"uuid"}
_NOT_VIDEO = {b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"crx ", b"M4A ", b"M4B "}
_NOT_TAGS = {"major_brand", "minor_version", "compatible_brands"}  # of the file type box, which the muxer writes


def sniff(head: bytes) -> str | None:
    """What starts with these bytes (12 or more): "mp4" (QuickTime too), "webm" (Matroska too), or None: no video."""
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp":
        return None if brand in _NOT_VIDEO else "mp4"
    if kind in _FIRST_BOXES and head[:4] != b"\0\0\0\0":
        return "mp4"
    return "webm" if head.startswith(_EBML) else None


def has_content_credentials(path: Path) -> bool:
    """Whether the file carries a C2PA store, which signs its bytes. Reads box headers only."""
    with path.open("rb") as stream:
        if sniff(stream.read(64)) != "mp4":
            return False
        for box in _boxes(stream):
            if box.kind == b"uuid" and stream.read(16) == C2PA_BOX:
                return True
            if box.kind == b"jumb" and b"c2pa" in stream.read(256):
                return True
    return False


def missing_bytes(path: Path) -> int:
    """How many bytes the container announces beyond the end of the file; 0 for a whole one."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        kind = sniff(stream.read(64))
        if kind == "mp4":
            return max([0, *(box.end - size for box in _boxes(stream))])
        if kind == "webm":
            return max(0, _segment_end(stream) - size)
    return 0


def stray_bytes(path: Path) -> int:
    """How many bytes behind the last fragment of an MP4 are no box; 0 for a file without fragments."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        if sniff(stream.read(64)) != "mp4":
            return 0
        boxes = list(_boxes(stream))
    return size - boxes[-1].end if any(box.kind == b"moof" for box in boxes) else 0


@contextmanager
def av_errors(what: str) -> Iterator[None]:
    """The one place where errors of PyAV become ours."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        raise MediaError(f"{what}: {error.strerror or error}.") from error
    except MemoryError as error:
        raise MediaError(f"{what}: out of memory.") from error


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Opens an MP4 or WebM, nothing else: a playlist or an image is none, whatever it is named. Raises MediaError."""
    import av

    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror or error}.") from error
    kind = sniff(head)
    if kind is None:
        raise MediaError(f"{path.name} is neither MP4 nor WebM; it starts with {head[:16]!r}.")
    with (
        av_errors(f"{path.name} cannot be read as a video"),
        av.open(str(path), format=kind, metadata_errors="replace") as container,
    ):
        yield container


def embed_metadata(source: Path, target: Path, metadata: Mapping[str, object]) -> None:
    """Copies all streams to ``target``, without encoding, and overlays the tags as ComfyUI's SaveVideo does.

    A text is written as it is, any other value as JSON. Raises MediaError, for a file that breaks off
    too: its copy would hold less than the file. ``target`` is then gone.
    """
    try:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    except (TypeError, ValueError) as error:
        raise MediaError(f"The metadata cannot be written as JSON: {error}.") from error
    if target.exists() and source.exists() and target.samefile(source):
        raise MediaError(f"{source.name} cannot be copied onto itself.")
    try:
        with open_video(source) as original, _create(target, _muxer(source)) as copy:
            if missing := missing_bytes(source):
                raise MediaError(f"{source.name} ends {missing} bytes too early to be copied.")
            own = {key: value for key, value in original.metadata.items() if key not in _NOT_TAGS}
            copy.metadata.update({**own, **texts})
            _copy_streams(original, copy)
    except MediaError:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def _create(path: Path, muxer: str) -> Iterator[OutputContainer]:
    import av

    options = {"movflags": "use_metadata_tags+faststart"} if muxer in ("mp4", "mov") else {}
    with av_errors(f"{path.name} cannot be written"), av.open(str(path), "w", format=muxer, options=options) as copy:
        yield copy


def _muxer(source: Path) -> str:
    with source.open("rb") as stream:
        head = stream.read(64)
    if sniff(head) == "mp4":
        return "mov" if head[4:12] == b"ftypqt  " or head[4:8] != b"ftyp" else "mp4"
    return "webm" if b"webm" in head else "matroska"


def _copy_streams(original: InputContainer, copy: OutputContainer) -> None:
    twins: dict[int, Stream] = {}
    for stream in original.streams:
        if stream.type in ("video", "audio", "subtitle"):
            twin = copy.add_stream_from_template(stream, opaque=True)
            twin.metadata.update(stream.metadata)
            twins[stream.index] = twin
    for packet in original.demux([stream for stream in original.streams if stream.index in twins]):
        if packet.dts is not None:
            packet.stream = twins[packet.stream.index]
            copy.mux(packet)


@dataclass(frozen=True)
class _Box:
    kind: bytes
    end: int


def _boxes(stream: BinaryIO) -> Iterator[_Box]:
    """Top-level boxes of an MP4; the stream stands at the start of each one's content."""
    size = stream.seek(0, 2)
    start = 0
    while start + 8 <= size:
        stream.seek(start)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if length == 1:
            wide = stream.read(8)
            length = struct.unpack(">Q", wide)[0] if len(wide) == 8 else 0
        elif length == 0:  # the last box: up to the end of the file
            length = size - start
        if length < 8 or kind == b"\0\0\0\0":
            return
        yield _Box(kind, start + length)
        start += length


def _segment_end(stream: BinaryIO) -> int:
    """Where the Segment of a Matroska file ends; 0 when it does not say."""
    stream.seek(4)
    header = _vint(stream)
    stream.seek(header or 0, 1)
    if header is None or stream.read(4) != _SEGMENT:
        return 0
    length = _vint(stream)
    return 0 if length is None else stream.tell() + length


def _vint(stream: BinaryIO) -> int | None:
    first = stream.read(1)
    if not first or first == b"\0":
        return None
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> extra)]) + stream.read(extra), "big")
    return None if value == (1 << 7 * (extra + 1)) - 1 else value  # all ones: live, length unknown
