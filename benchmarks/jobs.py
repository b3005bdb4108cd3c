"""8, 64 and 256 jobs in one graph against one: what the others cost in time.

python benchmarks/jobs.py [--rounds 3]
"""

from __future__ import annotations

from typing import Any

from _common import Failed, in_turn, say
from _report import NO_COMFYUI, Aim, Figure, Report, parser, run, show
from _stage import gateway, newest_comfyui, stage, text2video

AIMS = {8: 1.1, 64: 1.1, 256: 1.25}
COUNTS = (1, *AIMS)
REMOTE_SECONDS = 60.0
CLIP = {"seconds": 1, "size": "64x64"}
TITLE = "Many jobs in one graph against one"
HOW = (
    f"Graphs of {', '.join(map(str, COUNTS))} Text2Video nodes in a real ComfyUI whose profile points to a gateway in "
    "a process of its own, without limits on jobs or requests. Every job is a take of its own that the gateway works "
    f"on for {REMOTE_SECONDS:g} s; the clip is 1 s of 64x64, drawn before, so that the gateway takes little of the "
    "cores that it shares with ComfyUI. Seconds are those between execution_start and execution_success in ComfyUI's "
    "history. The graphs take turns, and the ratio is that of a turn."
)


def measure(rounds: int) -> Report:
    checkout = newest_comfyui()
    if checkout is None:
        return Report(TITLE, HOW, skipped=NO_COMFYUI)
    seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
    speed = (CLIP["seconds"] + 1) / REMOTE_SECONDS
    with gateway(speed) as server, stage(checkout, server.base_url) as host:
        host.run(graph(-1, 1))  # the first job of a process opens the connection
        for turn in range(rounds):
            for count in in_turn(COUNTS, turn):
                charged = server.charges
                seconds[count].append(host.run(graph(turn, count)))
                if server.charges != charged + count:
                    raise Failed(f"{server.charges - charged} jobs were charged instead of {count}")
                say(f"jobs, round {turn + 1}/{rounds}: {count} took {seconds[count][-1]:.2f} s")
    figures = {count: Figure(tuple(found)) for count, found in seconds.items()}
    ratios = {count: figures[count].per(figures[1]) for count in AIMS}
    aims = tuple(
        Aim(
            f"{count} jobs in one graph take as long as one", f"at most {aim:g} times", ratios[count].text("x"),
            ratios[count].range(), ratios[count].median <= aim,
        )
        for count, aim in AIMS.items()
    )  # fmt: skip
    rows = tuple(
        (
            f"{count} jobs" if count > 1 else "one job", figures[count].text(), figures[count].range(),
            ratios[count].text("x") if count in ratios else "",
        )
        for count in COUNTS
    )  # fmt: skip
    return Report(TITLE, HOW, ("", "seconds (median)", "range", "of one"), rows, aims)


def graph(turn: int, count: int) -> dict[str, Any]:
    """Seeds that no earlier turn had: nothing is found in a cache or in the ledger."""
    return {
        str(number): text2video("a paper boat in the rain", **CLIP, seed=(turn + 1) * 100_000 + count * 1000 + number)
        for number in range(1, count + 1)
    }


if __name__ == "__main__":
    show(run(measure, parser(__doc__, 3).parse_args().rounds))
