"""What servers send instead of an MP4 comes out as the same pictures, at the same times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _clips import beeps, flat, write_clip
from PIL import Image

from sora_core.media.container import sniff
from sora_core.media.soundness import find_fault
from sora_core.media.video import decode, probe

pytestmark = pytest.mark.skipif(sniff(b"GIF89a" + bytes(1018)) is None, reason="NOT TESTED: sniff() knows no GIF yet")

GREYS = [flat(64, 48, (10 * (index + 1),) * 3) for index in range(20)]
FORMATS = {
    "clip.ts": {"options": {"qp": "0", "bf": "2"}},
    "clip.mov": {},
    "clip.webm": {"codec": "libvpx-vp9", "sound_codec": "libopus", "sound_rate": 48000},
    "clip.mkv": {},
    "clip.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full": True, "options": {"qscale": "1", "flags": "qscale"}},
}


def greys(path: Path) -> list[int]:
    return [round(float(frame.mean()) * 25.5) for frame in decode(path).frames]


@pytest.mark.parametrize("name", FORMATS)
def test_a_clip_is_the_same_in_every_container(tmp_path, name):
    options = FORMATS[name]
    rate = int(options.get("sound_rate", 44100))
    clip = write_clip(tmp_path / name, GREYS, sound=beeps(2.0, rate=rate, at=[1.0]), **options)
    decoded = decode(clip)
    assert greys(clip) == list(range(1, 21))
    assert decoded.fps == pytest.approx(10, rel=0.06)  # an AVI may hold an empty frame
    loud = np.flatnonzero(np.abs(decoded.waveform[0, 0].numpy()) > 0.2)[0] / decoded.sample_rate
    assert loud == pytest.approx(1.0, abs=0.03)
    assert find_fault(clip) is None
    assert (probe(clip).width, probe(clip).height, probe(clip).frame_count) == (64, 48, 20)


def test_a_gif_keeps_its_colours_and_its_times(tmp_path):
    colors = [(200, 60, 90), (20, 180, 40), (30, 40, 220), (255, 255, 255), (0, 0, 0)]
    first, *others = (Image.new("RGB", (63, 47), color) for color in colors)
    path = tmp_path / "clip.gif"
    first.save(path, save_all=True, append_images=others, duration=[100, 500, 100, 100, 200])
    decoded = decode(path)
    assert np.abs(decoded.frames.mean((1, 2)).numpy() * 255 - colors).max() < 0.01
    assert decoded.fps == 5
    assert "100 to 500 ms" in decoded.notes[0]
    steady = decode(path, force_rate=10).frames.mean((1, 2)).numpy() * 255
    assert np.abs(steady - [colors[n] for n in (0, 1, 1, 1, 1, 1, 2, 3, 4, 4)]).max() < 0.01
    assert find_fault(path) is None


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"clip.ts"}))  # half a stream is a stream
def test_a_file_that_breaks_off_is_found_in_every_container(tmp_path, name):
    noise = [np.random.default_rng(n).integers(0, 255, (48, 64, 3)) for n in range(40)]
    clip = write_clip(tmp_path / name, noise, **FORMATS[name])
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert find_fault(clip) is not None
