"""What a job has made, however an answer holds it: as a link, as base64 in JSON, or as the bytes themselves. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...models import Snapshot, State
from ...transport import Reply
from ...transport.spool import HEAD_BYTES
from .links import only_link
from .normalize import snapshot_of
from .values import dig, parse

Sniff = Callable[[bytes], str | None]


Media = bytes | Path  # a large file is on the disk already


def media_of(reply: Reply, sniff: Sniff) -> tuple[Media, ...]:
    """The files that an answer is or holds as base64, in their order, of the kind that ``sniff`` knows."""
    if not reply.files and sniff(reply.body[:HEAD_BYTES]):
        return (reply.body,)
    filed = [file.path for file in reply.files if sniff(file.head)]
    value = parse(reply.body)
    data = dig(value, "data")
    texts = [_inline(item) for item in (data if isinstance(data, list) else [data])]
    if not any(text is not None for text in texts):
        texts = [_inline(value)]
    found: list[Media] = []
    for text in texts:
        if text == "" and filed:
            found.append(filed.pop(0))  # it was taken out of its place
        elif text and (media := _decoded(text)) and sniff(media[:HEAD_BYTES]):
            found.append(media)
    return (*found, *filed)


def _inline(item: Any) -> str | None:
    """The base64 that an object holds as its file; "" where it was too long to stay; None: it holds none."""
    text, link = dig(item, "b64_json"), dig(item, "url")
    if isinstance(text, str):
        return text
    return link.partition(",")[2] if isinstance(link, str) and link.startswith("data:") else None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def holding(described: Snapshot, media: Sequence[Media]) -> Snapshot:
    """The job whose answer were these files, one or more."""
    first, *further = media
    return replace(
        described,
        state=State.SUCCEEDED,
        url=None,
        media=first,
        further=("",) * len(further),
        further_media=tuple(further),
    )


def result_of(reply: Reply, base_url: str, sniff: Sniff) -> Snapshot | None:
    """What an answer that came in the place of a file says of it: its link, or the file; None: neither."""
    media = media_of(reply, sniff)
    if media:
        return Snapshot(State.SUCCEEDED, media=media[0])
    said = snapshot_of(reply, base_url=base_url)
    if said and said.url:
        return said
    link = only_link(parse(reply.body))
    return Snapshot(State.SUCCEEDED, url=link) if link else None
