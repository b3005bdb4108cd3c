"""What 50 and 500 workers ask of one ledger, and how much of one PostgreSQL that takes on this machine.

python benchmarks/studio.py [--workers 50 500] [--seconds 60]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from _common import ROOT, load_core

sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from sora_core.ledger.ledger import Ledger

CONNECTIONS = 8  # that carry the calls of all workers
RUN_SECONDS, POLL_SECONDS = 60.0, 5.0  # of a job, and between two looks at it
STEP_SECONDS = 0.25  # calls within it may come at once
HOW = (
    f"Each worker makes one job after the other, of {RUN_SECONDS:g} s, polled every {POLL_SECONDS:g} s, under a "
    "profile that lets half of the workers run at once, so that the other half waits for a slot. Time is simulated, "
    f"calls are not: each goes to a PostgreSQL on this machine (its defaults, with fsync) over {CONNECTIONS} "
    "connections. Time taken is that of the calls of a second, with the client's own and whatever else runs here."
)


class Studio:
    """Workers in simulated time. An event is (moment, number, worker, what it does)."""

    def __init__(self, workers: int, ledgers: list[Ledger], clock: list[float]) -> None:
        self._ledgers, self._clock, self._workers = ledgers, clock, workers
        self._free = [threading.Lock() for _ in ledgers]
        self._numbers, self._chance = itertools.count(), random.Random(1)
        self._events: list[tuple[float, int, int, str]] = []
        self._jobs: dict[int, str] = {}
        self._ends: dict[int, float] = {}
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        for worker in range(workers):
            self._after(self._chance.uniform(0, RUN_SECONDS / 4), worker, "claim")
            self._after(self._chance.uniform(0, 3), worker, "beat")

    def _after(self, seconds: float, worker: int, what: str) -> None:
        with self._lock:
            heapq.heappush(self._events, (self._clock[0] + seconds, next(self._numbers), worker, what))

    def play(self, seconds: float, pool: ThreadPoolExecutor) -> float:
        """How long the calls of so many simulated seconds took."""
        began, end = time.perf_counter(), self._clock[0] + seconds
        while self._clock[0] < end:
            due: list[tuple[int, str]] = []
            self._clock[0] += STEP_SECONDS
            while self._events and self._events[0][0] <= self._clock[0]:
                _, _, worker, what = heapq.heappop(self._events)
                due.append((worker, what))
            list(pool.map(self._do, due))
        return time.perf_counter() - began

    def _do(self, event: tuple[int, str]) -> None:
        worker, what = event
        for number in itertools.cycle(range(len(self._ledgers))):
            if self._free[number].acquire(blocking=False):
                break
            time.sleep(0.0002)
        try:
            getattr(self, f"_{what}")(worker, f"worker-{worker}", self._ledgers[number])
        finally:
            self._free[number].release()
        with self._lock:
            self.calls[what] += 1

    def _claim(self, worker: int, owner: str, ledger: Ledger) -> None:
        from sora_core.ledger.row import Place
        from sora_core.models import Destination, Operation
        from sora_core.requests.kinds import VideoRequest

        request = VideoRequest(Operation.TEXT_TO_VIDEO, "a paper boat " * 15, model="wan", seconds=4)
        self._jobs[worker] = ledger.claim(
            request, fingerprint=f"v2:{worker} {next(self._numbers)}", profile="gpus", owner=owner,
            place=Place("openai", "http://gpu1:8000", ""), destination=Destination(Path("out")),
        ).job_id  # fmt: skip
        self._after(0.0, worker, "wait")

    def _wait(self, worker: int, owner: str, ledger: Ledger) -> None:
        from sora_core.connections.limits import LOOK_SECONDS, MOST_LOOKS
        from sora_core.models import Snapshot, State

        if self._jobs[worker] not in ledger.turns.hand_out_slots("gpus", max(1, self._workers // 2), owner):
            self._after(max(LOOK_SECONDS, self._workers / MOST_LOOKS), worker, "wait")
            return
        ledger.mark_sent(self._jobs[worker], owner=owner)
        ledger.record_submitted(self._jobs[worker], Snapshot(State.QUEUED, self._jobs[worker]), owner=owner)
        self._ends[worker] = self._clock[0] + RUN_SECONDS
        self._after(POLL_SECONDS, worker, "poll")
        with self._lock:
            self.calls["charge"] += 1

    def _poll(self, worker: int, owner: str, ledger: Ledger) -> None:
        from sora_core.models import Snapshot, State

        job_id, left = self._jobs[worker], self._ends[worker] - self._clock[0]
        ledger.get(job_id)
        if left > 0:
            told = Snapshot(State.RUNNING, job_id, progress=100 - 100 * left / RUN_SECONDS)
            ledger.record_snapshot(job_id, told, owner=owner)
            self._after(POLL_SECONDS, worker, "poll")
            return
        ledger.record_snapshot(job_id, Snapshot(State.SUCCEEDED, job_id), owner=owner)
        ledger.record_plan(job_id, Path("a.mp4"), "0" * 64, 1, owner=owner)
        ledger.record_delivered(job_id, width=1, height=1, fps=24.0, duration=4.0, owner=owner)
        self._after(1.0, worker, "claim")

    def _beat(self, worker: int, owner: str, ledger: Ledger) -> None:
        from sora_core.ledger.leases import BEAT_SECONDS

        ledger._leases.beat(owner)
        self._after(BEAT_SECONDS, worker, "beat")


def measure(workers: int, seconds: float) -> dict[str, float]:
    from _postgres import PostgresServer

    from sora_core.clock import SystemClock
    from sora_core.ledger.ledger import Ledger
    from sora_core.ledger.postgres import Postgres
    from sora_core.models import Secret

    server, clock = PostgresServer(""), [1_800_000_000.0]
    try:
        url = Secret(server.url())
        ledgers = [Ledger(Path(), SystemClock(), Postgres(url, clock=lambda: clock[0])) for _ in range(CONNECTIONS)]
        studio = Studio(workers, ledgers, clock)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            studio.play(RUN_SECONDS / 2, pool)  # until half of them wait
            studio.calls.clear()
            before = cpu_seconds(server.folder)
            took = studio.play(seconds, pool)
            used = cpu_seconds(server.folder) - before
        for ledger in ledgers:
            ledger._file.close()
    finally:
        server.close()
    return {
        **{what: count / seconds for what, count in studio.calls.items()},
        "load": 100 * took / seconds,
        "cpu": 100 * used / seconds,
    }


def cpu_seconds(folder: Path) -> float:
    """What the server's processes have used."""
    import psutil

    first = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
    return sum(sum(each.cpu_times()[:2]) for each in (first, *first.children()))


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--workers", type=int, nargs="+", default=[50, 500])
    given.add_argument("--seconds", type=float, default=60.0)
    arguments = given.parse_args()
    load_core()
    rows = {workers: measure(workers, arguments.seconds) for workers in arguments.workers}
    print(HOW, f"({os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f})\n", sep="\n")
    print(
        "| workers | claims/s | charges/s | polls/s | looks for a slot/s | beats/s | CPU of PostgreSQL | time taken |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for workers, found in rows.items():
        cells = [f"{found.get(what, 0):.1f}" for what in ("claim", "charge", "poll", "wait", "beat")]
        print(f"| {workers} | {' | '.join(cells)} | {found['cpu']:.0f}% of one | {found['load']:.0f}% |")


if __name__ == "__main__":
    main()
