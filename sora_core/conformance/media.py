"""References that can be told apart, and what an engine sees of them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import av
import numpy as np
from PIL import Image

from ..media.references import clip_upload, sound_upload
from ..models import Upload

LARGE_CLIP = 3 * 2**20  # bytes: more than fits into a field of a form


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def media_of(picture: Upload, clip: bytes) -> dict[str, tuple[str, Upload]]:
    """By the recipes' words: the field of the request, and what is in it."""
    drawn = io.BytesIO()
    Image.new("RGB", (96, 64), (200, 30, 30)).save(drawn, "PNG")
    other = Upload(drawn.getvalue(), "image/png", "last.png")
    padding = LARGE_CLIP.to_bytes(4, "big") + b"free" + bytes(LARGE_CLIP - 8)  # a box that players skip
    sound = sound_upload([[0.0, 0.5, -0.5, 1.0] * 200], 8000)
    return {
        "first": ("images", picture),
        "second": ("images", other),
        "last": ("last_frame", other),
        "clip": ("clips", clip_upload(clip + padding)),
        "sound": ("sounds", sound),
    }


def pixels_of(upload: Upload) -> tuple[str, ...]:
    """Of a picture that was decoded on the way; none for other media."""
    if not upload.media_type.startswith("image/"):
        return ()
    with Image.open(io.BytesIO(upload.data)) as image:
        return (digest(image.convert("RGB").tobytes()),)


def drawn_clip(path: Path) -> bytes:
    """A second of growing light, as MP4, for a server that has to hand out a video."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for shade in range(8):
            picture = np.full((64, 64, 3), 20 * shade, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path.read_bytes()
