"""Ctrl-C and SIGTERM let a request that has left come to its answer, in every command that may pay."""

from __future__ import annotations

import asyncio
import base64
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from _command import Command, kill, posix, until
from _server import Request, Server, reply
from PIL import Image

pytestmark = posix

SLOW = 1.5  # seconds until a charge is answered


class SlowServer:
    """Answers every charge late, and says of every job that it is queued."""

    def __init__(self, answer: object) -> None:
        self.posts: list[Request] = []
        self._answer = reply(200, answer)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = Server(self._serve)
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(10)
        self.url = f"{self._server.url}/v1"

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST":
            self.posts.append(request)
            await asyncio.sleep(SLOW)
            writer.write(self._answer)
        else:
            writer.write(reply(200, {"id": "video_1", "status": "queued"}))
        await writer.drain()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def picture() -> str:
    import io

    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


# command -> its arguments, the answer to its charge, and what the row must hold of it
COMMANDS = {
    "generate": (("a cat",), {"id": "video_1", "status": "queued"}, "remote_id"),
    "image": (("a cat",), {"data": [{"b64_json": picture()}]}, "part_validator"),
    "enhance": (("a cat",), {"choices": [{"message": {"content": "a better cat"}}]}, "result"),
    "character": (("create", "anna", "--video", "CLIP"), {"id": "char_1", "name": "anna"}, "remote_id"),
}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    import av
    import numpy

    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        for _ in range(40):
            frame = av.VideoFrame.from_ndarray(numpy.zeros((64, 64, 3), numpy.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.fixture
def slow(request: pytest.FixtureRequest) -> Iterator[SlowServer]:
    server = SlowServer(COMMANDS[request.getfixturevalue("name")][1])
    yield server
    server.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupt_in_an_open_post_waits_for_its_answer(
    name: str, how: int, slow: SlowServer, command: Command, clip: Path
) -> None:
    arguments, _, column = COMMANDS[name]
    dialect = "openai" if name == "character" else ""
    command.add_profile("own", slow.url, dialect=dialect, extra={"enhance_model": "m"} if name == "enhance" else {})
    given = [str(clip) if each == "CLIP" else each for each in arguments]
    process = command.start(name, *given, "--profile", "own", "--json")
    until(lambda: slow.posts)
    stopped = kill(process, how)
    assert stopped.code == 130, stopped.err
    assert "waiting for the job's id" in stopped.err
    (job,) = command.jobs()
    assert job["state"] not in ("unknown", "submitting"), job
    assert job[column]
    assert len(slow.posts) == 1


@pytest.mark.parametrize("name", ["generate"])
def test_a_second_interrupt_does_not_wait_and_the_row_says_that_nobody_knows(
    name: str, slow: SlowServer, command: Command
) -> None:
    command.add_profile("own", slow.url)
    process = command.start(name, "a cat", "--profile", "own", "--json")
    until(lambda: slow.posts)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    until(lambda: "waiting for the job's id" in process.stderr.readline())
    stopped = kill(process, signal.SIGINT)
    assert stopped.code == 130
    (job,) = command.jobs()
    assert job["state"] == "submitting"
    assert job["sent_at"]
