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

from ..models import GenerationRequest, Operation, Upload
from ..providers import Provider
from ..transport import Call


def fingerprint(request: GenerationRequest, provider: Provider) -> str:
    """Of a resolved request. The tag in front dates the recipe. Raises as ``encode_submit`` does."""
    facts = {
        "provider": provider.name,
        "profile": provider.profile.name,
        "take": request.seed,
        "media": [media.identity for media in (*request.images, *([request.clip] if request.clip else []))],
        **_wire(request, provider),
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return "v2:" + hashlib.sha256(text.encode()).hexdigest()


def earlier_fingerprints(request: GenerationRequest, provider: Provider) -> tuple[str, ...]:
    """What earlier versions of the recipe made of it: an update must not make anything be paid again."""
    return (request.fingerprint(provider=provider.name, profile=provider.profile.name),)


def _wire(request: GenerationRequest, provider: Provider) -> dict[str, Any]:
    if request.operation is Operation.CLEAN_LINK:
        return {"clean_link": [request.source_id, request.source_url]}
    standing_in = replace(
        request,
        images=tuple(map(_named_by_content, request.images)),
        clip=_named_by_content(request.clip) if request.clip else None,
    )
    wire = _sent(provider.encode_submit(standing_in))
    if request.operation is Operation.CREATE_CHARACTER:  # what it is called and made of, where that is sent later
        wire |= {"character": [request.prompt, request.source_id, request.start, request.end]}
    return wire


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
