"""A part of a clip, as a small file of its own that can be uploaded."""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..errors import InvalidRequest, MediaError
from ..models import Upload
from .clip import Reader, VideoInfo, audio_stream, video_stream
from .container import av_errors, open_video
from .video import probe

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, VideoFrame, VideoStream
    from av.container import OutputContainer

_SPARE_SECONDS = 0.05  # a part that ends this near to the clip's end is not cut off
_LONG_SIDE = 1920  # pixels; what shows a person is not better with more
_RATE_HZ = 48_000


def part_of_clip(path: Path, start: float, end: float, bytes_limit: int) -> Upload:
    """``start`` to ``end`` seconds of the clip: the file itself when that is all of it, else cut and encoded.

    The upload is known by its source, so that the same part of the same file is the same upload. Raises
    InvalidRequest for a part outside of the clip and for what is no video.
    """
    try:
        return _part(path, start, end, bytes_limit)
    except MediaError as error:  # nothing was paid for this file
        raise InvalidRequest(f"The clip cannot be used: {error.message}") from error


def _part(path: Path, start: float, end: float, bytes_limit: int) -> Upload:
    info = probe(path)
    length = info.seconds
    if not 0 <= start < end:
        raise InvalidRequest(
            f"The part goes from {start:g} to {end:g} s; it must start at 0 or later and end after it."
        )
    if end > length + _SPARE_SECONDS:
        raise InvalidRequest(f"The part goes from {start:g} to {end:g} s; the clip is only {length:.2f} s long.")
    is_whole = start <= _SPARE_SECONDS and end >= length - _SPARE_SECONDS
    with path.open("rb") as stream:
        digest = hashlib.sha256(stream.read())
        if is_whole and path.stat().st_size <= bytes_limit and path.suffix.lower() == ".mp4":
            stream.seek(0)
            return Upload(stream.read(), "video/mp4", "clip.mp4", digest.hexdigest())
    digest.update(f" {start:.3f} {end:.3f}".encode())
    return Upload(_cut(path, info, start, end), "video/mp4", "clip.mp4", digest.hexdigest())


def _cut(path: Path, info: VideoInfo, start: float, end: float) -> bytes:
    target = io.BytesIO()
    with open_video(path) as source, av_errors(f"{path.name} cannot be cut"):
        video, audio = video_stream(source, path), audio_stream(source)
        encoder = _Encoder(cast(BinaryIO, target), info, video, audio)
        source.seek(max(int((start - 1) * 1_000_000), 0), backward=True)
        origin = float((video.start_time or 0) * (video.time_base or 0))
        for frame in Reader(source, [video, audio], lambda: None).frames():
            at = (frame.time or 0.0) - origin
            if start - 1e-6 <= at < end - 1e-6:
                encoder.add(frame, at - start)
            elif at > end + 1:  # the other stream may lag behind a little
                break
        encoder.close()
    if not encoder.pictures:
        raise MediaError(f"{path.name} has no picture from {start:g} to {end:g} s.")
    return target.getvalue()


class _Encoder:
    """H.264 and AAC in an MP4; pictures upright, of even sides, no larger than full HD."""

    def __init__(self, target: BinaryIO, info: VideoInfo, video: VideoStream, audio: AudioStream | None) -> None:
        import av

        self._out: OutputContainer = av.open(target, "w", format="mp4")
        # of a fixed number of threads: the output depends on it
        options = {"preset": "veryfast", "crf": "18", "threads": "2"}
        self._video: Any = self._out.add_stream("libx264", rate=video.average_rate or 24, options=options)
        self._video.pix_fmt, self._video.time_base = "yuv420p", Fraction(1, 90_000)
        self._video.codec_context.time_base = Fraction(1, 90_000)
        scale = min(1.0, _LONG_SIDE / max(info.width, info.height))
        self._video.width = max(round(info.width * scale / 2) * 2, 2)
        self._video.height = max(round(info.height * scale / 2) * 2, 2)
        self._audio: Any = self._out.add_stream("aac", rate=_RATE_HZ) if audio else None
        if self._audio:
            self._audio.codec_context.layout = "stereo"
        self._resampler = av.AudioResampler("fltp", "stereo", _RATE_HZ, frame_size=1024) if audio else None
        self._samples = 0
        self.pictures = 0

    def add(self, frame: VideoFrame | AudioFrame, at: float) -> None:
        import av

        if isinstance(frame, av.VideoFrame):
            self._add_picture(frame, at)
        elif self._resampler:
            frame.pts = None
            for piece in self._resampler.resample(frame):
                self._add_sound(piece)

    def _add_picture(self, frame: VideoFrame, at: float) -> None:
        import av
        import numpy

        turns = 0
        if turns:
            upright = frame.to_ndarray(format="rgb24")
            turned: Any = numpy.ascontiguousarray(numpy.rot90(upright, turns // 90))
            frame = av.VideoFrame.from_ndarray(turned, "rgb24")
        picture = frame.reformat(self._video.width, self._video.height, "yuv420p")
        picture.pts, picture.time_base = round(at * 90_000), Fraction(1, 90_000)
        picture.pict_type = av.video.frame.PictureType.NONE
        self._out.mux(self._video.encode(picture))
        self.pictures += 1

    def _add_sound(self, piece: AudioFrame) -> None:
        piece.pts, piece.time_base = self._samples, Fraction(1, _RATE_HZ)
        self._samples += piece.samples
        self._out.mux(self._audio.encode(piece))

    def close(self) -> None:
        if self.pictures:
            for piece in self._resampler.resample(None) if self._resampler else ():
                self._add_sound(piece)
            self._out.mux(self._video.encode(None))
            if self._audio:
                self._out.mux(self._audio.encode(None))
        self._out.close()
