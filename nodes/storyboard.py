"""Sora Storyboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.models import Operation, Shot
from ..sora_core.requests.shots import parse_script, shot_of
from . import _widgets as widgets
from ._checking import Asked, refusal
from ._comfy import found_by, io
from ._linked import Written
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._references import with_references
from ._requests import video_request

MAX_SHOTS = 50


class Storyboard(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Storyboard",
            display_name="Sora Storyboard",
            category="Sora Video",
            description="Makes one video of several shots, from a script or from Sora Shot nodes. "
            "The shots add up to its length. The same request is paid once.",
            inputs=[
                io.String.Input(
                    "script",
                    default="",
                    multiline=True,
                    placeholder="[5s] A door opens. 门打开。\n[5s] Rain on the window. 雨打在窗上。",
                    tooltip="One shot a line: '[5s] what it shows' or '5s: what it shows'. Lines without a length go "
                    "on with the shot before; lines that begin with # are comments. JSON is read too.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    placeholder="instructions · 整体说明",
                    tooltip="Instructions for the whole video, beside the shots; may be empty.",
                ),
                widgets.profile_input(),
                widgets.seed_input(),
                io.Autogrow.Input(
                    "shots",
                    # ComfyUI 0.8 finds only a required template; min=0 makes the sockets optional
                    template=io.Autogrow.TemplatePrefix(
                        widgets.SHOT.Input("shot", tooltip="A Sora Shot, in order."),
                        prefix="shot",
                        min=0,
                        max=MAX_SHOTS,
                    ),
                    optional=True,
                    tooltip="Sora Shot nodes in order, instead of a script; a free socket is added for the next one.",
                ),
                *widgets.generation_inputs(),
                *widgets.delivery_inputs(),
                widgets.character_input(),
                *widgets.submission_inputs(),
                *widgets.making_inputs(references=True),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **found_by("shots", "scenes", "multi shot", "script to video", "分镜", "故事板", "视频"),
        )

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked | None:
        _check_count(written.links)
        sockets = _written_shots(written)
        if "script" in written.links or sockets is None:
            return None
        request = video_request(Operation.STORYBOARD, profile, **written.options)
        return Asked(replace(request, shots=_shots(written.text("script"), sockets)))

    @classmethod
    def validate_inputs(cls, profile: str | None = None, shots: Any = None, references: Any = None) -> bool | str:
        # ComfyUI hands over every growing input, named or not
        return refusal(cls, profile, cls.asked)

    @classmethod
    @one_branch
    async def execute(
        cls, script: str, prompt: str, profile: str, seed: int, shots: Any = None, **options: Any
    ) -> io.NodeOutput:
        _check_count((cls.hidden.prompt or {}).get(cls.hidden.unique_id, {}).get("inputs", {}))
        request = video_request(Operation.STORYBOARD, profile, prompt, seed, **options)
        request, note = await with_references(replace(request, shots=_shots(script, shots)), profile, options)
        return await generate(request, profile, options, cls.hidden, note=note)


def _check_count(inputs: Iterable[str]) -> None:
    """Raises InvalidRequest for sockets beyond the last one, which a script can name and ComfyUI leaves out."""
    count = sum(name.startswith("shots.") for name in inputs)
    if count > MAX_SHOTS:
        raise InvalidRequest("node.there_shots_connected_storyboard_takes", count=count, max_shots=MAX_SHOTS)


def _written_shots(written: Written) -> dict[str, Any] | None:
    """The values of the sockets, where all of them come from Sora Shots that get nothing over links."""
    values = {}
    for name, link in written.links.items():
        if not name.startswith("shots."):
            continue
        node = written.prompt.get(str(link[0]), {})
        inputs = node.get("inputs", {})
        if node.get("class_type") != "SoraVideo_Shot" or any(isinstance(each, list) for each in inputs.values()):
            return None
        values[name] = {"text": inputs.get("text"), "seconds": inputs.get("seconds")}
    return values


def _shots(script: str, sockets: Mapping[str, Any] | None) -> tuple[Shot, ...]:
    values = widgets.in_order(sockets)
    written = parse_script(script)
    if written and values:
        raise InvalidRequest("node.there_shots_script_connected_come", count=len(written), count2=len(values))
    if not written and not values:
        raise InvalidRequest("node.storyboard_has_no_shots_write")
    return written or tuple(shot_of(value, number) for number, value in enumerate(values, 1))
