"""Refuses what a profile cannot do, before anything is sent, naming what it can do. Pure; one check for each kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..errors import InvalidRequest, Unsupported
from ..models import Capabilities, ClipForm, Field, ImageForm, Operation, SizeRange, Upload, parse_size
from .kinds import (
    EXPANSIONS,
    ORIENTATIONS,
    QUALITIES,
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)
from .lengths import check_length
from .references import check_bytes, check_references, check_source
from .settings import on_the_wire
from .shots import as_prompt

_SHAPES = {"landscape": (1280, 720), "portrait": (720, 1280), "square": (720, 720)}
_OF_A_REMIX = (Field.MODEL, Field.SECONDS, Field.ORIENTATION, Field.QUALITY, Field.SIZE)
_OPTIONAL = (Field.NEGATIVE_PROMPT, Field.STYLE, Field.CHARACTERS)


def resolve(request: Request, can: Capabilities, profile: str, *, images_to_come: int = 0) -> Request:
    """The request in the profile's own spelling; ``images_to_come`` are not encoded yet.

    Raises InvalidRequest for values that no profile takes, Unsupported for what this one cannot do.
    """
    check_operation(request.operation, can, profile)
    check_there(request, images_to_come=images_to_come)
    if isinstance(request, VideoRequest):
        return _video(request, can, profile, images_to_come)
    if isinstance(request, PictureRequest):
        return _picture(request, can, profile, images_to_come)
    if isinstance(request, RemixRequest):
        return _remix(request, can, profile)
    if isinstance(request, CharacterRequest):
        _check_character(request, can, profile)
        _check_side_settings(request, can, profile)
    elif isinstance(request, CleanLinkRequest):
        _check_clean_link(request)
        _check_side_settings(request, can, profile)
    elif isinstance(request, PromptRequest):
        _check_better_prompt(request, can, profile)
    return request


def with_defaults(request: Request, can: Capabilities, profile: str) -> Request:
    """The checked request with what nobody named, once the provider has said what the named values imply."""
    if isinstance(request, VideoRequest):
        check_length(request, can)
        seconds = request.seconds or (0 if request.settings.num_frames else can.default_seconds) or 0
        return replace(
            request, seconds=seconds, size=request.size or _size_for(request, can.size_for, "video", profile)
        )
    if isinstance(request, PictureRequest):
        _, size_for = _of_pictures(can)
        return replace(request, size=request.size or _size_for(request, size_for, "pictures", profile))
    return request


def check_there(request: Request, *, images_to_come: int = 0) -> None:
    """Raises InvalidRequest where that is missing which every profile needs."""
    if isinstance(request, VideoRequest):
        images = images_to_come or request.images or request.image_urls or request.clips
        if request.operation is Operation.IMAGE_TO_VIDEO and not images:
            raise InvalidRequest("requests.image_video_needs_image_or")
        if not request.prompt.strip() and not request.shots:
            raise InvalidRequest("requests.prompt_empty_write_what_video")
    elif isinstance(request, (RemixRequest, PictureRequest, PromptRequest)) and not request.prompt.strip():
        subject = "picture" if isinstance(request, PictureRequest) else "video"
        raise InvalidRequest("requests.prompt_empty_write_what_should", subject=subject)


def check_operation(operation: Operation, can: Capabilities, profile: str) -> None:
    """Raises Unsupported, naming what the profile can do instead."""
    if operation not in can.operations:
        raise Unsupported(
            "requests.profile_cannot_do_can_do",
            profile=profile,
            operation=_words(operation),
            allowed=_listing([_words(each) for each in sorted(can.operations)]),
        )


def check_part(start: float, end: float, can: Capabilities, profile: str, length: float | None = None) -> None:
    """Raises InvalidRequest for a part of a clip that cannot show a character: too short, too long, outside of it.

    ``length`` of the clip in seconds; None when it is not known.
    """
    part = f"The part that shows the character goes from {start:g} to {end:g} s"
    low, high = can.clip_seconds
    if not (start >= 0 and low <= round(end - start, 3) <= high):
        raise InvalidRequest("requests.profile_must_seconds_long_start", part=part, profile=profile, low=low, high=high)
    if length and end > length + 0.05:
        raise InvalidRequest("requests.clip_only_s_long", part=part, length=length)


def check_clip_form(form: ClipForm, can: Capabilities, profile: str) -> None:
    """Raises Unsupported for a clip that the profile cannot take, naming those that it can."""
    words = {
        ClipForm.FILE: "the clip itself (video)",
        ClipForm.URL: "its address (video_url)",
        ClipForm.JOB: "a finished job of the same profile (source_job)",
    }
    if form not in can.clip_forms:
        allowed = " or ".join(words[each] for each in ClipForm if each in can.clip_forms)
        raise Unsupported(
            "requests.profile_makes_no_character_from", profile=profile, words=words[form], allowed=allowed
        )


def picture_size(request: VideoRequest | PictureRequest) -> tuple[int, int]:
    """Width and height in pixels that reference images of a settled request should have.

    Where the model's name stands for a size, the shape of its orientation will do.
    """
    return parse_size(request.size) or _SHAPES[request.orientation]


def _video(request: VideoRequest, can: Capabilities, profile: str, images_to_come: int) -> VideoRequest:
    images = len(request.images) + images_to_come
    check_references(request, images, can, profile)
    for url in request.image_urls:
        if ImageForm.URL not in can.image_forms:
            raise Unsupported("requests.profile_takes_no_address_image", profile=profile)
        if not url.startswith(("http://", "https://")):
            raise InvalidRequest("requests.not_address_image_starts_https", url=url[:80])
    _check_images(request.images, images, can, profile)
    given = images + len(request.image_urls)
    if given > can.image_limit:
        raise Unsupported(
            "requests.profile_takes_reference_image_s", profile=profile, image_limit=can.image_limit, given=given
        )
    sent = request.prompt if Field.SHOTS in can.fields else as_prompt(request.shots, request.prompt)
    what = "The prompt" if sent == request.prompt else "The prompt with the shots written out"
    _check_prompt_length(sent, what, can, profile)
    _check_words(request, can, profile)
    on_the_wire(request.settings, can, profile)
    if not request.size:
        _size_for(request, can.size_for, "video", profile)
    return replace(
        request,
        model=_model(request.model, can, profile),
        seconds=_seconds(request, can, profile),
        size=_size(request.size, can.sizes, can.size_for, profile),
    )


def _remix(request: RemixRequest, can: Capabilities, profile: str) -> RemixRequest:
    takes = check_source(request, can, profile)
    _check_prompt_length(request.prompt, "The prompt", can, profile)
    _check_words(request, can, profile)
    for name in _OF_A_REMIX:
        if getattr(request, name.value) and name not in takes:
            allowed = _listing([each.value for each in _OF_A_REMIX if each in takes])
            choice = f"it can change {allowed}" if allowed else "it can change none of its shape"
            raise Unsupported(
                "requests.remix_through_profile_keeps_source", profile=profile, value=name.value, choice=choice
            )
    on_the_wire(request.settings, can, profile)
    if request.seconds and request.seconds not in can.seconds:
        raise _wrong_seconds(request.seconds, can, profile)
    size = _size(request.size, can.sizes, can.size_for, profile)
    return replace(request, model=_model(request.model, can, profile), size=size)


def _picture(request: PictureRequest, can: Capabilities, profile: str, images_to_come: int) -> PictureRequest:
    images = len(request.images) + images_to_come
    if images and not can.picture_references:
        raise Unsupported("requests.profile_makes_pictures_from_text", profile=profile)
    if images > can.picture_references:
        raise Unsupported(
            "requests.profile_takes_reference_image_s_2",
            profile=profile,
            picture_references=can.picture_references,
            images=images,
        )
    _check_images(request.images, images, can, profile)
    _check_prompt_length(request.prompt, "The prompt", can, profile)
    _check_words(request, can, profile)
    sizes, size_for = _of_pictures(can)
    if not request.size:
        _size_for(request, size_for, "pictures", profile)
    size = _size(request.size, sizes, size_for, profile)
    return replace(request, model=_model(request.model, can, profile), size=size)


def _check_character(request: CharacterRequest, can: Capabilities, profile: str) -> None:
    sources = {ClipForm.FILE: request.clip, ClipForm.URL: request.source_url, ClipForm.JOB: request.source_id}
    given = [form for form, source in sources.items() if source]
    if len(given) != 1:
        raise InvalidRequest("requests.character_made_from_one_clip", count=len(given))
    check_clip_form(given[0], can, profile)
    if request.source_url and not request.source_url.startswith(("http://", "https://")):
        raise InvalidRequest("requests.not_address_clip_starts_https", source_url=request.source_url[:80])
    if request.clip:
        check_bytes("clip", request.clip, can.clip_bytes_limit, profile)
    check_part(request.start, request.end, can, profile)


def _check_clean_link(request: CleanLinkRequest) -> None:
    if request.source_id and request.source_url:
        raise InvalidRequest("requests.clean_link_asked_one_clip")


def _check_side_settings(request: CharacterRequest | CleanLinkRequest, can: Capabilities, profile: str) -> None:
    if request.settings and request.operation not in can.takes_settings:
        raise Unsupported("settings.not_here", profile=profile, operation=_words(request.operation))
    on_the_wire(request.settings, can, profile)


def _check_better_prompt(request: PromptRequest, can: Capabilities, profile: str) -> None:
    _check_prompt_length(request.prompt, "The prompt", can, profile)
    check_one_of("Expansion", request.expansion, EXPANSIONS)
    if request.seconds < 0:
        raise InvalidRequest("requests.prompt_seconds_cannot_written_leave", seconds=request.seconds)
    _model(request.model, can, profile)


def _check_images(images: Iterable[Upload], count: int, can: Capabilities, profile: str) -> None:
    if count and not can.image_forms & {ImageForm.FILE, ImageForm.DATA}:
        raise Unsupported("requests.profile_takes_no_image_files", profile=profile)
    for image in images:
        check_bytes("image", image, can.image_bytes_limit, profile)


def _check_prompt_length(sent: str, what: str, can: Capabilities, profile: str) -> None:
    if len(sent) > can.prompt_limit:
        raise InvalidRequest(
            "requests.has_characters_profile_takes_up",
            what=what,
            count=len(sent),
            profile=profile,
            prompt_limit=can.prompt_limit,
        )


def _check_words(request: VideoRequest | RemixRequest | PictureRequest, can: Capabilities, profile: str) -> None:
    if request.orientation or not isinstance(request, RemixRequest):
        check_one_of("Orientation", request.orientation, ORIENTATIONS)
    if request.quality or not isinstance(request, RemixRequest):
        check_one_of("Quality", request.quality, QUALITIES)
    for name in _OPTIONAL:
        if getattr(request, name.value) and name not in can.fields:
            fields = _listing(sorted(each.value for each in can.fields))
            known = f"it takes {fields}" if fields else "it takes none of the optional fields"
            raise Unsupported("requests.profile_has_no_place_leave", profile=profile, name=_words(name), known=known)


def check_one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    """Raises InvalidRequest, naming the choices; ``what`` is their name in words."""
    if value not in allowed:
        raise InvalidRequest("requests.not_known_allowed", what=what, value=value, allowed=_listing(allowed))


def _seconds(request: VideoRequest, can: Capabilities, profile: str) -> int:
    if request.shots:
        # 3.3 + 3.3 + 3.4 is not 10 in binary
        total = round(math.fsum(shot.seconds for shot in request.shots), 3)
        if total not in can.seconds:
            raise Unsupported(
                "requests.shots_add_up_seconds_profile",
                total=total,
                profile=profile,
                allowed=_seconds_listing(can.seconds),
            )
        if request.seconds not in (0, total):
            raise InvalidRequest("requests.shots_add_up_seconds_but", total=total, seconds=request.seconds)
        return int(total)
    if request.seconds and request.seconds not in can.seconds:
        raise _wrong_seconds(request.seconds, can, profile)
    return request.seconds


def _wrong_seconds(seconds: int, can: Capabilities, profile: str) -> Unsupported:
    return Unsupported(
        "requests.profile_cannot_make_seconds_allowed",
        profile=profile,
        seconds=seconds,
        allowed=_seconds_listing(can.seconds),
    )


def _size(asked: str, sizes: Sequence[str] | SizeRange, size_for: Iterable[tuple[str, str]], profile: str) -> str:
    size = asked.strip().lower().replace("×", "x").replace("*", "x")
    if not size or size in sizes:
        return size
    if not isinstance(sizes, SizeRange) and not sizes:
        pairs = _listing([" ".join(pair) for pair in size_for])
        raise Unsupported("requests.profile_takes_no_size_pixels", profile=profile, pairs=pairs)
    allowed = str(sizes) if isinstance(sizes, SizeRange) else _listing(sizes)
    raise Unsupported("requests.profile_cannot_make_size_allowed", profile=profile, asked=asked, allowed=allowed)


def _size_for(
    request: VideoRequest | PictureRequest, size_for: Mapping[tuple[str, str], str], what: str, profile: str
) -> str:
    shape = (request.orientation, request.quality)
    if shape not in size_for:
        raise Unsupported(
            "requests.profile_cannot_make_quality_allowed",
            profile=profile,
            orientation=request.orientation,
            what=what,
            quality=request.quality,
            allowed=_listing([" ".join(pair) for pair in size_for]),
        )
    return size_for[shape]


def _of_pictures(can: Capabilities) -> tuple[Sequence[str] | SizeRange, Mapping[tuple[str, str], str]]:
    """Sizes and shapes of pictures, which are those of videos where the profile says no other."""
    sizes = can.sizes if can.picture_sizes is None else can.picture_sizes
    return sizes, can.size_for if can.picture_size_for is None else can.picture_size_for


def _model(named: str, can: Capabilities, profile: str) -> str:
    model = named.strip()
    if model and can.models and model not in can.models:
        raise Unsupported(
            "requests.profile_has_no_model_allowed", profile=profile, named=model, models=_listing(can.models)
        )
    return model


def _seconds_listing(seconds: Sequence[int]) -> str:
    if isinstance(seconds, range) and seconds.step == 1:
        return f"whole seconds from {seconds.start} to {seconds.stop - 1}"
    return _listing([str(value) for value in seconds]) + " seconds"


def _listing(values: Sequence[str]) -> str:
    return ", ".join(values)


def _words(name: Operation | Field) -> str:
    return str(name.value).replace("_", " ")
