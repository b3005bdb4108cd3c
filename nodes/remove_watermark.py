"""Sora Remove Watermark."""

from __future__ import annotations

from typing import Any

from ..sora_core.errors import InvalidRequest
from ..sora_core.models import Operation
from ..sora_core.requests.checks import check_operation
from ..sora_core.requests.kinds import CleanLinkRequest
from . import _widgets as widgets
from ._checking import Asked, stands_in
from ._comfy import io, known
from ._engine import engine
from ._linked import Written
from ._outputs import VideoNode, generate, one_branch, video_hidden, video_outputs
from ._requests import clean_link_request


class RemoveWatermark(VideoNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SoraVideo_RemoveWatermark",
            display_name="Sora Remove Watermark",
            category="Sora Video",
            description="Asks the provider for its own clean rendition of a clip. It edits no pixels and keeps content "
            "credentials. Only for clips that are yours or that you have permission for.",
            inputs=[
                io.String.Input(
                    "source",
                    tooltip="The clip: connect job_id of the node that made it, or write an id or the address of a "
                    "post. Empty: what the profile itself picks, where it does.",
                ),
                widgets.profile_input(),
                io.Boolean.Input(
                    "confirm_rights",
                    default=False,
                    tooltip="On: I confirm that the clip is mine, or that I have its owner's permission.",
                ),
                *widgets.delivery_inputs(),
                *widgets.submission_inputs(),
                widgets.seed_input(optional=True),
                widgets.settings_input(),
                widgets.rate_input(),
            ],
            outputs=video_outputs(),
            hidden=video_hidden(),
            is_output_node=True,
            **known(search_aliases=["clean link", "no watermark", "unwatermarked", "去水印"]),
        )

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked | None:
        if "confirm_rights" not in written.links:
            _check_rights(written.values.get("confirm_rights", False))
        source = written.text("source").strip()
        if stands_in(source):
            check_operation(Operation.CLEAN_LINK, engine().capabilities(profile), profile)
            return None
        is_address = source.startswith(("http://", "https://"))
        return Asked(CleanLinkRequest(source_url=source) if is_address else CleanLinkRequest(source_id=source))

    @classmethod
    @one_branch
    async def execute(
        cls, source: str, profile: str, confirm_rights: bool, seed: int = 0, **options: Any
    ) -> io.NodeOutput:
        _check_rights(confirm_rights)
        return await generate(clean_link_request(source, profile, seed, options), profile, options, cls.hidden)


def _check_rights(confirmed: bool) -> None:
    if not confirmed:
        raise InvalidRequest("node.nothing_done_before_you_confirm")
