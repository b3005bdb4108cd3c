"""The identity of a request: what is sent on the wire. Same wire, same claim; other wire, other claim. Pure.

Of the encoded call count path, query and body. Not what differs from one sending to the next (headers, with the
idempotency key and dates, and the boundary of a form), nor how a picture was encoded on its way: media count by
what the user gave. The seed counts even where the protocol has no place for it: it is the user's word for another take.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from ..models import Upload
from ..providers import Provider
from ..requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    RemixRequest,
    Request,
    VideoRequest,
    facts,
)
from ..transport import Call

# what the first recipe wrote for what a request did not name
_V1_DEFAULTS: dict[str, Any] = {
    "prompt": "", "model": "", "seconds": 0, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0,
    "negative_prompt": "", "style": "", "characters": [], "images": [], "shots": [], "source_id": "", "source_url": "",
}  # fmt: skip


def fingerprints_of(request: Request, provider: Provider) -> tuple[str, ...]:
    """The identity of a prepared request, then what earlier recipes made of it. Raises as ``encode_submit`` does."""
    return _of_wire(request, provider), _v1(request, provider)


def _of_wire(request: Request, provider: Provider) -> str:
    named = {
        "provider": provider.name,
        "profile": provider.profile.identity,
        "take": getattr(request, "seed", 0),
        "media": [media.identity for media in _media(request)],
        **_wire(request, provider),
    }
    return _digest("v2", named)


def _v1(request: Request, provider: Provider) -> str:
    """The first recipe, so that an update makes nothing be paid again."""
    known = facts(request)
    links = known.pop("image_urls", [])
    part = [known.pop("start", 0.0), known.pop("end", 3.0)] if isinstance(request, CharacterRequest) else [0.0, 0.0]
    named = {**_V1_DEFAULTS, **known, "image_url": links[0] if links else "", "part": part}
    if isinstance(request, CharacterRequest):
        named["prompt"] = named.pop("name", "")
    return _digest("v1", {**named, "provider": provider.name, "profile": provider.profile.identity})


def _digest(recipe: str, named: dict[str, Any]) -> str:
    text = json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return f"{recipe}:{hashlib.sha256(text.encode()).hexdigest()}"


def _media(request: Request) -> tuple[Upload, ...]:
    if isinstance(request, VideoRequest):
        return request.media
    if isinstance(request, PictureRequest):
        return request.images
    return (request.clip,) if isinstance(request, (CharacterRequest, RemixRequest)) and request.clip else ()


def _wire(request: Request, provider: Provider) -> dict[str, Any]:
    if isinstance(request, CleanLinkRequest):
        return {"clean_link": [request.source_id, request.source_url, *_told(request)]}
    if isinstance(request, CharacterRequest):  # what it is called and made of is sent later in some protocols
        made_of = [request.name, request.source_id, request.start, request.end, *_told(request)]
        standing_in = replace(request, clip=_named_by_content(request.clip) if request.clip else None)
        return {"character": made_of, **_sent(provider.encode_submit(standing_in))}
    if isinstance(request, RemixRequest) and request.clip:
        request = replace(request, clip=_named_by_content(request.clip))
    if isinstance(request, VideoRequest):
        request = request.with_media(_named_by_content)
    if isinstance(request, PictureRequest):
        request = replace(request, images=tuple(map(_named_by_content, request.images)))
    return _sent(provider.encode_submit(request))


def _told(request: CharacterRequest | CleanLinkRequest) -> list[object]:
    return [request.settings.plain()] if request.settings else []


def _named_by_content(media: Upload) -> Upload:
    return Upload(media.identity.encode(), "media", "media", made_from=media.identity)


def _sent(call: Call) -> dict[str, Any]:
    return {
        "method": call.method,
        "path": call.path,
        "query": dict(call.query),
        "json": call.json,
        "form": None if call.form is None else dict(call.form),
        "files": [(name, media.identity) for name, media in call.files],
    }
