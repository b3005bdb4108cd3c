"""`--image`, `--source-job`, `--last-frame` and `--reference`: what a video begins with, ends with or follows."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine import Engine
from ..errors import InvalidRequest
from ..files.home import output_dir
from ..files.names import is_file
from ..media.frame import Pick, still_of, still_of_file
from ..media.images import ImageNeeds, references_from_tensor, upload_fitted
from ..models import Destination, Operation, Upload
from ..requests.kinds import PictureRequest, VideoRequest
from ._terminal import followed, say


def images(engine: Engine, request: PictureRequest, arguments: argparse.Namespace) -> tuple[Upload, ...]:
    """The files of `--image` as the profile wants them: upright, of the size asked for. Raises InvalidRequest."""
    if not arguments.image:
        return ()
    needs = engine.image_needs(request, arguments.profile, len(arguments.image))
    return tuple(_fitted(path, needs, arguments.fit) for path in arguments.image)


def with_references(engine: Engine, request: VideoRequest, arguments: argparse.Namespace) -> VideoRequest:
    """The request with all of them in it; pictures that it only follows keep their shape. Raises InvalidRequest."""
    first, last = arguments.image, arguments.last_frame
    stills = _stills(engine, request, arguments)
    if not first and not arguments.reference and not last and not stills:
        return request
    from ..media.references import reference_from_file

    others = {path: reference_from_file(Path(path)) for path in arguments.reference}
    found = [upload for upload in others.values() if upload]
    followed = [path for path, upload in others.items() if not upload]
    clips = tuple(upload for upload in found if upload.media_type.startswith("video/"))
    sounds = tuple(upload for upload in found if upload.media_type.startswith("audio/"))
    if request.operation is Operation.TEXT_TO_VIDEO and (first or stills or followed or clips or last):
        request = replace(request, operation=Operation.IMAGE_TO_VIDEO)
    request = replace(request, clips=clips, sounds=sounds)
    count = len(first) + len(stills) + len(followed)
    if not count and not last:
        return request
    needs = engine.image_needs(request, arguments.profile, count, and_last=bool(last))
    begun = [each.upload for still in stills for each in references_from_tensor(still, needs, arguments.fit)]
    begun += [_fitted(path, needs, arguments.fit) for path in first]
    begun += [_fitted(path, needs, arguments.fit, own_shape=True) for path in followed]
    end = _fitted(last, needs, arguments.fit) if last else None
    return replace(request, images=tuple(begun), last_frame=end)


def _stills(engine: Engine, request: VideoRequest, arguments: argparse.Namespace) -> list[Any]:
    """Of `--source-job` and `--source-frame`: one picture [1,H,W,3], or none. Raises InvalidRequest, MediaError."""
    source, pick = arguments.source_job, Pick.of(arguments.source_frame or "")
    if source is None:
        if arguments.source_frame is not None:
            raise InvalidRequest("cli.source_frame_of_no_job")
        return []
    if arguments.image or request.image_urls:
        raise InvalidRequest("cli.source_job_and_image")
    if is_file(Path(source)):
        return [still_of_file(Path(source), pick)]
    made = followed(lambda line: engine.resume(source, None, Destination(output_dir()), line))
    return [still_of(made, pick)]


def edit_source(engine: Engine, source: str, profile: str) -> tuple[str, Upload | None]:
    """Of `--edit` and `--extend`: the remote id of a job, or a clip: the file's, or the job's where it has to be.

    Raises InvalidRequest.
    """
    if not source:
        return "", None
    from ..media.references import CLIPS, clip_from_file

    path = Path(source)
    if path.suffix.lower().removeprefix(".") in CLIPS or is_file(path):
        return "", clip_from_file(path)
    return followed(lambda line: engine.edit_source(source, profile, Destination(output_dir()), line))


def _fitted(path: str, needs: ImageNeeds, fit: str, *, own_shape: bool = False) -> Upload:
    """What was done to it is said."""
    upload, note = upload_fitted(Path(path), needs, fit, own_shape=own_shape)
    if note:
        say(f"{path}: {note}")
    return upload
