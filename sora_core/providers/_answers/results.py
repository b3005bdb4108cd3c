"""What a job has made, however an answer holds it: as a link, as base64 in JSON, or as the bytes themselves."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...models import Snapshot, State
from ...transport import Reply
from ...transport.spool import HEAD_BYTES
from .links import only_link
from .normalize import snapshot_of
from .values import dig, parse

log = logging.getLogger(__name__)

Sniff = Callable[[bytes], str | None]
Media = bytes | Path  # a large file is on the disk already


def media_of(reply: Reply, sniff: Sniff) -> tuple[Media, ...]:
    """The files that an answer is or holds as base64, in their order, of the kind that ``sniff`` knows."""
    if not reply.files and sniff(reply.body[:HEAD_BYTES]):
        return (reply.body,)
    filed = [file.path for file in reply.files if sniff(file.head)]
    value = parse(reply.body)
    data = dig(value, "data")
    texts = _inline(data if isinstance(data, list) else [data]) or _inline([value])
    found: list[Media] = []
    for text in texts:
        if text == "" and filed:
            found.append(filed.pop(0))  # it was taken out of its place
        elif text and (media := _decoded(text)) and sniff(media[:HEAD_BYTES]):
            found.append(media)
        else:
            log.warning("one of the files of an answer is of no known kind, and is left out")
    return (*found, *filed)


def _inline(items: Iterable[Any]) -> list[str]:
    """The base64 that objects hold as their files; "" where it was too long to stay."""
    found: list[str] = []
    for item in items:
        text, link = dig(item, "b64_json"), dig(item, "url")
        if isinstance(text, str):
            found.append(text)
        elif isinstance(link, str) and link.startswith("data:"):
            found.append(link.partition(",")[2])
    return found


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
