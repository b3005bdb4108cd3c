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
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _report import Aim, Figure, Report

    Runs = dict[str, list[dict[str, float]]]

SIZE = 2**30
HEAD = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2"
AIM = 1.3
OURS, CURL, BOTH = "Sora Video Nodes, hashed on the way", "curl", "curl, then openssl dgst -sha256"
TITLE = "Download of a large file"
HOW = (
    f"{SIZE // 2**20:,} MiB from a server in a process of its own on the loopback, to a file. Every run is a fresh "
    "process; the contestants take turns. CPU is user and system time of the run without the imports, for curl "
    "that of the process. Ours includes the SHA-256, which the ledger keeps; the check whether it is a sound video is "
    "not a part of it."
)


@contextlib.contextmanager
def served(file: Path, *certificate: Path) -> Iterator[str]:
    """The address of the file; a process serves it, over TLS with a certificate and its key."""
    command = [sys.executable, __file__, "--serve", *map(str, (file, *certificate))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(10)


def write(file: Path) -> None:
    with file.open("wb") as stream:
        block = os.urandom(2**20)
        stream.write(HEAD)
        while stream.tell() < SIZE:
            stream.write(block[: SIZE - stream.tell()])


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *request, *name, *files], check=True, capture_output=True)
    return certificate, key


def serve(file: Path, *certificate: Path) -> None:
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
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}", flush=True)
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
    from _report import Report

    missing = [name for name in ("curl", "openssl") if not shutil.which(name)]
    if missing:
        return Report(TITLE, HOW, skipped=f"{' and '.join(missing)} are not installed.")
    rows, aims = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "large.mp4")
        certificate = certify(folder)
        os.environ["SSL_CERT_FILE"] = str(certificate[0])  # for us, and --cacert for curl
        for kind, files in (("HTTP", ()), ("HTTPS", certificate)):
            with served(folder / "large.mp4", *files) as url:
                found = _runs(kind, url, folder / "got.mp4", certificate[0], rounds)
            rows += _rows(kind, found)
            aims += _aims(kind, found)
    return Report(
        TITLE, HOW, ("", "over", "wall, s", "CPU, s (median)", "range", "our CPU, of its"), tuple(rows), tuple(aims)
    )


def _runs(kind: str, url: str, target: Path, certificate: Path, rounds: int) -> Runs:
    from _common import in_turn, run_child, say, timed

    curl = ["curl", "-s", "--cacert", str(certificate), "-o", str(target), f"{url}/large.mp4"]
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        OURS: lambda: run_child(sys.executable, __file__, "--child", url, str(target)),
        CURL: lambda: timed(curl),
        BOTH: lambda: timed(curl, ["openssl", "dgst", "-sha256", str(target)]),
    }
    found: Runs = {way: [] for way in ways}
    for turn in range(rounds):
        for way in in_turn(ways, turn):
            target.unlink(missing_ok=True)
            found[way].append(ways[way]())
            assert target.stat().st_size == SIZE
            say(f"download over {kind}, round {turn + 1}/{rounds}: {way}: {found[way][-1]}")
    return found


def _figure(runs: Runs, way: str, name: str) -> Figure:
    from _report import Figure

    return Figure(tuple(each[name] for each in runs[way]))


def _rows(kind: str, runs: Runs) -> list[tuple[str, ...]]:
    ours = _figure(runs, OURS, "cpu")
    return [
        (
            way,
            kind,
            _figure(runs, way, "wall").text(),
            _figure(runs, way, "cpu").text(),
            _figure(runs, way, "cpu").range(),
            ours.per(_figure(runs, way, "cpu")).text("x"),
        )
        for way in runs
    ]


def _aims(kind: str, runs: Runs) -> list[Aim]:
    from _report import Aim

    ratios = {way: _figure(runs, OURS, "cpu").per(_figure(runs, way, "cpu")) for way in (CURL, BOTH)}
    return [
        Aim(
            f"CPU of a download over {kind} with its hash, of that of {way}",
            f"at most {AIM:g} times",
            ratio.text("x"),
            ratio.range(),
            ratio.median <= AIM,
        )
        for way, ratio in ratios.items()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*given.serve)
    elif given.child:
        child(given.child[0], Path(given.child[1]))
    else:
        from _report import run, show

        show(run(measure, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
