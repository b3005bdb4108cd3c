"""Sora Prompts."""

from __future__ import annotations

from typing import Any

from ..sora_core.errors import InvalidRequest, SoraError
from ..sora_core.requests.lines import Fields, lines_of
from ._comfy import io, known
from ._widgets import MAX_SEED

NODE_ID = "SoraVideo_Prompts"
_FIELDS = Fields(numbers=("seconds", "seed"))


class Prompts(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=NODE_ID,
            display_name="Sora Prompts",
            category="Sora Video",
            description="Many prompts, one a line. A node that makes a video makes one for each, side by side under "
            "the profile's limits; each is a job of its own, paid once.",
            inputs=[
                io.String.Input(
                    "text",
                    multiline=True,
                    placeholder="one prompt a line · 每行一条提示词",
                    tooltip="A prompt a line, or a JSON object with prompt, seconds and seed. # begins a comment.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=MAX_SEED,
                    optional=True,
                    control_after_generate=False,  # as on the nodes behind it: another number is paid anew
                    tooltip="Of the lines that name none.",
                ),
                io.Int.Input(
                    "seconds",
                    default=0,
                    min=0,
                    optional=True,
                    tooltip="Of the lines that name none. 0: the profile's default.",
                ),
            ],
            outputs=[
                io.String.Output("prompt", tooltip="A list: connect it to prompt.", is_output_list=True),
                io.Int.Output("seconds", tooltip="A list: connect it to seconds.", is_output_list=True),
                io.Int.Output("seed", tooltip="A list: connect it to seed.", is_output_list=True),
            ],
            **known(
                search_aliases=["prompt list", "batch", "many videos", "many prompts", "lines", "提示词列表", "批量"]
            ),
        )

    @classmethod
    def validate_inputs(cls, text: str | None = None) -> bool | str:
        if text is None:  # it comes over a link
            return True
        try:
            _lines(text)
        except SoraError as error:
            return str(error)
        return True

    @classmethod
    def execute(cls, text: str, seed: int = 0, seconds: int = 0) -> io.NodeOutput:
        return io.NodeOutput(*columns(text, seed, seconds))


def columns(text: str, seed: int = 0, seconds: int = 0) -> tuple[list[Any], list[Any], list[Any]]:
    """Prompts, seconds and seeds of the lines. Raises InvalidRequest."""
    found = _lines(text)
    return (
        [each.get("prompt", "") for each in found],
        [each.get("seconds", seconds) for each in found],
        [each.get("seed", seed) for each in found],
    )


def _lines(text: str) -> list[dict[str, object]]:
    found = lines_of(text, _FIELDS, source="text")
    for number, each in found:
        if not str(each.get("prompt", "")).strip():
            raise InvalidRequest("batch.no_prompt", number=number)
    return [each for _, each in found]
