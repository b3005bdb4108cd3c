"""The adversary in short form: each case is a test. `scripts/campaign --adversary` runs them side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adversary.campaign import short
from adversary.stage import Case, play

CASES = short()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nobody_pays_twice_and_nothing_paid_for_is_lost(case: Case, tmp_path: Path) -> None:
    verdict = play(case, tmp_path)
    found = "\n".join(f"{finding.sort}: {finding.text}" for finding in verdict.findings)
    assert not verdict.findings, f"Rule: {case.rule}\n{found}\n\n{verdict.log}"
