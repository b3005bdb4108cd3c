"""The long form of the campaign: prints its table and, when nothing is wrong, writes it into docs/durability.md."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from campaign.controller import run
from campaign.plan import Settings
from campaign.report import table, write_into

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, STUDIO = DOCS / "durability.md", DOCS / "studio.md"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/campaign", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--workers", type=int, default=4, metavar="W", help="client processes on one state folder")
    parser.add_argument(
        "--hosts", action="store_true",
        help="each client has a state folder of its own, over one PostgreSQL that is killed and cut off",
    )  # fmt: skip
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="where ledgers, files and logs stay to be looked at; they stay, too, where something went wrong",
    )
    parser.add_argument("--no-page", action="store_true", help="print the table only")
    given = parser.parse_args()
    settings = Settings(jobs=given.jobs, seed=given.seed, workers=given.workers, hosts=given.hosts)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="campaign-"))
    outcome = run(settings, folder, tell=_tell)
    if not given.keep and not outcome.verdict.wrong:
        shutil.rmtree(folder, ignore_errors=True)
    text = table(outcome)
    print(text)
    for line in outcome.verdict.wrong:
        print(line, file=sys.stderr)
    if outcome.verdict.wrong:
        return 1
    if not given.no_page:
        command = f"scripts/campaign --jobs {given.jobs} --seed {given.seed}"
        command += f" --hosts --workers {given.workers}" if given.hosts else ""
        write_into(STUDIO if given.hosts else PAGE, f"`{command}`, on {platform.system()}:", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
