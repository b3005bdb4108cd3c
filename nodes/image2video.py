"""Sora Image to Video."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.media.frame import Pick
from ..sora_core.media.images import FITS
from ..sora_core.models import Operation
from . import _widgets as widgets
from ._checking import Asked, refusal
from ._comfy import advanced, found_by, io
from ._linked import Written
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._references import frame_of_job, with_images, with_references
from ._requests import video_request


class Image2Video(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Image2Video",
            display_name="Sora Image to Video",
            category="Sora Video",
            description="Makes a video that starts from an image, or follows several where the profile takes them. "
            "The image is fitted to the size that is asked for. The same request is paid once.",
            inputs=[
                widgets.prompt_input(),
                widgets.profile_input(),
                widgets.seed_input(),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The reference. A batch is several references, refused where the profile takes only one.",
                ),
                io.String.Input(
                    "image_url",
                    default="",
                    optional=True,
                    tooltip="Addresses of references, separated by spaces or lines, beside image or instead of it; "
                    "refused where the profile takes only files. The server fetches them as they are, without fitting.",
                ),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    optional=True,
                    tooltip="How the image gets the video's shape: cut at the sides, with black bars, or stretched.",
                ),
                *widgets.generation_inputs(),
                *widgets.delivery_inputs(),
                widgets.character_input(),
                *widgets.submission_inputs(),
                *widgets.making_inputs(references=True),
                io.String.Input(
                    "source_job",
                    default="",
                    optional=True,
                    tooltip="Instead of image: a frame of this job's clip, its last one unless source_frame says "
                    "another, so that one video goes on where another ended. Connect job_id of the node that made it, "
                    "or write its id. Of any profile.",
                ),
                io.String.Input(
                    "source_frame",
                    default="last",
                    optional=True,
                    tooltip="Another frame of source_job's clip than its last one: a number (0 is the first, -2 the "
                    "one before the last) or a time such as 1.5s.",
                    **advanced(),
                ),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **found_by(
                "i2v",
                "image to video",
                "animate image",
                "reference image",
                "extend",
                "first frame",
                "last frame",
                "图生视频",
                "视频",
                "图片",
                "尾帧",
            ),
        )

    @classmethod
    def validate_inputs(cls, profile: str | None = None, references: Any = None) -> bool | str:
        # ComfyUI hands over every growing input, named or not
        return refusal(cls, profile, cls.asked)

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked:
        request = video_request(Operation.IMAGE_TO_VIDEO, profile, **written.options)
        request = replace(request, image_urls=tuple(written.text("image_url").split()))
        source_job, has_image = written.text("source_job"), "image" in written.links
        if "source_frame" not in written.links:
            Pick.of(written.text("source_frame"))
        _refuse_both(source_job, has_image or bool(request.image_urls))
        return Asked(request, images_to_come=int(has_image or bool(source_job.strip())))

    @classmethod
    @one_branch
    async def execute(
        cls,
        prompt: str,
        profile: str,
        seed: int,
        image: Any = None,
        image_url: str = "",
        source_job: str = "",
        source_frame: str = "last",
        **options: Any,
    ) -> io.NodeOutput:
        request = video_request(Operation.IMAGE_TO_VIDEO, profile, prompt, seed, **options)
        request = replace(request, image_urls=tuple(image_url.split()))
        note = ""
        _refuse_both(source_job, image is not None or bool(request.image_urls))
        if source_job.strip():
            image = await frame_of_job(source_job, source_frame, cls.hidden)
        if image is not None:
            request, note = await with_images(request, profile, image, options.get("fit", "crop"))
        request, note = await with_references(request, profile, options, note)
        return await generate(request, profile, options, cls.hidden, note=note)


def _refuse_both(source_job: str, has_image: bool) -> None:
    if source_job.strip() and has_image:
        raise InvalidRequest("node.source_job_and_image")
