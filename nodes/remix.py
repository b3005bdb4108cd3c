"""Sora Remix."""

from __future__ import annotations

from typing import Any

from . import _widgets as widgets
from ._checking import Asked, stands_in
from ._comfy import found_by, io
from ._engine import engine
from ._linked import Written
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._requests import remix_request


class Remix(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Remix",
            display_name="Sora Remix",
            category="Sora Video",
            description="Makes a new video from one that the same profile made before, changed as the prompt says. "
            "Its shape is that of the source, unless another one is asked for. The same request is paid once.",
            inputs=[
                widgets.prompt_input(),
                widgets.profile_input(),
                widgets.seed_input(),
                io.String.Input(
                    "source_job",
                    tooltip="The job to start from: connect job_id of the node that made it, or write its id, ours "
                    "(job_…) or the server's. A job of another profile is refused.",
                ),
                *widgets.remix_inputs(),
                *widgets.delivery_inputs(),
                widgets.character_input(),
                *widgets.submission_inputs(),
                *widgets.remix_shape_inputs(),
                *widgets.making_inputs(references=False),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **found_by("edit video", "variation", "video to video", "v2v", "二次创作", "视频编辑", "视频"),
        )

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked:
        source = written.text("source_job").strip()
        request = remix_request(profile, source_id=source, **written.options)
        return Asked(request, source_to_come=stands_in(source))

    @classmethod
    @one_branch
    async def execute(cls, prompt: str, profile: str, seed: int, source_job: str, **options: Any) -> io.NodeOutput:
        request = remix_request(profile, prompt, seed, engine().source_id(source_job, profile), **options)
        return await generate(request, profile, options, cls.hidden)
