"""`--image`, `--last-frame` and `--reference`: files that a video begins with, ends with or follows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..engine import Engine
from ..errors import InvalidRequest
from ..models import Operation, Upload
from ..requests.kinds import VideoRequest
from ..requests.references import image_bytes_limit
from ._terminal import say


def images(engine: Engine, arguments: argparse.Namespace) -> tuple[Upload, ...]:
    """The files of `--image`; one that is larger than the profile takes is encoded anew, and that is said."""
    limit = engine.capabilities(arguments.profile).image_bytes_limit
    return tuple(_image(path, limit, arguments.profile) for path in arguments.image)


def references(engine: Engine, arguments: argparse.Namespace) -> dict[str, Any]:
    """All three as fields of a request; pictures as `images` has them. Raises InvalidRequest."""
    if not arguments.image and not arguments.reference and not arguments.last_frame:
        return {"images": (), "last_frame": None, "clips": (), "sounds": ()}
    from ..media.references import reference_from_file

    others = {path: reference_from_file(Path(path)) for path in arguments.reference}
    found = [upload for upload in others.values() if upload]
    clips = tuple(upload for upload in found if upload.media_type.startswith("video/"))
    paths = [*arguments.image, *(path for path, upload in others.items() if not upload)]
    last = [arguments.last_frame] if arguments.last_frame else []
    plain = VideoRequest(Operation.IMAGE_TO_VIDEO, "", clips=clips)
    limit = image_bytes_limit(plain, engine.capabilities(arguments.profile), len(paths) + len(last))
    pictures = [_image(path, limit, arguments.profile) for path in (*paths, *last)]
    return {
        "last_frame": pictures.pop() if last else None,
        "images": tuple(pictures),
        "clips": clips,
        "sounds": tuple(upload for upload in found if upload.media_type.startswith("audio/")),
    }


def clip_from(source: str) -> Upload | None:
    """The clip, where the source is a file; None for the id of a job. Raises InvalidRequest."""
    path = Path(source)
    if not source or not path.is_file():
        return None
    from ..media.references import reference_from_file

    clip = reference_from_file(path)
    if clip is None or not clip.media_type.startswith("video/"):
        raise InvalidRequest("media.reference_clip_kind", kind=path.suffix or "?")
    return clip


def _image(path: str, limit: int, profile: str) -> Upload:
    from ..media.images import upload_from_file, within_limit

    upload, note = within_limit(upload_from_file(Path(path)), limit)
    if note:
        say(f"{path} is larger than profile '{profile}' takes; it is sent as {note}.")
    return upload
