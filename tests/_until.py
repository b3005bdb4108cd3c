"""Waits for something that another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], within_seconds: float = 60) -> None:
    end = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
