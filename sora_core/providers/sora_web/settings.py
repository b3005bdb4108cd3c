"""What single requests can be told beyond their own fields (chapters 5.3, 5.4, 7 and 8 of the document). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import InvalidRequest, Unsupported
from ...models import Capabilities, Operation, Setting
from ...requests.kinds import CharacterRequest, CleanLinkRequest, RemixRequest, VideoRequest
from ...requests.settings import on_the_wire

VISIBILITIES = ("public", "private")
BOARD_TEXTS = ("title", "audio_caption", "audio_transcript", "video_caption")

_CAST = ("cameo_replacements",)
_OF = {
    Operation.TEXT_TO_VIDEO: _CAST,
    Operation.IMAGE_TO_VIDEO: _CAST,
    Operation.REMIX: _CAST,
    Operation.STORYBOARD: (*BOARD_TEXTS, "storyboard_id", "remix_target_id", "metadata", *_CAST),
    Operation.CLEAN_LINK: ("keep_post", "post_text"),
    Operation.CREATE_CHARACTER: ("username", "visibility"),
}
SETTINGS: Mapping[str, Setting] = {
    **{name: Setting("string") for name in (*BOARD_TEXTS, "storyboard_id", "remix_target_id", "post_text", "username")},
    "metadata": Setting("object"),
    "cameo_replacements": Setting("object"),
    "keep_post": Setting("boolean"),
    "visibility": Setting("string", choices=VISIBILITIES),
}
_USERNAME = re.compile(r"[A-Za-z0-9_.]{1,30}")

Told = VideoRequest | RemixRequest | CharacterRequest | CleanLinkRequest


def told(request: Told, can: Capabilities, profile: str) -> dict[str, Any]:
    """The request's settings by the names of the wire. Raises Unsupported, InvalidRequest."""
    if not request.settings:
        return {}
    allowed = _OF[request.operation]
    strange = [name for name in request.settings.named() if name.partition(".")[0] not in allowed]
    if strange:
        operation = request.operation.value.replace("_", " ")
        raise Unsupported(
            "sora_web.no_such_setting", profile=profile, operation=operation, name=strange[0], known=", ".join(allowed)
        )
    found = on_the_wire(request.settings, can, profile)
    name = found.get("username")
    if name is not None and not _USERNAME.fullmatch(name):
        raise InvalidRequest("sora_web.no_username", name=name[:40])
    return found
