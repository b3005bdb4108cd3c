"""A part of a clip, as a small file of its own that can be uploaded."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..errors import InvalidRequest, MediaError
from ..models import Upload
from .canvas import BT709, LIMITED, TICKS, UNSPECIFIED, Canvas, even
from .clip import Clip, Reader, audio_stream, scan, video_stream
from .container import av_errors, open_video
from .sound import Soundtrack

if TYPE_CHECKING:
    from av import VideoFrame, VideoStream
    from av.container import OutputContainer

_SPARE_SECONDS = 0.05  # a part that ends this near to the clip's end is not cut off
_TICK_SECONDS = 1e-3  # by which a picture may come late and still be the one that is shown
_LEAD_SECONDS = 1  # of sound that is decoded before the part: its first piece needs the one before
_LONG_SIDE = 1920  # pixels; what shows a person is not better with more
_RATE_HZ = 48_000
_UNTOLD = (0, UNSPECIFIED)
_CHUNK_BYTES = 2**20


def part_of_clip(path: Path, start: float, end: float, bytes_limit: int) -> Upload:
    """``start`` to ``end`` seconds of the clip: the file itself when that is all of it, else cut and encoded.

    The upload is known by its source, so that the same part of the same file is the same upload. However large
    the source, little of it is held at a time. Raises InvalidRequest for a part outside of the clip and for what
    is no video.
    """
    try:
        return _part(path, start, end, bytes_limit)
    except MediaError as error:  # nothing was paid for this file
        raise InvalidRequest("media.clip_cannot_used", reason=error.message) from error


def _part(path: Path, start: float, end: float, bytes_limit: int) -> Upload:
    clip = scan(path, lambda: None)
    if clip.broken(clip.frames):
        raise clip.error(clip.frames)
    length = clip.info.seconds
    if not 0 <= start < end:
        raise InvalidRequest("media.part_goes_from_s_must", start=start, end=end)
    if end > length + _SPARE_SECONDS:
        raise InvalidRequest("media.part_goes_from_s_clip", start=start, end=end, length=length)
    digest = _hash_of(path)
    is_whole = start <= _SPARE_SECONDS and end >= length - _SPARE_SECONDS
    if is_whole and path.stat().st_size <= bytes_limit and path.suffix.lower() == ".mp4":
        return Upload(path.read_bytes(), "video/mp4", "clip.mp4", digest.hexdigest())
    digest.update(f" {start:.3f} {end:.3f}".encode())
    return Upload(_cut(clip, Fraction(start), Fraction(end)), "video/mp4", "clip.mp4", digest.hexdigest())


def _hash_of(path: Path) -> Any:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest


def _cut(clip: Clip, start: Fraction, end: Fraction) -> bytes:
    import av

    target, sound = io.BytesIO(), Soundtrack(end - start, clip.origin + start)
    with open_video(clip.path) as source, av_errors(f"{clip.path.name} cannot be cut"):
        video, audio = video_stream(source, clip.path), audio_stream(source)
        with _encoding(target, clip, video, with_sound=audio is not None) as encoder:
            source.seek(int((clip.origin + start - _LEAD_SECONDS) * av.time_base), backward=True)
            for frame in Reader(source, [video, audio], lambda: None).frames():
                if isinstance(frame, av.AudioFrame):
                    sound.add(frame)
                    continue
                at = _time_of(frame) - clip.origin - start
                if at < end - start:
                    encoder.show(frame, at)
                elif sound.full or not audio or at > end - start + _LEAD_SECONDS:
                    break
            encoder.finish(sound)
            if not encoder.pictures:
                raise MediaError("media.has_no_picture_from_s", path=clip.path.name, start=float(start), end=float(end))
    return target.getvalue()


def _time_of(frame: VideoFrame) -> Fraction:
    """When the frame is shown, in seconds on the file's own clock."""
    told = frame.dts if frame.pts is None else frame.pts
    return (told or 0) * (frame.time_base or Fraction(0))


@contextmanager
def _encoding(target: BinaryIO, clip: Clip, video: VideoStream, *, with_sound: bool) -> Iterator[_Encoder]:
    import av

    with av.open(target, "w", format="mp4") as container:
        yield _Encoder(container, clip, video, with_sound=with_sound)


class _Encoder:
    """H.264 and AAC in an MP4; pictures upright, of even sides, no larger than full HD, in BT.709 and tagged so."""

    def __init__(self, container: OutputContainer, clip: Clip, source: VideoStream, *, with_sound: bool) -> None:
        self._out = container
        rate = source.average_rate or source.guessed_rate or clip.fps
        # of a fixed number of threads: the output depends on it
        options = {"preset": "veryfast", "crf": "18", "threads": "2"}
        self._video: Any = container.add_stream("libx264", rate=Fraction(rate), options=options)
        self._video.pix_fmt, self._video.time_base = "yuv420p", TICKS
        self._video.codec_context.time_base = TICKS
        scale = min(1.0, _LONG_SIDE / max(clip.info.width, clip.info.height))
        self._video.width = even(clip.info.width * scale)
        self._video.height = even(clip.info.height * scale)
        # matrix and range are those we convert to; what the numbers of red, green and blue mean stays
        context, told = self._video.codec_context, source.codec_context
        context.colorspace, context.color_range = BT709, LIMITED
        context.color_primaries = told.color_primaries if told.color_primaries not in _UNTOLD else BT709
        context.color_trc = told.color_trc if told.color_trc not in _UNTOLD else BT709
        self._audio: Any = container.add_stream("aac", rate=_RATE_HZ, layout="stereo") if with_sound else None
        self._canvas = Canvas(self._video.width, self._video.height)
        self._early: VideoFrame | None = None
        self.pictures = 0

    def show(self, frame: VideoFrame, at: Fraction) -> None:
        """Takes the next frame. Of those from before the part (``at`` below 0) the last is what it begins with."""
        if at < -_TICK_SECONDS:
            self._early = frame
            return
        if not self.pictures and at > _TICK_SECONDS and self._early:
            self._encode(self._early, Fraction(0))
        self._encode(frame, max(at, Fraction(0)))

    def _encode(self, frame: VideoFrame, at: Fraction) -> None:
        import av

        picture = self._canvas.picture(frame)
        picture.colorspace, picture.color_range = BT709, LIMITED
        picture.pts, picture.time_base = round(at / TICKS), TICKS
        picture.pict_type = av.video.frame.PictureType.NONE
        self._out.mux(self._video.encode(picture))
        self.pictures += 1

    def finish(self, sound: Soundtrack) -> None:
        import av

        if self.pictures:
            self._out.mux(self._video.encode(None))
        if not self.pictures or not self._audio:
            return
        whole = av.AudioFrame.from_ndarray(cast("Any", sound.waveform), "fltp", sound.layout)
        whole.sample_rate, whole.time_base, whole.pts = sound.sample_rate, Fraction(1, sound.sample_rate), 0
        resampler = av.AudioResampler("fltp", "stereo", _RATE_HZ, frame_size=1024)
        samples = 0
        for piece in [*resampler.resample(whole), *resampler.resample(None)]:
            piece.pts, piece.time_base = samples, Fraction(1, _RATE_HZ)
            samples += piece.samples
            self._out.mux(self._audio.encode(piece))
        self._out.mux(self._audio.encode(None))
