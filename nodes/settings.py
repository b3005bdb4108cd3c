"""Sora Settings."""

from __future__ import annotations

from typing import Any

from ..sora_core.errors import SoraError
from ._checking import queued_inputs
from ._comfy import advanced, io, known
from ._settings import NODE_ID, SOUND, UNSET, told, told_by
from ._widgets import SETTINGS

_LARGEST = 1_000_000


class Settings(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=NODE_ID,
            display_name="Sora Settings",
            category="Sora Video",
            description="How your own server is to make the video: steps, guidance, frames, LoRA and what else it "
            "takes. Connect it to the settings of any node that makes a video; what the server does not have is "
            "refused before anything is sent.",
            inputs=[*_sampler_inputs(), *_other_inputs()],
            outputs=[SETTINGS.Output("settings", tooltip="For the settings of a node that makes a video.")],
            **known(
                search_aliases=["steps", "guidance", "cfg", "lora", "fps", "num_frames", "sampler", "采样", "步数"]
            ),
        )

    @classmethod
    def validate_inputs(cls, more: str | None = None) -> bool | str:
        written = {name: value for name, value in (queued_inputs() or {}).items() if not isinstance(value, list)}
        try:
            told_by([written])
        except SoraError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, settings: Any = None, **inputs: Any) -> io.NodeOutput:
        return io.NodeOutput(told(inputs, settings))


def _sampler_inputs() -> list[io.Input]:
    """Numbers; at their lowest the server decides."""
    return [
        io.Int.Input(
            "steps",
            default=UNSET["steps"],
            min=0,
            max=1000,
            optional=True,
            tooltip="Steps of the sampler. 0: as the server decides.",
        ),
        io.Float.Input(
            "guidance",
            default=UNSET["guidance"],
            min=-1.0,
            max=100.0,
            step=0.1,
            optional=True,
            tooltip="How closely the prompt is followed (guidance_scale). -1: as the server decides.",
        ),
        io.Float.Input(
            "guidance_2",
            default=UNSET["guidance_2"],
            min=-1.0,
            max=100.0,
            step=0.1,
            optional=True,
            tooltip="The same for the second half of a model in two parts, such as Wan 2.2. -1: as the server decides.",
            **advanced(),
        ),
        io.Float.Input(
            "fps",
            default=UNSET["fps"],
            min=0.0,
            max=240.0,
            step=1.0,
            optional=True,
            tooltip="Frames per second of the video. 0: as the server decides.",
        ),
        io.Int.Input(
            "num_frames",
            default=UNSET["num_frames"],
            min=0,
            max=_LARGEST,
            optional=True,
            tooltip="Length in frames, instead of seconds. 0: from the seconds.",
        ),
        io.Float.Input(
            "flow_shift",
            default=UNSET["flow_shift"],
            min=0.0,
            max=100.0,
            step=0.1,
            optional=True,
            tooltip="Shift of the sampler's schedule. 0: as the server decides.",
            **advanced(),
        ),
    ]


def _other_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "lora",
            default=UNSET["lora"],
            multiline=True,
            placeholder="name or path on the server:0.8 · 服务器上的名称或路径:0.8",
            optional=True,
            tooltip="LoRA by the name or path that they have on the server, one a line; a number after a "
            "colon is the strength.",
        ),
        io.Combo.Input(
            "sound",
            options=list(SOUND),
            default=UNSET["sound"],
            optional=True,
            tooltip="Whether the model makes sound, where it can.",
        ),
        io.Float.Input(
            "sound_seconds",
            default=UNSET["sound_seconds"],
            min=0.0,
            max=600.0,
            step=0.1,
            optional=True,
            tooltip="Length of the sound. 0: as long as the video. Needs sound = on.",
            **advanced(),
        ),
        io.String.Input(
            "more",
            default=UNSET["more"],
            multiline=True,
            placeholder="name = value",
            optional=True,
            tooltip="What else the server takes, by its own names, one a line: boundary_ratio = 0.9. "
            "extra_params.x = 1 sets x inside of extra_params.",
        ),
        SETTINGS.Input(
            "settings",
            optional=True,
            tooltip="Another Sora Settings: what is set here goes over it, and LoRA are added to its own.",
        ),
    ]
