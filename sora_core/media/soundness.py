"""Whether the bytes of a delivered video are good, as far as can be told without decoding all of it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MediaError
from .clip import FRAMES_FORGIVEN, Clip, scan, video_stream
from .container import open_video, stray_bytes

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer

log = logging.getLogger(__name__)

_SAMPLES = 8  # pictures that are decoded on the way to the end
_TAIL_FRAMES = 12  # at least, with which the clip ends; from the keyframe before them on
_MOST_PIXELS = 600 * 1920 * 1080  # decoded at the end: about as many seconds as the download of a large clip takes
_HOLLOW_BYTES = 16  # coded media never begins with as many zeros
_GAP_SECONDS = 0.5  # without any packet, in the middle or before the end that the header tells
_RAW_CODECS = ("pcm_", "rawvideo")  # silence and black are zeros there


def find_fault(path: Path) -> str | None:
    """What is wrong with a video file, in words; None when nothing is found.

    Reads the file through once or twice, looks at the beginning of every packet, and decodes a few pictures
    on the way and all from the last keyframe on. Finds a file that breaks off, that is hollow from somewhere
    on, and one that stops decoding; a damaged picture here or there is not looked for. Blocks.
    """
    try:
        clip = scan(path, _never)
        if clip.broken(clip.frames):
            return clip.error(clip.frames).message
        if stray := stray_bytes(path):
            return f"{path.name} breaks off: the last {stray} of {path.stat().st_size} bytes are no part of a video."
        with open_video(path) as container:
            return _Inspection(clip, container).fault()
    except MediaError as error:
        return error.message


def _never() -> None:
    """The check of those who cannot be interrupted."""


class _Inspection:
    """One reading of the file, packet by packet."""

    def __init__(self, clip: Clip, container: InputContainer) -> None:
        self._clip = clip
        self._container = container
        self._video = video_stream(container, clip.path)
        self._samples, self._tail = _chosen(clip)
        self._hollow = self._lost = 0
        self._first_fault: float | None = None
        self._longest_gap = _GAP_SECONDS + 1 / clip.info.fps
        self._end = 0.0
        self._gap = ""

    def fault(self) -> str | None:
        import av

        self._video.thread_type = "AUTO"
        ordinal = 0
        try:
            for packet in self._container.demux():
                if packet.size == 0:
                    continue
                self._look_into(packet)
                self._look_at_time(packet)
                if packet.stream_index == self._video.index:
                    self._decode(ordinal, packet)
                    ordinal += 1
        except av.error.FFmpegError as error:
            return f"{self._clip.path.name} breaks off: {error.strerror or error}."
        self._count_lost(None)
        return self._words() or self._gap or self._early_end()

    def _look_into(self, packet: Packet[Any]) -> None:
        if packet.stream.codec_context is None or packet.stream.codec_context.name.startswith(_RAW_CODECS):
            return
        head = bytes(memoryview(packet)[:_HOLLOW_BYTES])
        if len(head) == _HOLLOW_BYTES and not any(head):
            self._hollow += 1
            self._remember(packet)

    def _look_at_time(self, packet: Packet[Any]) -> None:
        """An MP4 tells how long each packet is shown: there is none of them between two others."""
        start, end = _times_of(packet)
        if self._end and start - self._end > self._longest_gap and "mp4" in self._container.format.name:
            self._gap = f"{self._clip.path.name} holds nothing from {self._end:.1f} to {start:.1f} s."
        self._end = max(self._end, end)

    def _decode(self, ordinal: int, packet: Packet[Any]) -> None:
        """Decodes the packet where it is one of the chosen."""
        if ordinal >= self._tail:
            self._count_lost(packet)
        elif ordinal in self._samples:
            self._count_lost(packet)
            self._count_lost(None)
            self._video.codec_context.flush_buffers()

    def _count_lost(self, packet: Packet[Any] | None) -> None:
        import av

        try:
            corrupt = sum(frame.is_corrupt for frame in self._video.decode(packet))
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            log.debug("%s: a packet cannot be decoded: %s", self._clip.path, error)
            corrupt = 1
        self._lost += corrupt
        if corrupt and packet:
            self._remember(packet)

    def _remember(self, packet: Packet[Any]) -> None:
        if self._first_fault is None and packet.pts is not None and packet.time_base is not None:
            self._first_fault = max(0.0, float(packet.pts * packet.time_base - self._clip.origin))

    def _words(self) -> str | None:
        if max(self._hollow, self._lost) <= FRAMES_FORGIVEN:
            return None
        where = "" if self._first_fault is None else f" from about {self._first_fault:.1f} s on"
        what = "is hollow (nothing but zeros)" if self._hollow > FRAMES_FORGIVEN else "cannot be decoded"
        return f"{self._clip.path.name} {what}{where}, of {self._clip.info.seconds:.1f} s."

    def _early_end(self) -> str | None:
        start, length = self._container.start_time or 0, self._container.duration
        told = 0.0 if length is None else (start + length) / 1_000_000
        if told - self._end <= self._longest_gap:
            return None
        return f"{self._clip.path.name} ends at {self._end:.1f} s, its header tells of {told:.1f} s."


def _times_of(packet: Packet[Any]) -> tuple[float, float]:
    """From when to when the packet is shown, in seconds; 0 where it is not timed."""
    if packet.pts is None or packet.time_base is None:
        return 0.0, 0.0
    return float(packet.pts * packet.time_base), float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _chosen(clip: Clip) -> tuple[frozenset[int], int]:
    """The keyframes to decode on the way, and the packet from which on all are decoded."""
    starts = [at for at in clip.keyframes if at <= clip.frames - _TAIL_FRAMES]
    tail = starts[-1] if starts else 0
    if (clip.frames - tail) * clip.info.width * clip.info.height > _MOST_PIXELS:
        tail = sys.maxsize  # the first picture of so long a piece has to do
    before = [at for at in clip.keyframes if at < tail]
    step = max(1, len(before) // _SAMPLES)
    return frozenset(before[::step]), tail
