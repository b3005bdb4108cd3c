"""What can be known of a video file, and written into it, without decoding a picture."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from ..errors import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

C2PA_BOX = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
HEAD_BYTES = 1024  # enough of a file to tell what it is

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_FIRST_BOXES = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"uuid"}
_FIRST_OF_OLD = {b"moov", b"mdat", b"wide", b"pnot"}  # QuickTime before it had brands
_NOT_VIDEO = {b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"crx ", b"M4A ", b"M4B "}
_NOT_TAGS = {"major_brand", "minor_version", "compatible_brands"}  # of the file type box, which the muxer writes
_ANIMATED = 0x02  # of the flags of a WebP
_SIGNS = {
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"FLV\x01": "flv",
    b"OggS\0": "ogv",
    b"\0\0\x01\xba": "mpg",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"): "wmv",
}
_SYNC, _PACKETS = 0x47, ((0, 188), (4, 192))  # MPEG-TS: where the first packet starts, how long each is

# suffix -> FFmpeg's name for reading it; what is not in here is kept, but not decoded
_DEMUXERS = {
    "mp4": "mp4", "mov": "mov", "webm": "webm", "mkv": "matroska", "ts": "mpegts", "avi": "avi", "gif": "gif",
    "flv": "flv", "ogv": "ogg", "mpg": "mpeg", "wmv": "asf",
}  # fmt: skip
# those with a place for the workflow, and FFmpeg's name for writing it
_MUXERS = {"mp4": "mp4", "mov": "mov", "webm": "webm", "mkv": "matroska"}
_BOXED = ("mp4", "mov")
_TICK_SECONDS = 0.0015  # Matroska counts in milliseconds


def sniff(head: bytes) -> str | None:
    """The suffix of the video that starts with these bytes (``HEAD_BYTES``, or all there are); None: no video.

    "mp4", "mov", "webm", "mkv", "ts", "avi", "gif", "flv", "ogv", "mpg", "wmv" or "webp" (an animated one).
    """
    if head.startswith(_EBML):
        return "mkv" if b"matroska" in head[:64] else "webm"
    if head.startswith(b"RIFF"):
        return _sniff_riff(head)
    if sign := next((sign for sign in _SIGNS if head.startswith(sign)), None):
        return _SIGNS[sign]
    return _sniff_boxes(head) or ("ts" if _is_transport_stream(head) else None)


def _sniff_boxes(head: bytes) -> str | None:
    kind, brand = head[4:8], head[8:12]
    if kind == b"ftyp":
        return None if brand in _NOT_VIDEO else "mov" if brand == b"qt  " else "mp4"
    if kind not in _FIRST_BOXES or head[:4] == b"\0\0\0\0":
        return None
    return "mov" if kind in _FIRST_OF_OLD else "mp4"


def _sniff_riff(head: bytes) -> str | None:
    if head[8:12] == b"AVI ":
        return "avi"
    is_animated = head[8:16] == b"WEBPVP8X" and len(head) > 20 and head[20] & _ANIMATED
    return "webp" if is_animated else None


def _is_transport_stream(head: bytes) -> bool:
    """Whether a sync byte begins every packet; two packets at the least."""
    for start, length in _PACKETS:
        signs = head[start::length]
        if len(signs) > 1 and set(signs) == {_SYNC}:
            return True
    return False


def has_content_credentials(path: Path) -> bool:
    """Whether the file carries a C2PA store, which signs its bytes. Reads box headers only."""
    with path.open("rb") as stream:
        if sniff(stream.read(HEAD_BYTES)) not in _BOXED:
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
        head = stream.read(HEAD_BYTES)
        kind = sniff(head)
        if kind in _BOXED:
            return max([0, *(box.end - size for box in _boxes(stream))])
        if kind in ("webm", "mkv"):
            return max(0, _segment_end(stream) - size)
        if kind in ("avi", "webp"):
            return int(max(0, 8 + struct.unpack("<I", head[4:8])[0] - size))
    return 0


def stray_bytes(path: Path) -> int:
    """How many bytes behind the last fragment of an MP4 are no box; 0 for a file without fragments."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        if sniff(stream.read(HEAD_BYTES)) not in _BOXED:
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
        raise MediaError("media.said", what=what, reason=error.strerror or error) from error
    except MemoryError as error:
        raise MediaError("media.out_memory", what=what) from error
    except (ValueError, TypeError, NotImplementedError, OverflowError) as error:  # of PyAV's own checks
        raise MediaError("media.said", what=what, reason=error) from error


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Opens a video, nothing else: a playlist or a still is none, whatever it is named. Raises MediaError."""
    import av

    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError("media.cannot_read", path=path, reason=error.strerror or error) from error
    kind = sniff(head)
    if kind is None:
        raise MediaError("media.neither_mp_nor_webm_starts", path=path.name, head=head[:16])
    if kind not in _DEMUXERS:
        raise MediaError("media.animated_webp_cannot_decoded_here", path=path.name)
    with (
        av_errors(f"{path.name} cannot be read as a video"),
        av.open(str(path), format=_DEMUXERS[kind], metadata_errors="replace") as container,
    ):
        yield container


def embed_metadata(source: Path, target: Path, metadata: Mapping[str, object]) -> None:
    """Copies all streams to ``target``, without encoding, and overlays the tags as ComfyUI's SaveVideo does.

    A text is written as it is, any other value as JSON. The copy is read again and held against the source,
    packet by packet: one that differs in any is none. Raises MediaError; ``target`` is then gone.
    """
    try:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    except (TypeError, ValueError, RecursionError) as error:
        raise MediaError("media.metadata_cannot_written_as_json", error=error) from error
    if target.exists() and source.exists() and target.samefile(source):
        raise MediaError("media.cannot_copied_onto_itself", source=source.name)
    try:
        _copy(source, target, texts)
        if not _same(contents(source), contents(target)):
            raise MediaError("media.copy_does_not_hold_what", source=source.name)
    except MediaError:
        target.unlink(missing_ok=True)
        raise


def _copy(source: Path, target: Path, texts: Mapping[str, str]) -> None:
    with source.open("rb") as stream:
        kind = sniff(stream.read(HEAD_BYTES)) or ""
    if kind not in _MUXERS:
        raise MediaError("media.file_kind_has_no_place", kind=kind or "unknown")
    if missing := missing_bytes(source):
        raise MediaError("media.ends_bytes_too_early_copied", source=source.name, missing=missing)
    with open_video(source) as original, _create(target, _MUXERS[kind]) as copy:
        own = {key: value for key, value in original.metadata.items() if key not in _NOT_TAGS}
        copy.metadata.update({**own, **{key: _plain(text) for key, text in texts.items()}})
        _copy_streams(original, copy)


def _plain(text: str) -> str:
    """What a tag can hold: no half characters, and nothing behind an end."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


