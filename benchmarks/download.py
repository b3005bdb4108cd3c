"""A large file from a server to the disk, hashed on the way, beside curl and openssl.

python benchmarks/download.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _report import Report

SIZE = 2**30
HEAD = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2"
AIM = 1.3
OURS, CURL, BOTH = "Sora Video Nodes, hashed on the way", "curl", "curl, then openssl dgst -sha256"
TITLE = "Download of a large file"
HOW = (
    f"{SIZE // 2**20:,} MiB from a server in a process of its own, over HTTP on the loopback, to a file. Every run is "
    "a fresh process; the contestants take turns. CPU is user and system time of the run without the imports, for curl "
    "that of the process. Ours includes the SHA-256, which the ledger keeps; the check whether it is a sound video is "
    "not a part of it."
)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the file; a process serves it."""
    file = folder / "large.mp4"
    with file.open("wb") as stream:
        block = os.urandom(2**20)
        stream.write(HEAD)
        while stream.tell() < SIZE:
            stream.write(block[: SIZE - stream.tell()])
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(10)


def serve(file: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            with file.open("rb") as stream:
                self.connection.sendfile(stream)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


def child(url: str, target: Path) -> None:
    """Downloads as a job does; prints wall and CPU seconds as JSON."""
    from _common import load_core

    load_core()
    import httpx  # noqa: F401 (not a part of what is measured)

    from sora_core.clock import SystemClock
    from sora_core.errors import SoraError
    from sora_core.media.download import Download
    from sora_core.models import Effect
    from sora_core.transport import Call, Http

    async def recorded(validator: str | None) -> None:
        pass

    async def source(*, refresh: bool) -> Call:
        return Call("GET", "/large.mp4", Effect.READ, timeout=60)

    async def run() -> str:
        clock = SystemClock()
        http = Http(url, judge=lambda reply: SoraError(f"HTTP {reply.status}"), clock=clock)
        download = Download(
            http, target, clock=clock, validator=None, on_validator=recorded, on_bytes=lambda done, total: None
        )
        try:
            return await download.run(source)
        finally:
            await http.aclose()

    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(run())
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}))


def measure(rounds: int) -> Report:
    from _common import in_turn, run_child, say, timed
    from _report import Aim, Figure, Report

    missing = [name for name in ("curl", "openssl") if not shutil.which(name)]
    if missing:
        return Report(TITLE, HOW, skipped=f"{' and '.join(missing)} are not installed.")
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as url:
        target = Path(name) / "got.mp4"
        curl = ["curl", "-s", "-o", str(target), f"{url}/large.mp4"]
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            OURS: lambda: run_child(sys.executable, __file__, "--child", url, str(target)),
            CURL: lambda: timed(curl),
            BOTH: lambda: timed(curl, ["openssl", "dgst", "-sha256", str(target)]),
        }
        found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way in in_turn(ways, turn):
                target.unlink(missing_ok=True)
                found[way].append(ways[way]())
                assert target.stat().st_size == SIZE
                say(f"download, round {turn + 1}/{rounds}: {way}: {found[way][-1]}")

    def figure(way: str, name: str) -> Figure:
        return Figure(tuple(each[name] for each in found[way]))

    rows = tuple(
        (
            way, figure(way, "wall").text(), figure(way, "cpu").text(), figure(way, "cpu").range(),
            figure(OURS, "cpu").per(figure(way, "cpu")).text("x"),
        )
        for way in ways
    )  # fmt: skip
    ratios = {way: figure(OURS, "cpu").per(figure(way, "cpu")) for way in (CURL, BOTH)}
    aims = tuple(
        Aim(
            f"CPU of a download with its hash, of that of {way}", f"at most {AIM:g} times", ratio.text("x"),
            ratio.range(), ratio.median <= AIM,
        )
        for way, ratio in ratios.items()
    )  # fmt: skip
    return Report(TITLE, HOW, ("", "wall, s", "CPU, s (median)", "range", "our CPU, of its"), rows, aims)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
    elif given.child:
        child(given.child[0], Path(given.child[1]))
    else:
        from _report import run, show

        show(run(measure, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
