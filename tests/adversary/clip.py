"""A small video that says in its last box whose it is."""

from __future__ import annotations

import functools
import io
import struct


@functools.cache
def _base(seconds: int) -> bytes:
    import av

    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(8 * seconds):
            for packet in stream.encode(av.VideoFrame(64, 64, "yuv420p")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return memory.getvalue()


def clip(name: str, seconds: int = 1) -> bytes:
    note = f"made-as<{name}>".encode()
    return _base(seconds) + struct.pack(">I4s", 8 + len(note), b"free") + note


def maker(data: bytes) -> str | None:
    """What its last box says."""
    _, found, rest = data.rpartition(b"made-as<")
    return rest.partition(b">")[0].decode() if found else None
