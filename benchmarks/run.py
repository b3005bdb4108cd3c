"""All figures of the project: runs every benchmark, prints the figures and writes them into benchmarks/README.md.

    scripts/bench [--only NAME]... [--rounds N] [--json FILE]

Nothing is written with --only, or when a part fails or cannot run: the page shows the figures of one whole run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from _common import say
from _report import Report, aims_table, circumstances, run

ROUNDS = {
    "decode": 5,
    "png": 5,
    "jobs": 3,
    "memory": 3,
    "loading": 7,
    "download": 5,
    "command": 7,
    "overhead": 7,
    "proof": 7,
    "ledger": 5,
    "stall": 3,
}
README = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- figures: begin (scripts/bench writes what follows) -->", "<!-- figures: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=ROUNDS, help="this one; may be given more than once")
    parser.add_argument("--rounds", type=int, help="how often each is measured; by default " + str(ROUNDS))
    parser.add_argument("--json", type=Path, help="where the figures go, too")
    given = parser.parse_args()
    names = given.only or list(ROUNDS)
    reports, failed = [], []
    for name in names:
        say(f"{name} ...")
        try:
            reports.append(run(importlib.import_module(name).measure, given.rounds or ROUNDS[name]))
        except (RuntimeError, TimeoutError) as error:
            failed.append(f"FAILED: {name}: {error}")
            say(failed[-1])
    text = page(reports)
    if not given.only and not failed and not any(report.skipped for report in reports):
        write(README, text)
    if given.json:
        given.json.write_text(json.dumps([asdict(report) for report in reports], indent=1), encoding="utf-8")
    print(text)
    for report in reports:
        for aim in report.aims:
            print(aim.line())
        if report.skipped:
            print(f"not run: {report.title}: {report.skipped}")
    print("\n".join(failed), end="\n" if failed else "")
    return 1 if failed else 0


def page(reports: list[Report]) -> str:
    aims = [aims_table(reports)] if any(report.aims for report in reports) else []
    return "\n\n".join([circumstances(), *aims, *(report.markdown() for report in reports)])


def write(readme: Path, text: str) -> None:
    """Puts the text between the markers; the rest of the page stays."""
    before, begin, rest = readme.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{readme} has lost its markers {BEGIN} and {END}.")
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
