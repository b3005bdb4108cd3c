"""Clips joined to one file: pictures to the bit where they can be, sound in step to the sample."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media._clips import beeps, flat, scene, write_clip

from sora_core.errors import InvalidRequest, MediaError
from sora_core.media.join import join
from sora_core.media.video import decode, probe

RATE = 48_000


def clip(path: Path, frames: int, *, first: int = 0, sound: bool = True, **how: Any) -> Path:
    pictures = [scene(96, 64, first + index) for index in range(frames)]
    # a click in the middle, so that a shift of one sample shows
    track = beeps(frames / 10, rate=RATE, at=(frames / 20,)) if sound else None
    write_clip(path, pictures, sound=track, sound_rate=RATE, **{"options": {"g": "5", "bf": "2"}, **how})
    return path


def shift(one: np.ndarray, other: np.ndarray) -> int:
    """By how many samples ``other`` comes later than ``one``."""
    size = 1 << (len(one) + len(other)).bit_length()
    like = np.fft.irfft(np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size)), size)
    return (int(np.argmax(like)) + size // 2) % size - size // 2


def assert_in_step(film: Path, clips: list[Path], starts: tuple[float, ...]) -> None:
    waveform = decode(film).waveform[0, 0].numpy()
    for path, start in zip(clips, starts, strict=True):
        own = decode(path).waveform[0, 0].numpy()
        begin = round(start * RATE)
        assert shift(own, waveform[begin : begin + len(own)]) == 0


class TestClipsThatAreAlike:
    def test_keep_their_pictures_to_the_bit_and_their_sound_in_step(self, tmp_path):
        # 7 and 13 pictures: neither ends where a packet of sound does
        clips = [clip(tmp_path / f"{number}.mp4", 7 + 6 * (number % 2), first=number * 9) for number in range(5)]
        film = tmp_path / "film.mp4"
        joined = join(clips, film)
        assert joined.copied
        wanted = np.concatenate([decode(path).frames.numpy() for path in clips])
        assert np.array_equal(decode(film).frames.numpy(), wanted)
        assert joined.starts == (0.0, 0.7, 2.0, 2.7, 4.0)
        assert joined.seconds == probe(film).seconds == pytest.approx(4.7)
        assert_in_step(film, clips, joined.starts)

    def test_without_sound_have_none(self, tmp_path):
        clips = [clip(tmp_path / f"{number}.mp4", 7, sound=False) for number in range(2)]
        join(clips, tmp_path / "film.mp4")
        assert not probe(tmp_path / "film.mp4").has_audio

    def test_of_which_one_is_silent_stay_in_step(self, tmp_path):
        clips = [clip(tmp_path / f"{number}.mp4", 7, sound=number != 1) for number in range(3)]
        joined = join(clips, tmp_path / "film.mp4")
        assert joined.copied
        waveform = decode(tmp_path / "film.mp4").waveform[0, 0].numpy()
        assert abs(waveform[round(0.75 * RATE) : round(1.35 * RATE)]).max() < 0.01
        assert_in_step(tmp_path / "film.mp4", [clips[0], clips[2]], (joined.starts[0], joined.starts[2]))


class TestClipsThatDiffer:
    def test_are_encoded_in_the_size_of_the_first_and_the_highest_rate(self, tmp_path):
        one = clip(tmp_path / "one.mp4", 10)
        tall = tmp_path / "tall.mp4"
        write_clip(tall, [flat(64, 96, (250, 250, 250))] * 20, fps=20)
        film = tmp_path / "film.mp4"
        joined = join([one, tall], film)
        assert not joined.copied
        info = probe(film)
        assert (info.width, info.height, info.fps, info.frame_count) == (96, 64, 20, 40)
        frames = decode(film).frames.numpy()
        wanted = np.repeat(decode(one).frames.numpy(), 2, axis=0)  # each is shown twice as long
        assert abs(frames[:20] - wanted).mean() < 0.02
        assert frames[30, 32, 48].min() > 0.9
        assert frames[30, 32, 4].max() < 0.1  # a black bar

    def test_keep_their_sound_in_step(self, tmp_path):
        clips = [clip(tmp_path / "a.mp4", 7), clip(tmp_path / "b.mp4", 13, options={"crf": "30", "g": "9"})]
        joined = join(clips, tmp_path / "film.mp4")
        assert not joined.copied
        assert_in_step(tmp_path / "film.mp4", clips, joined.starts)


class TestACrossfade:
    def test_shows_and_sounds_both_and_shortens_the_film(self, tmp_path):
        clips = []
        for number, level in enumerate((60, 200)):
            path = tmp_path / f"{number}.mp4"
            tone = np.full((2, RATE), 0.5 if number else 0.0, np.float32)
            write_clip(path, [flat(96, 64, (level,) * 3)] * 10, sound=tone, sound_rate=RATE)
            clips.append(path)
        joined = join(clips, tmp_path / "film.mp4", crossfade=0.4)
        film = decode(tmp_path / "film.mp4")
        assert joined.starts == (0.0, 0.6)
        assert joined.seconds == 1.6
        levels = film.frames.numpy().mean((1, 2, 3)) * 255
        assert levels == pytest.approx([60] * 6 + [77.5, 112.5, 147.5, 182.5] + [200] * 6, abs=2.5)
        middle = film.waveform[0, 0].numpy()[round(0.78 * RATE) : round(0.82 * RATE)]
        assert middle.mean() == pytest.approx(0.25, abs=0.03)

    def test_that_a_clip_is_too_short_for_is_refused(self, tmp_path):
        clips = [clip(tmp_path / f"{number}.mp4", 10) for number in range(3)]
        assert join(clips, tmp_path / "film.mp4", crossfade=0.4).seconds == pytest.approx(2.2)
        with pytest.raises(InvalidRequest, match=r"1\.mp4 is 1\.00 s long"):
            join(clips, tmp_path / "film.mp4", crossfade=0.5)

    @pytest.mark.parametrize("seconds", [-0.1, 5.1, float("nan")])
    def test_of_no_such_length_is_refused(self, tmp_path, seconds):
        with pytest.raises(InvalidRequest, match="allowed: 0 to 5"):
            join([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "film.mp4", crossfade=seconds)


def test_of_one_clip_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="There are 1 clips"):
        join([clip(tmp_path / "a.mp4", 3)], tmp_path / "film.mp4")


def test_a_damaged_clip_is_refused_and_leaves_nothing(tmp_path):
    whole, cut = clip(tmp_path / "a.mp4", 10), tmp_path / "b.mp4"
    cut.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(MediaError):
        join([whole, cut], tmp_path / "film.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_odd_rates_do_not_drift(tmp_path):
    rate = Fraction(24_000, 1001)
    clips = []
    for number in range(8):
        path = tmp_path / f"{number}.mp4"
        track = beeps(float(11 / rate), rate=RATE, at=(0.2,))
        write_clip(path, [scene(96, 64, index) for index in range(11)], fps=rate, sound=track, sound_rate=RATE)
        clips.append(path)
    joined = join(clips, tmp_path / "film.mp4")
    assert joined.seconds == pytest.approx(float(88 / rate))
    assert_in_step(tmp_path / "film.mp4", clips, joined.starts)
