"""For whoever runs many workers: whether this one takes work, and what the ledger counts."""

from __future__ import annotations

from typing import Any

from ...sora_core.errors import StorageError
from ...sora_core.ledger.metrics import family
from .._engine import engine, has_ledger
from ._answers import Status, Text
from ._asked import Asked


def health(asked: Asked) -> Any:
    """503 while nothing would be submitted here: the ledger is away, or the worker is being stopped."""
    asked.only()
    trouble = _trouble()
    facts = {
        "ok": not trouble,
        "trouble": trouble,
        "draining": engine().is_draining,
        "open_submissions": engine().open_submissions(),
    }
    return Status(503 if trouble else 200, facts)


def _trouble() -> str:
    if engine().is_draining:
        return "this worker is being stopped"
    try:
        if has_ledger():
            engine().ledger.stamp()
    except StorageError as error:
        return error.message
    return ""


def metrics(asked: Asked) -> Any:
    """Of this worker, and of the ledger that it shares with others."""
    asked.only()
    lines: list[str] = []
    is_up = 1
    try:
        lines = engine().ledger.metrics() if has_ledger() else []
    except StorageError:
        is_up = 0
    open_now = engine().open_submissions()
    lines += family(
        "sora_video_ledger_up", "gauge", "Whether the ledger answers.", [("sora_video_ledger_up", {}, is_up)]
    )
    name = "sora_video_open_submissions"
    lines += family(name, "gauge", "Charges of this worker whose answers are awaited.", [(name, {}, open_now)])
    return Text("\n".join(lines) + "\n", "text/plain; version=0.0.4; charset=utf-8")
