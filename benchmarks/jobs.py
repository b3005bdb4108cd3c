"""Eight jobs in one graph against one: what the seven others cost in time.

python benchmarks/jobs.py [--rounds 5]
"""

from __future__ import annotations

from typing import Any

from _common import Failed, say
from _report import NO_COMFYUI, Aim, Figure, Report, parser, run, show
from _stage import gateway, newest_comfyui, stage, text2video

JOBS = 8
SECONDS, SPEED = 20, 4
AIM = 1.25
TITLE = "Eight jobs against one"
HOW = (
    f"A graph of {JOBS} Text2Video nodes and one of a single node, in a real ComfyUI whose profile points to a gateway "
    f"in a process of its own. Every job is {SECONDS} s of 320x180 with a prompt of its own; the gateway, at {SPEED} "
    f"times real time, takes {(SECONDS + 1) / SPEED:.2f} s for it (and draws it meanwhile, on the same cores). Seconds "
    "are those between execution_start and execution_success in ComfyUI's history. The two take turns, and the ratio "
    f"is that of a turn. One after another would be {JOBS} times."
)


def measure(rounds: int) -> Report:
    checkout = newest_comfyui()
    if checkout is None:
        return Report(TITLE, HOW, skipped=NO_COMFYUI)
    seconds: dict[int, list[float]] = {1: [], JOBS: []}
    with gateway(SPEED) as server, stage(checkout, server.base_url) as host:
        host.run({"1": text2video("the first job of a process opens the connection", seconds=1, size="64x64")})
        for turn in range(rounds):
            for count in (1, JOBS) if turn % 2 == 0 else (JOBS, 1):
                charged = server.charges
                seconds[count].append(host.run(graph(turn, count)))
                if server.charges != charged + count:
                    raise Failed(f"{server.charges - charged} jobs were charged instead of {count}")
                say(f"jobs, round {turn + 1}/{rounds}: {count} took {seconds[count][-1]:.2f} s")
    one, eight = Figure(tuple(seconds[1])), Figure(tuple(seconds[JOBS]))
    ratio = eight.per(one)
    aim = Aim(
        "Eight jobs in one graph take as long as one", f"at most {AIM:g} times", ratio.text("x"), ratio.range(),
        ratio.median <= AIM,
    )  # fmt: skip
    rows = (
        ("one job", one.text(), one.range(), ""),
        ("eight jobs", eight.text(), eight.range(), ratio.text("x")),
        ("the gateway's own time for a job", f"{(SECONDS + 1) / SPEED:.2f}", "", ""),
    )
    return Report(TITLE, HOW, ("", "seconds (median)", "range", "of one"), rows, (aim,))


def graph(turn: int, count: int) -> dict[str, Any]:
    """Prompts and seeds that no earlier turn had: nothing is found in a cache or in the ledger."""
    return {
        str(number): text2video(
            f"turn {turn}, graph of {count}, take {number}: a paper boat in the rain",
            seconds=SECONDS,
            size="320x180",
            seed=turn * 1000 + count * 100 + number,
        )
        for number in range(1, count + 1)
    }


if __name__ == "__main__":
    show(run(measure, parser(__doc__, 5).parse_args().rounds))
