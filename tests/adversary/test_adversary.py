"""The adversary in short form: each case is a test. `scripts/campaign --adversary` is the long one."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from adversary.campaign import run, short
from adversary.stage import Case, Verdict

AT_ONCE = 6
PATIENCE = 1800.0  # seconds, for a worker whose neighbour plays


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is wrong with each chosen case; empty: nothing. They are played once, several at a time, as most of their
    time is waiting; pytest-xdist's workers share a folder, and all but the first take what it found."""
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        shared = shared.parent
    found = shared / "adversary.json"
    try:
        (shared / "adversary.playing").touch(exist_ok=False)
    except FileExistsError:
        return _of_another(found)
    chosen = {case.name: case for item in request.session.items if (case := _case(item))}
    told = {verdict.case.name: _told(verdict) for verdict in run([*chosen.values()], AT_ONCE)}
    part = found.with_suffix(".part")
    part.write_text(json.dumps(told), "utf-8")
    part.rename(found)
    return told


def _told(verdict: Verdict) -> str:
    findings = "\n".join(f"{finding.sort}: {finding.text}" for finding in verdict.findings)
    return findings and f"{findings}\n\n{verdict.log}"


def _case(item: pytest.Item) -> Case | None:
    spec = getattr(item, "callspec", None)
    case = spec.params.get("case") if spec else None
    return case if isinstance(case, Case) else None


def _of_another(found: Path) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE
    while not found.exists():
        assert time.monotonic() < deadline, "the worker that plays the cases has not come to an end"
        time.sleep(0.2)
    told: dict[str, str] = json.loads(found.read_text("utf-8"))
    return told


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("case", short(), ids=lambda case: case.name)
def test_nobody_pays_twice_and_nothing_paid_for_is_lost(case: Case, verdicts: dict[str, str]) -> None:
    assert not verdicts[case.name], f"Rule: {case.rule}\n{verdicts[case.name]}"
