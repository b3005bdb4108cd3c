"""The pack's one engine."""

from __future__ import annotations

import functools
import logging
import os
import threading

from ..sora_core.engine import Engine
from ..sora_core.errors import SoraError
from . import _host as host

log = logging.getLogger(__name__)


@functools.cache
def engine() -> Engine:
    """The pack's engine; nothing runs until a job does."""
    return Engine(None if os.environ.get("SORA_HOME") else host.system_folder())


def has_ledger() -> bool:
    """Whether there was ever a job here: looking must not make a ledger."""
    return engine().has_ledger()


def take_up_unfinished_jobs() -> None:
    """Goes on with what an earlier run left, unless SORA_TAKE_UP is 0. Beside the start, not in its way."""
    if os.environ.get("SORA_TAKE_UP", "1") != "0":
        threading.Thread(target=_take_up, name="sora-take-up", daemon=True).start()


def _take_up() -> None:
    try:
        if has_ledger():
            engine().take_up().result()
    except SoraError as error:
        log.warning("unfinished jobs cannot be taken up: %s", error.message)
