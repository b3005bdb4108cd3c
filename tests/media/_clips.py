"""Real clips, made with PyAV: small, and known to the last sample."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

# luma weights of red and blue, by the number that H.273 gives the matrix
MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
UNTAGGED = 2
TV, PC = 1, 2


def yuv(rgb: np.ndarray, *, matrix: int = 6, full: bool = False, bits: int = 8) -> np.ndarray:
    """Planes [3,H,W] of an image [H,W,3] in 0..255, by the textbook."""
    red_weight, blue_weight = MATRICES[6 if matrix == UNTAGGED else matrix]
    red, green, blue = np.moveaxis(rgb.astype(np.float64) / 255, -1, 0)
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    chroma = (blue - luma) / (2 * (1 - blue_weight)), (red - luma) / (2 * (1 - red_weight))
    top, unit = 2**bits - 1, 2 ** (bits - 8)
    if full:
        planes = [luma * top, *(part * top + 128 * unit for part in chroma)]
    else:
        planes = [luma * 219 * unit + 16 * unit, *(part * 224 * unit + 128 * unit for part in chroma)]
    return np.clip(np.rint(planes), 0, top).astype(np.uint16 if bits > 8 else np.uint8)


def frame_of(rgb: np.ndarray, pix_fmt: str, *, matrix: int, full: bool) -> av.VideoFrame:
    bits = 10 if "10" in pix_fmt else 8
    planes = yuv(rgb, matrix=matrix, full=full, bits=bits)
    height, width = rgb.shape[:2]
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows, columns = -(-height // plane.height), -(-width // plane.width)
        small = values[np.minimum(np.arange(plane.height * rows), height - 1), ::columns]
        small = np.rint(small.reshape(plane.height, rows, -1).mean(1)).astype(values.dtype)  # sited at the left
        line = np.zeros((plane.height, plane.line_size), np.uint8)
        line[:, : plane.width * values.itemsize] = np.ascontiguousarray(small).view(np.uint8)
        plane.update(line.tobytes())
    return frame


def scene(width: int, height: int, index: int = 0) -> np.ndarray:
    """Gradients, soft noise, a hard edge that moves and rows of letters: [H,W,3] uint8."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([columns * 255 / width, rows * 255 / height, 255 - columns * 255 / width], -1)
    noise = np.random.default_rng(index).normal(0, 12, (height // 4 + 1, width // 4 + 1, 3))
    image[: height // 2] += noise.repeat(4, 0).repeat(4, 1)[: height // 2, :width]
    left = 7 * index % width
    image[height // 3 : height // 2, left : left + width // 5] = (230, 30, 60)
    glyphs = np.random.default_rng(1).integers(0, 2, (5, width // 3)).repeat(2, 0).repeat(2, 1)[:, :width]
    bottom = image[-len(glyphs) - 4 : -4, : glyphs.shape[1]]
    bottom[glyphs > 0] = 250
    return np.clip(image, 0, 255).astype(np.uint8)


def flat(width: int, height: int, color: Sequence[int]) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def beeps(seconds: float, *, rate: int = 44100, channels: int = 2, at: Sequence[float] = (0.0,)) -> np.ndarray:
    """Silence [C,T] with a loud click of 20 ms at each time; every channel has a loudness of its own."""
    sound = np.zeros((channels, round(seconds * rate)), np.float32)
    for start in at:
        length = min(rate // 50, sound.shape[1] - round(start * rate))
        tone = np.sin(np.arange(length) * 2 * np.pi * 1000 / rate)
        for channel in range(channels):
            sound[channel, round(start * rate) : round(start * rate) + length] = tone * 0.9 / (channel + 1)
    return sound


def write_clip(
    path: Path,
    images: Iterable[np.ndarray],
    *,
    fps: int | Fraction = 10,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    matrix: int = UNTAGGED,
    tagged: int | None = None,
    full: bool = False,
    times_ms: Sequence[int] | None = None,
    sound: np.ndarray | None = None,
    sound_rate: int = 44100,
    sound_codec: str = "aac",
    sound_from: float = 0.0,
    container: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """Writes the images at the constant rate ``fps``, or each at its own of ``times_ms``.

    ``tagged`` lies about the colour matrix; ``sound`` [C,T] starts ``sound_from`` seconds after the first picture.
    """
    images = iter(images)
    first = next(images)
    with av.open(str(path), "w", options=container or {}) as output:
        output.metadata.update(tags or {})
        video = output.add_stream(codec, rate=fps, options=options or ({"qp": "0"} if codec == "libx264" else {}))
        video.height, video.width = first.shape[:2]
        video.pix_fmt = pix_fmt
        label = matrix if tagged is None else tagged
        if label != UNTAGGED:
            video.codec_context.colorspace = label
        if full or matrix != UNTAGGED:
            video.codec_context.color_range = PC if full else TV
        if times_ms:
            video.codec_context.time_base = Fraction(1, 1000)
        audio = None
        if sound is not None:
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(sound)]
            audio = output.add_stream(sound_codec, rate=sound_rate, layout=layout)
        for index, image in enumerate(itertools.chain([first], images)):
            frame = frame_of(image, pix_fmt, matrix=matrix, full=full)
            frame.colorspace, frame.color_range = label, PC if full else (0 if matrix == UNTAGGED else TV)
            frame.pts = times_ms[index] if times_ms else index
            frame.time_base = Fraction(1, 1000) if times_ms else 1 / Fraction(fps)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None and sound is not None:
            samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", audio.layout.name)
            samples.sample_rate, samples.time_base = sound_rate, Fraction(1, sound_rate)
            samples.pts = round(sound_from * sound_rate)
            fitting = av.AudioResampler(audio.codec_context.format, audio.layout, sound_rate).resample(samples)
            for part in fitting:
                output.mux(audio.encode(part))
            output.mux(audio.encode(None))
    return path


def turn(path: Path, degrees: int, *, mirrored: bool = False) -> Path:
    """Marks the first track of an MP4 to be shown turned clockwise, as a phone does; mirrored, left is right first."""
    data = bytearray(path.read_bytes())
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    side = -1 if mirrored else 1
    matrix = [side * cosine * 65536, side * sine * 65536, 0, -sine * 65536, cosine * 65536, 0, 0, 0, 2**30]
    start = data.index(b"tkhd") + 4 + 40  # a version 0 header
    data[start : start + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path
