"""A video file opened for reading: what is in it, and its frames as they come."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

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
    ``origin`` is the time of the first picture, in seconds.
    """

    path: Path
    info: VideoInfo
    frames: int
    announced: int | None
    damaged: bool
    fps: Fraction
    origin: Fraction

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
                if first is None:
                    first = _first_of(packet)
                times.add(packet, stream.codec_context.name)
        except av.error.FFmpegError as error:
            log.debug("%s breaks off: %s", path, error)
            damaged = True
            first = first or _first_of(None, stream)
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
            origin=times.first * _time_base(stream),
        )


def count_frames(path: Path, check: Callable[[], None]) -> int:
    """The number of frames, by decoding them all."""
    with open_video(path) as container:
        return sum(1 for _ in Reader(container, [video_stream(container, path)], check).frames())


class Reader:
    """Decodes streams of an open file; damage is counted in ``errors`` and skipped."""

    def __init__(
        self, container: InputContainer, streams: list[VideoStream | AudioStream], check: Callable[[], None]
    ) -> None:
        self.errors = 0
        self._container = container
        self._wanted = {stream.index: stream for stream in streams}
        self._check = check

    def drop(self, kind: str) -> None:
        """No more frames of the "video" or "audio" stream are wanted."""
        self._wanted = {index: stream for index, stream in self._wanted.items() if stream.type != kind}

    def frames(self) -> Iterator[VideoFrame | AudioFrame]:
        """Frames of all wanted streams, each stream's in the order of display."""
        import av

        streams = list(self._wanted.values())
        for stream in streams:
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = _DECODER_THREADS
        try:
            for packet in self._container.demux(streams):
                self._check()
                if not self._wanted:
                    return
                if packet.stream_index in self._wanted:
                    yield from self._decode(packet)
        except av.error.FFmpegError as error:
            # the file breaks off; what the decoders still hold is good
            log.debug("%s breaks off: %s", self._container.name, error)
            self.errors += 1
            for stream in streams:
                ...

    def _decode(self, packet: Packet) -> list[VideoFrame | AudioFrame]:
        import av

        try:
            return packet.decode()
        except av.error.FFmpegError as error:
            log.debug("%s: a packet cannot be decoded: %s", self._container.name, error)
            self.errors += 1
            return []
