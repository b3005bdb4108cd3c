"""Sora Create Character."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.media.cut import part_of_clip
from ..sora_core.models import ClipForm, Operation, Upload
from ..sora_core.requests.checks import check_clip_form, check_operation, check_part
from ..sora_core.requests.kinds import CharacterRequest
from . import _widgets as widgets
from ._checking import Asked, refusal
from ._comfy import io, known
from ._engine import engine
from ._linked import Written
from ._references import save_video
from ._requests import given_settings, identity_of
from ._waiting import Reports, in_thread, wait_for


class CreateCharacter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_CreateCharacter",
            display_name="Sora Create Character",
            category="Sora Video",
            description="Makes a character from 1 to 3 seconds of a clip and keeps it in the library of its profile, "
            "where the generating nodes find it by name. Only of people who agreed. The same request is paid once.",
            inputs=[
                widgets.profile_input(),
                io.String.Input(
                    "name",
                    default="",
                    tooltip="Your name for the character, without commas. Empty: as the server calls it.",
                ),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="A clip, of which the part from start to end is uploaded; refused where the profile takes "
                    "no uploads.",
                ),
                io.String.Input("video_url", default="", optional=True, tooltip="Address of a clip instead."),
                io.String.Input(
                    "source_job",
                    default="",
                    optional=True,
                    tooltip="A finished job of the same profile instead: its job_id, or the server's id.",
                ),
                io.Float.Input(
                    "start",
                    default=0.0,
                    min=0.0,
                    max=3600.0,
                    step=0.1,
                    optional=True,
                    tooltip="Where the part that shows the character begins, in seconds.",
                ),
                io.Float.Input(
                    "end",
                    default=3.0,
                    min=0.0,
                    max=3600.0,
                    step=0.1,
                    optional=True,
                    tooltip="Where it ends, in seconds: 1 to 3 seconds after start.",
                ),
                widgets.settings_input(),
            ],
            outputs=[
                widgets.CHARACTER.Output("character", tooltip="For the character input of the generating nodes."),
                io.String.Output("character_id", tooltip="The server's id of the character."),
                io.String.Output("username", tooltip="What prompts call it, where the protocol has that; else empty."),
            ],
            is_output_node=True,
            **known(search_aliases=["cameo", "actor", "consistent character", "角色", "客串"]),
        )

    @classmethod
    def fingerprint_inputs(cls, profile: str | None = None, **_: object) -> str:
        return identity_of(profile)

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return refusal(cls, profile, cls.asked)

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked | None:
        can = engine().capabilities(profile)
        check_operation(Operation.CREATE_CHARACTER, can, profile)
        sources = {"video": "video" in written.links or None} | {
            name: written.text(name).strip() for name in ("video_url", "source_job")
        }
        _check_one(sources)
        if "video" in written.links:
            check_clip_form(ClipForm.FILE, can, profile)
        if {"video", "start", "end"} & set(written.links):
            return None
        start, end = written.values.get("start", 0.0), written.values.get("end", 3.0)
        url, job = sources["video_url"], sources["source_job"]
        return Asked(CharacterRequest(source_url=str(url), source_id=str(job), start=start, end=end))

    @classmethod
    async def execute(
        cls, profile: str, name: str, start: float = 0.0, end: float = 3.0, settings: Any = None, **source: Any
    ) -> io.NodeOutput:
        told = given_settings({"settings": settings})
        request = replace(await _request(profile, start, end, **source), settings=told)
        reports = Reports()
        made = await wait_for(engine().create_character(request, profile, name, reports), reports)
        value = {
            "profile": made.profile,
            "name": made.name,
            "character_id": made.character_id,
            "username": made.username,
        }
        text = " · ".join(filter(None, (made.name, made.character_id, made.username and f"@{made.username}")))
        return io.NodeOutput(value, made.character_id, made.username, ui={"text": (text,)})


async def _request(
    profile: str, start: float, end: float, video: Any = None, video_url: str = "", source_job: str = ""
) -> CharacterRequest:
    """Raises InvalidRequest unless there is exactly one source, Unsupported for one that the profile cannot take."""
    can = engine().capabilities(profile)
    check_operation(Operation.CREATE_CHARACTER, can, profile)
    url, job = video_url.strip(), source_job.strip()
    _check_one({"video": video, "video_url": url, "source_job": job})
    if url:
        return CharacterRequest(source_url=url, start=start, end=end)
    if job:
        return CharacterRequest(source_id=engine().source_id(job, profile), start=start, end=end)
    check_clip_form(ClipForm.FILE, can, profile)
    check_part(start, end, can, profile)
    clip = await in_thread(functools.partial(_cut, video, start, end, can.clip_bytes_limit))
    return CharacterRequest(clip=clip, start=0.0, end=end - start)


def _check_one(sources: Mapping[str, Any]) -> None:
    given = [label for label, value in sources.items() if value]
    if len(given) != 1:
        raise InvalidRequest(
            "node.character_made_from_one_clip", note="are " + " and ".join(given) if given else "is none"
        )


def _cut(video: Any, start: float, end: float, bytes_limit: int) -> Upload:
    with tempfile.TemporaryDirectory(prefix="sora-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        save_video(video, path)
        return part_of_clip(path, start, end, bytes_limit)
