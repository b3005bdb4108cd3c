"""The short form of the campaign. `scripts/campaign` is the long one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from campaign.controller import run
from campaign.plan import Settings
from campaign.report import BEGIN, END, table, write_into


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_under_random_faults_and_kills_nobody_pays_twice_and_nothing_paid_for_is_lost(tmp_path: Path) -> None:
    outcome = run(Settings(jobs=60, seed=7, workers=2), tmp_path, patience=12, storm_seconds=18)
    print(table(outcome))
    assert outcome.verdict.wrong == []
    counts = outcome.verdict.counts
    ends = sum(number for name, number in counts.items() if name.startswith("ended "))
    assert ends == 60
    assert counts["ended delivered"] > 30
    assert outcome.accidents["clients killed (SIGKILL)"] > 0
    assert outcome.faults.total() > 20


def test_the_figures_are_written_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_into(page, "heading", "| table |")
    assert page.read_text("utf-8") == f"before\n{BEGIN}\nheading\n\n| table |\n{END}\nafter\n"
