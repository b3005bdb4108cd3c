"""How long the engine's loop stands still while many jobs run, in a ledger that is not empty.

python benchmarks/stall.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROWS = 10_000
JOBS = (1, 8, 64, 256)
MAX_JOBS = 24  # at once: most of them wait for a slot
TICK = 0.005
AIM_MS = 50.0
TITLE = "The engine's loop while many jobs run"
HOW = (
    f"An engine of its own process with {ROWS:,} delivered jobs in its ledger runs 1, 8, 64 and 256 jobs of a profile "
    f"that allows {MAX_JOBS} at once, against a gateway in another process; each is 1 s of 64x64, drawn before. "
    f"A task in the engine's loop sleeps {TICK * 1000:g} ms again and again; a stall is what it sleeps too long. "
    "Python's garbage collector stops every thread, for as long as the process holds objects, ComfyUI's and torch's "
    "too, so its share is shown apart and does not count. The same is measured in a loop of a process that does "
    "nothing, at the same time: what is above it is ours, and where it is not near zero the machine was too busy to "
    "believe. Wall is from the first submission to the last file, and the sum of the loop's CPU time is by its "
    "thread's clock."
)


class Stalls:
    """The longest ones in one loop, in seconds: without the garbage collector's share, and with it."""

    def __init__(self) -> None:
        self._began = self._collecting = 0.0
        self.begin()
        gc.callbacks.append(self._collector)

    def begin(self) -> None:
        self.own = self.whole = 0.0

    async def watch(self) -> None:
        while True:
            began, collecting = time.perf_counter(), self._collecting
            await asyncio.sleep(TICK)
            stall = time.perf_counter() - began - TICK
            self.whole = max(self.whole, stall)
            self.own = max(self.own, stall - (self._collecting - collecting))

    def _collector(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        else:
            self._collecting += now - self._began


def idle() -> int:
    """The loop of a process that does nothing; says its longest stall for each line that it reads."""
    loop, stalls = asyncio.new_event_loop(), Stalls()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(stalls.watch(), loop)
    for line in sys.stdin:
        if line.strip() == "begin":
            stalls.begin()
        print(stalls.own, flush=True)
    return 0


def child(base_url: str, count: int) -> int:
    """Runs the jobs; prints the figures as JSON."""
    from _common import load_core

    load_core()
    from ledger import filled

    from sora_core.engine import Engine
    from sora_core.models import Destination, Operation
    from sora_core.profiles.profiles import Profile
    from sora_core.requests.kinds import VideoRequest

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        filled(Path(folder), ROWS, unfinished=0).close()
        engine = Engine(Path(folder))
        engine.profiles.add(
            Profile("own", base_url=base_url, auth="none", poll_seconds=0.2, max_jobs=MAX_JOBS, allow_http=True)
        )

        def start(number: int) -> Any:
            request = VideoRequest(Operation.TEXT_TO_VIDEO, "a boat", seconds=1, size="64x64", seed=number)
            return engine.generate(request, "own", Destination(Path(folder) / "out"), lambda progress: None)

        start(0).result(120)  # opens the connection
        parts = engine._parts
        assert parts
        stalls, cpu = Stalls(), [0.0]
        asyncio.run_coroutine_threadsafe(stalls.watch(), parts.loop)
        time.sleep(0.2)
        neighbour = subprocess.Popen(
            [sys.executable, __file__, "--idle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ask(neighbour, "begin")
        stalls.begin()
        parts.loop.call_soon_threadsafe(lambda: cpu.__setitem__(0, time.thread_time()))
        began = time.perf_counter()
        for handle in [start(number) for number in range(1, count + 1)]:
            handle.result(600)
        wall = time.perf_counter() - began
        done = threading.Event()
        parts.loop.call_soon_threadsafe(
            lambda: (cpu.__setitem__(0, time.thread_time() - cpu[0]), done.set())  # in the loop's own thread
        )
        done.wait(30)
        own, whole = stalls.own, stalls.whole
        print(json.dumps({"wall": wall, "stall": own, "whole": whole, "idle": ask(neighbour, "end"), "cpu": cpu[0]}))
        neighbour.stdin.close()  # type: ignore[union-attr]
        neighbour.wait(10)
        engine.close()
    return 0


def ask(process: subprocess.Popen[str], word: str) -> float:
    assert process.stdin
    assert process.stdout
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def measure(rounds: int) -> Any:
    from _common import in_turn, run_child, say
    from _report import Aim, Figure, Report
    from _stage import gateway

    found: dict[int, list[dict[str, float]]] = {count: [] for count in JOBS}
    with gateway(1000) as server:
        for turn in range(rounds):
            for count in in_turn(JOBS, turn):
                found[count].append(run_child(sys.executable, __file__, "--child", server.base_url, str(count)))
                say(f"stall, round {turn + 1}/{rounds}: {count} jobs: {found[count][-1]}")

    def figure(count: int, name: str) -> Figure:
        return Figure(tuple(each[name] for each in found[count]))

    rows = tuple(
        (
            f"{count} jobs", figure(count, "wall").text(), figure(count, "stall").text(digits=1, scale=0.001),
            figure(count, "whole").text(digits=1, scale=0.001), figure(count, "idle").text(digits=1, scale=0.001),
            figure(count, "cpu").text(digits=1, scale=count / 1000),
        )
        for count in JOBS
    )  # fmt: skip
    ours = figure(JOBS[-1], "stall").less(figure(JOBS[-1], "idle"))
    aim = Aim(
        f"Longest stall of the loop with {JOBS[-1]} jobs and {ROWS:,} rows, above an idle loop's",
        f"under {AIM_MS:g} ms", ours.text(" ms", digits=0, scale=0.001), ours.range(digits=0, scale=0.001),
        ours.median < AIM_MS / 1000,
    )  # fmt: skip
    head = (
        "", "wall, s", "longest stall, ms", "with the collector, ms", "of an idle loop, ms", "loop's CPU a job, ms"
    )  # fmt: skip
    return Report(TITLE, HOW, head, rows, (aim,))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("URL", "COUNT"), help=argparse.SUPPRESS)
    parser.add_argument("--idle", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.idle:
        return idle()
    if given.child:
        return child(given.child[0], int(given.child[1]))
    from _report import run, show

    show(run(measure, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
