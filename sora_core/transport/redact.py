"""What is read of requests: texts without secrets, and no addresses in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..redaction import hide, redact

__all__ = ["hide", "redact", "unlogged"]

_OURS: ContextVar[bool] = ContextVar("sora_video_request", default=False)
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")


class _NotOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _OURS.get()


_NOT_OURS = _NotOurs()


@contextmanager
def unlogged() -> Iterator[None]:
    """httpx writes every address into the log, with what signs it; not of requests that are made in here."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_NOT_OURS)  # the same one is only added once
    before = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(before)
