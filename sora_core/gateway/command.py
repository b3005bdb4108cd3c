"""Runs the gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from ..errors import InvalidRequest
from .faults import FaultRule, parse_faults
from .server import Gateway


async def serve(*, host: str, port: int, speed: float, key: str | None, faults_file: Path | None) -> None:
    """Prints ``listening on http://HOST:PORT`` and serves until SIGINT or SIGTERM.

    Raises InvalidRequest for a file of faults that is none, or an address that cannot be listened on.
    """
    faults, seed = _read_faults(faults_file)
    gateway = Gateway(key=key, admin_key=key, speed=speed, faults=faults, fault_seed=seed)
    told_to_stop = asyncio.Event()
    await gateway.start(host, port)
    try:
        _on_signals(told_to_stop)
        sys.stdout.write(f"listening on {gateway.url}\n")
        sys.stdout.flush()
        await told_to_stop.wait()
    finally:
        await gateway.stop()


def _read_faults(path: Path | None) -> tuple[tuple[FaultRule, ...], int | None]:
    if path is None:
        return (), None
    try:
        return parse_faults(path.read_bytes())
    except OSError as error:
        raise InvalidRequest("gateway.file_faults_cannot_read", error=error) from error


def _on_signals(event: asyncio.Event) -> None:
    """Where the loop has no signal handlers (Windows), Ctrl-C cancels ``serve`` as KeyboardInterrupt does."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # RuntimeError, ValueError: not the main thread, whose owner then stops us by cancelling.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, event.set)
