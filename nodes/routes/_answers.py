"""Answers that are no JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class File:
    """A file of ours, with ranges; to be saved under ``download`` when that is given."""

    path: Path
    download: str = ""


@dataclass(frozen=True)
class Jpeg:
    data: bytes


@dataclass(frozen=True)
class Text:
    text: str
    content_type: str


@dataclass(frozen=True)
class Status:
    """JSON with a status of its own."""

    status: int
    value: Any


@dataclass(frozen=True)
class Lines:
    """One JSON value a line, each sent when it is there. ``work`` is given what sends one."""

    work: Callable[[Callable[[Any], None]], object]
