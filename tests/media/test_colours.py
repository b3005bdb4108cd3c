"""Colours are those of the formula: H.273 written out in numpy, and zimg where ffmpeg has it."""

from __future__ import annotations

import io
import shutil
import subprocess
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from _clips import MATRICES, UNTAGGED, flat, scene, turn, write_clip
from PIL import Image

from sora_core.media.images import ImageNeeds, references_from_tensor
from sora_core.media.video import decode

LIMIT = 0.05  # of 255; what is asked for is 0.5

KINDS = {
    "bt709 tv": {"matrix": 1},
    "bt601 tv": {"matrix": 6},
    "bt709 full": {"matrix": 1, "full": True},
    "yuvj420p": {"pix_fmt": "yuvj420p", "matrix": 6, "full": True},
    "untagged": {},
    "yuv444p": {"pix_fmt": "yuv444p", "matrix": 1},
    "yuv422p": {"pix_fmt": "yuv422p", "matrix": 1},
    "10 bit": {"pix_fmt": "yuv420p10le", "matrix": 1},
    "10 bit full": {"pix_fmt": "yuv420p10le", "matrix": 1, "full": True},
    "bt2020 10 bit": {"pix_fmt": "yuv420p10le", "matrix": 9},
}


def decoded(clip: Path) -> np.ndarray:
    """[N,H,W,3], of 255."""
    return decode(clip).frames.numpy().astype(np.float64) * 255


def rgb(planes: np.ndarray, *, matrix: int, full: bool, bits: int) -> np.ndarray:
    """The formula: [3,H,W] of Y, Cb, Cr to [H,W,3] of 255."""
    red_weight, blue_weight = MATRICES[6 if matrix == UNTAGGED else matrix]
    unit = 2 ** (bits - 8)
    black, luma_span, chroma_span = (0, 2**bits - 1, 2**bits - 1) if full else (16 * unit, 219 * unit, 224 * unit)
    luma = (planes[0] - black) / luma_span
    blue_less, red_less = (planes[1:] - 128 * unit) / chroma_span
    red = luma + 2 * (1 - red_weight) * red_less
    blue = luma + 2 * (1 - blue_weight) * blue_less
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip(np.stack([red, green, blue], -1), 0, 1) * 255


def along(axis: int, chroma: np.ndarray, length: int, first: float) -> np.ndarray:
    """Twice as many samples along an axis, linear in between; the first lies at ``first`` in units of luma."""
    places = np.clip((np.arange(length) - first) / 2, 0, chroma.shape[axis] - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, chroma.shape[axis] - 1)
    share = (places - low).reshape([-1 if each == axis else 1 for each in range(2)])
    return chroma.take(low, axis) * (1 - share) + chroma.take(high, axis) * share


