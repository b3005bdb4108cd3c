"""The short form of the limits over hosts. `scripts/campaign --limits` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest
from _postgres import MISSING, programs

from campaign.limits import run

pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)


def test_limits_hold_over_all_hosts(tmp_path: Path) -> None:
    books = run(tmp_path, jobs=12, max_jobs=5, requests_per_minute=240, away_seconds=0, patience=200, speed=4)
    assert (books.charges, books.delivered) == (12, 12)
    assert 1 < books.at_once <= 5
    assert books.most_in(5.0) <= 20 + 2  # what the way to the proxy adds
