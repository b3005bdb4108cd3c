"""What the engine adds to a job: from generate() to the delivered file, against doing it by hand.

python benchmarks/overhead.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
    from _report import Report

SPEED = 10_000_000  # less, and some create calls say in_progress, after which the script waits as it is told
JOBS = 20
ENGINE, HAND = "engine", "hand"
AIM_SECONDS = 0.1
TITLE = "What the engine adds to a job"
HOW = (
    "A job that takes no time: 1 s of 64x64 that the gateway has drawn before, at ten million times real time, so that "
    "the answer to the create call already says completed. `Engine.generate()` until its Delivery, against a script "
    "with httpx that creates, polls, downloads to a file and does nothing else. The engine, besides: claims the "
    "request in the ledger, commits it before and after the POST (with fsync), sends the POST over a connection of its "
    f"own, checks, hashes and renames the file, reads its size and length, writes the sidecar. {JOBS} jobs, one after "
    "another, in a fresh process each turn, the two taking turns; the first job of a process (which opens connections, "
    "imports, creates the ledger) is shown apart. The overhead of a turn is the difference of the medians."
)


def drawn_before(base_url: str, prompts: list[str]) -> None:
    """Has the gateway draw every picture, so that it takes no time for the measured jobs."""
    import httpx

    with httpx.Client(base_url=base_url, trust_env=False) as client, tempfile.TemporaryDirectory() as folder:
        for prompt in prompts:
            by_hand(client, prompt, Path(folder) / "clip.mp4")


def by_hand(client: httpx.Client, prompt: str, target: Path) -> None:
    fields = {"prompt": prompt, "seconds": "1", "size": "64x64", "seed": "0"}
    job = client.post("/videos", files={name: (None, value) for name, value in fields.items()}).raise_for_status()
    while (status := job.json()["status"]) != "completed":
        if status == "failed":
            sys.exit(f"The job failed: {job.text}")
        time.sleep(float(job.headers.get("openai-poll-after-ms", 200)) / 1000)
        job = client.get(f"/videos/{job.json()['id']}").raise_for_status()
    with client.stream("GET", f"/videos/{job.json()['id']}/content") as reply, target.open("wb") as stream:
        reply.raise_for_status()
        for chunk in reply.iter_bytes():
            stream.write(chunk)


def hand_runner(base_url: str, folder: Path) -> Callable[[str], None]:
    import httpx

    client = httpx.Client(base_url=base_url, trust_env=False, timeout=60)
    return lambda prompt: by_hand(client, prompt, folder / f"{abs(hash(prompt))}.mp4")


def engine_runner(base_url: str, folder: Path) -> Callable[[str], None]:
    from _common import load_core

    load_core()
    from sora_core.engine import Engine
    from sora_core.models import Destination, Operation
    from sora_core.profiles.profiles import Profile
    from sora_core.requests.kinds import VideoRequest

    engine = Engine(folder / "home")
    engine.profiles.add(Profile("bench", base_url=base_url, auth="none", dialect="preview"))

    def run(prompt: str) -> None:
        request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=1, size="64x64")
        delivery = engine.generate(request, "bench", Destination(folder), lambda progress: None).result(60)
        if delivery.reused or not delivery.path.is_file():
            sys.exit(f"no new job: {delivery}")

    return run


RUNNERS = {ENGINE: engine_runner, HAND: hand_runner}


def child(name: str, base_url: str, prompts: list[str]) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        seconds = []
        began = time.perf_counter()
        run = RUNNERS[name](base_url, Path(folder))
        for prompt in prompts:
            run(prompt)
            seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
    print(json.dumps({"first": seconds[0], "later": seconds[1:]}))


def measure(rounds: int) -> Report:
    from _common import in_turn, run_child, say
    from _report import Aim, Figure, Report
    from _stage import gateway

    runs: dict[str, list[dict[str, Any]]] = {ENGINE: [], HAND: []}
    prompts = [f"job {number}" for number in range(JOBS + 1)]
    with gateway(SPEED) as server:
        drawn_before(server.base_url, prompts)
        for turn in range(rounds):
            for name in in_turn((ENGINE, HAND), turn):
                given = ("--child", name, "--url", server.base_url, "--prompts", json.dumps(prompts))
                runs[name].append(run_child(sys.executable, __file__, *given))
                median = Figure(tuple(runs[name][-1]["later"])).median
                say(f"overhead, round {turn + 1}/{rounds}: {name} {median * 1000:.1f} ms a job")
    later = {name: Figure(tuple(Figure(tuple(run["later"])).median for run in found)) for name, found in runs.items()}
    first = {name: Figure(tuple(run["first"] for run in found)) for name, found in runs.items()}
    extra, ratio = later[ENGINE].less(later[HAND]), later[ENGINE].per(later[HAND])
    milli: dict[str, Any] = {"digits": 1, "scale": 0.001}
    rows = (
        ("the engine, a job", later[ENGINE].text(**milli), later[ENGINE].range(**milli), ratio.text("x", digits=1)),
        ("by hand, a job", later[HAND].text(**milli), later[HAND].range(**milli), ""),
        ("the engine, first job of a process", first[ENGINE].text(**milli), first[ENGINE].range(**milli), ""),
        ("by hand, first job of a process", first[HAND].text(**milli), first[HAND].range(**milli), ""),
    )
    aim = Aim(
        "The engine's share in a job", f"at most {AIM_SECONDS * 1000:.0f} ms", extra.text(" ms", **milli),
        extra.range(**milli), extra.median <= AIM_SECONDS,
    )  # fmt: skip
    return Report(TITLE, HOW, ("", "ms (median)", "range", "of by hand"), rows, (aim,))


def main() -> None:
    from _report import parser, run, show

    arguments = parser(__doc__, 5)
    arguments.add_argument("--child", choices=RUNNERS, help=argparse.SUPPRESS)
    arguments.add_argument("--url", help=argparse.SUPPRESS)
    arguments.add_argument("--prompts", type=json.loads, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        child(given.child, given.url, given.prompts)
        return
    show(run(measure, given.rounds))


if __name__ == "__main__":
    main()
