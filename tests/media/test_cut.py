"""A part of a clip becomes a small file of its own: the right moment, upright, with its sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _clips import beeps, flat, write_clip

from sora_core.errors import InvalidRequest
from sora_core.media.cut import part_of_clip
from sora_core.media.video import decode, probe

LIMIT = 2**25
COLORS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds, each of a colour of its own, with a click at 2 s."""
    images = [flat(96, 64, color) for color in COLORS for _ in range(24)]
    return write_clip(tmp_path_factory.mktemp("cut") / "clip.mp4", images, fps=24, sound=beeps(5.0, at=(2.0,)))


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_part_is_that_of_the_clip(clip: Path, tmp_path: Path) -> None:
    part = written(tmp_path / "part.mp4", part_of_clip(clip, 1.0, 4.0, LIMIT).data)
    info = probe(part)
    assert (info.width, info.height, info.has_audio) == (96, 64, True)
    assert info.seconds == pytest.approx(3.0, abs=0.1)
    decoded = decode(part)
    for second, color in enumerate(COLORS[1:4]):
        seen = decoded.frames[second * 24 + 12].mean(dim=(0, 1)).numpy() * 255
        assert np.abs(seen - color).max() < 30
    loudest = int(decoded.waveform[0].abs().max(dim=0).values.argmax()) / decoded.sample_rate
    assert loudest == pytest.approx(1.0, abs=0.15)


def test_the_whole_clip_goes_as_it_is(clip: Path) -> None:
    upload = part_of_clip(clip, 0.0, 5.0, LIMIT)
    assert (upload.data, upload.media_type) == (clip.read_bytes(), "video/mp4")


def test_a_whole_clip_that_is_too_large_is_encoded_anew(clip: Path) -> None:
    assert part_of_clip(clip, 0.0, 5.0, 100).data != clip.read_bytes()


def test_the_same_part_is_the_same_upload_and_another_one_is_not(clip: Path) -> None:
    known = [part_of_clip(clip, *part, LIMIT).identity for part in ((1.0, 3.0), (1.0, 3.0), (1.0, 3.5))]
    assert known[0] == known[1] != known[2]


def test_sides_become_even(tmp_path: Path) -> None:
    odd = write_clip(tmp_path / "odd.mp4", [flat(65, 47, (9, 9, 9))] * 72, fps=24, pix_fmt="yuv444p")
    info = probe(written(tmp_path / "part.mp4", part_of_clip(odd, 0.0, 2.0, LIMIT).data))
    assert (info.width % 2, info.height % 2, info.has_audio) == (0, 0, False)


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [(3.0, 6.0, "only 5.00 s long"), (2.0, 2.0, "must start"), (-1.0, 2.0, "must start"), (3.0, 1.0, "must start")],
)
def test_a_part_that_is_none_is_refused(clip: Path, start: float, end: float, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        part_of_clip(clip, start, end, LIMIT)


def test_what_is_no_video_is_refused_and_nothing_is_said_of_payment(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be used") as caught:
        part_of_clip(written(tmp_path / "a.mp4", b"<html>"), 0.0, 3.0, LIMIT)
    assert "ledger" not in str(caught.value)
