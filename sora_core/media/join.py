"""Several clips to one file, one after the other: pictures copied where the clips are alike, else encoded anew."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import InvalidRequest, MediaError
from .canvas import BT709, LIMITED, TICKS, Canvas, even
from .clip import EARLY_SECONDS, Clip, Reader, audio_stream, scan, video_stream
from .container import HEAD_BYTES, av_errors, contents, open_video, sniff
from .sound import Soundtrack

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame, VideoStream
    from av.container import OutputContainer

    Floats = np.ndarray[Any, np.dtype[np.float32]]

MOST_FADE_SECONDS = 5.0
MOST_SECONDS = 2 * 3600
_COPIED = ("h264", "hevc", "av1", "vp9")  # codecs whose packets an MP4 takes as they are
_COPIED_FROM = ("mp4", "mov", "mkv", "webm")
_SOUND_RATES = (48_000, 44_100)  # the first where the clips differ
_SOUND_BITS = 192_000  # a second
_PACKET_SAMPLES = 1024  # of AAC
_MOST_TICKS = 10_000_000  # in a second, of a common clock


@dataclass(frozen=True)
class Joined:
    """``copied``: the pictures are those of the clips, bit for bit. ``starts`` (seconds) are of the clips in the file;
    a clip that fades in starts before the one before it ends."""

    seconds: float
    width: int
    height: int
    fps: float
    copied: bool
    starts: tuple[float, ...]


def join(
    paths: Sequence[Path], target: Path, *, crossfade: float = 0.0, check: Callable[[], None] = lambda: None
) -> Joined:
    """Writes the clips into ``target``, an MP4; with ``crossfade`` seconds of each shown together with the next.

    The sound of a clip starts with its pictures, to the sample; one without sound is silent. Pictures that are
    encoded get the size of the first clip, with black bars where the shape is another, and the highest rate.
    Raises InvalidRequest, MediaError; ``target`` is then gone.
    """
    if len(paths) < 2:
        raise InvalidRequest("join.too_few", count=len(paths))
    if not 0 <= crossfade <= MOST_FADE_SECONDS:
        raise InvalidRequest("join.fade", crossfade=crossfade, most=MOST_FADE_SECONDS)
    clips = [scan(path, check) for path in paths]
    for clip in clips:
        if clip.broken(clip.frames):
            raise clip.error(clip.frames)
    seconds = sum(clip.info.seconds for clip in clips)
    if seconds > MOST_SECONDS:  # a file of a few pictures can say that it lasts for years
        raise InvalidRequest("join.too_long", seconds=seconds, most=MOST_SECONDS)
    try:
        return (None if crossfade else _copied(clips, target, check)) or _encoded(clips, target, crossfade, check)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


# Copying


def _copied(clips: Sequence[Clip], target: Path, check: Callable[[], None]) -> Joined | None:
    """None where the clips are not alike, or the copy does not hold what they hold."""
    lengths = [clip.frames / clip.fps for clip in clips]
    starts = [Fraction(0), *accumulate(lengths)][:-1]
    digest = hashlib.sha256()
    with ExitStack() as files:
        sources = [files.enter_context(open_video(clip.path)) for clip in clips]
        streams = [video_stream(source, clip.path) for source, clip in zip(sources, clips, strict=True)]
        ticks = _common_ticks(streams)
        if ticks is None or not _are_alike(clips, streams):
            return None
        with _created(target) as file:
            video: Any = file.add_stream_from_template(streams[0], opaque=True)
            sound = _Sound(file, clips, list(zip(starts, lengths, strict=True)), check)
            last_dts: int | None = None
            for clip, source, stream, start in zip(clips, sources, streams, starts, strict=True):
                shift = round((start - clip.origin) / ticks)
                for packet in source.demux(stream):
                    check()
                    if not packet.size:
                        continue
                    if packet.pts is None or packet.dts is None or packet.is_discard:
                        return None
                    digest.update(packet.size.to_bytes(8, "big"))
                    digest.update(packet)
                    scale = (stream.time_base or ticks) / ticks
                    packet.pts, packet.dts = int(packet.pts * scale) + shift, int(packet.dts * scale) + shift
                    if last_dts is not None and packet.dts <= last_dts:
                        return None
                    last_dts = packet.dts
                    packet.duration = int((packet.duration or 0) * scale)
                    packet.time_base, packet.stream = ticks, video
                    file.mux(packet)
                sound.write_next()
            sound.finish()
    if contents(target)[0].sha256 != digest.hexdigest():
        return None
    first = clips[0].info
    total = starts[-1] + lengths[-1]
    fps = float(sum(clip.frames for clip in clips) / total)
    return Joined(float(total), first.width, first.height, fps, True, tuple(map(float, starts)))


def _are_alike(clips: Sequence[Clip], streams: Sequence[VideoStream]) -> bool:
    """Whether one decoder, set up once, decodes them all."""
    kinds = {sniff(_head(clip.path)) for clip in clips}
    shapes = {(clip.info.width, clip.info.height, clip.notes) for clip in clips}
    coded = {
        (context.name, bytes(context.extradata or b""), context.pix_fmt, context.width, context.height,
         context.color_range, context.colorspace, context.color_primaries, context.color_trc)
        for context in (stream.codec_context for stream in streams)
    }  # fmt: skip
    is_copied = all(stream.codec_context.name in _COPIED for stream in streams)
    begin_well = all(clip.keyframes[:1] == (0,) for clip in clips)
    return kinds <= {*_COPIED_FROM} and is_copied and begin_well and len(shapes) == len(coded) == 1


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def _common_ticks(streams: Sequence[VideoStream]) -> Fraction | None:
    """A clock on which every time of theirs is a whole number; None where there is no reasonable one."""
    bases = [stream.time_base for stream in streams]
    if any(base is None or base.numerator != 1 for base in bases):
        return None
    common = math.lcm(*(base.denominator for base in bases if base))
    return Fraction(1, common) if common <= _MOST_TICKS else None


# Encoding


def _encoded(clips: Sequence[Clip], target: Path, crossfade: float, check: Callable[[], None]) -> Joined:
    import av

    rate = max(clip.fps for clip in clips)
    counts = [max(1, round(clip.frames / clip.fps * rate)) for clip in clips]
    fade = round(Fraction(crossfade) * rate)
    _refuse_long_fade(clips, counts, fade, crossfade)
    firsts = [0, *accumulate(count - fade for count in counts)][:-1]
    width, height = even(clips[0].info.width), even(clips[0].info.height)
    with _created(target) as file:
        video = _video_of(file, rate, width, height)
        spans = [(first / rate, count / rate) for first, count in zip(firsts, counts, strict=True)]
        sound = _Sound(file, clips, spans, check)
        number = 0
        for pictures in _in_turn(clips, counts, fade, rate, (width, height), check):
            for picture in pictures:
                picture.pts, picture.time_base = round(number / rate / TICKS), TICKS
                picture.pict_type = av.video.frame.PictureType.NONE
                picture.colorspace, picture.color_range = BT709, LIMITED
                file.mux(video.encode(picture))
                number += 1
            sound.write_next()
        file.mux(video.encode(None))
        sound.finish()
    return Joined(float(number / rate), width, height, float(rate), False, tuple(float(at) for at, _ in spans))


def _refuse_long_fade(clips: Sequence[Clip], counts: Sequence[int], fade: int, crossfade: float) -> None:
    for number, (clip, count) in enumerate(zip(clips, counts, strict=True)):
        fades = fade * (2 if 0 < number < len(clips) - 1 else 1)
        if fades >= count:
            raise InvalidRequest("join.fade_too_long", path=clip.path.name, seconds=clip.info.seconds, fade=crossfade)


def _video_of(file: OutputContainer, rate: Fraction, width: int, height: int) -> Any:
    video: Any = file.add_stream("libx264", rate=rate, options={"preset": "fast", "crf": "16"})
    video.pix_fmt, video.time_base = "yuv420p", TICKS
    video.width, video.height = width, height
    context = video.codec_context
    context.time_base = TICKS
    context.colorspace, context.color_range, context.color_primaries, context.color_trc = BT709, LIMITED, BT709, BT709
    return video


def _in_turn(
    clips: Sequence[Clip],
    counts: Sequence[int],
    fade: int,
    rate: Fraction,
    size: tuple[int, int],
    check: Callable[[], None],
) -> Iterator[Iterator[VideoFrame]]:
    """For each clip its pictures; those of a fade come with the clip that goes. Each is used up before the next."""
    each = (_shown(clip, count, rate, size, check) for clip, count in zip(clips, counts, strict=True))
    going, taken = next(each), 0
    for count in counts:
        coming = next(each, None)
        yield _with_fade(going, coming, count - taken - (fade if coming else 0), fade)
        if coming:
            going, taken = coming, fade


def _with_fade(
    going: Iterator[VideoFrame], coming: Iterator[VideoFrame] | None, alone: int, fade: int
) -> Iterator[VideoFrame]:
    yield from islice(going, alone)
    for number in range(fade if coming else 0):
        yield _blend(next(going), next(coming or going), (number + 0.5) / fade)


def _blend(one: VideoFrame, other: VideoFrame, share: float) -> VideoFrame:
    """``share`` of the other, in the numbers that are stored."""
    import av

    mixed = one.to_ndarray() * (1 - share) + other.to_ndarray() * share
    return av.VideoFrame.from_ndarray(np.rint(mixed).astype(np.uint8), "yuv420p")


def _shown(
    clip: Clip, count: int, rate: Fraction, size: tuple[int, int], check: Callable[[], None]
) -> Iterator[VideoFrame]:
    """``count`` pictures at a steady rate, each what the clip shows at its time."""
    canvas = Canvas(*size, shown=(clip.info.width, clip.info.height))
    current: VideoFrame | None = None
    given = 0
    with open_video(clip.path) as source:
        frames = Reader(source, [video_stream(source, clip.path)], check).frames()
        for number, frame in enumerate(cast("Iterator[VideoFrame]", frames)):
            at = _time_of(frame) - clip.origin if clip.starts else number / clip.fps
            while current and given < count and given / rate < at - EARLY_SECONDS:
                yield current
                given += 1
            current = canvas.picture(frame)
    if current is None:
        raise MediaError("media.no_frame_can_decoded", path=clip.path.name)
    for _ in range(given, count):
        yield current


def _time_of(frame: VideoFrame) -> Fraction:
    told = frame.dts if frame.pts is None else frame.pts
    return (told or 0) * (frame.time_base or Fraction(0))


# Sound


class _Sound:
    """One track for all clips, in AAC: packets of the clips' own would begin before or after their pictures."""

    def __init__(
        self,
        file: OutputContainer,
        clips: Sequence[Clip],
        spans: Sequence[tuple[Fraction, Fraction]],
        check: Callable[[], None],
    ) -> None:
        """``spans``: where each clip begins in the file, and how long it is, in seconds."""
        self._file, self._clips, self._check = file, clips, check
        self._stream: Any = None
        if not any(clip.info.has_audio for clip in clips):
            return
        self._rate, self._layout = _shape_of_sound(clips)
        self._stream = file.add_stream("aac", rate=self._rate, layout=self._layout)
        self._stream.bit_rate = _SOUND_BITS
        self._ends = [(round(at * self._rate), round((at + length) * self._rate)) for at, length in spans]
        self._seconds = [length for _, length in spans]
        self._number = self._written = 0
        self._held = self._pending = np.zeros((1 if self._layout == "mono" else 2, 0), np.float32)

    def write_next(self) -> None:
        """The sound of the next clip, but for what the one after it fades into."""
        if not self._stream:
            return
        number, self._number = self._number, self._number + 1
        begin, end = self._ends[number]
        wave = _track(self._clips[number], self._seconds[number], end - begin, self._rate, self._layout, self._check)
        fading = self._held.shape[1]
        if fading:
            share = (np.arange(fading, dtype=np.float32) + 0.5) / fading
            wave[:, :fading] = self._held * (1 - share) + wave[:, :fading] * share
        stays = (self._ends[number + 1][0] if number + 1 < len(self._ends) else end) - begin
        self._held = wave[:, stays:]
        self._encode(wave[:, :stays])

    def _encode(self, wave: Floats) -> None:
        self._pending = np.concatenate((self._pending, wave), 1)
        while self._pending.shape[1] >= _PACKET_SAMPLES:
            self._encode_piece(self._pending[:, :_PACKET_SAMPLES])
            self._pending = self._pending[:, _PACKET_SAMPLES:]

    def _encode_piece(self, piece: Floats) -> None:
        import av

        frame = av.AudioFrame.from_ndarray(cast("Any", np.ascontiguousarray(piece)), "fltp", self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._written
        self._written += piece.shape[1]
        self._file.mux(self._stream.encode(frame))

    def finish(self) -> None:
        if self._stream:
            if self._pending.shape[1]:
                self._encode_piece(self._pending)
            self._file.mux(self._stream.encode(None))


def _shape_of_sound(clips: Sequence[Clip]) -> tuple[int, str]:
    """That of the clips where it is the same for all."""
    shapes = {(clip.info.sample_rate, clip.info.channels) for clip in clips if clip.info.has_audio}
    rate, channels = shapes.pop()
    if shapes or rate not in _SOUND_RATES or channels not in (1, 2):
        return _SOUND_RATES[0], "stereo"
    return rate, "mono" if channels == 1 else "stereo"


def _track(clip: Clip, seconds: Fraction, samples: int, rate: int, layout: str, check: Callable[[], None]) -> Floats:
    """The clip's sound [C, samples] from its first picture on."""
    channels = 1 if layout == "mono" else 2
    if not clip.info.has_audio:
        return np.zeros((channels, samples), np.float32)  # of MOST_SECONDS at most
    sound = Soundtrack(seconds, clip.origin)
    with open_video(clip.path) as source:
        for frame in Reader(source, [audio_stream(source)], check).frames():
            sound.add(cast("AudioFrame", frame))
            if sound.full:
                break
    wave = sound.waveform
    if (sound.sample_rate, sound.layout) != (rate, layout):
        wave = _resampled(sound, rate, layout)
    found = np.zeros((channels, samples), np.float32)
    found[:, : wave.shape[1]] = wave[:, :samples]
    return found


def _resampled(sound: Soundtrack, rate: int, layout: str) -> Floats:
    import av

    whole = av.AudioFrame.from_ndarray(cast("Any", sound.waveform), "fltp", sound.layout)
    whole.sample_rate, whole.time_base, whole.pts = sound.sample_rate, Fraction(1, sound.sample_rate), 0
    resampler = av.AudioResampler("fltp", layout, rate)
    pieces = [*resampler.resample(whole), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray() for piece in pieces], 1)


@contextmanager
def _created(target: Path) -> Iterator[OutputContainer]:
    import av

    with (
        av_errors(f"{target.name} cannot be written"),
        av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as file,
    ):
        yield file
