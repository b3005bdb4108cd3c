"""CPU that the command takes before it does anything, beside a Python that does nothing.

python benchmarks/command.py [--rounds 7]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from _common import ROOT, load_core, say, timed
from _report import Aim, Figure, Report, parser, run, show
from ledger import filled

ROWS = 10_000
AIM_SECONDS = 0.15
COMMANDS = {"--help": ["--help"], "jobs": ["jobs"], "generate --help": ["generate", "--help"]}
NOTHING = "python -c pass"
TITLE = "The command"
HOW = (
    f"User and system time of `sora-video` in a process of its own, with {ROWS:,} delivered jobs in its ledger, "
    f"compiled before; `{NOTHING}` is what Python itself takes. They take turns."
)


def seconds(arguments: list[str], home: str) -> float:
    return timed([sys.executable, *arguments], cwd=ROOT, SORA_HOME=home)["cpu"]


def measure(rounds: int) -> Report:
    load_core()
    ways = {NOTHING: ["-c", "pass"], **{name: ["-m", "sora_core", *given] for name, given in COMMANDS.items()}}
    found: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        filled(Path(home), ROWS, unfinished=0).close()
        for arguments in ways.values():
            seconds(arguments, home)
        for turn in range(rounds):
            for way in list(ways) if turn % 2 == 0 else reversed(list(ways)):
                found[way].append(seconds(ways[way], home))
            say(f"command, round {turn + 1}/{rounds}: { {way: round(each[-1], 3) for way, each in found.items()} }")
    figures = {way: Figure(tuple(each)) for way, each in found.items()}
    aims = tuple(
        Aim(
            f"CPU of `sora-video {name}`", f"at most {AIM_SECONDS:g} s", figures[name].text(" s"),
            figures[name].range(), figures[name].median <= AIM_SECONDS,
        )
        for name in ("--help", "jobs")
    )  # fmt: skip
    rows = tuple((f"`{way}`", figure.text(), figure.range()) for way, figure in figures.items())
    return Report(TITLE, HOW, ("", "CPU, s (median)", "range"), rows, aims)


if __name__ == "__main__":
    show(run(measure, parser(__doc__, 7).parse_args().rounds))
