"""Clips of every kind come out as the right pictures, in the right order, with their sound beside them."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from _clips import beeps, flat, scene, turn, write_clip
from av.stream import Disposition
from PIL import Image

from sora_core.errors import Interrupted, InvalidRequest, MediaError
from sora_core.media.video import Decoded, decode, decode_audio, probe

VP9 = {"codec": "libvpx-vp9", "options": {"lossless": "1", "cpu-used": "8"}, "sound_codec": "libopus"}


def scenes(count: int, width: int = 64, height: int = 48):
    return [scene(width, height, index) for index in range(count)]


def numbered(count: int, width: int = 64, height: int = 48):
    """Gray images that tell their number: 10, 20, 30 ..."""
    return [flat(width, height, (10 * (index + 1),) * 3) for index in range(count)]


def numbers(decoded: Decoded) -> list[int]:
    return [round(float(frame.mean()) * 25.5) for frame in decoded.frames]


def pixels(decoded: Decoded) -> np.ndarray:
    return decoded.frames.numpy() * 255


def onset_seconds(decoded: Decoded, channel: int = 0) -> float:
    loud = np.flatnonzero(np.abs(decoded.waveform[0, channel].numpy()) > 0.2)
    return float(loud[0]) / decoded.sample_rate


# Shape and time -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degrees", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))], ids=["0", "90", "180", "270"]
)
def test_rotation_is_applied(tmp_path, degrees, corner):
    image = flat(64, 32, (0, 0, 0))
    image[:16, :16] = 255  # the corner that turns with the picture
    clip = turn(write_clip(tmp_path / "clip.mp4", [image] * 2), degrees)
    frames = decode(clip).frames
    info = probe(clip)
    assert (info.width, info.height) == ((64, 32) if degrees in (0, 180) else (32, 64))
    assert tuple(frames.shape) == (2, info.height, info.width, 3)
    bright = [at for at in [(0, 0), (0, -1), (-1, 0), (-1, -1)] if frames[0, at[0], at[1], 0] > 0.9]
    assert bright == [corner]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_mirrored_clips_are_shown_mirrored(tmp_path, degrees):
    image = scene(64, 32)
    plain = decode(write_clip(tmp_path / "plain.mp4", [image], pix_fmt="yuv444p")).frames[0].numpy()
    clip = turn(write_clip(tmp_path / "clip.mp4", [image], pix_fmt="yuv444p"), degrees, mirrored=True)
    wanted = np.rot90(plain[:, ::-1], -degrees // 90)
    assert np.array_equal(decode(clip).frames[0].numpy(), wanted)
    assert (probe(clip).height, probe(clip).width) == wanted.shape[:2]


@pytest.mark.parametrize(("ratio", "size"), [((4, 3), (64, 36)), ((1, 2), (48, 72)), ((100, 1), (48, 36))])
def test_pixels_that_are_not_square_become_so_and_it_is_said(tmp_path, ratio, size):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 48, 36, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*ratio)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(flat(48, 36, (200, 60, 90)), "rgb24")))
        output.mux(stream.encode(None))
    decoded, info = decode(path), probe(path)
    assert (info.width, info.height) == size
    assert decoded.frames.shape[1:3] == size[::-1]
    assert np.abs(pixels(decoded) - (200, 60, 90)).max() < 3
    said = [note for note in decoded.notes if "not square" in note]
    assert bool(said) == (size != (48, 36))
    assert not said or f"stretched to {size[0]}x{size[1]}" in said[0]


def test_odd_sizes_are_kept(tmp_path):
    image = flat(67, 49, (90, 160, 40))
    h264 = decode(write_clip(tmp_path / "clip.mp4", [image] * 2, pix_fmt="yuv444p", matrix=1))
    vp9 = decode(write_clip(tmp_path / "clip.webm", [image] * 2, matrix=1, **VP9))
    for decoded in (h264, vp9):
        assert tuple(decoded.frames.shape) == (2, 49, 67, 3)
        assert np.abs(pixels(decoded) - (90, 160, 40)).max() <= 4


def test_frames_come_in_the_order_of_display(tmp_path):
    b_frames = {"bf": "3", "crf": "10", "x264-params": "b-adapt=0"}
    clip = write_clip(tmp_path / "clip.mp4", numbered(20), options=b_frames)
    assert numbers(decode(clip)) == list(range(1, 21))


def test_variable_frame_rate_gives_the_frames_as_they_are_and_the_average(tmp_path):
    times = [0, 40, 80, 500, 540, 1000, 1040, 1900]
    clip = write_clip(tmp_path / "clip.mp4", numbered(8), times_ms=times, sound=beeps(1.94, at=[1.0]))
    decoded = decode(clip)
    assert numbers(decoded) == list(range(1, 9))
    seconds = len(decoded.frames) / decoded.fps
    assert 1.9 <= seconds <= 2.8  # the last frame's length is the writer's choice
    assert decoded.waveform.shape[2] == round(seconds * 44100)
    assert onset_seconds(decoded) == pytest.approx(1.0, abs=0.005)


TIMES = [0, 40, 80, 500, 540, 1000, 1040, 1900]


def test_a_rate_that_varies_is_told(tmp_path):
    (note,) = decode(write_clip(tmp_path / "clip.mkv", numbered(8), times_ms=TIMES)).notes
    assert "40 to 860 ms" in note
    assert "force_rate" in note
    for name, options in (("steady.mp4", {"fps": 24}), ("steady.mkv", {"fps": Fraction(24000, 1001)})):
        assert decode(write_clip(tmp_path / name, numbered(9), **options)).notes == ()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_forced_rate_shows_each_picture_at_its_time(tmp_path, name):
    clip = write_clip(tmp_path / name, numbered(8), times_ms=TIMES, sound=beeps(1.94, at=[1.0]))
    decoded = decode(clip, force_rate=25)
    shown = numbers(decoded)
    wanted = [sum(start <= 40 * k for start in TIMES) for k in range(48)]
    assert shown[:48] == wanted
    assert set(shown[48:]) <= {8}  # the last picture's length is the writer's choice
    assert decoded.fps == 25
    assert onset_seconds(decoded) == pytest.approx(1.0, abs=0.005)
    (note,) = decoded.notes
    assert f"make {len(shown)} frames; {len(shown) - 8} are repeated, 0 left out" in note


@pytest.mark.parametrize(
    ("rate", "most", "step", "shown"),
    [
        (5, 0, 1, [1, 3, 5, 7, 9]),
        (20, 6, 1, [1, 1, 2, 2, 3, 3]),
        (20, 0, 4, [1, 3, 5, 7, 9]),
        (10, 0, 1, [*range(1, 11)]),
        (0.5, 0, 1, [1]),
    ],
)
def test_a_forced_rate_comes_before_most_and_step(tmp_path, rate, most, step, shown):
    clip = write_clip(tmp_path / "clip.mp4", numbered(10))
    decoded = decode(clip, force_rate=rate, max_frames=most, frame_step=step)
    assert numbers(decoded) == shown
    assert decoded.fps == rate / step


@pytest.mark.parametrize("rate", [-1, 1001, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(tmp_path, rate):
    with pytest.raises(InvalidRequest, match="force_rate"):
        decode(tmp_path / "absent.mp4", force_rate=rate)


def test_a_webm_that_lies_about_its_rate_is_timed_by_its_timestamps(tmp_path):
    clip = write_clip(tmp_path / "clip.webm", numbered(5), times_ms=[0, 500, 1000, 1500, 2000], fps=10, **VP9)
    assert decode(clip).fps == pytest.approx(5 / 2.1, rel=0.01)  # the last frame's length is the header's tenth


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {}),
        ("clip.mov", {}),
        ("fragmented.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
        ("clip.webm", VP9),
        ("clip.mkv", {}),
        ("clip.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "10", "crf": "4"}}),
    ],
    ids=["mp4", "mov", "fragmented", "vp9", "matroska", "vp8"],
)
def test_every_container_gives_all_frames(tmp_path, name, options):
    clip = write_clip(tmp_path / name, numbered(20), **options)
    decoded = decode(clip)
    assert len(decoded.frames) == 20
    assert decoded.fps == 10
    assert probe(clip).frame_count == 20


def test_a_packet_may_hold_two_frames(tmp_path):
    """VP9 superframes: more pictures than packets."""
    plain = write_clip(tmp_path / "plain.webm", numbered(6), **{**VP9, "options": {"lag-in-frames": "0"}})
    joined = tmp_path / "joined.webm"
    with av.open(str(plain)) as source, av.open(str(joined), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for one, two in zip(packets[::2], packets[1::2], strict=True):
            packet = av.Packet(superframe([bytes(one), bytes(two)]))
            packet.pts = packet.dts = one.pts
            packet.time_base, packet.is_keyframe, packet.stream = one.time_base, one.is_keyframe, stream
            target.mux(packet)
    assert probe(joined).frame_count == 3
    assert numbers(decode(joined)) == [1, 2, 3, 4, 5, 6]


def superframe(frames: list[bytes]) -> bytes:
    marker = bytes([0b110_11_000 | len(frames) - 1])  # sizes of four bytes
    return b"".join(frames) + marker + b"".join(len(frame).to_bytes(4, "little") for frame in frames) + marker


@pytest.mark.parametrize(
    ("most", "step", "shown", "fps"),
    [
        (0, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10),
        (3, 1, [1, 2, 3], 10),
        (0, 4, [1, 5, 9], 2.5),
        (2, 3, [1, 4], 10 / 3),
        (99, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10),
        (0, 99, [1], 10 / 99),
    ],
)
def test_frames_are_chosen_by_most_and_step(tmp_path, most, step, shown, fps):
    clip = write_clip(tmp_path / "clip.mp4", numbered(10), sound=beeps(1.0))
    decoded = decode(clip, max_frames=most, frame_step=step)
    assert numbers(decoded) == shown
    assert decoded.fps == pytest.approx(fps)
    assert decoded.waveform.shape[2] == round(len(shown) / decoded.fps * 44100)


@pytest.mark.parametrize(("most", "step"), [(-1, 1), (0, 0), (0, -2)])
def test_impossible_counts_are_refused(tmp_path, most, step):
    with pytest.raises(InvalidRequest):
        decode(tmp_path / "absent.mp4", max_frames=most, frame_step=step)


# Sound ----------------------------------------------------------------------------------------------------------------


def test_without_sound_there_is_silence_of_the_same_length(tmp_path):
    decoded = decode(write_clip(tmp_path / "clip.mp4", numbered(7), fps=24))
    assert tuple(decoded.waveform.shape) == (1, 2, round(7 / 24 * 44100))
    assert decoded.sample_rate == 44100
    assert not decoded.waveform.any()


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("name", "options", "rate"), [("clip.mp4", {}, 44100), ("clip.webm", VP9, 48000)])
def test_channels_are_kept_as_they_are(tmp_path, channels, name, options, rate):
    sound = beeps(1.0, rate=rate, channels=channels, at=[0.5])
    decoded = decode(write_clip(tmp_path / name, numbered(10), sound=sound, sound_rate=rate, **options))
    assert tuple(decoded.waveform.shape) == (1, channels, rate)
    assert decoded.sample_rate == rate
    assert str(decoded.waveform.dtype) == "torch.float32"
    assert onset_seconds(decoded) == pytest.approx(0.5, abs=0.004)


def test_plain_pcm_is_read_as_floats(tmp_path):
    sound = beeps(1.0, channels=1, at=[0.25])
    clip = write_clip(tmp_path / "clip.mov", numbered(10), sound=sound, sound_codec="pcm_s16le")
    assert np.abs(decode(clip).waveform[0].numpy() - sound).max() < 2e-4


def test_the_encoders_priming_does_not_shift_the_sound(tmp_path):
    sound = beeps(2.0, at=[0.0, 1.0])
    decoded = decode(write_clip(tmp_path / "clip.mp4", numbered(20), sound=sound))
    heard = decoded.waveform[0, 0].numpy()
    best = max(range(-2000, 2001, 10), key=lambda shift: float(np.roll(heard, -shift) @ sound[0]))
    assert abs(best) <= 20


@pytest.mark.parametrize(
    ("starts", "length", "heard_at"),
    [(0.0, 0.4, 0.0), (0.5, 0.5, 0.5), (0.7, 2.0, 0.7), (0.0, 3.0, 0.0)],
    ids=["too short", "late", "late and too long", "too long"],
)
def test_sound_is_laid_on_the_clips_own_time(tmp_path, starts, length, heard_at):
    clip = write_clip(tmp_path / "clip.mp4", numbered(10), sound=beeps(length), sound_from=starts)
    decoded = decode(clip)
    assert decoded.waveform.shape[2] == 44100
    assert onset_seconds(decoded) == pytest.approx(heard_at, abs=0.004)


def test_pictures_that_start_late_take_their_sound_along(tmp_path):
    clip = write_clip(
        tmp_path / "clip.mkv", numbered(5), times_ms=[500, 600, 700, 800, 900], sound=beeps(1.0, at=[0.7])
    )
    decoded = decode(clip)
    assert len(decoded.frames) == 5
    assert onset_seconds(decoded) == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("hole_ms", [6, 20, 43, 90, 300])
def test_holes_in_the_sound_stay(tmp_path, hole_ms):
    """PCM in Matroska: pieces of 20 ms, of which some are not there."""
    path, rate = tmp_path / "clip.mkv", 48000
    sound = beeps(1.0, rate=rate, channels=1, at=[0.0, 0.4])
    with av.open(str(write_clip(tmp_path / "pictures.mkv", numbered(20)))) as source, av.open(str(path), "w") as output:
        video = output.add_stream_from_template(source.streams.video[0], opaque=True)
        audio = output.add_stream("pcm_s16le", rate=rate, layout="mono")
        for at in range(0, rate, 960):
            piece = (sound[:, at : at + 960] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(piece, "s16", "mono")
            late = hole_ms * 48 if at >= 0.4 * rate else 0
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), at + late
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                output.mux(packet)
    heard = decode(path).waveform[0, 0].numpy()
    second = np.flatnonzero(np.abs(heard[9600:]) > 0.2)[0] + 9600
    assert second / rate == pytest.approx(0.4 + hole_ms / 1000, abs=0.0025)


FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@pytest.mark.parametrize("flags", [None, FRAGMENTED, {"movflags": "frag_keyframe+delay_moov"}])
def test_a_fragmented_file_plays_in_step(tmp_path, flags):
    """Pictures that are reordered start late; without an edit list there is a hole behind the first piece of sound."""
    sound = beeps(2.0, at=[0.0, 1.0])
    options = {"bf": "3", "x264-params": "b-adapt=0"}
    clip = write_clip(tmp_path / "clip.mp4", numbered(20) * 3, fps=30, sound=sound, container=flags, options=options)
    heard = decode(clip).waveform[0, 0].numpy()
    best = max(range(-4000, 4001, 10), key=lambda shift: float(np.roll(heard, -shift) @ sound[0]))
    assert abs(best) <= 45  # a millisecond


@pytest.mark.parametrize("sound", [None, beeps(1.0, channels=1, at=[0.5])], ids=["silent", "with sound"])
def test_the_sound_alone_is_the_same(tmp_path, sound):
    clip = write_clip(tmp_path / "clip.mp4", numbered(10), sound=sound)
    waveform, rate = decode_audio(clip)
    whole = decode(clip)
    assert rate == whole.sample_rate
    assert np.array_equal(waveform.numpy(), whole.waveform.numpy())


# Memory and interruption ----------------------------------------------------------------------------------------------


FRAME, SOUND = 64 * 48 * 12, 4410 * 2 * 4  # bytes of a picture and of the silence that goes with it


def test_a_clip_beyond_the_budget_is_refused_with_what_would_fit(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(10, 64, 48))
    budget = 4 * FRAME + 12 * SOUND
    with pytest.raises(
        MediaError, match=r"10 frames of 64x48 with their sound need 704\.5 KiB(?s:.*)max_frames=7, frame_step=2"
    ) as caught:
        decode(clip, byte_budget=budget)
    assert str(clip) in str(caught.value)  # and that the paid file is there
    assert len(decode(clip, byte_budget=budget, max_frames=7).frames) == 7
    assert len(decode(clip, byte_budget=budget, frame_step=2).frames) == 5
    with pytest.raises(MediaError, match="max_frames=2, or leave"):  # the sound of all of it would not fit
        decode(clip, byte_budget=2 * FRAME + 2 * SOUND)
    with pytest.raises(MediaError, match="Not even one frame"):
        decode(clip, byte_budget=100)


def test_the_budget_is_held_against_the_choice_not_the_file(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(10, 64, 48))
    with pytest.raises(MediaError, match=r"9 frames (?s:.*)max_frames=7, frame_step=2"):
        decode(clip, byte_budget=4 * FRAME + 12 * SOUND, max_frames=9)


def test_the_sound_is_inside_the_budget(tmp_path):
    sound = beeps(1.0, rate=48000, channels=6, at=[0.5])
    clip = write_clip(tmp_path / "clip.mp4", numbered(10), sound=sound, sound_rate=48000)
    need = 10 * FRAME + sound.nbytes
    assert decode(clip, byte_budget=need).waveform.shape == (1, *sound.shape)
    with pytest.raises(MediaError, match="with their sound need"):
        decode(clip, byte_budget=need - 1)
    assert decode_audio(clip, byte_budget=sound.nbytes)[0].shape == (1, *sound.shape)
    with pytest.raises(MediaError, match=r"1 s of sound needs 1\.1 MiB"):
        decode_audio(clip, byte_budget=sound.nbytes - 1)


@pytest.mark.slow
def test_the_peak_is_little_more_than_the_tensor(tmp_path):
    pytest.importorskip("resource")
    clip = write_clip(tmp_path / "clip.mp4", numbered(150, 960, 540), options={"preset": "ultrafast"})
    script = f"""
        import resource, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
        import conftest, torch, av, pathlib
        from sora_core.media.video import decode
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        frames = decode(pathlib.Path({str(clip)!r})).frames
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit - frames.nbytes)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 100 * 2**20


