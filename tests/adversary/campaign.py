"""The long form: every case, several at once, and the table."""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from adversary.report import PAGE, table, write_into
from adversary.stage import CASES, Case, Finding, Verdict, play

PLAYS = ("lists", "refusals", "losses", "gone", "cancels", "ids", "places", "restarts", "together", "updates")


def load() -> dict[str, Case]:
    """Every case, by name."""
    for name in PLAYS:
        importlib.import_module(f"adversary.{name}")
    return CASES


def short() -> list[Case]:
    """Of a play for several protocols only one of them, another for each play."""
    plays: dict[str, list[Case]] = {}
    for name, case in load().items():
        plays.setdefault(name.partition("[")[0], []).append(case)
    return [cases[number % len(cases)] for number, cases in enumerate(plays.values())]


def run(cases: list[Case], at_once: int, tell: Callable[[Verdict], None] = lambda _: None) -> list[Verdict]:
    """Several side by side; ``tell`` hears of each in their order."""
    with (
        tempfile.TemporaryDirectory(prefix="adversary-", ignore_cleanup_errors=True) as folder,
        concurrent.futures.ThreadPoolExecutor(at_once) as pool,
    ):
        jobs = [pool.submit(play, case, Path(folder) / f"{number:03d}") for number, case in enumerate(cases)]
        verdicts = []
        for job, case in zip(jobs, cases, strict=True):
            verdicts.append(_verdict(job, case))
            tell(verdicts[-1])
        return verdicts


def _verdict(job: concurrent.futures.Future[Verdict], case: Case) -> Verdict:
    """A play that breaks down is a finding too, and does not end the others."""
    if error := job.exception():
        return Verdict(case, [Finding("crash", f"the play itself failed: {error}")], 0, [], log=str(error))
    return job.result()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/campaign --adversary",
        description="All cases, side by side; prints the table and, when nothing is wrong, writes it into "
        "docs/durability.md.",
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name has it")
    parser.add_argument("--short", action="store_true", help="of a case for several protocols only one of them")
    parser.add_argument("--at-once", type=int, default=6, metavar="N", help="cases side by side")
    parser.add_argument("--log", action="store_true", help="what the users read and the servers were asked")
    parser.add_argument("--no-page", action="store_true", help="print the table only")
    given = parser.parse_args()
    cases = [case for case in (short() if given.short else load().values()) if given.only in case.name]
    began = time.monotonic()
    verdicts = run(cases, given.at_once, lambda verdict: _tell(verdict, log=given.log))
    text = table(verdicts, time.monotonic() - began)
    print(text)
    wrong = Counter(verdict.case.kind for verdict in verdicts if verdict.findings)
    if wrong:
        print(f"{wrong.total()} of {len(cases)} cases fail: {dict(wrong)}", file=sys.stderr)
        return 1
    if not (given.no_page or given.only or given.short):
        write_into(PAGE, f"`scripts/campaign --adversary`, on {platform.system()}:", text)
    return 0


def _tell(verdict: Verdict, *, log: bool) -> None:
    if verdict.findings or log:
        print(f"{'FAIL' if verdict.findings else 'ok'}: {verdict.case.name}", file=sys.stderr)
        print(f"    rule: {verdict.case.rule}", file=sys.stderr)
    for finding in verdict.findings:
        print(f"    {finding.sort}: {finding.text}", file=sys.stderr, flush=True)
    if log:
        print(verdict.log, file=sys.stderr, flush=True)
