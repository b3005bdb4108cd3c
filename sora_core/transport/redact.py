"""What is read of requests: texts without secrets, and no addresses in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..redaction import hide, redact

__all__ = ["hide", "redact", "unlogged"]

def excerpt(body: bytes, longest: int) -> str:
    """The beginning of an answer in one line that a person may read, without what looks like a secret."""
    if not is_text(body):
        return "bytes that are no text"
    words = " ".join(body[: 8 * longest].decode("utf-8", "replace").split())
    return redact("".join(filter(str.isprintable, words)))[:longest].rstrip()


def is_text(body: bytes) -> bool:
    """Whether bytes are text of some encoding: files of every kind hold control characters near their beginning."""
    return not _CONTROL.search(body, 0, _LOOKED_AT)


_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_LOOKED_AT = 4096  # bytes
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
