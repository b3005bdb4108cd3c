"""One frame, the last or another, without decoding the clip: the same to the bit as that of a full decode."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media._clips import scene

import sora_core.media.frame as module
from sora_core.errors import InvalidRequest, MediaError
from sora_core.media.frame import Pick, frame_of, last_frame
from sora_core.media.video import decode

KINDS = {
    "b-frames": ("mp4", "libx264", {"g": "12", "bf": "2"}),
    "open groups": ("mp4", "libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1"}),
    "one keyframe": ("mp4", "libx264", {"g": "999"}),
    "no keyframe after the first": ("mp4", "libx264", {"g": "12", "x264-params": "intra-refresh=1"}),
    "hevc": ("mp4", "libx265", {"g": "12", "x265-params": "log-level=none"}),
    "vp9": ("webm", "libvpx-vp9", {"g": "12"}),
    "vp8": ("webm", "libvpx", {"g": "12"}),
    "matroska": ("mkv", "libx264", {"g": "12"}),
    "transport stream": ("ts", "libx264", {"g": "12"}),
    "only keyframes": ("mp4", "libx264", {"g": "1"}),
    "fragments": ("mp4", "libx264", {"g": "12"}),
}


def make(folder: Path, kind: str, frames: int = 31) -> Path:
    suffix, codec, options = KINDS[kind]
    path = folder / f"clip.{suffix}"
    muxing = {"movflags": "frag_keyframe+empty_moov"} if kind == "fragments" else {}
    with av.open(str(path), "w", options=muxing) as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(96, 64, index))))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 25, 31])
def test_is_that_of_a_full_decode_to_the_bit(tmp_path, kind, frames):
    path = make(tmp_path, kind, frames)
    assert np.array_equal(last_frame(path), decode(path).frames[-1].numpy())


@pytest.mark.parametrize("kind", ["b-frames", "hevc", "vp9", "matroska"])
def test_the_rest_of_the_clip_is_not_decoded(tmp_path, kind, monkeypatch):
    path = make(tmp_path, kind)
    seen = []

    class Watched(module.Reader):
        def frames(self):
            for frame in super().frames():
                seen.append(frame)
                yield frame

    monkeypatch.setattr(module, "Reader", Watched)
    last_frame(path)
    assert 0 < len(seen) <= 12


def test_a_file_that_is_cut_off_is_refused_rather_than_continued_from_its_middle(tmp_path):
    path = make(tmp_path, "b-frames")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError):
        last_frame(path)


class Watched(module.Reader):
    """Counts what is decoded."""

    seen = 0

    def frames(self):
        for frame in super().frames():
            Watched.seen += 1
            yield frame


@pytest.fixture
def decoded(monkeypatch):
    monkeypatch.setattr(Watched, "seen", 0)
    monkeypatch.setattr(module, "Reader", Watched)
    return lambda: Watched.seen


@pytest.mark.parametrize("kind", KINDS)
def test_each_frame_is_that_of_a_full_decode_to_the_bit(tmp_path, kind):
    path = make(tmp_path, kind)
    whole = decode(path).frames.numpy()
    for index in range(31):
        assert np.array_equal(frame_of(path, Pick(index)), whole[index]), index
    for index in (-1, -2, -31):
        assert np.array_equal(frame_of(path, Pick(index)), whole[index]), index


@pytest.mark.parametrize("kind", ["b-frames", "hevc", "vp9", "matroska"])
@pytest.mark.parametrize("index", [13, 23, 24])
def test_for_one_in_the_middle_only_its_group_is_decoded(tmp_path, kind, index, decoded):
    frame_of(make(tmp_path, kind), Pick(index))
    assert 0 < decoded() <= 14  # leading pictures of the group after it too


def varying(folder: Path) -> tuple[Path, list[int]]:
    """A clip of 24 pictures, with groups and B-frames, each shown for another time; (file, starts in milliseconds)."""
    path, starts = folder / "varying.mp4", [0]
    for index in range(23):
        starts.append(starts[-1] + (20, 40, 100, 33)[index % 4])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(1000), options={"g": "8", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for index, start in enumerate(starts):
            frame = av.VideoFrame.from_ndarray(scene(96, 64, index))
            frame.pts, frame.time_base = start, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path, starts


def by_hand(path: Path) -> list[tuple[float, np.ndarray]]:
    """(time, picture) of every frame, by another way than ours: PyAV's own loop, libswscale's colours."""
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24") / 255) for frame in container.decode(video=0)]


def nearest(picture: np.ndarray, shown: list[tuple[float, np.ndarray]]) -> int:
    """Which of them it is; libswscale's colours are not ours to the bit."""
    apart = [float(np.abs(picture - each).mean()) for _, each in shown]
    assert min(apart) < 0.02
    return apart.index(min(apart))


def test_a_time_gives_the_picture_that_is_shown_then_also_where_the_rate_varies(tmp_path):
    path, starts = varying(tmp_path)
    shown = by_hand(path)
    assert [round(time * 1000) for time, _ in shown] == starts
    for index, start in enumerate(starts[:-1]):
        middle = (start + starts[index + 1]) / 2000
        for seconds in (start / 1000, middle):
            picked = frame_of(path, Pick.of(f"{seconds:.6f}s"))
            assert nearest(picked, shown) == index, seconds


def test_what_an_edit_list_leaves_out_is_not_counted(tmp_path):
    """A copy that begins in the middle of a group keeps the pictures before, and an edit list hides them."""
    source, cut = make(tmp_path, "b-frames", 48), tmp_path / "cut.mp4"
    with av.open(str(source)) as read, av.open(str(cut), "w") as written:
        stream, copied = read.streams.video[0], None
        copied = written.add_stream_from_template(stream, opaque=True)
        skipped = int(Fraction(5, 25) / stream.time_base)
        for packet in read.demux(stream):
            if packet.dts is None:
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - skipped, packet.dts - skipped, copied
            written.mux(packet)
    shown = by_hand(cut)
    whole = decode(cut).frames.numpy()
    assert len(shown) == len(whole) == 43
    for index in (0, 1, 6, 7, 20, 42):
        picked = frame_of(cut, Pick(index))
        assert np.array_equal(picked, whole[index])
        assert nearest(picked, shown) == index
    assert np.array_equal(frame_of(cut, Pick.of("0.8s")), whole[20])


@pytest.mark.parametrize(
    ("text", "pick"),
    [
        ("", Pick()), (" Last ", Pick()), ("0", Pick(0)), ("-2", Pick(-2)), ("48", Pick(48)),
        ("1.5s", Pick(0, Fraction(3, 2))), ("2 s", Pick(0, Fraction(2))), ("0.04秒", Pick(0, Fraction(1, 25))),
    ],
)  # fmt: skip
def test_a_frame_is_named_by_a_word_a_number_or_a_time(text, pick):
    assert Pick.of(text) == pick


@pytest.mark.parametrize("text", ["first", "1.5", "-1s", "1e3", "s", "1s2", "9999999999", "\u0661"])
def test_what_names_none_is_refused_with_what_does(text):
    with pytest.raises(InvalidRequest, match="names no frame") as caught:
        Pick.of(text)
    assert "1.5s" in str(caught.value)


@pytest.mark.parametrize("text", ["31", "-32", "1.24s", "60s"])
def test_one_that_the_clip_does_not_have_is_refused_with_those_it_has(tmp_path, text):
    path = make(tmp_path, "b-frames")
    with pytest.raises(InvalidRequest, match=rf"has no frame {text}: there are 31 of them \(0 to 30\) in 1.24 s"):
        frame_of(path, Pick.of(text))
