"""Sora Enhance Prompt."""

from __future__ import annotations

from ..sora_core.requests.kinds import EXPANSIONS, PromptRequest
from . import _widgets as widgets
from ._checking import Asked, refusal
from ._comfy import io, known
from ._engine import engine
from ._linked import Written
from ._requests import identity_of
from ._waiting import Reports, wait_for


class EnhancePrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_EnhancePrompt",
            display_name="Sora Enhance Prompt",
            category="Sora Video",
            description="Has the profile's server write a prompt out in more detail. That may cost what a call of its "
            "text model costs; the same request is paid once, and gives the same words again.",
            inputs=[
                io.String.Input(
                    "prompt",
                    multiline=True,
                    placeholder="prompt · 提示词",
                    tooltip="The idea in a few words. Each new wording is a new call, which may cost.",
                ),
                widgets.profile_input(),
                io.Combo.Input(
                    "level",
                    options=list(EXPANSIONS),
                    default="medium",
                    optional=True,
                    tooltip="How much is written: a sentence or two, a paragraph, or moment by moment.",
                ),
                io.Int.Input(
                    "seconds",
                    default=0,
                    min=0,
                    max=600,
                    optional=True,
                    tooltip="Length of the video that the prompt is for, in seconds. 0: it is not told.",
                ),
            ],
            outputs=[io.String.Output("prompt", tooltip="The new prompt, for the prompt input of another node.")],
            is_output_node=True,
            **known(search_aliases=["improve prompt", "rewrite prompt", "prompt upsampling", "提示词优化", "扩写"]),
        )

    @classmethod
    def fingerprint_inputs(cls, profile: str | None = None, **_: object) -> str:
        return identity_of(profile)

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return refusal(cls, profile, cls.asked)

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked:
        seconds, level = written.values.get("seconds", 0), written.values.get("level", "medium")
        return Asked(PromptRequest(written.text("prompt"), seconds=seconds, expansion=level))

    @classmethod
    async def execute(cls, prompt: str, profile: str, level: str = "medium", seconds: int = 0) -> io.NodeOutput:
        request = PromptRequest(prompt, seconds=seconds, expansion=level)
        reports = Reports()
        text = await wait_for(engine().enhance_prompt(request, profile, reports), reports)
        return io.NodeOutput(text, ui={"text": (text,)})
