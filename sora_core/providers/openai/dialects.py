"""What the servers below a `/v1/videos` make of the protocol, as a table of facts.

Read off the servers' own sources and documentation: vLLM-Omni `entrypoints/openai/protocol/videos.py`, SGLang
`multimodal_gen/runtime/entrypoints/openai`, TensorRT-LLM `visual_gen` serving, LiteLLM `proxy/video_endpoints`,
new-api `relay/channel/task/sora`, Aquiles-Image `main.py`, LocalAI `endpoints/localai/video.go`, Dynamo
`protocols/openai/videos.rs`, and the pages of Azure and OpenRouter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...models import Capabilities, ClipForm, Field, ImageForm, Operation, SizeRange, Upload
from ...requests.kinds import VideoRequest
from . import loras, settings
from .bodies import (
    LOCALAI_FPS,
    XINFERENCE_FPS,
    Files,
    as_duration,
    at,
    base64_of,
    both_prompts,
    data_uri,
    frame_image,
    framed_last,
    image_references,
    kwargs_field,
    kwargs_of_form,
    media_beside,
    mixed_media,
    nvext,
    sides_and_frames,
)
from .settings import Fields

FORM, JSON = "form", "json"
CLIP_BYTES = 32 * 2**20
VLLM_OMNI_TEXT_BYTES = 2**20 - 2**12  # of a field of a form, as Starlette has it

_REMIXING = frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD, Operation.REMIX))
_MAKING = _REMIXING - {Operation.REMIX}
_OPEN_SIZES = {
    ("landscape", "standard"): "1280x720",
    ("portrait", "standard"): "720x1280",
    ("square", "standard"): "720x720",
    ("landscape", "hd"): "1920x1080",
    ("portrait", "hd"): "1080x1920",
    ("square", "hd"): "1080x1080",
}
_OPENAI_SIZES = {
    ("landscape", "standard"): "1280x720",
    ("portrait", "standard"): "720x1280",
    ("landscape", "hd"): "1792x1024",
    ("portrait", "hd"): "1024x1792",
}
# What Wan, Hunyuan and LTX, the models that people host themselves, were trained for.
_HOSTED_SIZES = {
    ("landscape", "standard"): "832x480",
    ("portrait", "standard"): "480x832",
    ("square", "standard"): "624x624",
    ("landscape", "hd"): "1280x720",
    ("portrait", "hd"): "720x1280",
    ("square", "hd"): "960x960",
}


@dataclass(frozen=True)
class Dialect:
    """How one family of servers takes a request.

    ``place`` puts the address of an image, or its data, into the body; ``finish`` gives the body its last shape.
    A server that is ``synchronous`` answers with the video and knows of no job afterwards.
    """

    quirk: str  # for the table in the documents
    can: Capabilities
    root: str = "/v1"  # what follows a bare address
    create: str = "/videos"
    models: str = "/models"
    lists_all_models: bool = True  # whether there are no others
    body: str = FORM
    whole_seconds: bool = False  # a JSON number, not text
    synchronous: bool = False
    sync_create: str = ""  # where the server answers with the video, when the profile wants that
    needs_model: bool = False
    known: frozenset[str] = frozenset()  # the only fields that a profile may add; empty: any
    json_alone: frozenset[str] = frozenset()  # fields that a form has no place for
    # of a server that takes JSON and describes its form alone: the fields that are of another type in JSON
    json_unlike_form: frozenset[str] | None = None
    inline: Callable[[Upload], str] | None = None  # an image as text; None: it is sent as a file
    place: Callable[[str], Fields] | None = None
    several: Callable[[Sequence[str]], Fields] | None = None  # as `place`, for more than one: addresses, data URIs
    # the picture that the video ends with, beside what stands in the body for the first one; None: it comes after that
    ends_with: Callable[[Upload, Fields], Fields] | None = None
    attach: Callable[[VideoRequest], tuple[Fields, Files]] | None = None  # where there are clips or sounds
    loras: str = ""  # how it has routes that list and load them, by `loras`
    edits_by_reference: bool = False  # has no page for edits: a clip to be edited is a reference of a new video
    # by the number of image files: where the request goes, and the names of the parts
    files: Mapping[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    finish: Callable[[Fields], Fields] = lambda fields: fields
    finish_beside_files: Callable[[Fields], Fields] | None = None  # where that shape is another
    picture: Callable[[Fields], Fields] = lambda fields: fields  # as `finish`, for a picture
    hosted: bool = False  # one's own machine: where it is busy, one waits
    states_failure: str | None = (
        None  # with a 500: how a server that answers with the video says that its work has failed
    )
    text_model: str = ""  # writes better prompts when the profile names none
    parse_path: str = ""  # of the server's own parse service, from its origin; a job is shared as /p/ID


_OPEN = Capabilities(
    operations=_REMIXING,
    remix_fields=frozenset((Field.MODEL, Field.SECONDS)),
    seconds=range(1, 61),
    sizes=SizeRange(64, 4096),
    size_for=_OPEN_SIZES,
    default_seconds=4,
    poll_seconds=2.0,
    can_list=True,
    can_cancel=True,
    has_quota=True,
)
_PICTURE_SIZES = {
    ("landscape", "standard"): "1536x1024",
    ("portrait", "standard"): "1024x1536",
    ("square", "standard"): "1024x1024",
}


def _with_pictures(can: Capabilities) -> Capabilities:
    """Servers that have `POST /images/generations` too; which sizes, is their model's to say."""
    return replace(
        can,
        operations=can.operations | {Operation.IMAGE},
        picture_sizes=SizeRange(64, 4096),
        picture_size_for=_PICTURE_SIZES,
    )


