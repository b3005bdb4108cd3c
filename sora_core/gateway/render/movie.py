"""Writes an animatic as H.264 and AAC in an MP4 that starts to play while it loads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..animatic import Animatic
from . import sound
from .frames import Frame, Painter

_log = logging.getLogger(__name__)

_BT709 = 1  # primaries, transfer and matrix have the same number (ITU-T H.273)
_LIMITED_RANGE = 1
_AAC_SAMPLES = 1024


class Stopped(Exception):
    """Nobody wants the movie any more; the file is incomplete."""


def render(animatic: Animatic, path: Path, *, stopped: Callable[[], bool] = lambda: False) -> None:
    """Writes the file; asks ``stopped`` at every frame.

    Memory stays at a few frames. Raises Stopped, ValueError (the image), OSError or av.FFmpegError (the file).
    """
    painter = Painter(animatic)
    # faststart: the index goes to the front, so that a player needs no second request.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video, audio = _video(container, animatic), _audio(container)
        samples = round(animatic.frame_count / animatic.fps * sound.SAMPLE_RATE_HZ)
        cuts = [scene.first / animatic.fps for scene in animatic.scenes]
        clicks = _Track(container, audio, sound.chunks(cuts, samples, _AAC_SAMPLES))
        for index, frame in enumerate(painter.frames()):
            if stopped():
                raise Stopped
            container.mux(video.encode(_picture(frame, index, animatic.fps)))
            clicks.write_until((index + 1) / animatic.fps)
        container.mux(video.encode(None))
        clicks.finish()


def _video(container: Any, animatic: Animatic) -> Any:
    stream = container.add_stream("libx264", rate=animatic.fps)
    stream.width, stream.height, stream.pix_fmt = animatic.width, animatic.height, "yuv420p"
    # A fixed number of threads: the output depends on it, and equal animatics give equal files.
    stream.options = {"preset": "ultrafast", "crf": "20", "threads": "2", "g": str(animatic.fps * 2)}
    context = stream.codec_context
    context.thread_type = "FRAME"
    context.color_range = _LIMITED_RANGE
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream


def _audio(container: Any) -> Any:
    stream = container.add_stream("aac", rate=sound.SAMPLE_RATE_HZ)
    stream.codec_context.layout = "stereo"
    stream.codec_context.bit_rate = 96_000
    return stream


def _picture(frame: Frame, index: int, fps: int) -> Any:
    picture = av.VideoFrame.from_ndarray(frame.planes.packed(), format="yuv420p")
    picture.pts, picture.time_base = index, Fraction(1, fps)
    picture.pict_type = 1 if frame.cut else 0  # an editor can cut where the shots are cut
    return picture


class _Track:
    """Feeds the sound in step with the pictures, so that neither waits in memory for the other."""

    def __init__(self, container: Any, stream: Any, chunks: Iterator[np.ndarray[Any, Any]]) -> None:
        self._container, self._stream, self._chunks = container, stream, chunks
        self._written = 0

    def write_until(self, seconds: float) -> None:
        while self._written < seconds * sound.SAMPLE_RATE_HZ:
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            self._write(chunk)

    def finish(self) -> None:
        for chunk in self._chunks:
            self._write(chunk)
        self._container.mux(self._stream.encode(None))

    def _write(self, chunk: np.ndarray[Any, Any]) -> None:
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = sound.SAMPLE_RATE_HZ, self._written
        frame.time_base = Fraction(1, sound.SAMPLE_RATE_HZ)
        self._written += chunk.shape[1]
        self._container.mux(self._stream.encode(frame))