def test_pictures_go_without_waiting_for_the_garbage_collection(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", scenes(30))
    gc.collect()
    gc.disable()
    try:
        decode(clip)
        left = sum(type(each) is av.VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 2  # a codec context keeps one for its next picture


def test_an_interrupt_is_noticed_soon(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(25, 320, 240) * 8, options={"preset": "ultrafast"})
    wish = threading.Event()
    threading.Timer(0.01, wish.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted, match=r"clip\.mp4 was interrupted"):
        all(decode(clip, interrupted=wish.is_set) for _ in range(1000))  # until the wish falls into a run
    assert time.monotonic() - began < 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sora-pixels")]


def test_an_interrupt_is_noticed_between_frames(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(20))
    asked = iter(range(10**6))
    with pytest.raises(Interrupted):
        decode(clip, interrupted=lambda: next(asked) > 30)  # beyond the packets that the first reading asks at


# Damage ---------------------------------------------------------------------------------------------------------------

FASTSTART = {"container": {"movflags": "faststart"}}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", FASTSTART),
        ("clip.mp4", {}),
        ("clip.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
        ("clip.webm", VP9),
    ],
    ids=["index first", "index last", "fragmented", "webm"],
)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.8])
def test_a_file_that_breaks_off_is_refused(tmp_path, name, options, kept):
    clip = write_clip(tmp_path / name, scenes(30), **options)
    data = clip.read_bytes()
    clip.write_bytes(data[: int(len(data) * kept)])
    for attempt in (probe, decode):
        with pytest.raises(MediaError) as caught:
            attempt(clip)
        assert "clip." in caught.value.message