_OPENAI = replace(
    _OPEN,
    seconds=(4, 8, 12, 16, 20),
    sizes=(*_OPENAI_SIZES.values(), "1920x1080", "1080x1920"),
    size_for=_OPENAI_SIZES,
    poll_seconds=5.0,
    has_quota=False,
)
_HOSTED = replace(
    _OPEN,
    operations=_MAKING,
    sizes=SizeRange(64, 4096),
    size_for=_HOSTED_SIZES,
    fields=frozenset((Field.NEGATIVE_PROMPT, Field.SEED)),
    has_quota=False,
    paid=False,  # people's own machines
)
_ANSWERS_WITH_VIDEO = replace(_HOSTED, can_list=False, can_cancel=False)
_TENSORRT_FIELDS = frozenset(
    "n response_format format output_format width height num_frames fps num_inference_steps guidance_scale "
    "max_sequence_length user extra_params".split()
)

_EDITING = frozenset((Operation.EDIT, Operation.EXTEND))
_BOTH_FORMS = frozenset((ClipForm.FILE, ClipForm.JOB))
_OF_A_REFERENCE: dict[str, Any] = {
    "edit_forms": frozenset((ClipForm.FILE,)),
    "edit_fields": frozenset((Field.MODEL, Field.SECONDS, Field.SIZE)),
}

_FROM_A_CLIP: dict[str, Any] = {
    "clip_forms": frozenset((ClipForm.FILE,)),
    "clip_bytes_limit": CLIP_BYTES,
    "clip_seconds": (2.0, 4.0),  # as OpenAI's guide has it
}

