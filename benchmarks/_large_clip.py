"""A clip with the bit rate of a good camera, and a small server that hands it out for whatever is asked."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LARGE_MBIT = 40
WIDTH, HEIGHT, FPS = 1920, 1080, 24


def make_large_clip(path: Path, seconds: int) -> Path:
    """Grain over a gradient: eight pictures that take turns, so that hardly anything can be predicted."""
    import av
    import numpy as np

    rng = np.random.default_rng(7)
    slope = np.linspace(40, 200, WIDTH, dtype=np.float32)[None, :, None]
    pictures = [
        np.clip(slope + rng.normal(0, 25, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
        for _ in range(8)
    ]
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p") for picture in pictures]
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt, video.bit_rate = WIDTH, HEIGHT, "yuv420p", LARGE_MBIT * 1_000_000
        for index in range(seconds * FPS):
            frame = frames[index % len(frames)]
            frame.pts, frame.time_base = index, 1 / video.average_rate
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path


@contextlib.contextmanager
def serve_clip(clip: Path) -> Iterator[str]:
    """The base URL of a `/v1/videos` server on which every job is done at once and is this clip."""

    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._job(f"video_{next(numbers)}")  # a ledger believes no server that gives an id twice

        def do_GET(self) -> None:
            if not self.path.endswith("/content"):
                self._job(self.path.rpartition("/")[2])
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(clip.stat().st_size))
            self.end_headers()
            with clip.open("rb") as stream:
                shutil.copyfileobj(stream, self.wfile, 2**18)

        def _job(self, remote_id: str) -> None:
            body = json.dumps({"id": remote_id, "object": "video", "status": "completed", "progress": 100}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
            """Says nothing: stderr is for progress."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
