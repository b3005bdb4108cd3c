"""Sora Resume Job."""

from __future__ import annotations

from typing import Any

from . import _widgets as widgets
from ._checking import refusal
from ._comfy import io, known
from ._engine import engine
from ._linked import Written
from ._outputs import (
    Result,
    VideoNode,
    deliver,
    one_branch,
    side_by_side,
    video_hidden,
    video_outputs,
)
from ._paths import destination_of
from ._picks import NO_PICK, job_names
from ._waiting import Reports


class ResumeJob(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_ResumeJob",
            display_name="Sora Resume Job",
            category="Sora Video",
            description="Collects jobs that were submitted before: by job id, or by the server's own id together "
            "with the profile. It never submits and never charges.",
            inputs=[
                io.String.Input(
                    "job_id",
                    default="",
                    multiline=True,
                    placeholder="job_… · 任务 ID",
                    tooltip="Our job id (job_…), as the nodes and `sora-video jobs` show it, or the server's id. "
                    "Several, separated by lines or commas, are collected side by side and handed on as lists.",
                ),
                widgets.profile_input(),
                *widgets.delivery_inputs(),
                widgets.recent_input(),
                widgets.on_error_input(),
                widgets.rate_input(),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **known(search_aliases=["collect video", "resume", "job id", "remote id", "恢复任务"]),
        )

    @classmethod
    def validate_inputs(cls, profile: str | None = None, recent: str | None = None) -> bool | str:
        # naming recent keeps ComfyUI from comparing it with today's list: a saved choice stays valid
        return refusal(cls, profile, cls.asked)

    @classmethod
    def asked(cls, profile: str, written: Written) -> None:
        if not {"job_id", "recent"} & set(written.links):
            job_names(written.text("job_id"), written.values.get("recent", NO_PICK))

    @classmethod
    @one_branch
    async def execute(cls, job_id: str, profile: str, recent: str = NO_PICK, **options: Any) -> io.NodeOutput:
        names = job_names(job_id, recent)
        return await side_by_side([cls._collect(name, profile, options) for name in names], cls.hidden, options)

    @classmethod
    async def _collect(cls, name: str, profile: str, options: dict[str, Any]) -> list[Result]:
        reports = Reports()
        destination = destination_of(options.get("filename_prefix", "video/sora"), cls.hidden)
        handle = engine().resume(name, profile, destination, reports)
        return await deliver(handle, reports, options, cls.hidden)