DIALECTS: dict[str, Dialect] = {
    "": Dialect(
        "The default: takes what most servers take and leaves finer limits to the server.",
        replace(
            _with_pictures(_OPEN),
            operations=_with_pictures(_OPEN).operations | _EDITING,
            edit_forms=_BOTH_FORMS,
            any_setting=True,
        ),
    ),
    "openai": Dialect(
        "Holds to the limits that OpenAI documented; the address of an image goes out as JSON.",
        replace(
            _OPENAI,
            operations=_REMIXING | _EDITING | {Operation.CREATE_CHARACTER},
            edit_forms=_BOTH_FORMS,
            image_forms=frozenset((ImageForm.FILE, ImageForm.URL)),
            fields=frozenset((Field.CHARACTERS,)),
            **_FROM_A_CLIP,
        ),
        place=lambda reference: {"input_reference": {"image_url": reference}},
    ),
    "preview": Dialect(
        "The built-in gateway: free, and takes shots, style and seed.",
        replace(
            _OPEN,
            operations=_REMIXING | _EDITING | {Operation.CREATE_CHARACTER, Operation.IMAGE},
            edit_forms=_BOTH_FORMS,
            sizes=SizeRange(64, 2048),
            fields=frozenset((Field.CHARACTERS, Field.NEGATIVE_PROMPT, Field.SEED, Field.SHOTS, Field.STYLE)),
            **_FROM_A_CLIP,
            poll_seconds=0.5,
            paid=False,
            last_frame=True,
            image_limit=8,
            clip_limit=4,
            sound_limit=4,
            fps=24,
            settings=settings.PREVIEW,
            any_setting=True,
        ),
        attach=media_beside,
        text_model="preview",
        parse_path="/sora-web",
    ),
    "vllm-omni": Dialect(
        'Multipart only; `sync = "true"` waits for the video in the create call; a failed job answers with HTTP 500.',
        _with_pictures(
            replace(
                _HOSTED,
                operations=_MAKING | {Operation.EDIT},
                **_OF_A_REFERENCE,
                image_forms=frozenset((ImageForm.FILE, ImageForm.URL)),
                image_limit=8,
                text_bytes_limit=VLLM_OMNI_TEXT_BYTES,
                last_frame=True,
                clip_limit=4,
                sound_limit=4,
                settings=settings.VLLM_OMNI,
            )
        ),
        hosted=True,
        sync_create="/videos/sync",
        states_failure=r"^Video generation failed: ",
        several=image_references,
        attach=mixed_media,
        loras=loras.NAMED,
        edits_by_reference=True,
        place=lambda reference: {"image_reference": json.dumps({"image_url": reference})},
    ),
    "sglang": Dialect(
        "JSON with whole seconds; deleting a job does not stop its work; results may lie at a cloud address.",
        replace(
            _HOSTED,
            operations=_MAKING | {Operation.EDIT},
            **_OF_A_REFERENCE,
            image_forms=frozenset((ImageForm.FILE, ImageForm.URL)),
            clip_limit=1,
            fps=24,
            settings=settings.SGLANG,
        ),
        hosted=True,
        attach=media_beside,
        loras=loras.USED,
        edits_by_reference=True,
        body=JSON,
        json_unlike_form=frozenset(("seed",)),  # or a list of them: 0.5.23 `protocol.py`, VideoGenerationsRequest
        whole_seconds=True,
        place=at("reference_url"),
    ),
    "tensorrt-llm": Dialect(
        "Strict JSON: a field that the server does not know is never sent; answers 202.",
        replace(
            _HOSTED,
            seconds=range(1, 17),
            image_forms=frozenset((ImageForm.DATA,)),
            can_list=False,
            settings=settings.TENSORRT,
        ),
        hosted=True,
        body=JSON,
        whole_seconds=True,
        known=_TENSORRT_FIELDS,
        inline=base64_of,
        place=at("input_reference"),
    ),
    "litellm": Dialect(
        # A remix's id names no model, so the proxy cannot find its server again: paid for and out of reach.
        "A proxy: ids are opaque, most fields may be null, its list and the ids of its remixes are not relied on.",
        _with_pictures(
            replace(_OPEN, operations=_MAKING, can_list=False, can_cancel=False, has_quota=False, any_setting=True)
        ),
        needs_model=True,
    ),
    "new-api": Dialect(
        "A relay: a new job may be `unknown`, the link is in the metadata, an unknown job is HTTP 400.",
        _with_pictures(
            replace(
                _OPEN,
                image_forms=frozenset((ImageForm.FILE, ImageForm.URL)),
                can_list=False,
                can_cancel=False,
                any_setting=True,
            )
        ),
        needs_model=True,
        place=at("input_reference"),
    ),
    "fastvideo": Dialect(
        "A form whose own seed is always the same, so one is sent; its list does not say whether there is more.",
        replace(_HOSTED, image_forms=frozenset((ImageForm.FILE, ImageForm.URL)), fps=24, settings=settings.FASTVIDEO),
        hosted=True,
        json_alone=settings.FASTVIDEO_JSON_ALONE,
        place=at("reference_url"),
    ),
    "aquiles": Dialect(
        "Four sizes; one job at once, without a queue: where somebody else's runs, it is waited for.",
        replace(_HOSTED, fields=frozenset(), sizes=tuple(_OPENAI_SIZES.values()), size_for=_OPENAI_SIZES, max_jobs=1),
        hosted=True,
    ),
    "xinference": Dialect(
        "`POST /v1/video/generations` answers with the video; two images are its first and its last frame.",
        replace(
            _ANSWERS_WITH_VIDEO,
            last_frame=True,
            image_limit=2,
            fps=XINFERENCE_FPS,
            settings=settings.XINFERENCE,
            any_setting=True,
        ),
        create="/video/generations",
        hosted=True,
        body=JSON,
        whole_seconds=True,
        synchronous=True,
        needs_model=True,
        states_failure="",  # the route's own `except` is the only one that answers so
        files={
            1: ("/video/generations/image", ("image",)),
            2: ("/video/generations/flf", ("first_frame", "last_frame")),
        },
        finish=kwargs_field,
        finish_beside_files=kwargs_of_form,
    ),
    "aihubmix": Dialect(
        "A relay: JSON; which seconds and sizes there are, is up to the model; no list.",
        replace(_OPEN, operations=_MAKING, can_list=False, has_quota=False, any_setting=True),
        body=JSON,
        needs_model=True,
    ),
    "azure": Dialect(
        'Lives below `/openai/v1`; its key goes in the header api-key (`auth = "api-key"`).',
        replace(_OPENAI, seconds=(4, 8, 12), sizes=("1280x720", "720x1280", "1792x1024", "1024x1792")),
        root="/openai/v1",
        lists_all_models=False,  # a request names a deployment
        needs_model=True,
    ),
    "localai": Dialect(
        "`POST /video` answers with the video's address; sides and frames instead of size and seconds.",
        _with_pictures(
            replace(
                _ANSWERS_WITH_VIDEO,
                image_forms=frozenset((ImageForm.DATA, ImageForm.URL)),
                last_frame=True,
                fps=LOCALAI_FPS,
                settings=settings.LOCALAI,
            )
        ),
        root="",
        hosted=True,
        create="/video",
        models="/v1/models",
        body=JSON,
        whole_seconds=True,
        synchronous=True,
        needs_model=True,
        inline=base64_of,
        place=at("start_image"),
        ends_with=lambda image, placed: {"end_image": base64_of(image)},
        finish=sides_and_frames,
        picture=both_prompts,
    ),
    "dynamo": Dialect(
        "The create call answers with the video; seed and negative prompt go into its `nvext` block.",
        replace(
            _ANSWERS_WITH_VIDEO,
            image_forms=frozenset((ImageForm.DATA, ImageForm.URL)),
            fps=24,
            settings=settings.DYNAMO,
        ),
        hosted=True,
        body=JSON,
        whole_seconds=True,
        synchronous=True,
        needs_model=True,
        inline=data_uri,
        place=at("input_reference"),
        finish=nvext,
    ),
    "openrouter": Dialect(
        "JSON with `duration`; answers 202; results are fetched with the key.",
        replace(
            _HOSTED,
            size_for={pair: size for pair, size in _OPEN_SIZES.items() if pair[0] != "square"},
            paid=True,
            fields=frozenset((Field.SEED,)),
            image_forms=frozenset((ImageForm.DATA, ImageForm.URL)),
            last_frame=True,
            poll_seconds=10.0,
            can_list=False,
            can_cancel=False,
            has_quota=True,
            any_setting=True,
        ),
        root="/api/v1",
        lists_all_models=False,  # those of videos have a list of their own
        body=JSON,
        whole_seconds=True,
        needs_model=True,
        inline=data_uri,
        place=frame_image,
        ends_with=framed_last,
        finish=as_duration,
    ),
}
