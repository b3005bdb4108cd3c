"""Sora Edit."""

from __future__ import annotations

import functools
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.models import Capabilities, ClipForm, Operation, Upload
from ..sora_core.requests.checks import check_one_of, check_operation
from . import _widgets as widgets
from ._checking import Asked, stands_in
from ._comfy import found_by, io
from ._engine import engine
from ._linked import Written
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._paths import destination_of
from ._references import clip_of
from ._requests import edit_request
from ._waiting import Reports, in_thread, wait_for

OPERATIONS = (Operation.EDIT.value, Operation.EXTEND.value)
_CLIP_TO_COME = Upload(b"", "video/mp4", "clip.mp4")


class Edit(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Edit",
            display_name="Sora Edit",
            category="Sora Video",
            description="Edits a video as the prompt says and keeps the rest of it, or goes on where it ends. The "
            "video is a job's, or a file. The same request is paid once.",
            inputs=[
                widgets.prompt_input(),
                widgets.profile_input(),
                widgets.seed_input(),
                io.Combo.Input(
                    "operation",
                    options=list(OPERATIONS),
                    default=OPERATIONS[0],
                    tooltip="edit changes the video, extend goes on after its end; refused where the profile cannot.",
                ),
                io.String.Input(
                    "source_job",
                    default="",
                    optional=True,
                    tooltip="The job whose video it is: connect job_id of the node that made it, or write its id. A "
                    "server that takes only files gets the file that was delivered.",
                ),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="A video instead of source_job; refused where the profile takes none.",
                ),
                *widgets.remix_inputs(),
                *widgets.delivery_inputs(),
                widgets.character_input(),
                *widgets.submission_inputs(),
                *widgets.making_inputs(references=False),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **found_by("edit video", "extend", "continue", "video to video", "v2v", "编辑视频", "延长视频", "视频"),
        )

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked | None:
        if "operation" in written.links:
            return None
        job, has_video = written.text("source_job").strip(), "video" in written.links
        can = _checked(written.values["operation"], job, has_video, profile)
        as_file = has_video or ClipForm.JOB not in can.edit_forms
        source_id, clip = ("", _CLIP_TO_COME) if as_file else (job, None)
        request = edit_request(profile=profile, source_id=source_id, clip=clip, **written.options)
        return Asked(request, source_to_come=stands_in(job))

    @classmethod
    @one_branch
    async def execute(
        cls,
        prompt: str,
        profile: str,
        seed: int,
        operation: str,
        source_job: str = "",
        video: Any = None,
        **options: Any,
    ) -> io.NodeOutput:
        _checked(operation, source_job.strip(), video is not None, profile)
        source_id, clip = await _source(source_job, video, profile, cls.hidden)
        request = edit_request(operation, profile, prompt, seed, source_id, clip, **options)
        return await generate(request, profile, options, cls.hidden)


def _checked(operation: str, job: str, has_video: bool, profile: str) -> Capabilities:
    """Raises Unsupported before anything is read, InvalidRequest unless there is exactly one source."""
    check_one_of("Operation", operation, OPERATIONS)
    can = engine().capabilities(profile)
    check_operation(Operation(operation), can, profile)
    if bool(job) == has_video:
        raise InvalidRequest("requests.edit_needs_one_source", count=2 if job else 0)
    return can


async def _source(job: str, video: Any, profile: str, hidden: Any) -> tuple[str, Upload | None]:
    """The remote id, or the clip itself."""
    if video is not None:
        return "", await in_thread(functools.partial(clip_of, video))
    reports = Reports()
    return await wait_for(engine().edit_source(job, profile, destination_of("video/sora", hidden), reports), reports)
