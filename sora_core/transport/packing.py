"""The bytes of an answer as its sender meant them: one layer of packing at most, and no more than it may hold.

A few kilobytes can stand for gigabytes, and a byte a minute for ever: both are ended here, for every answer.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping

from ..clock import Clock
from ..errors import BadResponse, NetworkError
from ..texts import size_of

STEP_BYTES = 2**20  # unpacked at a time
PACKED_BYTES, PACKED_TIMES = 64 * 2**20, 20  # what is packed may come to so much, and more only so many times its size
DRIP_BYTES, DRIP_SECONDS = 2**16, 120.0  # less than this in that time leads nowhere


def coding_of(headers: Mapping[str, str]) -> str:
    """How the bytes are packed on the wire; "" for not at all."""
    coding = headers.get("content-encoding", "").strip().lower()
    return "" if coding == "identity" else coding


async def unpacked(wire: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """The body's own bytes. One layer of gzip is taken off as it comes; anything else was not asked for.

    Raises BadResponse for another packing and for what unpacks to too much, NetworkError for a broken one.
    """
    if not coding:
        async for chunk in wire:
            yield chunk
        return
    if coding not in ("gzip", "x-gzip"):
        raise BadResponse("transport.packed_as_not_requested", coding=coding[:40])
    unzip, taken, given = zlib.decompressobj(31), 0, 0
    try:
        async for packed in wire:
            taken += len(packed)
            rest = packed
            while rest and not unzip.eof:
                piece = unzip.decompress(rest, STEP_BYTES)
                rest = unzip.unconsumed_tail
                given += len(piece)
                if given > PACKED_BYTES + PACKED_TIMES * taken:
                    raise BadResponse("transport.unpacks_to_too_much", limit=size_of(PACKED_BYTES), times=PACKED_TIMES)
                yield piece
    except zlib.error as error:
        raise NetworkError("transport.cannot_unpacked", error=error) from error
    if not unzip.eof:
        raise NetworkError("transport.packed_ended_before_whole")


async def steady(
    chunks: AsyncIterator[bytes], clock: Clock, *, patience_seconds: float = DRIP_SECONDS
) -> AsyncIterator[bytes]:
    """The same bytes. Raises NetworkError when less than DRIP_BYTES came in ``patience_seconds``."""
    came, since = 0, clock.monotonic()
    async for chunk in chunks:
        yield chunk
        came += len(chunk)
        if came >= DRIP_BYTES:
            came, since = 0, clock.monotonic()
        elif clock.monotonic() - since > patience_seconds:
            raise NetworkError("transport.less_than_kib_came", least=size_of(DRIP_BYTES), seconds=patience_seconds)
