"""Sora Text to Video."""

from __future__ import annotations

from typing import Any

from ..sora_core.models import Operation
from . import _inputs as inputs
from ._comfy import io, known
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs


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
                inputs.prompt_input(),
                inputs.profile_input(),
                inputs.seed_input(),
                *inputs.generation_inputs(),
                *inputs.delivery_inputs(),
                inputs.character_input(),
                *inputs.submission_inputs(),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **known(search_aliases=["t2v", "text to video", "generate video", "openai video", "文生视频"]),
        )

    @classmethod
    @one_branch
    async def execute(cls, prompt: str, profile: str, seed: int, **options: Any) -> io.NodeOutput:
        request = inputs.video_request(Operation.TEXT_TO_VIDEO, profile, prompt, seed, **options)
        return await generate(request, profile, options, cls.hidden)
