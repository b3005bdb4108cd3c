"""Sora Resume Job."""

from __future__ import annotations

from typing import Any

from . import _host as host
from . import _inputs as inputs
from ._comfy import io, known
from ._outputs import deliver, video_hidden, video_outputs


class ResumeJob(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_ResumeJob",
            display_name="Sora Resume Job",
            category="Sora Video",
            description="Collects a job that was submitted before: by its job id, or by the server's own id together "
            "with the profile. It never submits and never charges.",
            inputs=[
                io.String.Input(
                    "job_id",
                    tooltip="Our job id (job_…), as the nodes and `sora-video jobs` show it, or the server's id.",
                ),
                inputs.profile_input(),
                *inputs.delivery_inputs(),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **known(search_aliases=["collect video", "resume", "job id", "remote id", "恢复任务"]),
        )

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return inputs.check_profile(profile)

    @classmethod
    @host.says_errors
    async def execute(cls, job_id: str, profile: str, **options: Any) -> io.NodeOutput:
        destination = host.destination(options.get("filename_prefix", "video/sora"), cls.hidden)
        reports = host.Reports()
        waiter = host.engine().resume(job_id, profile, destination, reports)
        return await deliver(waiter, reports, options)
