"""CPU that the command takes before it does anything, beside a Python that does nothing.

python benchmarks/command.py [--rounds 7]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from _common import ROOT, in_turn, load_core, say, timed
from _report import Aim, Figure, Report, parser, run, show
from ledger import filled

FEW, MANY = 10, 10_000  # jobs in the ledger
AIM_SECONDS = 0.15
HELP, JOBS = "--help", f"jobs, {FEW} of them"
NOTHING = "python -c pass"
TITLE = "The command"
HOW = (
    "User and system time of `sora-video` in a process of its own, compiled before, with delivered jobs in its "
    f"ledger, all of which `jobs` shows; `{NOTHING}` is what Python itself takes. They take turns."
)


def seconds(arguments: list[str], home: str) -> float:
    return timed([sys.executable, *arguments], cwd=ROOT, SORA_HOME=home)["cpu"]


def measure(rounds: int) -> Report:
    load_core()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        homes = {rows: str(Path(folder, str(rows))) for rows in (FEW, MANY)}
        for rows, home in homes.items():
            filled(Path(home), rows, unfinished=0).close()
        command = ["-m", "sora_core"]
        ways = {
            NOTHING: (["-c", "pass"], homes[FEW]),
            HELP: ([*command, "--help"], homes[FEW]),
            JOBS: ([*command, "jobs"], homes[FEW]),
            f"jobs, {MANY:,} of them": ([*command, "jobs"], homes[MANY]),
            "generate --help": ([*command, "generate", "--help"], homes[FEW]),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for given in ways.values():
            seconds(*given)
        for turn in range(rounds):
            for way in in_turn(ways, turn):
                found[way].append(seconds(*ways[way]))
            say(f"command, round {turn + 1}/{rounds}: { {way: round(each[-1], 3) for way, each in found.items()} }")
    figures = {way: Figure(tuple(each)) for way, each in found.items()}
    aims = tuple(
        Aim(
            f"CPU of `sora-video {name.partition(',')[0]}`", f"at most {AIM_SECONDS:g} s", figures[name].text(" s"),
            figures[name].range(), figures[name].median <= AIM_SECONDS,
        )
        for name in (HELP, JOBS)
    )  # fmt: skip
    rows = tuple((f"`{way}`", figure.text(), figure.range()) for way, figure in figures.items())
    return Report(TITLE, HOW, ("", "CPU, s (median)", "range"), rows, aims)


if __name__ == "__main__":
    show(run(measure, parser(__doc__, 7).parse_args().rounds))
