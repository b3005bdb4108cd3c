"""The bodies of the calls that make something. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...models import Operation, parse_size
from ...requests.kinds import PictureRequest, PromptRequest, RemixRequest, VideoRequest
from .. import _relay as relay
from .catalog import CLIPS, FRAMES
from .settings import BOARD_TEXTS

DEFAULT_TITLE = "Draft your video"
PATHS = {
    Operation.IMAGE: "/video_gen",
    Operation.STORYBOARD: "/nf/create/storyboard",
    Operation.ENHANCE_PROMPT: "/editor/enhance_prompt",
}


Made = VideoRequest | RemixRequest | PictureRequest | PromptRequest


def path_of(request: Made) -> str:
    return PATHS.get(request.operation, "/nf/create")


def body_of(request: Made, uploads: Sequence[str], texts: Mapping[str, Any]) -> dict[str, Any]:
    """The body for a settled request whose images are uploaded already; ``uploads`` are their ids.

    ``texts`` are optional fields that the request's settings, or the profile's extra, fill.
    """
    if isinstance(request, PictureRequest):
        return _picture(request, uploads)
    if isinstance(request, PromptRequest):
        return {"prompt": request.prompt, "expansion_level": request.expansion, "duration_s": request.seconds}
    clip = CLIPS[request.model]
    cast = [character.character_id for character in request.cast]
    video = {
        "kind": "video",
        "prompt": relay.prompt_text(request),
        "orientation": clip.orientation,
        "n_frames": FRAMES[clip.seconds],
        "model": clip.model,
        "inpaint_items": [{"kind": "upload", "upload_id": upload} for upload in uploads],
        "style_id": request.style or None,
    }
    if isinstance(request, RemixRequest):  # without a size it keeps that of its source
        size = {"size": clip.size} if request.quality else {}
        played = {"cameo_ids": cast, "cameo_replacements": texts.get("cameo_replacements", {})}
        return {**video, **size, "remix_target_id": request.source_id, **played}
    video["size"] = clip.size
    replaced = texts.get("cameo_replacements")
    played = {"cameo_ids": cast, "cameo_replacements": replaced or {}} if cast or replaced else {}
    if request.operation is Operation.STORYBOARD:
        return {**video, **_board(texts), **(played or dict.fromkeys(("cameo_ids", "cameo_replacements")))}
    return {**video, **played}


def _board(texts: Mapping[str, Any]) -> dict[str, Any]:
    filled = {name: texts.get(name, "").strip() or None for name in (*BOARD_TEXTS, "storyboard_id", "remix_target_id")}
    return {**filled, "metadata": texts.get("metadata"), "title": filled["title"] or DEFAULT_TITLE}


def _picture(request: PictureRequest, uploads: Sequence[str]) -> dict[str, Any]:
    width, height = parse_size(request.size) or (0, 0)
    return {
        "type": "image_gen",
        "operation": "remix" if uploads else "simple_compose",
        "prompt": request.prompt,
        "width": width,
        "height": height,
        "n_variants": 1,
        "n_frames": 1,
        "inpaint_items": [{"type": "image", "frame_index": 0, "upload_media_id": upload} for upload in uploads],
    }
