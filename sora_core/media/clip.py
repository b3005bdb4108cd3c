"""A video file opened for reading: what is in it, and its frames as they come."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import MediaError
from .container import missing_bytes, open_video

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet, VideoFrame, VideoStream
    from av.container import InputContainer

log = logging.getLogger(__name__)

EARLY_SECONDS = Fraction(3, 2000)  # by which a timestamp in milliseconds may come late
FRAMES_FORGIVEN = 2  # that damage may cost before the whole file counts as broken

_RATE_TOLERANCE = Fraction(1, 200)  # between the rate in the header and that of the timestamps
_ROUNDING_SECONDS = 0.002  # of a timestamp in milliseconds, at both ends of a picture
_MOST_STRETCH = 4  # a sample aspect ratio beyond it is taken for a mistake
_DECODER_THREADS = min(8, os.cpu_count() or 1)  # each holds frames of its own


@dataclass(frozen=True)
class VideoInfo:
    """What is in the file. Width and height are as displayed, upright and of square pixels; ``fps`` is the average.

    ``sample_rate`` (Hz) and ``channels`` are None without sound.
    """

    width: int
    height: int
    fps: float
    seconds: float
    frame_count: int
    codec: str
    has_audio: bool
    sample_rate: int | None
    channels: int | None


@dataclass(frozen=True)
class Clip:
    """What reading a file through, without decoding, tells.

    ``frames`` are there; ``announced`` were promised by the header, None where it is silent.
    ``origin`` is the time of the first picture, in seconds, and ``starts`` those of all of them after it, in
    order; empty where they are not timed. ``keyframes`` are the packets of the video stream, counted from 0,
    at which decoding can begin. ``notes`` say what a user should know of the pictures.
    """

    path: Path
    info: VideoInfo
    frames: int
    announced: int | None
    damaged: bool
    fps: Fraction
    origin: Fraction
    starts: tuple[float, ...] = field(repr=False)
    keyframes: tuple[int, ...] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def is_variable(self) -> bool:
        """Whether pictures are shown for different times, beyond the rounding of timestamps."""
        usual = 1 / float(self.fps)
        return any(abs(length - usual) > max(_ROUNDING_SECONDS, usual / 4) for length in self.lengths())

    def lengths(self) -> list[float]:
        """For how many seconds each picture but the last is shown; empty where they are not timed."""
        return [after - start for start, after in pairwise(self.starts)]

    def broken(self, frames: int) -> bool:
        """Whether damage took more than a couple of frames, when this many can be read."""
        promised = self.announced or (self.frames if frames < self.frames else None)
        return self.damaged and (promised is None or promised - frames > FRAMES_FORGIVEN)

    def error(self, frames: int) -> MediaError:
        promised = "" if self.announced is None else f" of {self.announced}"
        return MediaError("media.damaged_or_cut_off_frames", path=self.path.name, frames=frames, promised=promised)


def scan(path: Path, check: Callable[[], None]) -> Clip:
    """Reads the file through and decodes its first frame. Raises MediaError when there is none."""
    import av

    times = _Timestamps()
    first: VideoFrame | None = None
    with open_video(path) as container:
        stream, audio = video_stream(container, path), audio_stream(container)
        damaged = missing_bytes(path) > 0
        try:
            for packet in container.demux(stream):
                check()
                damaged |= packet.is_corrupt
                first = first or _first_frame(stream, packet)
                times.add(packet, stream.codec_context.name)
        except av.error.FFmpegError as error:
            log.debug("%s breaks off: %s", path, error)
            damaged = True
            first = first or _first_frame(stream, None)
        if first is None or not times.count:
            raise MediaError("media.holds_no_picture_can_decoded", path=path.name)
        fps = times.rate(stream)
        info = _info(stream, audio, first, times.count, fps)
        return Clip(
            path=path,
            info=info,
            frames=times.count,
            announced=_announced(container, stream, fps, times.discarded),
            damaged=damaged,
            fps=fps,
            origin=times.first * (stream.time_base or Fraction(0)),
            starts=times.starts(stream.time_base or Fraction(0)),
            keyframes=tuple(times.keyframes),
            notes=_shape_notes(stream, first, info),
        )


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned and mirrored for display: sides swapped first, then mirrored."""

    swapped: bool = False
    left_right: bool = False
    upside_down: bool = False

    @staticmethod
    def of(frame: VideoFrame) -> Orientation:
        """By the frame's display matrix, to the next quarter turn."""
        from av.sidedata.sidedata import SideDataContainer

        # frame.side_data would be kept by the frame that it keeps, and the picture stay until the garbage collection
        matrix = cast("Any", SideDataContainer)(frame).get("DISPLAYMATRIX")
        if matrix is None:
            return Orientation()
        right_x, right_y, _, down_x, down_y = struct.unpack_from("=5i", cast("Any", matrix))
        if abs(right_x) + abs(down_y) >= abs(right_y) + abs(down_x):
            return Orientation(False, right_x < 0, down_y < 0)
        return Orientation(True, down_x < 0, right_y < 0)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as displayed."""
        return (height, width) if self.swapped else (width, height)

    def stored(self, displayed: Any) -> Any:
        """A view of an array [H,W,...] of the displayed picture, in the order of the stored one."""
        view = displayed[:: -1 if self.upside_down else 1, :: -1 if self.left_right else 1]
        return view.swapaxes(0, 1) if self.swapped else view


def count_frames(path: Path, check: Callable[[], None]) -> int:
    """The number of pictures, by decoding them all."""
    with open_video(path) as container:
        return sum(1 for _ in Reader(container, [video_stream(container, path)], check).frames())


class Reader:
    """Decodes streams of an open file. What cannot be decoded is skipped and counted in ``errors``, pictures that
    were patched up by the decoder in ``corrupt``."""

    def __init__(
        self, container: InputContainer, streams: Iterable[VideoStream | AudioStream | None], check: Callable[[], None]
    ) -> None:
        self.errors = self.corrupt = 0
        self._container = container
        self._wanted = {stream.index: stream for stream in streams if stream}
        self._check = check

    def drop(self, kind: str) -> None:
        """No more frames of the "video" or "audio" stream are wanted."""
        self._wanted = {index: stream for index, stream in self._wanted.items() if stream.type != kind}

    def frames(self) -> Iterator[VideoFrame | AudioFrame]:
        """Frames of all wanted streams, each stream's in the order of display."""
        import av

        for stream in self._wanted.values():
            if stream.type == "video":
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = _DECODER_THREADS
        try:
            for packet in self._container.demux(list(self._wanted.values())):
                self._check()
                if not self._wanted:
                    return
                yield from self._decode(packet.stream.index, packet)
        except av.error.FFmpegError as error:
            log.debug("%s breaks off: %s", self._container.name, error)
            self.errors += 1
            for index in list(self._wanted):
                yield from self._decode(index, None)  # what the decoders still hold is good

    def _decode(self, index: int, packet: Packet[Any] | None) -> Sequence[VideoFrame | AudioFrame]:
        import av

        if index not in self._wanted:
            return ()
        try:
            frames: Sequence[VideoFrame | AudioFrame] = self._wanted[index].decode(packet)
        except av.error.FFmpegError as error:
            log.debug("%s has a damaged packet: %s", self._container.name, error)
            self.errors += 1
            return ()
        self.corrupt += sum(frame.is_corrupt for frame in frames if isinstance(frame, av.VideoFrame))
        return frames


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The file's main picture; a cover is none. Raises MediaError."""
    from av.stream import Disposition

    best = container.streams.best("video")
    moving = [
        each for each in (best, *container.streams.video) if each and not each.disposition & Disposition.attached_pic
    ]
    if not moving:
        raise MediaError("media.has_no_video_stream", path=path.name)
    if moving[0].codec_context is None:
        raise MediaError("media.coded_way_machine_cannot_decode", path=path.name)
    return cast("VideoStream", moving[0])


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The file's main sound, None where there is none that can be decoded."""
    best = container.streams.best("audio")
    streams = [best, *container.streams.audio] if best else []
    return next((cast("AudioStream", stream) for stream in streams if stream.codec_context is not None), None)


