"""Listening sockets that are closed without losing a connection between its acceptance and its first byte."""

from __future__ import annotations

import asyncio
import contextlib

_STEPS = 5  # of the loop, from an accepted socket to a connection of its protocol, or from an abort to a closed socket


async def stop_accepting(server: asyncio.Server) -> None:
    """Closes the listening sockets when every connection that asyncio has accepted has reached its protocol.

    ``Server.close`` alone drops such a connection unclosed: its transport refuses to belong to a closed server.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        # Windows' own loop has no readers, nor that gap.
        with contextlib.suppress(NotImplementedError):
            loop.remove_reader(listening.fileno())
    await settle()
    server.close()


async def settle() -> None:
    """Lets the loop finish what it has begun to open or to close."""
    for _ in range(_STEPS):
        await asyncio.sleep(0)
