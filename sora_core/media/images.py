"""Images on their way to a server."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from ..models import Upload

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FITS = ("crop", "letterbox", "stretch")
LEAST_SIDE = 16  # pixels
MOST_SIDE = 16_384  # pixels
MOST_ASPECT = 10  # the longer side over the shorter one
_AS_IS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
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
            png = _encoded(image.convert("RGB"), "PNG", compress_level=1)
            return Upload(png, "image/png", "reference.png", hashlib.sha256(data).hexdigest())
    except UnidentifiedImageError as error:
        raise InvalidRequest(f"{path} is not an image that can be read.") from error
    except (Image.DecompressionBombError, Warning, SyntaxError, ValueError) as error:
        raise InvalidRequest(f"The image {path} is damaged or absurdly large: {error}.") from error
    except OSError as error:
        raise InvalidRequest(f"The image {path} cannot be read: {error.strerror or error}.") from error


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
        smaller, note = _within(upright.convert("RGB"), bytes_limit)
    return replace(smaller, made_from=upload.identity), note


def references_from_tensor(images: Any, needs: ImageNeeds, fit: str) -> list[Reference]:
    """Fits and encodes a batch: float tensor [B,H,W,C], 0..1, with 1, 3 or 4 channels (alpha goes on black).

    Equal pixels, size and fit give uploads of equal identity. Raises InvalidRequest for what no server could use.
    """
    batch = _checked(images, fit)
    return [_reference(_picture(image), needs, fit) for image in batch]


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
        raise InvalidRequest(f"The fit '{fit}' is not known; allowed: {', '.join(FITS)}.")
    batch = images[None] if images.ndim == 3 else images
    if batch.ndim != 4 or not len(batch) or batch.shape[-1] not in (1, 3, 4):
        raise InvalidRequest(
            f"The image has the shape {list(images.shape)}; an IMAGE is [batch, height, width, channels] "
            "with at least one picture and 1, 3 or 4 channels."
        )
    height, width = int(batch.shape[1]), int(batch.shape[2])
    longer, shorter = max(width, height), min(width, height)
    what = f"The image has {width}x{height} pixels"
    if shorter < LEAST_SIDE:
        raise InvalidRequest(f"{what}; each side must have at least {LEAST_SIDE}.")
    if longer > MOST_SIDE:
        raise InvalidRequest(f"{what}; no side may have more than {MOST_SIDE}. Scale it down first.")
    if longer > MOST_ASPECT * shorter:
        raise InvalidRequest(
            f"{what}; one side may be at most {MOST_ASPECT} times the other. Cut out the part that matters first."
        )
    return batch


def _picture(image: Any) -> Picture:
    """One [H,W,C] tensor as RGB; not-a-number is black."""
    from PIL import Image

    pixels = image.detach().cpu().float().nan_to_num(nan=0.0, posinf=1.0, neginf=0.0).clamp(0, 1)
    if pixels.shape[-1] == 4:
        pixels = pixels[..., :3] * pixels[..., 3:]
    elif pixels.shape[-1] == 1:
        pixels = pixels.expand(-1, -1, 3)
    return Image.fromarray((pixels * 255).round().byte().contiguous().numpy(), "RGB")


def _reference(picture: Picture, needs: ImageNeeds, fit: str) -> Reference:
    fitted = fit_picture(picture, needs.width, needs.height, fit)
    upload, encoding = _within(fitted, needs.bytes_limit)
    size = f"{picture.width}x{picture.height}"
    if fitted is not picture:
        size += f" → {needs.width}x{needs.height} ({fit})"
    return Reference(replace(upload, made_from=_identity(picture, needs, fit)), fitted, f"reference {size}, {encoding}")


def _identity(picture: Picture, needs: ImageNeeds, fit: str) -> str:
    """Of the pixels before they are fitted and encoded: another Pillow or zlib makes other bytes of them."""
    wanted = (needs.width, needs.height)
    how = f"RGB {picture.size}" if picture.size == wanted else f"RGB {picture.size} {fit} {wanted}"
    return hashlib.sha256(how.encode() + b"\n" + picture.tobytes()).hexdigest()


def _within(picture: Picture, bytes_limit: int) -> tuple[Upload, str]:
    """PNG, quickly; JPEG of falling quality where that is too large."""
    data = _encoded(picture, "PNG", compress_level=1)
    if len(data) <= bytes_limit:
        return Upload(data, "image/png", "reference.png"), f"PNG {_mebibytes(data)}"
    for quality in _JPEG_QUALITIES:
        data = _encoded(picture, "JPEG", quality=quality)
        if len(data) <= bytes_limit:
            note = (
                f"JPEG quality {quality} {_mebibytes(data)}, as PNG is over the limit of {bytes_limit / 2**20:.1f} MiB"
            )
            return Upload(data, "image/jpeg", "reference.jpeg"), note
    raise InvalidRequest(
        f"The image of {picture.width}x{picture.height} pixels takes {_mebibytes(data)} even as a coarse JPEG; "
        f"up to {bytes_limit / 2**20:.1f} MiB can be sent. Ask for a smaller size."
    )


def _encoded(picture: Picture, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _mebibytes(data: bytes) -> str:
    return f"{len(data) / 2**20:.1f} MiB"
