"""Sora Image."""

from __future__ import annotations

import functools
from typing import Any

from ..sora_core.media.picture import pictures_tensor
from . import _widgets as widgets
from ._checking import Asked, refusal
from ._comfy import found_by, io
from ._engine import engine
from ._linked import Written
from ._paths import destination_of, shown_in_player
from ._references import with_images
from ._requests import identity_of, picture_request
from ._waiting import Reports, in_thread, wait_for

PREFIX = "image/sora"


class Image(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Image",
            display_name="Sora Image",
            category="Sora Video",
            description="Makes a picture from text through the chosen profile, such as the first frame of a video. "
            "The same request is paid once; another seed is a new take.",
            inputs=[
                io.String.Input(
                    "prompt", multiline=True, placeholder="prompt · 提示词", tooltip="What the picture should show."
                ),
                widgets.profile_input(),
                widgets.seed_input(),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="A picture to start from; refused where the profile makes pictures from text alone.",
                ),
                *widgets.picture_inputs(),
                widgets.filename_prefix_input(PREFIX),
            ],
            outputs=[
                io.Image.Output(
                    "image", tooltip="The pictures [B,H,W,3], 0..1: mostly one; further ones where they have its size."
                ),
                io.String.Output("image_path", tooltip="Absolute path of the file."),
                io.String.Output("job_id", tooltip="Our id of the job, as `sora-video jobs` shows it."),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
            **found_by("t2i", "text to image", "generate image", "picture", "文生图", "图片"),
        )

    @classmethod
    def fingerprint_inputs(cls, profile: str | None = None, **_: object) -> str:
        return identity_of(profile)

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return refusal(cls, profile, cls.asked)

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked:
        request = picture_request(profile, **written.options)
        return Asked(request, images_to_come=int("image" in written.links))

    @classmethod
    async def execute(cls, prompt: str, profile: str, seed: int, image: Any = None, **options: Any) -> io.NodeOutput:
        request = picture_request(profile, prompt, seed, **options)
        if image is not None:
            request, _ = await with_images(request, profile, image, "crop")
        destination = destination_of(options.get("filename_prefix", PREFIX), cls.hidden)
        reports = Reports()
        made = await wait_for(engine().generate(request, profile, destination, reports), reports)
        paths = (made.path, *made.further)
        pictures = await in_thread(functools.partial(pictures_tensor, paths))
        shown = {
            "images": [entry for path in paths for entry in shown_in_player(path)],
            "text": (str(made.path), made.job_id),
        }
        return io.NodeOutput(pictures, str(made.path), made.job_id, ui=shown)
