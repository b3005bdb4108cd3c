"""What a long full-HD job adds to ComfyUI's memory when nobody wants its frames.

python benchmarks/memory.py [--rounds 3]
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import psutil
from _common import MIB, say
from _large_clip import LARGE_MBIT, make_large_clip, serve_clip
from _report import NO_COMFYUI, Aim, Figure, Report, parser, run, show
from _stage import Stage, gateway, newest_comfyui, stage, text2video

SECONDS, SIZE, FPS = 25, "1920x1080", 24
SAMPLE_SECONDS = 0.005
AIM_MIB = 150
COLD, WARM, LARGE = "cold", "warm", "large"
NAMES = {
    COLD: "cold: the first job of the process",
    WARM: "warm: after a job of 1 s of 64x64",
    LARGE: f"warm, a clip of {LARGE_MBIT} Mbit/s",
}
TITLE = "Memory of a long job whose frames nobody wants"
HOW = (
    f"One Text2Video node of {SECONDS} s of {SIZE}, no frames wanted, in a freshly started ComfyUI; the gateway is a "
    "process of its own. Growth is the most resident memory (RSS) of the ComfyUI process while the prompt runs, "
    f"sampled every {SAMPLE_SECONDS * 1000:.0f} ms, less what it held right before. The gateway's pictures compress "
    "well, so a third run gets a grainy clip from a small server of the same protocol. Decoded, the frames would be "
    f"a tensor of {SECONDS * FPS * 1920 * 1080 * 3 * 4 / 2**30:.1f} GiB."
)


class Watch:
    """Samples a process's resident memory while the block runs."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.before = self.peak = process.memory_info().rss

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()
        self.after = self._process.memory_info().rss

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self._process.memory_info().rss)

    @property
    def growth(self) -> int:
        return self.peak - self.before


def measure(rounds: int) -> Report:
    checkout = newest_comfyui()
    if checkout is None:
        return Report(TITLE, HOW, skipped=NO_COMFYUI)
    growth: dict[str, list[float]] = {name: [] for name in NAMES}
    before: dict[str, list[float]] = {name: [] for name in NAMES}
    held: dict[str, list[float]] = {name: [] for name in NAMES}
    delivered: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder, gateway(50) as server:
        clip = make_large_clip(Path(folder) / "large.mp4", SECONDS)
        with serve_clip(clip) as large_url:
            for turn in range(rounds):
                for name in NAMES:
                    with stage(checkout, large_url if name == LARGE else server.base_url) as host:
                        watch = one(host, turn, warm=name != COLD)
                        delivered[name] = largest_output(host)
                    growth[name].append(watch.growth)
                    before[name].append(watch.before)
                    held[name].append(watch.after - watch.before)
                    say(f"memory, round {turn + 1}/{rounds}: {name} {watch.growth / MIB:.0f} MiB")
    figures = {name: Figure(tuple(values)) for name, values in growth.items()}
    rows = tuple(
        (
            NAMES[name],
            f"{delivered[name] / MIB:.0f}",
            Figure(tuple(before[name])).text(digits=0, scale=MIB),
            figure.text(digits=0, scale=MIB),
            figure.range(digits=0, scale=MIB),
            Figure(tuple(held[name])).text(digits=0, scale=MIB),
        )
        for name, figure in figures.items()
    )
    aims = tuple(
        Aim(
            f"Memory that {SECONDS} s of {SIZE} add, no frames wanted ({NAMES[name]})", f"at most {AIM_MIB} MiB",
            figure.text(" MiB", digits=0, scale=MIB), figure.range(digits=0, scale=MIB),
            figure.median <= AIM_MIB * MIB,
        )
        for name, figure in figures.items()
    )  # fmt: skip
    head = ("", "file MiB", "held before MiB", "growth MiB (median)", "range", "still held after MiB")
    return Report(TITLE, HOW, head, rows, aims)


def one(host: Stage, turn: int, *, warm: bool) -> Watch:
    if warm:
        host.run({"1": text2video("a small job", seconds=1, size="64x64")})
    process = host.process()
    time.sleep(1)  # what the start or the small job left to do is done
    with Watch(process) as watch:
        host.run({"1": text2video(f"a long pan over dunes, take {turn}", seconds=SECONDS, size=SIZE)})
    return watch


def largest_output(host: Stage) -> int:
    return max(path.stat().st_size for path in (host.comfy.base / "output").rglob("*.mp4"))


if __name__ == "__main__":
    show(run(measure, parser(__doc__, 3).parse_args().rounds))
