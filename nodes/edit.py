"""Sora Edit."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.media.references import clip_upload
from ..sora_core.models import ClipForm, Operation, Upload
from ..sora_core.requests.checks import check_operation
from . import _widgets as widgets
from ._comfy import found_by, io
from ._engine import engine
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._references import clip_of
from ._requests import edit_request
from ._waiting import in_thread

OPERATIONS = (Operation.EDIT.value, Operation.EXTEND.value)


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
        source_id, clip = await _source(source_job.strip(), video, operation, profile)
        request = edit_request(operation, profile, prompt, seed, source_id, clip, **options)
        return await generate(request, profile, options, cls.hidden)


async def _source(job: str, video: Any, operation: str, profile: str) -> tuple[str, Upload | None]:
    """The remote id, or the clip itself. Raises Unsupported before anything is read."""
    can = engine().capabilities(profile)
    check_operation(Operation(operation), can, profile)
    if bool(job) == (video is not None):
        raise InvalidRequest("requests.edit_needs_one_source", count=2 if job else 0)
    if video is not None:
        return "", await in_thread(functools.partial(clip_of, video))
    if ClipForm.JOB in can.edit_forms:
        return engine().source_id(job, profile), None
    found = engine().ledger.find(job, profile)
    if not found.path:
        raise InvalidRequest("source.no_video", job_id=found.job_id, state=found.state)
    return "", await in_thread(lambda: clip_upload(Path(found.path or "").read_bytes()))
