"""A clip to frames and sound: ours beside ComfyUI's own decoder, and beside what no decoder can do without.

python benchmarks/decode.py [--rounds 5] [--clip FILE]
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

from _common import load_core, peak_bytes, run_child, say

if TYPE_CHECKING:
    from _report import Report

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 30, 10
OURS, THEIRS = "sora", "comfyui"
FLOORS = {
    "decode_only": "floor: decode, convert nothing",
    "first_write": "floor: write the tensor once (huge pages)",
    "first_write_torch": "floor: write the tensor once (torch.empty)",
}
NAMES = {OURS: "Sora Video Nodes `decode`", THEIRS: "ComfyUI `VideoFromFile.get_components`", **FLOORS}
AIM_FASTER = 3.0
AIM_SMALLER = 1.5
TITLE = "Decoding a clip to frames and sound"
HOW = (
    f"{SECONDS} s of {WIDTH}x{HEIGHT} at {FPS} fps, H.264 and AAC, decoded to the frames tensor and the waveform. "
    "Every run is a fresh process of ComfyUI's own interpreter; the contestants take turns. Seconds exclude imports; "
    "peak is the most memory held, less what was held before. Before each run another process writes as much memory as "
    "the hungriest needs and frees it again: the host of a virtual machine takes back what lies idle, and whoever "
    "comes first waits for it, up to seconds a GiB. Without this, waiting is most of the time of both, and the factor "
    "falls to that of the peaks or below."
)


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
    sys.path.insert(0, str(Path.cwd()))  # the checkout
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


def touch(gib: float) -> None:
    """Writes this much memory once, at most half of what is free, and ends."""
    import numpy as np
    import psutil

    np.empty(int(min(gib * 2**30, psutil.virtual_memory().available / 2)), np.uint8).fill(1)
    print("{}")


def child(name: str, clip: Path) -> None:
    run = CONTESTANTS[name](clip)
    before = peak_bytes()
    began = time.perf_counter()
    tensor = run()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak": peak_bytes() - before, "tensor": tensor}))


def measure(rounds: int, clip: Path | None = None) -> Report:
    if clip:
        return _measure(rounds, clip)
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "clip.mp4"
        make_clip(own, SECONDS)
        return _measure(rounds, own)


def _measure(rounds: int, clip: Path) -> Report:
    from _report import Aim, Figure, Report
    from _stage import newest_comfyui, python_of

    checkout = newest_comfyui()
    python = python_of(checkout) if checkout else sys.executable
    names = [name for name in CONTESTANTS if checkout or name != THEIRS]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    script, (length, height, width, channels) = str(Path(__file__).resolve()), frames_shape(clip)
    most = f"{2.2 * length * height * width * channels * 4 / 2**30}"
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else names[::-1]:
            run_child(sys.executable, script, "--touch", most)
            runs[name].append(run_child(python, script, "--child", name, "--clip", str(clip.resolve()), cwd=checkout))
            say(f"decode, round {turn + 1}/{rounds}: {name} {runs[name][-1]['seconds']:.2f} s")
    seconds = {name: Figure(tuple(run["seconds"] for run in found)) for name, found in runs.items()}
    peaks = {name: Figure(tuple(run["peak"] for run in found)) for name, found in runs.items()}
    ours = seconds[OURS].median
    rows = tuple(
        (
            NAMES[name],
            figure.text(),
            figure.range(),
            peaks[name].text(scale=2**30),
            f"{runs[name][0]['tensor'] / 2**30:.2f}" if runs[name][0]["tensor"] else "",
            f"{figure.median / ours:.1f}x",
        )
        for name, figure in seconds.items()
    )
    head = ("", "seconds (median)", "range", "peak GiB", "tensor GiB", "of our time")
    if not checkout:
        return Report(TITLE, HOW, head, rows, notes=("No ComfyUI to compare with was found: set COMFYUI_DIR.",))
    faster = seconds[THEIRS].per(seconds[OURS])
    smaller = peaks[THEIRS].per(peaks[OURS])
    aims = tuple(
        Aim(what, f"at least {aim:g}x", figure.text("x", digits=1), figure.range(digits=1), figure.median >= aim)
        for what, figure, aim in (
            ("Decoding, times faster than ComfyUI's own decoder", faster, AIM_FASTER),
            ("Decoding, ComfyUI's peak memory over ours", smaller, AIM_SMALLER),
        )
    )
    return Report(TITLE, HOW, head, rows, aims)


def main() -> None:
    if "--child" in sys.argv:  # in ComfyUI's interpreter, which may lack what the report needs
        inner = argparse.ArgumentParser()
        inner.add_argument("--child", choices=CONTESTANTS)
        inner.add_argument("--clip", type=Path)
        given = inner.parse_args()
        child(given.child, given.clip)
        return
    from _report import parser, run, show

    options = parser(__doc__, 5)
    options.add_argument("--touch", type=float, help=argparse.SUPPRESS)
    options.add_argument("--clip", type=Path, help=f"a clip of your own, {WIDTH}x{HEIGHT}")
    chosen = options.parse_args()
    if chosen.touch:
        touch(chosen.touch)
        return
    show(run(lambda rounds: measure(rounds, chosen.clip), chosen.rounds))


if __name__ == "__main__":
    main()
