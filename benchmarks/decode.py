"""A clip to frames and sound: ours beside its peers, and beside what no decoder can do without.

python benchmarks/decode.py [--rounds 5] [--kind 720p]... [--clip FILE]

The peers are those of this interpreter, or of the one that SORA_BENCH_PEERS names (pip install torchcodec decord).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _common import in_turn, load_core, missing_module, peak_bytes, peers_python, run_child, say

if TYPE_CHECKING:
    from _report import Report


@dataclass(frozen=True)
class Kind:
    width: int
    height: int
    seconds: float
    pix_fmt: str = "yuv420p"


FPS = 30
KINDS = {
    "720p": Kind(1280, 720, 10),
    "1080p": Kind(1920, 1080, 4),
    "720p 10 bit": Kind(1280, 720, 5, "yuv420p10le"),
    "portrait": Kind(720, 1280, 5),
}
OURS, THEIRS, FLOOR, COLOURS = "sora", "comfyui", "floor", "floor_colours"
NAMES = {
    OURS: "Sora Video Nodes `decode`",
    THEIRS: "ComfyUI `VideoFromFile.get_components`",
    "torchcodec": "torchcodec, to float [N,H,W,3]",
    "torchcodec_bytes": "torchcodec, bytes [N,3,H,W]",
    "decord": "decord, to float",
    "pyav": "PyAV plain: rgb24 of each frame, stacked, to float",
    "pipe": "ffmpeg's rgb24 through a pipe, to float (as VHS loads)",
    FLOOR: "floor: decode, convert nothing; write the tensor once",
    COLOURS: "floor with colours: decode, swscale to planar floats; write the tensor once",
}
MODULES = {"torchcodec": "torchcodec.decoders", "torchcodec_bytes": "torchcodec.decoders", "decord": "decord"}
AIM_SMALLER = 1.5
AIM_TORCHCODEC = 1.0
AIM_FLOOR = 1.2
TITLE = "Decoding a clip to frames and sound"
HOW = (
    f"H.264 of {FPS} fps with AAC, decoded to the frames tensor (float32, 0..1) and, by us and by ComfyUI, the "
    "waveform. Every run is a fresh process; the contestants take turns, and a ratio is that of a turn. Seconds "
    "exclude imports; CPU is that of the process, all threads; peak is the most memory held, less that before. "
    "Before each run another process writes as much memory as the hungriest needs and frees it again: the host of a "
    "virtual machine takes back what lies idle, and whoever comes first waits for it. Colours are not the same thing: "
    "ours and ComfyUI's keep all bits; torchcodec, decord, PyAV plain and the pipe take swscale's fast way, which "
    "truncates. What right colours take is in the floor with colours: swscale's conversion in two threads, whose "
    "planes nobody reads."
)


def make_clip(path: Path, kind: Kind) -> None:
    """A slow pan over a clouded texture with grain and a moving square, and a chord: the same on every machine."""
    import av
    import numpy as np

    rng = np.random.default_rng(7)
    wide, high = kind.width + 640, kind.height + 320
    texture = np.full((high, wide, 3), 120, np.float32)
    for cells, strength in ((8, 60), (32, 50), (128, 30), (512, 12)):
        noise = rng.integers(0, 256, (high * cells // 1024 + 2, wide * cells // 1024 + 2, 3), dtype=np.uint8)
        cloud = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(wide, high, interpolation="BICUBIC")
        texture += (cloud.to_ndarray().astype(np.float32) - 127.5) / 127.5 * strength
    texture = np.clip(texture, 0, 255).astype(np.int16)
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "fast"})
        video.width, video.height, video.pix_fmt = kind.width, kind.height, kind.pix_fmt
        audio = output.add_stream("aac", rate=44100, layout="stereo")
        for index in range(round(kind.seconds * FPS)):
            left, top = int(320 + 300 * np.sin(index / 40)), int(160 + 150 * np.cos(index / 55))
            image = texture[top : top + kind.height, left : left + kind.width]
            image = image + rng.integers(-4, 5, (kind.height, kind.width, 1))
            square = image[200:400, index * 7 % (kind.width - 200) :][:, :200]
            square[:] = 255 - square
            frame = av.VideoFrame.from_ndarray(np.clip(image, 0, 255).astype(np.uint8), format="rgb24")
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        times = np.arange(round(kind.seconds * 44100)) / 44100
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


def torchcodec(clip: Path) -> Callable[[], int]:
    decoded = _torchcodec(clip)
    return lambda: int(decoded().permute(0, 2, 3, 1).float().div_(255).nbytes)


def torchcodec_bytes(clip: Path) -> Callable[[], int]:
    decoded = _torchcodec(clip)
    return lambda: int(decoded().nbytes)


def _torchcodec(clip: Path) -> Callable[[], Any]:
    from torchcodec.decoders import VideoDecoder

    def run() -> Any:
        decoder = VideoDecoder(str(clip), seek_mode="approximate", num_ffmpeg_threads=0)
        return decoder.get_frames_in_range(0, len(decoder)).data

    return run


def decord(clip: Path) -> Callable[[], int]:
    import decord as library
    import torch

    def run() -> int:
        reader = library.VideoReader(str(clip))
        frames = torch.from_numpy(reader.get_batch(range(len(reader))).asnumpy())
        return int(frames.float().div_(255).nbytes)

    return run


def pyav(clip: Path) -> Callable[[], int]:
    import av
    import numpy as np
    import torch

    def run() -> int:
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return int(torch.from_numpy(np.stack(frames)).float().div_(255).nbytes)

    return run


def pipe(clip: Path) -> Callable[[], int]:
    import numpy as np
    import torch

    count, height, width, _ = frames_shape(clip)
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]

    def run() -> int:
        target = torch.empty((count, height, width, 3))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            for index in range(count):
                data = np.frombuffer(process.stdout.read(height * width * 3), np.uint8)
                target[index] = torch.from_numpy(data.copy()).reshape(height, width, 3).float().div_(255)
        return int(target.nbytes)

    return run


def floor(clip: Path) -> Callable[[], int]:
    import av
    import numpy as np

    shape = frames_shape(clip)

    def run() -> int:
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for _ in container.decode(container.streams.video[0]):
                pass
        target = np.empty(shape, np.float32)
        target.fill(0)
        return target.nbytes

    return run


def floor_colours(clip: Path) -> Callable[[], int]:
    load_core()
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import av
    import numpy as np

    from sora_core.media.pixels import _planar_graph

    shape, local = frames_shape(clip), threading.local()

    def run() -> int:
        target = np.empty(shape, np.float32)

        def convert(index: int, frame: av.VideoFrame) -> None:
            if not hasattr(local, "graph"):
                local.graph = _planar_graph(frame, "gbrpf32le", frame.height, frame.width)
            local.graph.push(frame)
            local.graph.pull()
            target[index].fill(0)

        with av.open(str(clip)) as container, ThreadPoolExecutor(2) as pool:
            container.streams.video[0].thread_type = "AUTO"
            busy = []
            for index, frame in enumerate(container.decode(container.streams.video[0])):
                busy.append(pool.submit(convert, index, frame))
                if len(busy) > 4:
                    busy.pop(0).result()
        return target.nbytes

    return run


def frames_shape(clip: Path) -> tuple[int, int, int, int]:
    import av

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        return stream.frames, stream.height, stream.width, 3


CONTESTANTS = {
    OURS: sora,
    THEIRS: theirs,
    "torchcodec": torchcodec,
    "torchcodec_bytes": torchcodec_bytes,
    "decord": decord,
    "pyav": pyav,
    "pipe": pipe,
    FLOOR: floor,
    COLOURS: floor_colours,
}


def touch(gib: float) -> None:
    """Writes this much memory once, at most half of what is free, and ends."""
    import numpy as np
    import psutil

    np.empty(int(min(gib * 2**30, psutil.virtual_memory().available / 2)), np.uint8).fill(1)
    print("{}")


def child(name: str, clip: Path) -> None:
    run = CONTESTANTS[name](clip)
    before, cpu = peak_bytes(), cpu_seconds()
    began = time.perf_counter()
    tensor = run()
    seconds = time.perf_counter() - began
    spent = cpu_seconds() - cpu
    print(json.dumps({"seconds": seconds, "cpu": spent, "peak": peak_bytes() - before, "tensor": tensor}))


def cpu_seconds() -> float:
    """Of this process and of the children that have ended."""
    import os

    return sum(os.times()[:4])


def interpreters() -> tuple[dict[str, tuple[str, Path | None]], tuple[str, ...]]:
    """For each contestant that can run its interpreter and folder, and what is said of the others."""
    from _stage import newest_comfyui, python_of

    checkout = newest_comfyui()
    own = (python_of(checkout), checkout) if checkout else (sys.executable, None)
    found, notes = {}, []
    for name in CONTESTANTS:
        if name == THEIRS and not checkout:
            notes.append(f"SKIPPED: {NAMES[name]}: no ComfyUI was found; set COMFYUI_DIR.")
        elif name == "pipe" and not shutil.which("ffmpeg"):
            notes.append(f"SKIPPED: {NAMES[name]}: there is no ffmpeg.")
        elif name in MODULES and (why := missing_module(peers_python(), MODULES[name])):
            notes.append(f"SKIPPED: {NAMES[name]}: {why} (set SORA_BENCH_PEERS to a Python that has it).")
        else:
            found[name] = (peers_python(), None) if name in MODULES else own
    for note in notes:
        say(note)
    return found, tuple(notes)


def measure(rounds: int, clip: Path | None = None, kinds: tuple[str, ...] = tuple(KINDS)) -> Report:
    from _report import Report

    runners, notes = interpreters()
    rows, aims = [], []
    with tempfile.TemporaryDirectory() as folder:
        clips = {"your clip": clip} if clip else {kind: Path(folder) / f"{kind}.mp4" for kind in kinds}
        for kind, path in clips.items():
            if not clip:
                make_clip(path, KINDS[kind])
            found = _runs(kind, path, runners, rounds)
            rows += _rows(kind, found)
            aims += _aims(kind, found)
    head = ("", "clip", "seconds (median)", "range", "CPU s", "peak GiB", "of our time", "of our CPU")
    return Report(TITLE, HOW, head, tuple(rows), tuple(aims), notes)


def _runs(
    kind: str, clip: Path, runners: dict[str, tuple[str, Path | None]], rounds: int
) -> dict[str, list[dict[str, Any]]]:
    script, (length, height, width, channels) = str(Path(__file__).resolve()), frames_shape(clip)
    most = f"{2.2 * length * height * width * channels * 4 / 2**30}"
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in runners}
    for turn in range(rounds):
        for name in in_turn(runners, turn):
            python, folder = runners[name]
            run_child(sys.executable, script, "--touch", most)
            runs[name].append(run_child(python, script, "--child", name, "--clip", str(clip.resolve()), cwd=folder))
            last = runs[name][-1]
            say(f"decode {kind}, round {turn + 1}/{rounds}: {name} {last['seconds']:.2f} s, CPU {last['cpu']:.2f} s")
    return runs


def _rows(kind: str, runs: dict[str, list[dict[str, Any]]]) -> list[tuple[str, ...]]:
    from _report import Figure

    def of(name: str, what: str) -> Figure:
        return Figure(tuple(run[what] for run in runs[name]))

    return [
        (
            NAMES[name],
            kind,
            of(name, "seconds").text(),
            of(name, "seconds").range(),
            of(name, "cpu").text(),
            of(name, "peak").text(scale=2**30),
            of(name, "seconds").per(of(OURS, "seconds")).text("x"),
            of(name, "cpu").per(of(OURS, "cpu")).text("x"),
        )
        for name in runs
    ]


def _aims(kind: str, runs: dict[str, list[dict[str, Any]]]) -> list[Any]:
    from _report import Aim, Figure

    wanted = (
        (THEIRS, "peak", "ComfyUI's peak memory over ours", AIM_SMALLER),
        ("torchcodec", "seconds", "torchcodec's time over ours", AIM_TORCHCODEC),
        ("torchcodec", "cpu", "torchcodec's CPU over ours", AIM_TORCHCODEC),
        (FLOOR, "seconds", "our time over the floor's", AIM_FLOOR),
        (FLOOR, "cpu", "our CPU over the floor's", AIM_FLOOR),
    )
    aims = []
    for name, what, words, aim in wanted:
        if name not in runs:
            continue
        theirs, ours = (Figure(tuple(run[what] for run in runs[each])) for each in (name, OURS))
        ratio = ours.per(theirs) if name == FLOOR else theirs.per(ours)
        met = ratio.median <= aim if name == FLOOR else ratio.median >= aim
        bound = "at most" if name == FLOOR else "at least"
        aims.append(Aim(f"Decoding {kind}, {words}", f"{bound} {aim:g}x", ratio.text("x"), ratio.range(), met))
    return aims


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
    options.add_argument("--kind", action="append", choices=KINDS, help="only clips of this kind")
    options.add_argument("--clip", type=Path, help="a clip of your own instead")
    chosen = options.parse_args()
    if chosen.touch:
        touch(chosen.touch)
        return
    show(run(lambda rounds: measure(rounds, chosen.clip, tuple(chosen.kind or KINDS)), chosen.rounds))


if __name__ == "__main__":
    main()
