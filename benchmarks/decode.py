"""A clip to frames and sound: ours beside ComfyUI's own decoder, and beside what no decoder can do without.

    python benchmarks/decode.py [--rounds 5] [--json FILE]

Every run is a fresh process of ComfyUI's own interpreter (of this one without a checkout); the
contestants take turns, so that a noisy machine is noisy for all. Seconds exclude imports. Peak is the
most memory held, less what was held before. ComfyUI is found by COMFYUI_DIR, else ~/comfy/ComfyUI.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _common import comfyui, load_core, markdown, median, peak_bytes, python_of, run_child

WIDTH, HEIGHT, FPS = 1280, 720, 30
OURS, THEIRS = "sora", "comfyui"
FLOORS = {
    "decode_only": "floor: decode, convert nothing",
    "first_write": "floor: write the tensor once (huge pages)",
    "first_write_torch": "floor: write the tensor once (torch.empty)",
}
NAMES = {OURS: "Sora Video Nodes `decode`", THEIRS: "ComfyUI `VideoFromFile.get_components`", **FLOORS}


def make_clip(path: Path, seconds: float) -> None:
    """A slow pan over a clouded texture with grain and a moving square, and a chord: the same on every machine."""
    import av
    import numpy as np

    rng = np.random.default_rng(7)
    wide, high = WIDTH + 640, HEIGHT + 320
    texture = np.full((high, wide, 3), 120, np.float32)
    for cells, strength in ((8, 60), (32, 50), (128, 30), (512, 12)):
        noise = rng.integers(0, 256, (high * cells // 1024 + 2, wide * cells // 1024 + 2, 3), dtype=np.uint8)
        cloud = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(wide, high, interpolation="BICUBIC")
        texture += (cloud.to_ndarray().astype(np.float32) - 127.5) / 127.5 * strength
    texture = np.clip(texture, 0, 255).astype(np.int16)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "fast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = output.add_stream("aac", rate=44100, layout="stereo")
        for index in range(round(seconds * FPS)):
            left, top = int(320 + 300 * np.sin(index / 40)), int(160 + 150 * np.cos(index / 55))
            image = texture[top : top + HEIGHT, left : left + WIDTH] + rng.integers(-4, 5, (HEIGHT, WIDTH, 1))
            square = image[200:400, index * 7 % (WIDTH - 200) :][:, :200]
            square[:] = 255 - square
            frame = av.VideoFrame.from_ndarray(np.clip(image, 0, 255).astype(np.uint8), format="rgb24")
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        times = np.arange(round(seconds * 44100)) / 44100
        chord = np.stack([np.sin(times * 2 * np.pi * pitch) for pitch in (440, 660)]).astype(np.float32) * 0.3
        sound = av.AudioFrame.from_ndarray(chord, format="fltp", layout="stereo")
        sound.sample_rate, sound.pts = 44100, 0
        output.mux(audio.encode(sound))
        output.mux(audio.encode(None))


# In the child: each prepares, and gives back what is timed. The result is the number of bytes of frames.


def sora(clip: Path) -> Callable[[], int]:
    load_core()
    import av  # noqa: F401 - imports are not what is measured
    import torch  # noqa: F401

    from sora_core.media import pixels, sound, video  # noqa: F401

    return lambda: int(video.decode(clip).frames.nbytes)


def theirs(clip: Path) -> Callable[[], int]:
    checkout = comfyui()
    assert checkout
    os.chdir(checkout)
    sys.path.insert(0, str(checkout))
    sys.argv = ["main.py", "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    from comfy_api.latest._input_impl.video_types import VideoFromFile

    return lambda: int(VideoFromFile(str(clip)).get_components().images.nbytes)


def decode_only(clip: Path) -> Callable[[], int]:
    import av

    def run() -> int:
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            return sum(1 for _ in container.decode(container.streams.video[0])) * 0

    return run


def first_write(clip: Path) -> Callable[[], int]:
    import numpy as np

    shape = frames_shape(clip)

    def run() -> int:
        target = np.empty(shape, np.float32)
        target.fill(0)
        return target.nbytes

    return run


def first_write_torch(clip: Path) -> Callable[[], int]:
    import torch

    shape = frames_shape(clip)
    return lambda: int(torch.empty(shape).fill_(0).nbytes)


def frames_shape(clip: Path) -> tuple[int, int, int, int]:
    import av

    with av.open(str(clip)) as container:
        return container.streams.video[0].frames, HEIGHT, WIDTH, 3


CONTESTANTS = {
    OURS: sora,
    THEIRS: theirs,
    "decode_only": decode_only,
    "first_write": first_write,
    "first_write_torch": first_write_torch,
}


def child(name: str, clip: Path) -> None:
    run = CONTESTANTS[name](clip)
    before = peak_bytes()
    began = time.perf_counter()
    tensor = run()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak": peak_bytes() - before, "tensor": tensor}))


def measure(rounds: int, clip: Path) -> dict[str, Any]:
    checkout = comfyui()
    python = python_of(checkout)
    names = [name for name in CONTESTANTS if checkout or name != THEIRS]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            runs[name].append(run_child(python, __file__, "--child", name, "--clip", str(clip)))
            print(f"round {turn + 1}/{rounds} {name}: {runs[name][-1]['seconds']:.2f} s", file=sys.stderr)
    results = {
        name: {
            "seconds": median([run["seconds"] for run in found]),
            "seconds_all": [round(run["seconds"], 3) for run in found],
            "peak_bytes": median([run["peak"] for run in found]),
            "tensor_bytes": found[0]["tensor"],
        }
        for name, found in runs.items()
    }
    report = {"python": python, "comfyui": str(checkout or ""), "machine": machine(), "results": results}
    if THEIRS in results:
        report["times_faster"] = results[THEIRS]["seconds"] / results[OURS]["seconds"]
        report["peak_ratio"] = results[THEIRS]["peak_bytes"] / results[OURS]["peak_bytes"]
    return report


def machine() -> dict[str, Any]:
    return {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}


def table(report: dict[str, Any]) -> str:
    ours = report["results"][OURS]["seconds"]
    rows = [
        [
            NAMES[name],
            f"{found['seconds']:.2f}",
            f"{min(found['seconds_all']):.2f} - {max(found['seconds_all']):.2f}",
            f"{found['peak_bytes'] / 2**30:.2f}",
            f"{found['tensor_bytes'] / 2**30:.2f}" if found["tensor_bytes"] else "",
            f"{found['seconds'] / ours:.1f}x",
        ]
        for name, found in report["results"].items()
    ]
    return markdown(["", "seconds (median)", "range", "peak GiB", "tensor GiB", "of our time"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="length of the clip")
    parser.add_argument("--clip", type=Path, help="a clip of your own, 1280x720")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--child", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.clip)
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or Path(folder) / "clip.mp4"
        if not arguments.clip:
            make_clip(clip, arguments.seconds)
        report = measure(arguments.rounds, clip.resolve())
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"{arguments.seconds:g} s of {WIDTH}x{HEIGHT} at {FPS} fps, H.264 and AAC, {os.cpu_count()} cores\n")
    print(table(report))
    if "times_faster" not in report:
        print("\nNo ComfyUI to compare with: set COMFYUI_DIR.")


if __name__ == "__main__":
    main()
