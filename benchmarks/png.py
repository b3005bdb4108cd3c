"""Eight full-HD pictures of a batch to PNG: ours beside OpenCV and Pillow.

python benchmarks/png.py [--rounds 5]

OpenCV is that of this interpreter, or of the one that SORA_BENCH_PEERS names (pip install opencv-python-headless).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _common import in_turn, load_core, missing_module, peers_python, run_child, say

if TYPE_CHECKING:
    from _report import Report

WIDTH, HEIGHT, BATCH = 1920, 1080, 8
OURS = "sora"
NAMES = {
    OURS: "Sora Video Nodes `references_from_tensor` (checked, hashed and encoded)",
    "opencv": "OpenCV `imencode`, its defaults, in as many threads",
    "opencv_serial": "OpenCV `imencode`, its defaults, one after another",
    "pillow": "Pillow, compress_level=1, one after another",
}
MODULES = {"opencv": "cv2", "opencv_serial": "cv2"}
TITLE = "Pictures of a batch to PNG"
HOW = (
    f"{BATCH} pictures of {WIDTH}x{HEIGHT}, gradients with grain, from a float tensor to {BATCH} PNG files' bytes. "
    "Every run is a fresh process, the contestants take turns; figures are those of a picture, without imports."
)


def batch() -> Any:
    import numpy as np

    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = 128 + 60 * np.sin(columns / 90) * np.cos(rows / 70)
    picture = np.stack([columns * 200 / WIDTH + 20, rows * 200 / HEIGHT, waves], -1) + rng.normal(
        0, 3, (HEIGHT, WIDTH, 1)
    )
    return np.stack([np.roll(picture, 7 * index, 1) for index in range(BATCH)]).clip(0, 255).astype(np.float32) / 255


def sora(pictures: Any) -> Callable[[], int]:
    load_core()
    import torch

    from sora_core.media.images import ImageNeeds, references_from_tensor

    needs, tensor = ImageNeeds(WIDTH, HEIGHT, 2**26), torch.from_numpy(pictures)
    return lambda: sum(len(each.upload.data) for each in references_from_tensor(tensor, needs, "crop"))


def opencv(pictures: Any) -> Callable[[], int]:
    from concurrent.futures import ThreadPoolExecutor

    def run() -> int:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(pool.map(_imencode, pictures))

    return run


def opencv_serial(pictures: Any) -> Callable[[], int]:
    return lambda: sum(map(_imencode, pictures))


def _imencode(picture: Any) -> int:
    import cv2
    import numpy as np

    pixels = cv2.cvtColor((picture * 255).round().astype(np.uint8), cv2.COLOR_RGB2BGR)
    return len(cv2.imencode(".png", pixels)[1])


def pillow(pictures: Any) -> Callable[[], int]:
    import io

    import numpy as np
    from PIL import Image

    def one(picture: Any) -> int:
        stream = io.BytesIO()
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(stream, "PNG", compress_level=1)
        return len(stream.getvalue())

    return lambda: sum(map(one, pictures))


CONTESTANTS = {OURS: sora, "opencv": opencv, "opencv_serial": opencv_serial, "pillow": pillow}


def child(name: str) -> None:
    run = CONTESTANTS[name](batch())
    cpu, began = time.process_time(), time.perf_counter()
    size = run()
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"ms": seconds * 1000 / BATCH, "cpu": spent * 1000 / BATCH, "size": size / BATCH}))


def measure(rounds: int) -> Report:
    from _report import Aim, Figure, Report

    python, notes = dict.fromkeys(CONTESTANTS, sys.executable), []
    for name, module in MODULES.items():
        python[name] = peers_python()
        if why := missing_module(peers_python(), module):
            notes.append(f"SKIPPED: {NAMES[name]}: {why} (set SORA_BENCH_PEERS to a Python that has it).")
            say(notes[-1])
            del python[name]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in python}
    for turn in range(rounds):
        for name in in_turn(python, turn):
            runs[name].append(run_child(python[name], str(Path(__file__).resolve()), "--child", name))
            say(f"png, round {turn + 1}/{rounds}: {name} {runs[name][-1]['ms']:.0f} ms")

    def of(name: str, what: str) -> Figure:
        return Figure(tuple(run[what] for run in runs[name]))

    rows = tuple(
        (
            NAMES[name],
            of(name, "ms").text(digits=0),
            of(name, "ms").range(digits=0),
            of(name, "cpu").text(digits=0),
            of(name, "size").text(scale=2**20),
            of(name, "ms").per(of(OURS, "ms")).text("x"),
        )
        for name in runs
    )
    aims = []
    if "opencv" in runs:
        for what, words in (("ms", "time"), ("cpu", "CPU")):
            ratio = of("opencv", what).per(of(OURS, what))
            name = f"PNG of a batch, OpenCV's {words} over ours"
            aims.append(Aim(name, "at least 1x", ratio.text("x"), ratio.range(), ratio.median >= 1))
    head = ("", "ms a picture (median)", "range", "CPU ms", "MiB", "of our time")
    return Report(TITLE, HOW, head, rows, tuple(aims), tuple(notes))


def main() -> None:
    if "--child" in sys.argv:  # in the interpreter of the peers, which may lack what the report needs
        inner = argparse.ArgumentParser()
        inner.add_argument("--child", choices=CONTESTANTS)
        child(inner.parse_args().child)
        return
    from _report import parser, run, show

    show(run(measure, parser(__doc__, 5).parse_args().rounds))


if __name__ == "__main__":
    main()
