"""What can be known of a picture file, and written into it, without decoding and encoding it again."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MediaError
from ..texts import size_of
from .memory import BUDGET_SHARE, available_bytes
from .png import SIGNATURE as _PNG

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image as Picture

_FORMATS = ("PNG", "JPEG", "WEBP")
_DEEP_MODES = ("I", "F")  # one channel of 16 or 32 bits
MAX_PIXELS = 100_000_000
_MAX_SCANNED = 1_000_000_000  # pixels that the scans of a progressive JPEG paint, one over the other
_DECODED_BYTES = 4  # of a pixel, at most, in each of the formats


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
                raise MediaError(
                    "media.has_x_pixels_no_more", path=path.name, width=picture.width, height=picture.height
                )
            refuse_if_too_big(path, picture.width * picture.height)
            picture.load()
            return picture.width, picture.height
    except (OSError, SyntaxError, EOFError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError("media.no_whole_png_jpeg_or", path=path.name, error=error) from error


def refuse_if_too_big(path: Path, pixels: int) -> None:
    """Raises MediaError, before anything is decoded, for what would take more memory or time than it may."""
    # the file is read whole, too: by Pillow, and here
    need, budget = pixels * _DECODED_BYTES + 2 * path.stat().st_size, int(available_bytes() * BUDGET_SHARE)
    if need > budget:
        raise MediaError("media.picture_needs_more_than", path=path.name, need=size_of(need), budget=size_of(budget))
    data = path.read_bytes()
    scans = data.count(b"\xff\xda") if sniff_picture(data[:12]) == "jpg" else 1
    if scans * pixels > max(_MAX_SCANNED, 16 * pixels):
        raise MediaError("media.picture_of_many_scans", path=path.name, scans=scans)


def picture_tensor(path: Path, *, byte_budget: int | None = None) -> torch.Tensor:
    """The picture as ComfyUI's IMAGE: [1,H,W,3], float32, 0..1, upright, of 16 bits where it has them.

    Raises MediaError, too for one that is larger than the budget (default: 70 % of the available memory).
    """
    import numpy
    import torch
    from PIL import Image, ImageOps

    width, height = picture_size(path)
    budget = int(available_bytes() * BUDGET_SHARE) if byte_budget is None else byte_budget
    need = width * height * 3 * (4 + 1)  # the floats, and the bytes they are made of
    if need > budget:
        raise MediaError(
            "media.has_x_pixels_needs_mib",
            path=path.name,
            width=width,
            height=height,
            need=size_of(need),
            budget=size_of(budget),
            path2=path,
        )
    with Image.open(path, formats=_FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture) or picture
        if upright.mode.startswith(_DEEP_MODES):
            deep = numpy.asarray(upright).astype(numpy.float32) / _deep_white(upright)
            return torch.from_numpy(numpy.repeat(deep[..., None], 3, axis=-1))[None]
        values = numpy.asarray(upright.convert("RGB"))
    return torch.from_numpy(numpy.multiply(values, numpy.float32(1 / 255), dtype=numpy.float32))[None]


def pictures_tensor(paths: Sequence[Path]) -> torch.Tensor:
    """The first picture and those of its size as one batch [B,H,W,3], each as `picture_tensor` reads it.

    Raises MediaError.
    """
    import torch

    first, *others = (picture_tensor(path) for path in paths)
    return torch.cat([first, *(other for other in others if other.shape == first.shape)])


def as_rgb(picture: Picture) -> Picture:
    """The picture in 8-bit RGB; Pillow itself makes white of all that is deeper. Raises ValueError for floats."""
    import numpy
    from PIL import Image

    if not picture.mode.startswith(_DEEP_MODES):
        return picture.convert("RGB")
    white = _deep_white(picture)
    grey = numpy.rint(numpy.asarray(picture).astype(numpy.float32) * (255 / white)).clip(0, 255)
    return Image.fromarray(grey.astype(numpy.uint8)).convert("RGB")


def _deep_white(picture: Picture) -> int:
    """The value that is white. Raises ValueError where the picture does not tell: of floats and of 32 bits."""
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        return 2**16 - 1
    raise ValueError(f"it has values of 32 bits (mode {picture.mode}), of which none is known to be white")


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
        raise MediaError("media.only_png_has_place")
    try:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    except (TypeError, ValueError) as error:
        raise MediaError("media.metadata_cannot_written_as_json", error=error) from error
    first, start = next(_chunks(data), (b"", 0))
    if first != b"IHDR":
        raise MediaError("media.does_not_begin_as_png", source=source.name)
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
