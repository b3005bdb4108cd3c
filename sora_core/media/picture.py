"""What can be known of a picture file, and written into it, without decoding and encoding it again."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MediaError

if TYPE_CHECKING:
    import torch

_PNG = b"\x89PNG\r\n\x1a\n"
_FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 200_000_000


def sniff_picture(head: bytes) -> str | None:
    """What starts with these bytes (12 or more): "png", "jpg", "webp", or None: none of them."""
    if head.startswith(_PNG):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of a picture that can be decoded to its end. Raises MediaError."""
    from PIL import Image

    try:
        with Image.open(path, formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise MediaError(f"{path.name} has {picture.width}x{picture.height} pixels; no more is decoded.")
            picture.load()
            return picture.width, picture.height
    except (OSError, SyntaxError, EOFError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path.name} is no whole PNG, JPEG or WebP picture: {error}.") from error


def picture_tensor(path: Path) -> torch.Tensor:
    """The picture as ComfyUI's IMAGE: [1,H,W,3], float32, 0..1, upright. Raises MediaError."""
    import numpy
    import torch
    from PIL import Image, ImageOps

    picture_size(path)
    with Image.open(path, formats=_FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    return torch.from_numpy(numpy.asarray(upright, dtype=numpy.float32) / 255.0)[None]


def has_picture_credentials(path: Path) -> bool:
    """Whether the file carries a C2PA store, which signs its bytes."""
    data = path.read_bytes()
    kind = sniff_picture(data)
    if kind == "png":
        return any(name == b"caBX" for name, _ in _chunks(data))
    if kind == "webp":
        return b"C2PA" in _riff_names(data)
    return b"JP" in data and any(b"jumb" in body and b"c2pa" in body for body in _app11(data))


def embed_text(source: Path, target: Path, metadata: Mapping[str, object]) -> None:
    """Copies a PNG to ``target`` with text chunks as ComfyUI's SaveImage writes them; its other bytes stay.

    A text is written as it is, any other value as JSON. Raises MediaError where the format has no place for it.
    """
    data = source.read_bytes()
    if sniff_picture(data) != "png":
        raise MediaError("only a PNG has a place for it")
    try:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    except (TypeError, ValueError) as error:
        raise MediaError(f"The metadata cannot be written as JSON: {error}.") from error
    first, start = next(_chunks(data), (b"", 0))
    if first != b"IHDR":
        raise MediaError(f"{source.name} does not begin as a PNG does.")
    end = start + 13 + 4
    target.write_bytes(b"".join((data[:end], *(_text_chunk(key, text) for key, text in texts.items()), data[end:])))


def _text_chunk(key: str, text: str) -> bytes:
    try:
        name, body = b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        name, body = b"iTXt", key.encode("latin-1", "replace") + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _chunks(png: bytes) -> Iterator[tuple[bytes, int]]:
    """Name of every chunk and where its content starts."""
    at = len(_PNG)
    while at + 8 <= len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        yield name, at + 8
        at += 12 + int(length)


def _riff_names(webp: bytes) -> set[bytes]:
    names, at = set(), 12
    while at + 8 <= len(webp):
        name, length = struct.unpack_from("<4sI", webp, at)
        names.add(name)
        at += 8 + int(length) + int(length) % 2
    return names


def _app11(jpeg: bytes) -> Iterator[bytes]:
    """The contents of the segments that JUMBF boxes lie in; they come before the picture."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        if jpeg[at + 1] == 0xEB:
            yield jpeg[at + 4 : at + 2 + length]
        at += 2 + length
