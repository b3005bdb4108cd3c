"""What a video begins with, ends with, follows or is made of: how many, in which form, how large. Pure."""

from __future__ import annotations

from ..errors import InvalidRequest, Unsupported
from ..models import Capabilities, ClipForm, Field, Operation, Upload
from ..texts import size_of
from .kinds import PictureRequest, RemixRequest, VideoRequest

_TEXT_AROUND = 100  # bytes around an image in a field of text


def image_bytes_limit(request: VideoRequest | PictureRequest, can: Capabilities, images: int) -> int:
    """The most bytes that each of so many images may have."""
    travel_as_text = images > 1 and can.text_bytes_limit and not (isinstance(request, VideoRequest) and request.clips)
    if not travel_as_text:
        return can.image_bytes_limit
    return min(can.image_bytes_limit, (can.text_bytes_limit or 0) * 3 // 4 // images - _TEXT_AROUND)


def check_references(request: VideoRequest, images: int, can: Capabilities, profile: str) -> None:
    """Of what there is beside images: the last frame, clips, sounds."""
    if request.last_frame:
        if not can.last_frame:
            raise Unsupported("requests.profile_takes_no_last_frame", profile=profile)
        if images + len(request.image_urls) != 1:
            raise InvalidRequest("requests.last_frame_needs_one_first")
        check_bytes("image", request.last_frame, can.image_bytes_limit, profile)
    _check_text_bytes(request, can, profile)
    for what, uploads, most in (("clip", request.clips, can.clip_limit), ("sound", request.sounds, can.sound_limit)):
        if len(uploads) > most:
            raise Unsupported(
                f"requests.profile_takes_no_{what}s" if not most else f"requests.profile_takes_so_many_{what}s",
                profile=profile,
                most=most,
                count=len(uploads),
            )
        for upload in uploads:
            check_bytes(what, upload, can.reference_bytes_limit, profile)


def check_source(request: RemixRequest, can: Capabilities, profile: str) -> frozenset[Field]:
    """Of the video that the request starts from; what may be said of the shape of the new one."""
    if request.operation is Operation.REMIX:
        if not request.source_id:
            raise InvalidRequest("requests.remix_needs_job_starts_from")
        return can.remix_fields
    sources = {ClipForm.JOB: request.source_id, ClipForm.FILE: request.clip}
    given = [form for form, source in sources.items() if source]
    if len(given) != 1:
        raise InvalidRequest("requests.edit_needs_one_source", count=len(given))
    if given[0] not in can.edit_forms:
        text = "requests.edit_takes_jobs" if ClipForm.JOB in can.edit_forms else "requests.edit_takes_files"
        raise Unsupported(text, profile=profile)
    if request.clip:
        check_bytes("clip", request.clip, can.reference_bytes_limit, profile)
    return can.edit_fields | ({Field.SECONDS} if request.operation is Operation.EXTEND else set())


def _check_text_bytes(request: VideoRequest, can: Capabilities, profile: str) -> None:
    """Of several images, and of sounds, where they stand in a field of limited size."""
    if can.text_bytes_limit is None or request.clips:
        return
    pictures = (*request.images, *((request.last_frame,) if request.last_frame else ()))
    texts = {"image": pictures if len(pictures) > 1 else (), "sound": request.sounds}
    for what, uploads in texts.items():
        size = sum(len(upload.data) * 4 // 3 + _TEXT_AROUND for upload in uploads)
        if size > can.text_bytes_limit:
            raise Unsupported(
                f"requests.{what}s_too_large_as_text",
                profile=profile,
                size=size_of(size),
                limit=size_of(can.text_bytes_limit * 3 / 4),
            )


def check_bytes(what: str, upload: Upload, limit: int, profile: str) -> None:
    if len(upload.data) > limit:
        raise Unsupported(
            "requests.mib_profile_takes_up_mib",
            what=what,
            filename=upload.filename,
            count=size_of(len(upload.data)),
            profile=profile,
            limit=size_of(limit),
        )
