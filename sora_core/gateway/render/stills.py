"""Pictures of a finished movie: one for a list, and a sheet to scrub through."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from PIL import Image, ImageOps

_COLUMNS = 5
_MOST_TILES = 25
_TILE_LONG_PX = 240
_PORTRAIT_PX = 256
_TOLERANCE = 0.1  # seconds; clips end a frame early


def thumbnail(movie: Path, path: Path) -> None:
    """A WebP of the frame in the middle, at the movie's size."""
    with av.open(str(movie)) as container:
        count = container.streams.video[0].frames
    picture = next(_frames(movie, [count // 2]))
    picture.save(path, format="WEBP", quality=82)


def picture(movie: Path) -> bytes:
    """A PNG of the frame in the middle, at the movie's size."""
    with av.open(str(movie)) as container:
        count = container.streams.video[0].frames
    stream = io.BytesIO()
    next(_frames(movie, [count // 2])).save(stream, format="PNG", compress_level=4)
    return stream.getvalue()


def portrait(clip: bytes, start_seconds: float, end_seconds: float) -> bytes:
    """A small square WebP of where the span begins. Raises ValueError if the clip does not hold the span."""
    try:
        with av.open(io.BytesIO(clip)) as container:
            if not container.streams.video or (container.duration or 0) / av.time_base < end_seconds - _TOLERANCE:
                raise ValueError(f"the clip does not reach from {start_seconds:g} to {end_seconds:g} s")
            frames = (frame for frame in container.decode(video=0) if (frame.time or 0) >= start_seconds)
            image = next(frames).to_image()
    except (av.FFmpegError, StopIteration) as error:
        raise ValueError("the clip cannot be read; send an MP4") from error
    stream = io.BytesIO()
    ImageOps.fit(image, (_PORTRAIT_PX, _PORTRAIT_PX)).save(stream, format="WEBP", quality=82)
    return stream.getvalue()


def spritesheet(movie: Path, path: Path) -> None:
    """A JPEG with a tile for every second, row by row; fewer where the movie is long."""
    with av.open(str(movie)) as container:
        video = container.streams.video[0]
        seconds = float((video.duration or 1) * (video.time_base or 1))
        total = video.frames
    count = min(max(round(seconds), 1), _MOST_TILES)
    tiles = []
    for picture in _frames(movie, [total * number // count for number in range(count)]):
        picture.thumbnail((_TILE_LONG_PX, _TILE_LONG_PX))
        tiles.append(picture)
    width, height = tiles[0].size
    columns = min(_COLUMNS, count)
    sheet = Image.new("RGB", (width * columns, height * -(-count // columns)))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width, number // columns * height))
    sheet.save(path, format="JPEG", quality=85)


def _frames(movie: Path, wanted: Sequence[int]) -> Iterator[Image.Image]:
    """The frames of these numbers, in order; the movie is read once."""
    with av.open(str(movie)) as container:
        places = iter(wanted)
        place = next(places, None)
        for number, frame in enumerate(container.decode(video=0)):
            if place is None:
                return
            if number == place:
                yield frame.to_image()
                place = next(places, None)
