"""What a question to the ledger costs, and how that grows with what is in it.

python benchmarks/ledger.py [--rounds 5]
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _common import in_turn, load_core, say
from _report import Aim, Figure, Report, parser, run, show

if TYPE_CHECKING:
    from sora_core.ledger.ledger import Ledger

ROWS = (10, 1_000, 10_000, 100_000)
UNFINISHED = 500
REPEATS = 9
AIM_MS, AIM_GROWTH = 20.0, 3.0
PLACE = ("openai", "https://relay.example:443", "account")
TITLE = "The ledger as it grows"
HOW = (
    f"Ledgers of {', '.join(f'{rows:,}' for rows in ROWS)} delivered jobs with prompts of 200 characters, of which "
    f"up to {UNFINISHED} more are unfinished and owned by a dead process. Each question is asked {REPEATS} times, in "
    "turns over the ledgers; shown is the median of its CPU time (all threads of the process), so that a busy disk or "
    "machine weighs little. A claim includes its commit with fsync, and the release that drops it again. Growth is the "
    "largest ledger's time by the smallest one's, of one turn."
)


def questions(ledger: Ledger) -> dict[str, Callable[[int], object]]:
    """What is asked while jobs run, and when a program starts; each is given the number of the turn."""
    from sora_core.ledger.row import Place
    from sora_core.models import Destination, Operation
    from sora_core.requests.kinds import VideoRequest

    owner, request = ledger.owner.id, VideoRequest(Operation.TEXT_TO_VIDEO, "a boat", model="sora-2", seconds=4)

    def claim(turn: int) -> None:
        job = ledger.claim(
            request, fingerprint=f"v1:new {turn}", profile="own", place=Place(*PLACE), owner=owner,
            destination=Destination(Path("out")),
        )  # fmt: skip
        ledger.release(job.job_id, owner)

    def start(turn: int) -> None:
        living = {each: ledger.is_alive(each) for each in {job.owner for job in ledger.unfinished()}}
        assert not any(living.values())

    return {
        "claim with commit, and its release": claim,
        "a page of 200 jobs": lambda turn: ledger.jobs(limit=200),
        f"start: {UNFINISHED} unfinished jobs": start,
        "a look for a free slot": lambda turn: ledger.turns.hand_out_slots("own", 5, owner),
        "how long such jobs took": lambda turn: ledger.durations("own", "sora-2", 4),
        "submissions of the last day": lambda turn: ledger.submissions_since("own", time.time() - 86_400),
        "is this remote id ours": lambda turn: ledger.known_ids("own", PLACE[1], ["video_7", "video_none"]),
        "the rows of a request": lambda turn: ledger.history("v1:7"),
        "the videos to choose from": lambda turn: ledger.collectable(50),
    }


def filled(home: Path, rows: int, unfinished: int = UNFINISHED) -> Ledger:
    """One job is made as jobs are made; the others are copies of its row under other names."""
    from sora_core.clock import SystemClock
    from sora_core.ledger.ledger import Ledger
    from sora_core.ledger.row import COLUMNS, Place
    from sora_core.models import Destination, Operation, Snapshot, State
    from sora_core.requests.kinds import VideoRequest

    ledger = Ledger(home, SystemClock())
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a paper boat " * 15, model="sora-2", seconds=4)
    job = ledger.claim(
        request, fingerprint="v1:0", profile="own", place=Place(*PLACE), owner="dead", destination=Destination(home)
    )
    ledger.mark_sent(job.job_id, owner="dead")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_0"), owner="dead")
    copy = {name: name for name in COLUMNS}
    copy |= {"job_id": "'job_' || n", "fingerprint": "'v1:' || n", "remote_id": "'video_' || n"}
    copies(ledger, job.job_id, copy, 1, min(unfinished, rows))
    ledger.record_plan(job.job_id, home / "a.mp4", "0" * 64, 1, owner="dead")
    ledger.record_delivered(job.job_id, width=1, height=1, fps=1.0, duration=1.0, owner="dead")
    moments = {each: f"{each} - n * 60" for each in ("created_at", "sent_at", "submitted_at", "finished_at")}
    moments["finished_at"] = "finished_at - n * 60 + 30 + n % 60"
    copies(ledger, job.job_id, copy | moments, unfinished + 1, rows)
    ledger._leases.end("dead")
    return ledger


def copies(ledger: Ledger, job_id: str, copy: dict[str, str], first: int, count: int) -> None:
    if not count:
        return
    with ledger._file.change() as db:
        db.execute(
            f"INSERT INTO jobs ({', '.join(copy)}) WITH RECURSIVE numbers (n) AS"
            " (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)"
            f" SELECT {', '.join(copy.values())} FROM numbers, jobs WHERE job_id = ?",
            (first, first + count, job_id),
        )


def measure(rounds: int) -> Report:
    load_core()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ledgers = {}
        for rows in ROWS:
            say(f"ledger: filling one with {rows:,} jobs")
            ledgers[rows] = filled(Path(folder) / str(rows), rows)
        asked = {rows: questions(ledger) for rows, ledger in ledgers.items()}
        times: dict[str, dict[int, list[float]]] = {name: {rows: [] for rows in ROWS} for name in asked[ROWS[0]]}
        for turn in range(rounds):
            for name, found in times.items():
                for rows in in_turn(ROWS, turn):
                    found[rows].append(statistics.median(cpu_ms(asked[rows][name], turn, i) for i in range(REPEATS)))
        for ledger in ledgers.values():
            ledger.close()
    return report({name: {rows: Figure(tuple(found[rows])) for rows in ROWS} for name, found in times.items()})


def cpu_ms(question: Callable[[int], object], turn: int, repeat: int) -> float:
    began = time.process_time()
    question(turn * REPEATS + repeat)
    return (time.process_time() - began) * 1000


def report(figures: dict[str, dict[int, Figure]]) -> Report:
    most = ROWS[-1]
    rows = tuple(
        (name, *(each[rows].text() for rows in ROWS), each[most].per(each[ROWS[0]]).text("x", digits=1))
        for name, each in figures.items()
    )
    slowest = max((each[most] for each in figures.values()), key=lambda figure: figure.median)
    # from where everything there is to answer is in it: 500 unfinished jobs, a page of 200
    growth: list[tuple[float, Any]] = [(each[most].per(each[1_000]).median, each) for each in figures.values()]
    worst, of = max(growth, key=lambda each: each[0])
    ratio = of[most].per(of[1_000])
    aims = (
        Aim(f"The slowest question to {most:,} jobs", f"under {AIM_MS:g} ms CPU", slowest.text(" ms"), slowest.range(),
            slowest.median < AIM_MS),
        Aim("A question to a ledger of a hundred times as many jobs", f"at most {AIM_GROWTH:g} times", f"{worst:.1f}x",
            ratio.range(), worst <= AIM_GROWTH),
    )  # fmt: skip
    return Report(TITLE, HOW, ("ms CPU", *(f"{rows:,} jobs" for rows in ROWS), "growth"), rows, aims)


if __name__ == "__main__":
    show(run(measure, parser(__doc__, 5).parse_args().rounds))
