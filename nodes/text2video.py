"""Sora Text to Video."""

from __future__ import annotations

from typing import Any

from ..sora_core.models import Operation
from . import _widgets as widgets
from ._checking import Asked, refusal
from ._comfy import found_by, io
from ._linked import Written
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._references import with_references
from ._requests import video_request


class Text2Video(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Text2Video",
            display_name="Sora Text to Video",
            category="Sora Video",
            description="Makes a video from text through the chosen profile. The same request is paid once: "
            "running it again, also after a restart, gives the video that exists. Another seed is a new take.",
            inputs=[
                widgets.prompt_input(),
                widgets.profile_input(),
                widgets.seed_input(),
                *widgets.generation_inputs(),
                *widgets.delivery_inputs(),
                widgets.character_input(),
                *widgets.submission_inputs(),
                *widgets.making_inputs(references=True),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **found_by("t2v", "text to video", "generate video", "openai video", "文生视频", "视频"),
        )

    @classmethod
    def validate_inputs(cls, profile: str | None = None, references: Any = None) -> bool | str:
        # ComfyUI hands over every growing input, named or not
        return refusal(cls, profile, cls.asked)

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked:
        return Asked(video_request(Operation.TEXT_TO_VIDEO, profile, **written.options))

    @classmethod
    @one_branch
    async def execute(cls, prompt: str, profile: str, seed: int, **options: Any) -> io.NodeOutput:
        request = video_request(Operation.TEXT_TO_VIDEO, profile, prompt, seed, **options)
        request, note = await with_references(request, profile, options)
        return await generate(request, profile, options, cls.hidden, note=note)