def test_a_couple_of_lost_frames_is_forgiven(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", scenes(30), **FASTSTART)
    clip.write_bytes(clip.read_bytes()[:-40])
    assert 28 <= len(decode(clip).frames) <= 30
    assert probe(clip).frame_count >= 28


def test_lost_frames_are_told(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", scenes(30), **FASTSTART)
    clip.write_bytes(clip.read_bytes()[:-40])
    decoded = decode(clip)
    (note,) = decoded.notes
    assert f"{30 - len(decoded.frames)} frame" in note


def test_damaged_frames_are_told(tmp_path):
    options = {"g": "30", "crf": "10", "threads": "1"}  # threads of the encoder make other bytes each time
    clip = write_clip(tmp_path / "clip.mp4", scenes(30, 160, 96), options=options, **FASTSTART)
    with av.open(str(clip)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data, (at, size) = bytearray(clip.read_bytes()), packets[12]
    data[at + size // 2 : at + size] = bytes(255 - byte for byte in data[at + size // 2 : at + size])
    clip.write_bytes(data)
    decoded = decode(clip)
    assert len(decoded.frames) >= 28
    (note,) = decoded.notes
    assert note.startswith("The file is damaged: ")
    assert decode(clip, max_frames=5).notes == ()


def test_frames_before_the_damage_can_be_had(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", scenes(30), **FASTSTART)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 3 // 4])
    assert len(decode(clip, max_frames=5).frames) == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "neither MP4 nor WebM"),
        (b"<!DOCTYPE html><title>Not Found</title>", "neither MP4 nor WebM"),
        (b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:1/a.ts\n", "neither MP4 nor WebM"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither MP4 nor WebM"),
        (b"\0\0\0\x18ftypisom" + bytes(500), "cannot be read"),
        (b"\x1a\x45\xdf\xa3" + bytes(500), "cannot be read"),
    ],
    ids=["empty", "page", "playlist", "image", "no index", "no segment"],
)
def test_what_is_no_video_is_named(tmp_path, content, says):
    path = tmp_path / "result.mp4"
    path.write_bytes(content)
    for attempt in (probe, decode, decode_audio):
        with pytest.raises(MediaError, match=says):
            attempt(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"absent\.mp4 cannot be read"):
        probe(tmp_path / "absent.mp4")


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(beeps(0.5, channels=1), "fltp", "mono")
        frame.sample_rate, frame.time_base, frame.pts = 44100, Fraction(1, 44100), 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        probe(path)


def test_a_cover_is_no_video(tmp_path):
    sound, cover, path = tmp_path / "sound.mp4", tmp_path / "cover.jpg", tmp_path / "clip.mp4"
    write_clip(tmp_path / "full.mp4", numbered(10), sound=beeps(1.0))
    Image.new("RGB", (300, 300), (9, 9, 9)).save(cover)
    for source, keep in (("full.mp4", ["video", "audio"]), (None, ["audio"])):
        with (
            av.open(str(tmp_path / "full.mp4")) as full,
            av.open(str(cover)) as picture,
            av.open(str(path), "w") as out,
        ):
            twins = {
                each.index: out.add_stream_from_template(each, opaque=True)
                for each in full.streams
                if each.type in keep
            }
            front = out.add_stream_from_template(picture.streams.video[0], opaque=True)
            front.disposition = Disposition.attached_pic.value
            for packet in picture.demux():
                if packet.size:
                    packet.stream = front
                    out.mux(packet)
            for packet in full.demux([each for each in full.streams if each.index in twins]):
                if packet.size:
                    packet.stream = twins[packet.stream.index]
                    out.mux(packet)
        if source:
            assert numbers(decode(path)) == list(range(1, 11))
        else:
            path.rename(sound)
    with pytest.raises(MediaError, match="no video stream"):
        probe(sound)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(("name", "options"), [("clip.mp4", FASTSTART), ("clip.webm", VP9)], ids=["mp4", "webm"])
def test_random_damage_never_gives_another_error(tmp_path, name, options, seed):
    rng = np.random.default_rng(seed)
    clip = write_clip(tmp_path / name, scenes(12), sound=beeps(1.2, rate=48000), sound_rate=48000, **options)
    data = bytearray(clip.read_bytes())
    for _ in range(int(rng.integers(1, 30))):
        data[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
    clip.write_bytes(data)
    try:
        decoded = decode(clip, byte_budget=2**28)
    except MediaError:
        return
    assert 0 < len(decoded.frames) <= 12


# Facts ----------------------------------------------------------------------------------------------------------------


def test_probe_tells_what_is_in_the_file(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(12), fps=24, sound=beeps(0.5, channels=1))
    info = probe(clip)
    assert (info.width, info.height, info.fps, info.seconds, info.frame_count) == (64, 48, 24.0, 0.5, 12)
    assert (info.codec, info.has_audio, info.sample_rate, info.channels) == ("h264", True, 44100, 1)
    silent = probe(write_clip(tmp_path / "silent.mp4", numbered(2)))
    assert (silent.has_audio, silent.sample_rate, silent.channels) == (False, None, None)


def test_fractional_rates_are_exact(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(24), fps=Fraction(24000, 1001))
    assert decode(clip).fps == pytest.approx(24000 / 1001, abs=1e-9)


def test_a_result_prints_shapes_and_no_numbers_of_pixels(tmp_path):
    decoded = decode(write_clip(tmp_path / "clip.mp4", numbered(2)))
    assert repr(decoded) == "Decoded(frames=[2, 48, 64, 3], waveform=[1, 2, 8820], sample_rate=44100, fps=10)"
