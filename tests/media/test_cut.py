"""A part of a clip becomes a small file of its own: the right moment, upright, with its sound."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np
import pytest
from _clips import beeps, flat, scene, turn, write_clip

from sora_core.errors import InvalidRequest
from sora_core.media.cut import part_of_clip
from sora_core.media.video import decode, decode_audio, probe

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
    assert loudest == pytest.approx(1.0, abs=0.03)


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


COLOURS = {
    "bt709": {"matrix": 1},
    "bt601": {"matrix": 6},
    "untagged": {},
    "full range": {"matrix": 1, "full": True},
    "jpeg range": {"pix_fmt": "yuvj420p", "matrix": 6, "full": True},
    "4:4:4": {"pix_fmt": "yuv444p", "matrix": 6},
    "10 bit": {"pix_fmt": "yuv420p10le", "matrix": 1},
    "bt2020 10 bit": {"pix_fmt": "yuv420p10le", "matrix": 9},
}


@pytest.mark.parametrize("kind", COLOURS)
def test_colours_stay_and_are_tagged(tmp_path: Path, kind: str) -> None:
    patches = [[(200, 60, 90), (20, 180, 40), (30, 40, 220)], [(250, 250, 250), (5, 5, 5), (128, 128, 128)]]
    image = np.array(patches, np.uint8).repeat(32, 0).repeat(32, 1)
    source = write_clip(tmp_path / "clip.mp4", [image] * 30, **COLOURS[kind])
    part = written(tmp_path / "part.mp4", part_of_clip(source, 1.0, 2.0, LIMIT).data)
    before, after = (decode(path).frames[5].numpy()[16::32, 16::32] * 255 for path in (source, part))
    assert np.abs(after - before).max() < 2.5  # coded twice in 8 bits
    with av.open(str(part)) as container:
        context = container.streams.video[0].codec_context
        assert (int(context.colorspace), int(context.color_range)) == (1, 1)
        assert int(context.color_primaries) == int(context.color_trc) == 1


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_part_is_upright(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    image = scene(96, 64)
    source = turn(write_clip(tmp_path / "clip.mp4", [image] * 30), degrees, mirrored=mirrored)
    part = written(tmp_path / "part.mp4", part_of_clip(source, 1.0, 2.0, LIMIT).data)
    before, after = (decode(path).frames[5].numpy() * 255 for path in (source, part))
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 5


@pytest.mark.parametrize("start", [1.0, 1.04, 1.5])
def test_each_moment_shows_what_the_clip_shows(tmp_path: Path, start: float) -> None:
    greys = [flat(64, 48, (10 * n + 10,) * 3) for n in range(20)]
    source = write_clip(tmp_path / "clip.mp4", greys, fps=5, options={"bf": "2", "qp": "0"})
    part = written(tmp_path / "part.mp4", part_of_clip(source, start, start + 2, LIMIT).data)
    before, after = (decode(path, force_rate=50).frames.mean((1, 2, 3)).numpy() for path in (source, part))
    first = round(start * 50)
    assert np.abs(before[first : first + 98] - after[:98]).max() * 255 < 2


@pytest.mark.parametrize("start", [0.9, 1.0, 1.013])
def test_sound_is_cut_by_the_sample(tmp_path: Path, start: float) -> None:
    clicks = (0.95, 1.4, 2.2)
    source = write_clip(tmp_path / "clip.mp4", [flat(64, 48, (90,) * 3)] * 120, fps=30, sound=beeps(4.0, at=clicks))
    part = written(tmp_path / "part.mp4", part_of_clip(source, start, start + 2, LIMIT).data)
    heard, rate = decode_audio(part)
    whole, whole_rate = decode_audio(source)
    assert rate == 48000
    first = round(start * whole_rate)
    wanted = whole[0, 0, first : first + 2 * whole_rate].numpy()
    places = np.arange(2 * rate) * whole_rate / rate
    wanted = np.interp(places, np.arange(len(wanted)), wanted)
    near = heard[0, 0, : len(wanted)].numpy()
    wanted = wanted[: len(near)]
    best = max(range(-200, 201), key=lambda shift: float(np.roll(near, -shift) @ wanted))
    assert abs(best) <= 2


@pytest.mark.parametrize(("late", "at"), [(0.0, 0.5), (1.3, 1.8), (2.5, 2.6)])
def test_late_sound_comes_late(tmp_path: Path, late: float, at: float) -> None:
    source = write_clip(
        tmp_path / "clip.mp4",
        [flat(64, 48, (90,) * 3)] * 40,
        sound=beeps(4.0 - late, at=(at - late,)),
        sound_from=late,
    )
    part = written(tmp_path / "part.mp4", part_of_clip(source, 0.3, 3.0, LIMIT).data)
    heard, rate = decode_audio(part)
    assert np.flatnonzero(np.abs(heard[0, 0].numpy()) > 0.2)[0] / rate == pytest.approx(at - 0.3, abs=0.004)


def test_a_hole_in_the_sound_stays_where_it_was(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "clip.mkv", [flat(64, 48, (90,) * 3)] * 40, sound=beeps(4.0, at=(1.0, 2.0)), sound_codec="pcm_s16le"
    )
    holed = tmp_path / "holed.mkv"
    with av.open(str(source)) as whole, av.open(str(holed), "w") as output:
        twins = [output.add_stream_from_template(stream, opaque=True) for stream in whole.streams]
        for packet in whole.demux():
            lost = packet.stream.type == "audio" and packet.pts is not None and 1200 < packet.pts < 1700
            if packet.size and not lost:
                packet.stream = twins[packet.stream.index]
                output.mux(packet)
    part = written(tmp_path / "part.mp4", part_of_clip(holed, 0.5, 3.0, LIMIT).data)
    heard, rate = decode_audio(part)
    loud = np.flatnonzero(np.abs(heard[0, 0].numpy()) > 0.2) / rate
    assert loud[0] == pytest.approx(0.5, abs=0.004)
    assert loud[loud > 1][0] == pytest.approx(1.5, abs=0.004)


def test_pictures_that_start_late_are_counted_from_the_first(tmp_path: Path) -> None:
    times = [2000 + 100 * n for n in range(30)]
    greys = [flat(64, 48, (8 * n,) * 3) for n in range(30)]
    source = write_clip(tmp_path / "clip.mkv", greys, times_ms=times, sound=beeps(5.0, at=(3.5,)))
    part = written(tmp_path / "part.mp4", part_of_clip(source, 1.0, 2.0, LIMIT).data)
    decoded = decode(part)
    assert float(decoded.frames[0].mean()) * 255 == pytest.approx(80, abs=2)
    loud = np.flatnonzero(np.abs(decoded.waveform[0, 0].numpy()) > 0.2)
    assert loud[0] / decoded.sample_rate == pytest.approx(0.5, abs=0.005)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory held is told by Linux")
def test_a_large_source_is_not_held_in_memory(tmp_path: Path) -> None:
    noise = [np.random.default_rng(n).integers(0, 255, (720, 1280, 3), dtype=np.uint8) for n in range(4)]
    options = {"preset": "ultrafast", "qp": "4"}
    source = write_clip(tmp_path / "clip.mp4", noise * 30, fps=30, options=options, sound=beeps(4.0))
    assert source.stat().st_size > 180 * 2**20
    script = f"""
        import re, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
        import conftest, av, numpy, pathlib
        from sora_core.media.cut import part_of_clip
        from sora_core.media import clip, sound
        def most():
            return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
        before = most()
        part_of_clip(pathlib.Path({str(source)!r}), 3.9, 4.0, 2**30)
        print(most() - before)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 120 * 2**20


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