class _Timestamps:
    """Counts the packets that show a picture and finds their rate, in units of the stream's time base."""

    def __init__(self) -> None:
        self.count = self.discarded = 0
        self.first = self._last = self._last_duration = 0
        self.keyframes: list[int] = []
        self._packets = 0
        self._times: list[int] = []

    def add(self, packet: Packet[Any], codec: str) -> None:
        if packet.size == 0:  # the one that flushes the decoder
            return
        if packet.is_keyframe:
            self.keyframes.append(self._packets)
        self._packets += 1
        if packet.is_discard:  # outside of what an edit list shows
            self.discarded += 1
            return
        if codec == "vp8" and not memoryview(packet)[0] & 0x10:  # a hidden reference frame
            return
        self.count += 1
        if packet.pts is None:
            return
        if not self._times or packet.pts < self.first:
            self.first = packet.pts
        if not self._times or packet.pts > self._last:
            self._last, self._last_duration = packet.pts, packet.duration or 0
        self._times.append(packet.pts)

    def starts(self, time_base: Fraction) -> tuple[float, ...]:
        """When each picture is shown, in seconds after the first; empty unless all are timed."""
        if len(self._times) != self.count:
            return ()
        return tuple(float((time - self.first) * time_base) for time in sorted(self._times))

    def rate(self, stream: VideoStream) -> Fraction:
        """Frames per second, on average: as the header says if the timestamps agree, else as they say."""
        told = stream.average_rate or stream.guessed_rate or stream.base_rate
        span = Fraction(self._last - self.first)
        span += self._last_duration or span / max(1, self.count - 1)
        if not span or not stream.time_base:
            return Fraction(told or 1)
        measured = self.count / (span * stream.time_base)
        if told and abs(measured - told) <= told * _RATE_TOLERANCE:
            return Fraction(told)
        return measured.limit_denominator(100_000) or Fraction(1, round(1 / measured))


