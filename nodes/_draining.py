"""A worker that is told to stop: nothing new is charged, and the ids of what was are on record before it ends."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import signal
import threading
from types import FrameType

from ..sora_core.errors import SoraError
from ._engine import engine

PATIENCE_SECONDS = 120.0  # for answers that are under way; a container is usually given less, see stop_grace_period

log = logging.getLogger(__name__)


def drain_on_sigterm() -> None:
    """The first SIGTERM drains, and then does what it would have done; a second one does not wait for that."""
    if threading.current_thread() is not threading.main_thread():
        return  # only there can it be heard
    before = signal.getsignal(signal.SIGTERM)

    def hear(number: int, frame: FrameType | None) -> None:
        if not engine().is_draining:
            threading.Thread(target=_drain, name="sora-drain", daemon=True).start()
            return
        signal.signal(signal.SIGTERM, before)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, hear)


def _drain() -> None:
    log.info("this worker is being stopped: nothing new is submitted")
    try:
        going_on = engine().drain().result(PATIENCE_SECONDS)
        log.info("%d jobs go on at their servers; another worker, or the next start, collects them", len(going_on))
        engine().close()
    except (SoraError, concurrent.futures.TimeoutError) as error:
        log.error("not every answer came in time: %s", error)
    os.kill(os.getpid(), signal.SIGTERM)
