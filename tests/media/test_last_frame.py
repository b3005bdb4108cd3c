"""The last frame without decoding the clip: the same to the bit as that of a full decode."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media._clips import scene

import sora_core.media.last_frame as module
from sora_core.errors import MediaError
from sora_core.media.last_frame import last_frame
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
