"""What a job has made, however an answer holds it: as a link, as base64 in JSON, or as the bytes themselves. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

from ...models import Snapshot, State
from ...transport import Reply
from ...transport.spool import HEAD_BYTES
from .links import only_link
from .normalize import snapshot_of
from .values import dig, parse

Sniff = Callable[[bytes], str | None]


def media_of(reply: Reply, sniff: Sniff) -> bytes | Path | None:
    """The file that an answer is or holds as base64, of the kind that ``sniff`` knows; None where it holds none.

    A large one is on the disk already.
    """
    if reply.file:
        return reply.file.path if sniff(reply.file.head) else None
    if sniff(reply.body[:HEAD_BYTES]):
        return reply.body
    value = parse(reply.body)
    first = dig(value, "data")
    if isinstance(first, list):
        first = first[0] if first else None
    links = [dig(each, "url") for each in (value, first)]
    inline = [link.partition(",")[2] for link in links if isinstance(link, str) and link.startswith("data:")]
    for text in (dig(first, "b64_json"), dig(value, "b64_json"), *inline):
        try:
            media = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            continue
        if sniff(media[:HEAD_BYTES]):
            return media
    return None


def result_of(reply: Reply, base_url: str, sniff: Sniff) -> Snapshot | None:
    """What an answer that came in the place of a file says of it: its link, or the file; None: neither."""
    media = media_of(reply, sniff)
    if media:
        return Snapshot(State.SUCCEEDED, media=media)
    said = snapshot_of(reply, base_url=base_url)
    if said and said.url:
        return said
    link = only_link(parse(reply.body))
    return Snapshot(State.SUCCEEDED, url=link) if link else None
