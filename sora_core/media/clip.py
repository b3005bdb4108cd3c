"""A video file opened for reading: what is in it, and its frames as they come."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import MediaError
from .container import missing_bytes, open_video

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet, VideoFrame, VideoStream
    from av.container import InputContainer

log = logging.getLogger(__name__)

FRAMES_FORGIVEN = 2  # that damage may cost before the whole file counts as broken

_RATE_TOLERANCE = Fraction(1, 200)  # between the rate in the header and that of the timestamps
_DECODER_THREADS = min(8, os.cpu_count() or 1)  # each holds frames of its own


@dataclass(frozen=True)
class VideoInfo:
    """What is in the file. Width and height are as displayed; ``fps`` is the average.

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
    ``origin`` is the time of the first picture, in seconds. ``keyframes`` are the packets of the video
    stream, counted from 0, at which decoding can begin.
    """

    path: Path
    info: VideoInfo
    frames: int
    announced: int | None
    damaged: bool
    fps: Fraction
    origin: Fraction
    keyframes: tuple[int, ...]

    def broken(self, frames: int) -> bool:
        """Whether damage took more than a couple of frames, when this many can be read."""
        return self.damaged and (self.announced is None or self.announced - frames > FRAMES_FORGIVEN)

    def error(self, frames: int) -> MediaError:
        promised = "" if self.announced is None else f" of {self.announced}"
        return MediaError(f"{self.path.name} is damaged or cut off: {frames}{promised} frames can be read.")


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
            raise MediaError(f"{path.name} holds no picture that can be decoded.")
        fps = times.rate(stream)
        return Clip(
            path=path,
            info=_info(stream, audio, first, times.count, fps),
            frames=times.count,
            announced=_announced(container, stream, fps, times.discarded),
            damaged=damaged,
            fps=fps,
            origin=times.first * (stream.time_base or Fraction(0)),
            keyframes=tuple(times.keyframes),
        )


def quarter_turn(frame: VideoFrame) -> int:
    """How far the frame is turned for display: 0, 90, 180 or 270 degrees against the clock."""
    return round(frame.rotation / 90) * 90 % 360


def displayed_size(frame: VideoFrame) -> tuple[int, int]:
    """Width and height as displayed."""
    return (frame.height, frame.width) if quarter_turn(frame) in (90, 270) else (frame.width, frame.height)


def count_frames(path: Path, check: Callable[[], None]) -> int:
    """The number of pictures, by decoding them all."""
    with open_video(path) as container:
        return sum(1 for _ in Reader(container, [video_stream(container, path)], check).frames())


class Reader:
    """Decodes streams of an open file; damage is counted in ``errors`` and skipped."""

    def __init__(
        self, container: InputContainer, streams: Iterable[VideoStream | AudioStream | None], check: Callable[[], None]
    ) -> None:
        self.errors = 0
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
            return self._wanted[index].decode(packet)
        except av.error.FFmpegError as error:
            log.debug("%s has a damaged packet: %s", self._container.name, error)
            self.errors += 1
            return ()


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The file's main picture. Raises MediaError."""
    stream = container.streams.best("video")
    if stream is None:
        raise MediaError(f"{path.name} has no video stream.")
    if stream.codec_context is None:
        raise MediaError(f"{path.name} is coded in a way that this machine cannot decode.")
    return cast("VideoStream", stream)


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
        self._timed = False

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
        if not self._timed or packet.pts < self.first:
            self.first = packet.pts
        if not self._timed or packet.pts > self._last:
            self._last, self._last_duration = packet.pts, packet.duration or 0
        self._timed = True

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
        return measured.limit_denominator(100_000)


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
    width, height = displayed_size(first)
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
