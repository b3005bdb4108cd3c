"""Images on their way to a server."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..models import Upload
from ..texts import size_of
from .picture import as_rgb
from .png import encode_png

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as Picture

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]

FITS = ("crop", "letterbox", "stretch")
LEAST_SIDE = 16  # pixels
MOST_SIDE = 16_384  # pixels
MOST_ASPECT = 10  # the longer side over the shorter one
_AS_IS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_CHUNK_BYTES = 2**18  # of floats at a time, which stay in a core's own cache
_EXIF_ORIENTATION = 0x0112
_JPEG_QUALITIES = (95, 88, 80, 70, 55)


@dataclass(frozen=True)
class ImageNeeds:
    """What a profile wants of a reference image: its size in pixels, and the most bytes it may have."""

    width: int
    height: int
    bytes_limit: int


@dataclass(frozen=True)
class Reference:
    """An image as it will be sent. ``note`` says in words what became of it."""

    upload: Upload
    picture: Picture
    note: str


def upload_from_file(path: Path) -> Upload:
    """The file as it is where servers read its format, else as PNG. Raises InvalidRequest."""
    from PIL import Image, UnidentifiedImageError

    try:
        data = path.read_bytes()
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("error")
            image.load()
            if image.format in _AS_IS:
                return Upload(data, _AS_IS[image.format], f"reference.{image.format.lower()}")
            return Upload(
                encode_png(_bytes_of(as_rgb(image))), "image/png", "reference.png", hashlib.sha256(data).hexdigest()
            )
    except UnidentifiedImageError as error:
        raise InvalidRequest("media.not_image_can_read", path=path) from error
    except (Image.DecompressionBombError, Warning, SyntaxError, ValueError) as error:
        raise InvalidRequest("media.image_damaged_or_absurdly_large", path=path, error=error) from error
    except OSError as error:
        raise InvalidRequest("media.image_cannot_read", path=path, reason=error.strerror or error) from error


def within_limit(upload: Upload, bytes_limit: int) -> tuple[Upload, str]:
    """The image encoded in at most that many bytes, and what became of it in words; as it is where it is small enough.

    Raises InvalidRequest when it cannot be made small enough.
    """
    if len(upload.data) <= bytes_limit:
        return upload, ""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(upload.data)) as image:
        # a photo that is stored on its side says so in a note, which is lost
        upright = ImageOps.exif_transpose(image) or image
        smaller, note = _within(as_rgb(upright), bytes_limit)
    return replace(smaller, made_from=upload.identity), note


def upload_fitted(path: Path, needs: ImageNeeds, fit: str, *, own_shape: bool = False) -> tuple[Upload, str]:
    """The file as it is where that is what the profile wants, else turned upright, fitted and encoded; what was done.

    With ``own_shape`` it is turned, and keeps its size. Raises InvalidRequest for what no server could use.
    """
    from PIL import Image, ImageOps

    if fit not in FITS:
        raise InvalidRequest("media.fit_not_known_allowed", fit=fit, fits=", ".join(FITS))
    upload = upload_from_file(path)
    with Image.open(io.BytesIO(upload.data)) as image:
        upright = ImageOps.exif_transpose(image) or image
        if own_shape:
            needs = replace(needs, width=upright.width, height=upright.height)
        is_upright = image.getexif().get(_EXIF_ORIENTATION, 1) == 1
        if is_upright and upright.size == (needs.width, needs.height):
            return within_limit(upload, needs.bytes_limit)
        _check_size(*upright.size)
        reference = _reference(_bytes_of(as_rgb(upright)), needs, fit)
    return reference.upload, reference.note


def references_from_tensor(images: Any, needs: ImageNeeds, fit: str) -> list[Reference]:
    """Fits and encodes a batch: float tensor [B,H,W,C], 0..1, with 1, 3 or 4 channels (alpha goes on black).

    Bytes (uint8) go from 0 to 255. Equal pixels, size and fit give uploads of equal identity. Raises
    InvalidRequest for what no server could use.
    """
    batch = _checked(images, fit)
    with ThreadPoolExecutor(min(len(batch), os.cpu_count() or 1), thread_name_prefix="sora-images") as pool:
        return list(pool.map(lambda image: _reference(_pixels(image), needs, fit), batch))


def fit_picture(picture: Picture, width: int, height: int, fit: str) -> Picture:
    """An RGB picture of that size: cut at the sides (crop), with black bars (letterbox), or out of shape (stretch)."""
    from PIL import Image

    if picture.size == (width, height):
        return picture
    if fit == "stretch":
        return picture.resize((width, height), Image.Resampling.LANCZOS)
    across, down = width / picture.width, height / picture.height
    if fit == "crop":
        scale = max(across, down)
        cut_x = (picture.width - width / scale) / 2
        cut_y = (picture.height - height / scale) / 2
        box = (max(cut_x, 0), max(cut_y, 0), picture.width - max(cut_x, 0), picture.height - max(cut_y, 0))
        return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)
    scale = min(across, down)
    inner = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    canvas = Image.new("RGB", (width, height))
    canvas.paste(picture.resize(inner, Image.Resampling.LANCZOS), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def _checked(images: Any, fit: str) -> Any:
    if fit not in FITS:
        raise InvalidRequest("media.fit_not_known_allowed", fit=fit, fits=", ".join(FITS))
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim != 4 or not len(batch) or batch.shape[-1] not in (1, 3, 4):
        raise InvalidRequest("media.image_has_shape_image_batch", shape=list(images.shape))
    kind = str(images.dtype).removeprefix("torch.")
    if not images.is_floating_point() and kind != "uint8":
        raise InvalidRequest("media.image_made_image_has_floats", kind=kind)
    _check_size(int(batch.shape[2]), int(batch.shape[1]))
    return batch


def _check_size(width: int, height: int) -> None:
    longer, shorter = max(width, height), min(width, height)
    what = f"The image has {width}x{height} pixels"
    if shorter < LEAST_SIDE:
        raise InvalidRequest("media.each_side_must_have_at", what=what, least_side=LEAST_SIDE)
    if longer > MOST_SIDE:
        raise InvalidRequest("media.no_side_may_have_more", what=what, most_side=MOST_SIDE)
    if longer > MOST_ASPECT * shorter:
        raise InvalidRequest("media.one_side_may_at_most", what=what, most_aspect=MOST_ASPECT)


def _pixels(image: Any) -> Bytes:
    """One [H,W,C] tensor as RGB bytes [H,W,3]; not-a-number is black."""
    import numpy as np

    values = image.detach().cpu().contiguous()
    floats = (values.float() if values.is_floating_point() else values.float() / 255).numpy()
    height, width, channels = floats.shape
    pixels = np.empty((height, width, 3), np.uint8)
    step = max(1, _CHUNK_BYTES // (width * channels * 4))
    for top in range(0, height, step):
        part = np.fmin(np.fmax(floats[top : top + step], 0), 1)  # unlike clip they drop not-a-number
        if channels == 4:
            part = part[..., :3] * part[..., 3:]
        part *= 255
        np.copyto(pixels[top : top + step], np.rint(part, out=part), casting="unsafe")
    return pixels


def _reference(pixels: Bytes, needs: ImageNeeds, fit: str) -> Reference:
    from PIL import Image

    picture = Image.fromarray(pixels)
    fitted = fit_picture(picture, needs.width, needs.height, fit)
    upload, encoding = _within(fitted, needs.bytes_limit)
    size = f"{picture.width}x{picture.height}"
    if fitted is not picture:
        size += f" → {needs.width}x{needs.height} ({fit})"
    identity = _identity(pixels, picture.size, needs, fit)
    return Reference(replace(upload, made_from=identity), fitted, f"reference {size}, {encoding}")


def _identity(pixels: Bytes, size: tuple[int, int], needs: ImageNeeds, fit: str) -> str:
    """Of the pixels before they are fitted and encoded: another Pillow or zlib makes other bytes of them."""
    wanted = (needs.width, needs.height)
    how = f"RGB {size}" if size == wanted else f"RGB {size} {fit} {wanted}"
    digest = hashlib.sha256(how.encode() + b"\n")
    digest.update(pixels.data)
    return digest.hexdigest()


def _bytes_of(picture: Picture) -> Bytes:
    import numpy as np

    return np.asarray(picture)


def _within(picture: Picture, bytes_limit: int) -> tuple[Upload, str]:
    """PNG, quickly; JPEG of falling quality where that is too large."""
    data = encode_png(_bytes_of(picture))
    if len(data) <= bytes_limit:
        return Upload(data, "image/png", "reference.png"), f"PNG {size_of(len(data))}"
    for quality in _JPEG_QUALITIES:
        data = _jpeg(picture, quality)
        if len(data) <= bytes_limit:
            note = f"JPEG quality {quality} {size_of(len(data))}, as PNG is over the limit of {size_of(bytes_limit)}"
            return Upload(data, "image/jpeg", "reference.jpeg"), note
    raise InvalidRequest(
        "media.image_x_pixels_takes_even",
        width=picture.width,
        height=picture.height,
        data=size_of(len(data)),
        bytes_limit=size_of(bytes_limit),
    )


def _jpeg(picture: Picture, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