@contextmanager
def _create(path: Path, muxer: str) -> Iterator[OutputContainer]:
    import av

    options = {"movflags": "use_metadata_tags+faststart"} if muxer in _BOXED else {}
    with av_errors(f"{path.name} cannot be written"), av.open(str(path), "w", format=muxer, options=options) as copy:
        yield copy


def _copy_streams(original: InputContainer, copy: OutputContainer) -> None:
    twins: dict[int, Stream] = {}
    for stream in original.streams:
        if stream.type in ("video", "audio", "subtitle"):
            twin = copy.add_stream_from_template(stream, opaque=True)
            twin.metadata.update(stream.metadata)
            twins[stream.index] = twin
    for packet in original.demux([stream for stream in original.streams if stream.index in twins]):
        if packet.size:  # the last of each stream is empty and only ends it
            packet.stream = twins[packet.stream.index]
            copy.mux(packet)


@dataclass(frozen=True)
class StreamContent:
    """One stream without its container. ``sha256`` is of all packets, lengths included; ``times`` are theirs in the
    order of display, in seconds since the first of the file."""

    codec: str
    packets: int
    sha256: str
    times: tuple[float, ...] = field(repr=False)


def contents(path: Path) -> list[StreamContent]:
    """Every stream of the file, packet by packet. Raises MediaError."""
    with open_video(path) as container:
        digests = {stream.index: hashlib.sha256() for stream in container.streams}
        times: dict[int, list[float]] = {index: [] for index in digests}
        for packet in container.demux():
            if packet.size:
                digests[packet.stream.index].update(packet.size.to_bytes(8, "big"))
                digests[packet.stream.index].update(packet)
                seconds = 0.0 if packet.pts is None else float(packet.pts * (packet.time_base or 0))
                times[packet.stream.index].append(seconds)
        first = min((min(each) for each in times.values() if each), default=0.0)
        return [
            StreamContent(
                stream.codec_context.name if stream.codec_context else stream.type,
                len(times[stream.index]),
                digests[stream.index].hexdigest(),
                tuple(sorted(each - first for each in times[stream.index])),
            )
            for stream in container.streams
        ]


def _same(ones: list[StreamContent], others: list[StreamContent]) -> bool:
    """Whether the streams are the same, to the byte and to the tick of a coarser clock."""
    facts = [[(each.codec, each.packets, each.sha256) for each in streams] for streams in (ones, others)]
    if facts[0] != facts[1]:
        return False
    pairs = (pair for one, other in zip(ones, others, strict=True) for pair in zip(one.times, other.times, strict=True))
    return all(abs(one - other) <= _TICK_SECONDS for one, other in pairs)


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
