"""Sora Quota."""

from __future__ import annotations

import time

from . import _widgets as widgets
from ._checking import refusal
from ._comfy import io, known
from ._engine import engine
from ._waiting import wait_for

UNKNOWN = -1.0


class Quota(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_Quota",
            display_name="Sora Quota",
            category="Sora Video",
            description="Reads what the profile's account has left. Free, and read anew on every run.",
            inputs=[widgets.profile_input()],
            outputs=[
                io.Float.Output("remaining", tooltip="What is left; -1 when the server does not say."),
                io.Float.Output("used", tooltip="What was used; -1 when the server does not say."),
                io.Float.Output("total", tooltip="The whole allowance; -1 when the server does not say."),
                io.String.Output("unit", tooltip="What is counted, such as USD or videos."),
                io.Float.Output("resets_in", tooltip="Seconds until the allowance is full again; -1 when unknown."),
            ],
            is_output_node=True,
            **known(search_aliases=["balance", "credits", "remaining", "额度", "余额"]),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: object) -> int:
        return time.time_ns()  # never cached

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return refusal(cls, profile)

    @classmethod
    async def execute(cls, profile: str) -> io.NodeOutput:
        quota = await wait_for(engine().quota(profile))
        values = (quota.remaining, quota.used, quota.total, quota.resets_in)
        remaining, used, total, resets_in = (UNKNOWN if value is None else float(value) for value in values)
        left = "?" if quota.remaining is None else f"{quota.remaining:g}"
        of = "" if quota.total is None else f" of {quota.total:g}"
        text = f"{left}{of} {quota.unit} left".strip() + (" · limit reached" if quota.limit_reached else "")
        return io.NodeOutput(remaining, used, total, quota.unit, resets_in, ui={"text": (text,)})
