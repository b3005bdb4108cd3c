"""A delivered file of the right length whose bytes are not: told, in words, before it counts as good."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
from _clips import beeps, scene, turn, write_clip

from sora_core.media import soundness
from sora_core.media.soundness import find_fault

VP9 = {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "crf": "20"}, "sound_codec": "libopus", "sound_rate": 48000}
KINDS = {
    "index first": ("clip.mp4", {"container": {"movflags": "faststart"}}),
    "index last": ("clip.mp4", {}),
    "one group of pictures": ("clip.mp4", {"options": {"g": "1000", "bf": "3"}}),
    "only keyframes": ("clip.mp4", {"options": {"g": "1"}}),
    "many groups": ("clip.mp4", {"options": {"g": "10", "bf": "2"}}),
    "open groups": ("clip.mp4", {"options": {"x264-params": "open-gop=1:keyint=15:bframes=5:b-adapt=0:scenecut=0"}}),
    "no keyframe but the first": ("clip.mp4", {"options": {"x264-params": "intra-refresh=1:keyint=15"}}),
    "fragmented": ("clip.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "10"}}),
    "matroska": ("clip.mkv", {"options": {"g": "10", "bf": "2"}}),
    "webm": ("clip.webm", VP9),
    "vp8": ("clip.webm", {**VP9, "codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "10"}}),
    "hevc": ("clip.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=15"}}),
    "10 bit": ("clip.mp4", {"pix_fmt": "yuv420p10le", "options": {"g": "10"}}),
}
FRAMES = 60


def written(folder: Path, kind: str, **more: object) -> Path:
    name, options = KINDS[kind]
    sound = beeps(FRAMES / 10, rate=int(options.get("sound_rate", 44100)))
    return write_clip(folder / name, [scene(160, 96, n) for n in range(FRAMES)], sound=sound, **{**options, **more})


def spoiled(clip: Path, start: float, end: float, filling: bytes | None = None) -> Path:
    """The same length; from one share of the media data to another there is something else in it."""
    data = bytearray(clip.read_bytes())
    first, last = media_of(clip)
    here, there = (first + round((last - first) * share) for share in (start, end))
    other = np.random.default_rng(3).bytes(there - here) if filling is None else filling * (there - here)
    data[here:there] = other
    clip.write_bytes(data)
    return clip


def media_of(clip: Path) -> tuple[int, int]:
    """Where the packets of the file begin and end."""
    with av.open(str(clip)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux() if packet.size and packet.pos is not None]
    return min(at for at, _ in places), max(at + size for at, size in places)


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_has_no_fault(tmp_path, kind):
    assert find_fault(written(tmp_path, kind)) is None


@pytest.mark.parametrize("sound", [None, np.zeros((2, 44100 * 6), np.float32)], ids=["no sound", "silence"])
@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_silence_is_no_fault(tmp_path, sound, codec):
    images = [scene(64, 48, n) for n in range(FRAMES)]
    assert find_fault(write_clip(tmp_path / "clip.mov", images, sound=sound, sound_codec=codec)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"times_ms": [0, 40, 80, 500, 540, 1000, 1040, 2900]},
        {"times_ms": [500, 600, 700, 800], "sound": beeps(2.0)},
        {"fps": 1},
        {"sound": beeps(0.3)},
        {"sound": beeps(9.0)},
        {"sound": beeps(0.5), "sound_from": 0.3},
    ],
    ids=["variable rate", "late pictures", "one a second", "short sound", "long sound", "late sound"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_odd_times_are_no_fault(tmp_path, name, more):
    images = [scene(64, 48, n) for n in range(len(more.get("times_ms", range(8))))]
    assert find_fault(write_clip(tmp_path / name, images, **more)) is None


def test_black_pictures_and_turned_ones_are_no_fault(tmp_path):
    black = [np.zeros((48, 64, 3), np.uint8)] * 30
    assert find_fault(turn(write_clip(tmp_path / "clip.mp4", black), 90)) is None
    assert find_fault(write_clip(tmp_path / "raw.mkv", black, codec="rawvideo", options={"x": "0"})) is None


def test_a_single_picture_is_no_fault(tmp_path):
    assert find_fault(write_clip(tmp_path / "clip.mp4", [scene(64, 48)])) is None


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_to_the_end_are_found(tmp_path, kind):
    clip = spoiled(written(tmp_path, kind), 0.5, 1.0, b"\0")
    fault = find_fault(clip)
    assert fault is not None
    assert clip.name in fault


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_bytes_to_the_end_are_found(tmp_path, kind):
    assert find_fault(spoiled(written(tmp_path, kind), 0.5, 1.0)) is not None


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"webm", "vp8", "matroska", "fragmented"}))
def test_a_hole_of_zeros_in_the_middle_is_found_and_told_where(tmp_path, kind):
    fault = find_fault(spoiled(written(tmp_path, kind), 0.3, 0.6, b"\0"))
    assert fault is not None
    time = re.search(r"hollow .* from about (\d\.\d)", fault)
    assert time, fault
    assert 0.3 <= float(time[1]) <= 3.6


def test_fragments_that_are_missing_are_found(tmp_path):
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    clip = written(tmp_path, "fragmented", container=flags)
    data = clip.read_bytes()
    places = [found.start() - 4 for found in re.finditer(b"moof", data)]
    assert len(places) >= 6
    clip.write_bytes(data[: places[2]] + data[places[4] :])
    assert "holds nothing from" in (find_fault(clip) or "")
    clip.write_bytes(data[: places[2]] + bytes(places[4] - places[2]) + data[places[4] :])
    assert "breaks off" in (find_fault(clip) or "")


@pytest.mark.parametrize("kind", ["index first", "one group of pictures", "webm"])
def test_the_end_of_another_rendition_is_found(tmp_path, kind):
    """What a server that ignores If-Range leaves behind."""
    (tmp_path / "other").mkdir()
    clip, other = (
        written(folder, kind, options={**KINDS[kind][1].get("options", {}), "crf": quality})
        for folder, quality in ((tmp_path, "20"), (tmp_path / "other", "4"))
    )
    data, more = clip.read_bytes(), other.read_bytes()
    assert len(more) > len(data)
    half = len(data) // 2
    clip.write_bytes(data[:half] + more[half : len(data)])
    assert find_fault(clip) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_breaks_off_is_found(tmp_path, kind):
    clip = written(tmp_path, kind)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    assert find_fault(clip) is not None


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\0\0\0\x18ftypisom" + bytes(500)])
def test_what_is_no_video_is_a_fault(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert "clip.mp4" in (find_fault(path) or "")


def test_a_piece_that_is_too_long_to_decode_is_still_read_through(tmp_path, monkeypatch):
    monkeypatch.setattr(soundness, "_MOST_PIXELS", 1000)
    clip = written(tmp_path, "one group of pictures")
    assert find_fault(clip) is None
    assert "hollow" in (find_fault(spoiled(clip, 0.5, 1.0, b"\0")) or "")
