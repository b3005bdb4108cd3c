"""The short forms of what is promised over hosts. `scripts/campaign --hosts` and `--limits` are the long ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from _postgres import MISSING, programs

from campaign.controller import run
from campaign.limits import run as run_limited
from campaign.plan import Settings
from campaign.report import table

pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)


def test_over_a_database_that_is_killed_and_cut_off_nobody_pays_twice_and_nothing_is_lost(tmp_path: Path) -> None:
    settings = Settings(jobs=60, seed=3, workers=6, hosts=True)
    outcome = run(settings, tmp_path, patience=20, storm_seconds=30)
    print(table(outcome))
    assert outcome.verdict.wrong == []
    counts = outcome.verdict.counts
    assert sum(number for name, number in counts.items() if name.startswith("ended ")) == 60
    assert counts["ended delivered"] > 20
    assert outcome.accidents["connections to the database cut in flight"] > 0


def test_limits_hold_over_all_hosts(tmp_path: Path) -> None:
    books = run_limited(tmp_path, jobs=12, max_jobs=5, requests_per_minute=240, away_seconds=0, patience=200, speed=4)
    assert (books.charges, books.delivered) == (12, 12)
    assert 1 < books.at_once <= 5
    assert books.most_in(5.0) <= 20 + 2  # what the way to the proxy adds
