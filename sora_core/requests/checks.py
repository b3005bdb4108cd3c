"""Refuses what a profile cannot do, before anything is sent, naming what it can do. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..errors import InvalidRequest, Unsupported
from ..models import Capabilities, GenerationRequest, Operation, SizeRange, parse_size
from .shots import as_prompt

ORIENTATIONS = ("landscape", "portrait", "square")
QUALITIES = ("standard", "hd")
EXPANSIONS = ("short", "medium", "long")  # how much an enhanced prompt gains

_LENGTH_OF_SOURCE = (Operation.REMIX, Operation.CREATE_CHARACTER, Operation.CLEAN_LINK)
_WITHOUT_LENGTH = (*_LENGTH_OF_SOURCE, Operation.IMAGE, Operation.ENHANCE_PROMPT)
_WITHOUT_SIZE = (*_LENGTH_OF_SOURCE, Operation.ENHANCE_PROMPT)
_SHAPES = {"landscape": (1280, 720), "portrait": (720, 1280), "square": (720, 720)}


def resolve(
    request: GenerationRequest, can: Capabilities, profile: str, *, images_to_come: int = 0
) -> GenerationRequest:
    """The request with the profile's defaults filled in; ``images_to_come`` are not encoded yet.

    Raises InvalidRequest for values that no profile takes, Unsupported for what this one cannot do.
    """
    check_operation(request.operation, can, profile)
    _check_source(request, can, profile, len(request.images) + images_to_come)
    _check_prompt(request, can, profile)
    _check_fields(request, can, profile)
    return replace(
        request,
        seconds=_seconds(request, can, profile),
        size=_size(request, can, profile),
        model=_model(request, can, profile),
    )


def check_operation(operation: Operation, can: Capabilities, profile: str) -> None:
    """Raises Unsupported, naming what the profile can do instead."""
    if operation not in can.operations:
        raise Unsupported(
            f"Profile '{profile}' cannot do {_words(operation)}; "
            f"it can do {_listing([_words(each) for each in sorted(can.operations)])}."
        )


def check_part(request: GenerationRequest, length: float | None) -> None:
    """Raises InvalidRequest for a part of a clip that is too short, too long or outside of it.

    ``length`` of the clip in seconds; None when it is not known.
    """
    if request.operation is not Operation.CREATE_CHARACTER:
        return
    part = f"The part that shows the character goes from {request.start:g} to {request.end:g} s"
    if request.start < 0 or not 1 <= round(request.end - request.start, 3) <= 3:
        raise InvalidRequest(f"{part}; it must be 1 to 3 seconds long and start at 0 or later.")
    if length and request.end > length + 0.05:
        raise InvalidRequest(f"{part}; the clip is only {length:.2f} s long.")


def picture_size(request: GenerationRequest) -> tuple[int, int]:
    """Width and height in pixels that reference images of a resolved request should have.

    Where the model's name stands for a size, the shape of its orientation will do.
    """
    return parse_size(request.size) or _SHAPES[request.orientation]


def _check_source(request: GenerationRequest, can: Capabilities, profile: str, images: int) -> None:
    if request.operation is Operation.IMAGE_TO_VIDEO and not images and not request.image_url:
        raise InvalidRequest("Image to video needs an image, or the address of one.")
    if request.operation is Operation.REMIX and not request.source_id:
        raise InvalidRequest("A remix needs the job it starts from.")
    if request.operation is Operation.CREATE_CHARACTER:
        _check_clip(request, can, profile)
    if request.image_url:
        _check_image_url(request, can, profile, images)
    if request.operation is Operation.IMAGE and images > can.picture_references:
        raise Unsupported(_too_many_references(can.picture_references, images, profile))
    if images and not can.image_forms & {"file", "data"}:
        raise Unsupported(f"Profile '{profile}' takes no image files, only the address of an image (image_url).")
    if images > can.image_limit:
        raise Unsupported(f"Profile '{profile}' takes {can.image_limit} reference image(s), not {images}.")
    for image in request.images:
        if len(image.data) > can.image_bytes_limit:
            raise Unsupported(
                f"The image {image.filename} is {len(image.data) / 2**20:.1f} MiB; "
                f"profile '{profile}' takes up to {can.image_bytes_limit / 2**20:.0f} MiB."
            )


def _check_clip(request: GenerationRequest, can: Capabilities, profile: str) -> None:
    given = [each for each in (request.clip, request.source_url, request.source_id) if each]
    if len(given) != 1:
        raise InvalidRequest(
            f"A character is made from one clip: a file, its address or a finished job; given are {len(given)}."
        )
    if request.clip and not can.clip_bytes_limit:
        raise Unsupported(f"Profile '{profile}' takes no upload of a clip, only its address or a finished job.")
    if request.clip and len(request.clip.data) > can.clip_bytes_limit:
        raise Unsupported(
            f"The clip {request.clip.filename} is {len(request.clip.data) / 2**20:.1f} MiB; "
            f"profile '{profile}' takes up to {can.clip_bytes_limit / 2**20:.0f} MiB."
        )


def _too_many_references(limit: int, given: int, profile: str) -> str:
    if not limit:
        return f"Profile '{profile}' makes pictures from text alone; leave the image away."
    return f"Profile '{profile}' takes {limit} reference image(s) for a picture, not {given}."


def _check_image_url(request: GenerationRequest, can: Capabilities, profile: str, images: int) -> None:
    if "url" not in can.image_forms:
        raise Unsupported(f"Profile '{profile}' takes no address of an image (image_url), only image files.")
    if not request.image_url.startswith(("http://", "https://")):
        raise InvalidRequest(f"'{request.image_url[:80]}' is no address of an image; it starts with https://.")
    if images:
        raise InvalidRequest("Give either images or image_url, not both.")


def _check_prompt(request: GenerationRequest, can: Capabilities, profile: str) -> None:
    if not request.operation.needs_prompt:
        return
    if not request.prompt.strip() and not request.shots:
        subject = "picture" if request.operation is Operation.IMAGE else "video"
        raise InvalidRequest(f"The prompt is empty; write what the {subject} should show.")
    sent = request.prompt if "shots" in can.fields else as_prompt(request.shots, request.prompt)
    if len(sent) > can.prompt_limit:
        what = "The prompt" if sent == request.prompt else "The prompt with the shots written out"
        raise InvalidRequest(f"{what} has {len(sent)} characters; profile '{profile}' takes up to {can.prompt_limit}.")


def _check_fields(request: GenerationRequest, can: Capabilities, profile: str) -> None:
    if request.orientation not in ORIENTATIONS:
        raise InvalidRequest(f"Orientation '{request.orientation}' is not known; allowed: {_listing(ORIENTATIONS)}.")
    if request.quality not in QUALITIES:
        raise InvalidRequest(f"Quality '{request.quality}' is not known; allowed: {_listing(QUALITIES)}.")
    if request.operation is Operation.ENHANCE_PROMPT and request.expansion not in EXPANSIONS:
        raise InvalidRequest(f"Expansion '{request.expansion}' is not known; allowed: {_listing(EXPANSIONS)}.")
    for name in ("negative_prompt", "style", "characters"):
        if getattr(request, name) and name not in can.fields:
            known = f"it takes {_listing(sorted(can.fields))}" if can.fields else "it takes none of the optional fields"
            raise Unsupported(f"Profile '{profile}' has no place for {_words(name)}; {known}. Leave it empty.")


def _seconds(request: GenerationRequest, can: Capabilities, profile: str) -> int:
    if request.operation is Operation.ENHANCE_PROMPT:
        return max(request.seconds, 0)  # a wish about the words; what comes of them is not made here
    if request.operation is Operation.IMAGE and request.seconds:
        raise InvalidRequest("A picture has no length; leave seconds at 0.")
    if not request.seconds and request.operation in _WITHOUT_LENGTH:
        return 0
    if request.shots:
        # 3.3 + 3.3 + 3.4 is not 10 in binary
        total = round(math.fsum(shot.seconds for shot in request.shots), 3)
        if total not in can.seconds:
            raise Unsupported(
                f"The shots add up to {total:.10g} seconds; profile '{profile}' makes {_seconds_listing(can.seconds)}."
            )
        if request.seconds not in (0, total):
            raise InvalidRequest(
                f"The shots add up to {total:.10g} seconds, but {request.seconds} are asked for; leave seconds at 0."
            )
        return int(total)
    seconds = request.seconds or can.default_seconds or 0
    if seconds and seconds not in can.seconds:
        raise Unsupported(
            f"Profile '{profile}' cannot make {seconds} seconds; allowed: {_seconds_listing(can.seconds)}."
        )
    return seconds


def _size(request: GenerationRequest, can: Capabilities, profile: str) -> str:
    if request.operation in _WITHOUT_SIZE:
        return ""
    sizes, size_for, what = can.sizes, can.size_for, "video"
    if request.operation is Operation.IMAGE:
        sizes = can.sizes if can.picture_sizes is None else can.picture_sizes
        size_for = can.size_for if can.picture_size_for is None else can.picture_size_for
        what = "pictures"
    shape = (request.orientation, request.quality)
    pairs = _listing([" ".join(pair) for pair in size_for])
    if not request.size:
        if shape not in size_for:
            raise Unsupported(
                f"Profile '{profile}' cannot make {request.orientation} {what} in {request.quality} quality; "
                f"allowed: {pairs}."
            )
        return size_for[shape]
    size = request.size.strip().lower().replace("×", "x").replace("*", "x")
    if size in sizes:
        return size
    if not isinstance(sizes, SizeRange) and not sizes:
        raise Unsupported(
            f"Profile '{profile}' takes no size in pixels; leave it empty and choose orientation and quality: {pairs}."
        )
    allowed = str(sizes) if isinstance(sizes, SizeRange) else _listing(sizes)
    raise Unsupported(f"Profile '{profile}' cannot make the size '{request.size}'; allowed: {allowed}.")


def _model(request: GenerationRequest, can: Capabilities, profile: str) -> str:
    model = request.model.strip()
    if model and can.models and model not in can.models:
        raise Unsupported(f"Profile '{profile}' has no model '{model}'; allowed: {_listing(can.models)}.")
    return model


def _seconds_listing(seconds: Sequence[int]) -> str:
    if isinstance(seconds, range) and seconds.step == 1:
        return f"whole seconds from {seconds.start} to {seconds.stop - 1}"
    return _listing([str(value) for value in seconds]) + " seconds"


def _listing(values: Sequence[str]) -> str:
    return ", ".join(values)


def _words(name: str) -> str:
    return (name.value if isinstance(name, Operation) else name).replace("_", " ")