def write_planes(path: Path, planes: list[np.ndarray], pix_fmt: str, *, matrix: int, full: bool) -> Path:
    """One frame of these planes, losslessly."""
    height, width = planes[0].shape
    codec, options = (
        ("libx265", {"x265-params": "lossless=1:bframes=0:log-level=none"}) if "12" in pix_fmt else ("libx264", {})
    )
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=10, options=options or {"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, 2 if full else 1
        frame = av.VideoFrame(width, height, pix_fmt)
        for plane, values in zip(frame.planes, planes, strict=True):
            line = np.zeros((plane.height, plane.line_size), np.uint8)
            line[:, : plane.width * values.itemsize] = np.ascontiguousarray(values).view(np.uint8)
            plane.update(line.tobytes())
        frame.colorspace, frame.color_range, frame.pts = matrix, 2 if full else 1, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def noise(shape: tuple[int, int], *, bits: int, full: bool, top: int = 240) -> np.ndarray:
    unit = 2 ** (bits - 8)
    low, high = (0, 2**bits - 1) if full else (16 * unit, top * unit)
    values = np.random.default_rng(sum(shape) + top).integers(low, high + 1, shape)
    return values.astype(np.uint16 if bits > 8 else np.uint8)


@pytest.mark.parametrize(("bits", "full", "matrix"), [*product((8, 10, 12), (False, True), MATRICES)])
def test_every_sample_is_that_of_the_formula(tmp_path, bits, full, matrix):
    planes = [noise((48, 64 + n), bits=bits, full=full, top=(235, 240, 240)[n])[:, :64] for n in range(3)]
    pix_fmt = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    clip = write_planes(tmp_path / "clip.mp4", planes, pix_fmt, matrix=matrix, full=full)
    wanted = rgb(np.array(planes, float), matrix=matrix, full=full, bits=bits)
    assert np.abs(decoded(clip)[0] - wanted).max() < LIMIT


@pytest.mark.parametrize(("bits", "full", "rows"), [*product((8, 10), (False, True), (1, 2))])
def test_chroma_is_linear_between_its_samples_and_sited_at_the_left(tmp_path, bits, full, rows):
    planes = [noise((48, 64), bits=bits, full=full, top=235)]
    planes += [noise((48 // rows, 32 + n), bits=bits, full=full)[:, :32] for n in range(2)]
    pix_fmt = {1: "yuv422p", 2: "yuv420p"}[rows] + ("" if bits == 8 else f"{bits}le")
    clip = write_planes(tmp_path / "clip.mp4", planes, pix_fmt, matrix=1, full=full)
    chroma = [along(1, plane.astype(float), 64, 0) for plane in planes[1:]]
    if rows == 2:
        chroma = [along(0, plane, 48, 0.5) for plane in chroma]
    wanted = rgb(np.array([planes[0].astype(float), *chroma]), matrix=1, full=full, bits=bits)
    assert np.abs(decoded(clip)[0] - wanted).max() < LIMIT


def test_odd_sizes_are_as_good_where_colours_are_gentle(tmp_path):
    """swscale squeezes the half sample at their end: a small shift of the chroma, nothing else."""
    rows, columns = np.mgrid[0:49, 0:67]
    image = np.stack([40 + columns * 2, 60 + rows * 3, 220 - columns * 2], -1)
    vp9 = {"codec": "libvpx-vp9", "options": {"lossless": "1", "cpu-used": "8"}}
    ours = decoded(write_clip(tmp_path / "clip.webm", [image], matrix=1, **vp9))[0]
    assert np.abs(ours - image)[:-2, :-2].max() < 8  # of a slope of 3 a pixel


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_every_grey_comes_out_and_white_is_white(tmp_path, bits, full):
    unit = 2 ** (bits - 8)
    low, high = (0, 2**bits - 1) if full else (16 * unit, 235 * unit)
    grey = np.linspace(low, high, 64 * 48).round().reshape(48, 64).astype(np.uint16 if bits > 8 else np.uint8)
    none = np.full((24, 32), 128 * unit, grey.dtype)
    pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
    clip = write_planes(tmp_path / "clip.mp4", [grey, none, none], pix_fmt, matrix=1, full=full)
    frame = decoded(clip)[0]
    assert np.abs(frame - ((grey - low) / (high - low) * 255)[..., None]).max() < LIMIT
    assert (frame.min(), frame.max()) == (0.0, 255.0)


def test_what_is_whiter_than_white_is_white(tmp_path):
    bright = np.linspace(220, 255, 64 * 48).round().reshape(48, 64).astype(np.uint8)
    none = np.full((24, 32), 128, np.uint8)
    frame = decode(write_planes(tmp_path / "a.mp4", [bright, none, none], "yuv420p", matrix=1, full=False)).frames
    assert float(frame.max()) == 1.0


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("ffv1", "bgr0"), ("libx264rgb", "rgb24"), ("png", "rgb24"), ("qtrle", "rgb24")]
)
def test_rgb_stays_as_it_is(tmp_path, codec, pix_fmt):
    image = np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / ("clip.mov" if codec in ("png", "qtrle") else "clip.mkv")
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=10, options={"qp": "0"} if "264" in codec else {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        output.mux(stream.encode(None))
    assert np.abs(decoded(path)[0] - image).max() < 1e-4


@pytest.mark.parametrize("pix_fmt", ["gbrp10le", "gbrp12le", "gbrp16le", "gbrap10le", "gbrap12le", "gbrap16le"])
def test_deep_rgb_stays_as_it_is_with_alpha_too(tmp_path, pix_fmt):
    white = 2 ** int(pix_fmt.removesuffix("le").lstrip("abgrp")) - 1
    image = np.random.default_rng(2).integers(0, white + 1, (48, 64, 4)).astype("<u2")
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        frame = av.VideoFrame(64, 48, pix_fmt)
        for plane, channel in zip(frame.planes, (1, 2, 0, 3), strict=False):
            plane.update(np.ascontiguousarray(image[..., channel]).tobytes())
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert np.abs(decoded(path)[0] - image[..., :3] / white * 255).max() < 1e-4


# zimg -----------------------------------------------------------------------------------------------------------------


def has_zimg() -> bool:
    ffmpeg = shutil.which("ffmpeg")
    return bool(ffmpeg) and "zscale" in subprocess.run([ffmpeg, "-filters"], capture_output=True, text=True).stdout


ZIMG = pytest.mark.skipif(not has_zimg(), reason="NOT COMPARED with zimg: there is no ffmpeg with zscale here")


def zimg(clip: Path, shape: tuple[int, ...], *, untagged: bool = False) -> np.ndarray:
    """The stored frames [N,H,W,3] of 255."""
    way = "zscale=min=170m" if untagged else "zscale"
    command = ["ffmpeg", "-v", "error", "-noautorotate", "-i", str(clip), "-vf", f"{way},format=gbrpf32le"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-vsync", "0", "-"], capture_output=True, check=True).stdout
    planes = np.frombuffer(raw, "<f4").reshape(shape[0], 3, *shape[1:3])[:, (2, 0, 1)]
    return np.moveaxis(np.clip(planes, 0, 1), 1, -1).astype(np.float64) * 255


@ZIMG
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(130, 98), (96, 64)], ids=str)
def test_colours_are_those_of_zimg(tmp_path, kind, size):
    clip = write_clip(tmp_path / "clip.mp4", [scene(*size, n) for n in range(3)], **KINDS[kind])
    ours = decoded(clip)
    assert np.abs(ours - zimg(clip, ours.shape, untagged=kind == "untagged")).max() < LIMIT


@ZIMG
@pytest.mark.parametrize(("degrees", "quarters"), [(90, 3), (180, 2), (270, 1)])
def test_a_turned_picture_is_that_of_zimg_turned(tmp_path, degrees, quarters):
    clip = turn(write_clip(tmp_path / "clip.mp4", [scene(96, 64, n) for n in range(3)], matrix=1), degrees)
    ours = decoded(clip)
    stored = (3, 64, 96, 3)
    assert np.abs(ours - np.rot90(zimg(clip, stored), quarters, (1, 2))).max() < LIMIT


# Chains ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv444p10le"])
@pytest.mark.parametrize("full", [False, True])
def test_a_chain_of_last_frames_neither_darkens_nor_shifts(tmp_path, pix_fmt, full):
    """Decoded, sent as a picture, made into a clip by a server that follows the formula, and again."""
    rows, columns = np.mgrid[0:64, 0:96]  # gentle: what chroma of half the resolution loses is not what is looked for
    first = np.stack([40 + columns * 1.5, 60 + rows * 2, 220 - columns * 1.5], -1)
    image, means = first, []
    for step in range(8):
        clip = tmp_path / f"{step}.mp4"
        write_clip(clip, [image], pix_fmt=pix_fmt, matrix=1, full=full)
        last = decode(clip).frames[-1:]
        (reference,) = references_from_tensor(last, ImageNeeds(96, 64, 2**20), "crop")
        image = np.array(Image.open(io.BytesIO(reference.upload.data)))
        means.append(image.mean((0, 1)))
    assert np.abs(means[-1] - means[0]).max() < 0.2
    assert np.abs(means[0] - first.mean((0, 1))).max() < 0.5


@pytest.mark.parametrize("color", [(200, 60, 90), (20, 180, 40), (30, 40, 220), (255, 255, 255), (0, 0, 0)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_flat_colour_comes_back(tmp_path, kind, color):
    clip = write_clip(tmp_path / "clip.mp4", [flat(64, 48, color)] * 2, **KINDS[kind])
    assert np.abs(decoded(clip) - color).max() <= 2.2  # what coding in 8 bits costs


@pytest.mark.parametrize(("coded", "tagged"), [(1, 6), (6, 1), (9, 6)])
def test_a_wrong_matrix_would_be_seen(tmp_path, coded, tagged):
    """The guard of the tests above: the matrices are further apart than their tolerance."""
    clip = write_clip(tmp_path / "clip.mp4", [flat(64, 48, (20, 180, 40))], matrix=coded, tagged=tagged)
    assert np.abs(decoded(clip) - (20, 180, 40)).max() > 8


def test_values_are_floats_from_0_to_1(tmp_path):
    frames = decode(write_clip(tmp_path / "clip.mp4", [flat(32, 32, (255,) * 3), flat(32, 32, (0,) * 3)])).frames
    assert str(frames.dtype) == "torch.float32"
    assert frames.is_contiguous()
    assert (float(frames.min()), float(frames.max())) == (0.0, 1.0)
