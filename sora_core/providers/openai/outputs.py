"""Several videos of one request: how many are asked for, and how a server hands them out.

Source: SGLang 0.5.23 `multimodal_gen/runtime/entrypoints/openai/video_api.py`: `num_outputs_per_prompt` goes before
`n`, a finished job says `num_outputs` and `urls`, and what has no link is at `/content?variant=NUMBER`, from 0.
Xinference 4.1.0 `api/restful_api.py` and `model/video/diffusers.py`: `n`, all in the one answer (`synchronous`). Others
have the field and no way to the files: vLLM-Omni 0.30.0 makes them and returns only the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ...models import Effect, Snapshot, State
from ...transport import Call, Reply
from .._answers import normalize

_MOST = 100  # a count above is none that a server means


def asked_for(fields: Mapping[str, Any]) -> int:
    """How many videos the body of a request asks for."""
    inner = fields.get("extra_params")
    named = {**(inner if isinstance(inner, Mapping) else {}), **fields}
    counts = (normalize.number_of(named.get(name)) for name in ("num_outputs_per_prompt", "n"))
    return max(1, int(next((count for count in counts if count), 1)))


def as_told(snapshot: Snapshot, reply: Reply) -> Snapshot:
    """The snapshot with all that the server has made, where it says how many files that is."""
    if snapshot.state is not State.SUCCEEDED:
        return snapshot
    value = normalize.parse(reply.body)
    count = value.get("num_outputs") if isinstance(value, dict) else None
    if not isinstance(count, int) or not 1 < count <= _MOST:
        return snapshot
    urls = value.get("urls")
    links = [url if isinstance(url, str) else "" for url in (urls if isinstance(urls, list) else [])]
    links = (links + [""] * count)[:count]
    return replace(snapshot, url=links[0] or None, further=tuple(links[1:]))


def content(remote_id: str, number: int) -> Call:
    """The file of that number, from 0."""
    path = f"/videos/{quote(remote_id, safe='')}/content"
    headers = {"accept": "application/binary"}
    return Call("GET", path, Effect.READ, query={"variant": str(number)} if number else {}, headers=headers)
