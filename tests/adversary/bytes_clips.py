"""Good files for the bytes side, in any container."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def made(folder: Path, form: str = "mp4", codec: str = "libx264", frames: int = 30, **options: str) -> bytes:
    """A clip of noise: some hundred kilobytes."""
    path = folder / f"made.{form}"
    with av.open(str(path), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.gop_size = 10
        for number in range(frames):
            picture = np.random.default_rng(number).integers(0, 255, (192, 320, 3), np.uint8)
            picture[:, : number * 5] = 40
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()
