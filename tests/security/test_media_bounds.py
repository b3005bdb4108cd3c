"""Pictures and sound are held against the memory before anything is allocated, and against the time they take."""

from __future__ import annotations

import io
import struct
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from sora_core.errors import InvalidRequest, MediaError
from sora_core.media import join, kind, picture, sound, video


def test_a_picture_that_does_not_fit_is_not_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("RGB", (1000, 1000)).save(path)
    monkeypatch.setattr(picture, "available_bytes", lambda: 2**20)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(MediaError, match="MiB"):
        picture.picture_size(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_one_of_more_pixels_than_any_server_makes_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.new("1", (20_000, 6_000)).save(path)
    assert path.stat().st_size < 2**16
    with pytest.raises(MediaError):
        picture.picture_size(path)


def test_a_jpeg_of_endless_scans_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (1000, 1000), (200, 10, 30)).save(path, progressive=True)
    assert picture.picture_size(path) == (1000, 1000)
    data = path.read_bytes()
    path.write_bytes(data[:-2] + b"\xff\xda" * 2000 + data[-2:])
    with pytest.raises(MediaError, match="scans"):
        picture.picture_size(path)


def test_sound_that_is_more_than_the_header_said_is_held_against_the_memory(monkeypatch):
    monkeypatch.setattr(sound, "available_bytes", lambda: 2**20)
    track = sound.Soundtrack(Fraction(1), Fraction(0))
    frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
    frame.sample_rate = 768_000
    with pytest.raises(MediaError, match="MiB"):
        track.add(frame)


def test_a_picture_file_that_does_not_fit_itself_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (8, 8)).save(path)
    with path.open("ab") as stream:
        stream.truncate(2**30)
    monkeypatch.setattr(picture, "available_bytes", lambda: 2**20)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(MediaError, match="2 GiB"):
        picture.picture_size(path)


def clip_of(path: Path, tick_seconds: int) -> Path:
    """Eight small pictures, of which the header says that each is shown for so long."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(8):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes().replace(b"edts", b"free"))  # nothing of it is left out
    clock, table = data.index(b"mdhd") + 16, data.index(b"stts") + 16
    data[clock : clock + 4] = struct.pack(">I", 1)
    data[table : table + 4] = struct.pack(">I", tick_seconds)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("seconds", [10**6, 2**31 - 1])
def test_a_clip_that_says_it_lasts_for_years_takes_neither_memory_nor_time(tmp_path, seconds):
    path = clip_of(tmp_path / "a.mp4", seconds)
    began = time.process_time()
    for rate in (0.0, 24.0, 1000.0):
        with pytest.raises(MediaError, match="GiB"):
            video.decode(path, force_rate=rate)
    with pytest.raises(MediaError, match="GiB"):
        video.decode_audio(path)
    some = video.decode(path, force_rate=1000.0, max_frames=10)
    assert len(some.frames) == 10
    for fade in (0.0, 0.5):
        with pytest.raises(InvalidRequest, match="7200"):
            join.join([path, path], tmp_path / "joined.mp4", crossfade=fade)
    with pytest.raises(MediaError, match="GiB"):
        sound.Soundtrack(Fraction(seconds), Fraction(0))
    assert time.process_time() - began < 20


def animation_of(path: Path, side: int, frames: int) -> Path:
    """An animated WebP of black pictures: some 50 bytes each."""
    still = io.BytesIO()
    Image.new("RGB", (side, side)).save(still, "WEBP", lossless=True)
    data = still.getvalue()
    start = data.index(b"VP8L")
    pixels = data[start : start + 8 + -(-struct.unpack_from("<I", data, start + 4)[0] // 2) * 2]
    last = struct.pack("<I", side - 1)[:3]
    frame = bytes(6) + last + last + struct.pack("<I", 100)[:3] + b"\0" + pixels
    chunks = [
        (b"VP8X", b"\x02\0\0\0" + last + last), (b"ANIM", bytes(6)), *[(b"ANMF", frame)] * frames
    ]  # fmt: skip
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def test_an_animation_of_a_few_bytes_is_not_decoded_for_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(kind, "_MOST_PIXELS", 50 * 400 * 400)
    path = animation_of(tmp_path / "a.webp", 400, 2000)
    decoded = []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda self: (decoded.append(self), load(self))[1])
    shape = kind.VIDEO.probe(path)
    assert (shape.width, shape.fps, round(shape.seconds)) == (400, 10.0, 200)
    assert len(decoded) < 200


def test_an_animation_that_does_not_fit_is_not_decoded(tmp_path, monkeypatch):
    path = animation_of(tmp_path / "a.webp", 1000, 2)
    monkeypatch.setattr(picture, "available_bytes", lambda: 2**20)
    with pytest.raises(MediaError, match="MiB"):
        kind.VIDEO.probe(path)
