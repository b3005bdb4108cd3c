"""Bodies of requests in the shapes that servers below a `/v1/videos` want them: fields, files and data URIs. Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...models import Operation, Upload, parse_size
from ...requests.kinds import RemixRequest, VideoRequest
from .settings import Fields

Files = tuple[tuple[str, Upload], ...]  # name of the part, what is in it

LOCALAI_FPS = XINFERENCE_FPS = 16


def as_form(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def base64_of(image: Upload) -> str:
    return b64encode(image.data).decode("ascii")


def data_uri(image: Upload) -> str:
    return f"data:{image.media_type};base64,{base64_of(image)}"


def at(name: str) -> Callable[[str], Fields]:
    return lambda reference: {name: reference}


def frame_image(reference: str) -> Fields:
    return {
        "frame_images": [{"type": "image_url", "image_url": {"url": reference}, "frame_type": "first_frame"}],
    }


def as_reference(request: RemixRequest) -> VideoRequest:
    """The edit of a clip as the request for a video that follows it."""
    assert request.clip, "the only form of a clip that is taken here"
    return VideoRequest(
        Operation.IMAGE_TO_VIDEO,
        request.prompt,
        model=request.model,
        seconds=request.seconds,
        size=request.size,
        seed=request.seed,
        negative_prompt=request.negative_prompt,
        settings=request.settings,
        clips=(request.clip,),
    )


def framed_last(image: Upload, placed: Fields) -> Fields:
    last = {"type": "image_url", "image_url": {"url": data_uri(image)}, "frame_type": "last_frame"}
    return {"frame_images": [*placed.get("frame_images", ()), last]}


_NVEXT = frozenset(("fps", "num_frames", "negative_prompt", "num_inference_steps", "guidance_scale", "seed"))


def nvext(fields: Fields) -> Fields:
    """NVIDIA's own fields go into a block of their own."""
    own = {name: value for name, value in fields.items() if name in _NVEXT}
    rest = {"response_format": "b64_json", **{name: value for name, value in fields.items() if name not in _NVEXT}}
    return {**rest, "nvext": {**own, **rest.get("nvext", {})}} if own else rest


def sides_and_frames(fields: Fields) -> Fields:
    """LocalAI knows sides and frames, not size and seconds. Its models want a multiple of frames and one more."""
    rest = {name: value for name, value in fields.items() if name not in ("size", "seconds")}
    sides = parse_size(fields.get("size", ""))
    if sides:
        rest = {"width": sides[0], "height": sides[1], **rest}
    if "seconds" in fields:
        rest.setdefault("fps", LOCALAI_FPS)
        rest.setdefault("num_frames", round(fields["seconds"] * rest["fps"]) + 1)
    return rest


def both_prompts(fields: Fields) -> Fields:
    """LocalAI's pictures have both prompts in one, with a bar between."""
    negative = fields.pop("negative_prompt", "")
    return {**fields, "prompt": f"{fields['prompt']}|{negative}"} if negative else fields


def image_references(references: Sequence[str]) -> Fields:
    return {"image_reference": json.dumps([{"image_url": reference} for reference in references])}


def mixed_media(request: VideoRequest) -> tuple[Fields, Files]:
    """vLLM-Omni: all as files where there is a clip, for what stands in a form's field may not be larger than 1 MiB."""
    if request.clips:
        return {}, tuple(("input_references", each) for each in request.media)
    sounds = [{"audio_url": data_uri(sound)} for sound in request.sounds]
    fields = {"audio_reference": json.dumps(sounds[0] if len(sounds) == 1 else sounds)}
    images = [*map(data_uri, request.images), *request.image_urls]
    if len(images) > 1 or request.image_urls:
        return {**fields, **image_references(images)}, ()
    return fields, tuple(("input_reference", image) for image in request.images)


def media_beside(request: VideoRequest) -> tuple[Fields, Files]:
    """Each kind as files of its own name."""
    last = (("last_frame", request.last_frame),) if request.last_frame else ()
    parts = (
        ("input_reference", request.images),
        ("video_reference", request.clips),
        ("audio_reference", request.sounds),
    )
    return {}, (*((name, each) for name, uploads in parts for each in uploads), *last)


def kwargs_field(fields: Fields, *, beside: Sequence[str] = ("model", "prompt", "n")) -> Fields:
    """What Xinference hands on to the model stands in one field, as JSON. Its models want frames, and one more.

    ``beside`` it stands what the route itself reads.
    """
    rest = {name: value for name, value in fields.items() if name not in (*beside, "size", "seconds")}
    sides = parse_size(fields.get("size", ""))
    if sides:
        rest = {"width": sides[0], "height": sides[1], **rest}
    if "seconds" in fields:
        rest.setdefault("fps", XINFERENCE_FPS)
        rest.setdefault("num_frames", round(int(fields["seconds"]) * rest["fps"]) + 1)
    return {**{name: fields[name] for name in beside if name in fields}, "kwargs": json.dumps(rest)}


def kwargs_of_form(fields: Fields) -> Fields:
    """As `kwargs_field`, for the routes with pictures, which read one field more."""
    return kwargs_field(fields, beside=("model", "prompt", "negative_prompt", "n"))


def as_duration(fields: Fields) -> Fields:
    return {"duration" if name == "seconds" else name: value for name, value in fields.items()}
