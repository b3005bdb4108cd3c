"""Pictures and sound are held against the memory before anything is allocated, and against the time they take."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from sora_core.errors import MediaError
from sora_core.media import picture, sound


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
