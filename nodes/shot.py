"""Sora Shot."""

from __future__ import annotations

from typing import Any

from ..sora_core.requests.shots import MAX_SECONDS
from ._comfy import io, known
from ._widgets import SHOT


class Shot(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Shot",
            display_name="Sora Shot",
            category="Sora Video",
            description="One segment of a storyboard: what it shows and how long. Connect it to Sora Storyboard.",
            inputs=[
                io.String.Input("text", multiline=True, placeholder="shot · 镜头内容", tooltip="What this shot shows."),
                io.Float.Input(
                    "seconds",
                    default=5.0,
                    min=0.1,
                    max=MAX_SECONDS,
                    step=0.1,
                    tooltip="Length of this shot; the shots of a storyboard add up to a length the profile makes.",
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="An image of this shot's own. No profile takes one so far: the storyboard refuses it.",
                ),
            ],
            outputs=[SHOT.Output("shot", tooltip="For Sora Storyboard.")],
            **known(search_aliases=["storyboard shot", "scene", "segment", "镜头", "分镜"]),
        )

    @classmethod
    def execute(cls, text: str, seconds: float, image: Any = None) -> io.NodeOutput:
        shot = {"text": text, "seconds": seconds}
        if image is not None:  # said, so that the storyboard can refuse it: it must not get lost
            shot["image"] = list(image.shape)
        return io.NodeOutput(shot)
