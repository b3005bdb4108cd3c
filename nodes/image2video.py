"""Sora Image to Video."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from ..sora_core.media.images import FITS, references_from_tensor
from ..sora_core.models import GenerationRequest, Operation
from . import _host as host
from . import _inputs as inputs
from ._comfy import io, known
from ._outputs import generate, video_hidden, video_outputs


class Image2Video(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Image2Video",
            display_name="Sora Image to Video",
            category="Sora Video",
            description="Makes a video that starts from an image, or follows several where the profile takes them. "
            "The image is fitted to the size that is asked for. The same request is paid once.",
            inputs=[
                inputs.prompt_input(),
                inputs.profile_input(),
                inputs.seed_input(),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The reference. A batch is several references, refused where the profile takes only one.",
                ),
                io.String.Input(
                    "image_url",
                    default="",
                    optional=True,
                    tooltip="Address of the reference instead of image; refused where the profile takes only files. "
                    "The server fetches it as it is, without fitting.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    optional=True,
                    tooltip="How the image gets the video's shape: cut at the sides, with black bars, or stretched.",
                ),
                *inputs.generation_inputs(),
                *inputs.delivery_inputs(),
                inputs.character_input(),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **known(search_aliases=["i2v", "image to video", "animate image", "reference image", "图生视频"]),
        )

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return inputs.check_profile(profile)

    @classmethod
    @host.says_errors
    async def execute(
        cls, prompt: str, profile: str, seed: int, image: Any = None, image_url: str = "", **options: Any
    ) -> io.NodeOutput:
        request = inputs.request_from(Operation.IMAGE_TO_VIDEO, profile, prompt, seed, **options)
        request = replace(request, image_url=image_url.strip())
        note = ""
        if image is not None:
            request, note = await _with_images(request, profile, image, options.get("fit", "crop"))
        return await generate(request, profile, options, cls.hidden, note=note)


async def _with_images(request: GenerationRequest, profile: str, image: Any, fit: str) -> tuple[GenerationRequest, str]:
    """The request with the batch in it, and what became of the pictures; they are shown on the node."""
    count = 1 if image.ndim == 3 else len(image)
    needs = host.engine().image_needs(request, profile, count)
    references = await host.in_thread(functools.partial(references_from_tensor, image, needs, fit))
    note = "\n".join(reference.note for reference in references)
    await host.show_picture(references[0].picture, note)
    return replace(request, images=tuple(reference.upload for reference in references)), note