def _first_frame(stream: VideoStream, packet: Packet[Any] | None) -> VideoFrame | None:
    import av

    try:
        return next(iter(stream.decode(packet)), None)
    except av.error.FFmpegError as error:
        log.debug("a packet cannot be decoded: %s", error)
        return None


def _announced(container: InputContainer, stream: VideoStream, fps: Fraction, discarded: int) -> int | None:
    if stream.frames:
        return stream.frames - discarded
    if "matroska" in container.format.name and container.duration:
        return int(Fraction(container.duration, 1_000_000) * fps)
    return None  # a fragmented MP4: its duration is only that of the fragments found


def _info(stream: VideoStream, audio: AudioStream | None, first: VideoFrame, frames: int, fps: Fraction) -> VideoInfo:
    width, height = Orientation.of(first).size(*_square_size(stream, first))
    return VideoInfo(
        width=width,
        height=height,
        fps=float(fps),
        seconds=float(frames / fps),
        frame_count=frames,
        codec=stream.codec_context.codec.canonical_name,
        has_audio=audio is not None,
        sample_rate=audio.codec_context.sample_rate if audio else None,
        channels=audio.codec_context.layout.nb_channels if audio else None,
    )


def _square_size(stream: VideoStream, frame: VideoFrame) -> tuple[int, int]:
    """Width and height that the stored picture has with square pixels; only ever larger."""
    ratio = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, _MOST_STRETCH) <= ratio <= _MOST_STRETCH:
        return frame.width, frame.height
    if ratio > 1:
        return round(frame.width * ratio), frame.height
    return frame.width, round(frame.height / ratio)


def _shape_notes(stream: VideoStream, frame: VideoFrame, info: VideoInfo) -> tuple[str, ...]:
    if _square_size(stream, frame) == (frame.width, frame.height):
        return ()
    ratio = stream.sample_aspect_ratio or Fraction(1)
    return (
        f"The pixels of {frame.width}x{frame.height} are not square ({ratio.numerator}:{ratio.denominator}); "
        f"the frames are stretched to {info.width}x{info.height}.",
    )
