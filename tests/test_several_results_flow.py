"""A relay whose documented answer lists several videos for one paid job: all are delivered, each once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from _server import Request, Server, reply

from sora_core.engine import Engine
from sora_core.errors import SoraError
from sora_core.models import Destination, Operation
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import VideoRequest

CLIP = (Path(__file__).parent / "conformance" / "cassettes" / "clip.mp4").read_bytes()
SECOND = CLIP + b"\0\0\0\x09free\x01"


class Relay:
    """New API's own form, as its document has it: `data.videos`."""

    def __init__(self) -> None:
        self.posts = 0
        self.second = reply(200, SECOND, {"content-type": "video/mp4"})
        self.server = Server(self._answer)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST":
            self.posts += 1
            answer = reply(200, {"id": "task_1", "status": "queued"})
        elif request.target.endswith("/first.mp4"):
            answer = reply(200, CLIP, {"content-type": "video/mp4"})
        elif request.target.endswith("/second.mp4"):
            answer = self.second
        else:
            links = [{"url": f"{self.server.url}/{name}.mp4"} for name in ("first", "second")]
            answer = reply(200, {"id": "task_1", "state": "succeeded", "progress": 100, "data": {"videos": links}})
        writer.write(answer)
        await writer.drain()


@pytest.mark.usefixtures("no_settings")
async def test_the_second_video_is_delivered_too_and_a_broken_one_is_not_given_up(tmp_path: Path) -> None:
    relay = Relay()
    good, relay.second = relay.second, reply(404, {"error": {"message": "gone"}})
    async with relay.server:
        engine = Engine(tmp_path / "home")
        engine.add_profile(
            Profile("relay", provider="newapi", base_url=relay.server.url, auth="none", poll_seconds=0.05)
        )

        def make() -> tuple[Path, ...]:
            request = VideoRequest(Operation.TEXT_TO_VIDEO, "two of one", seconds=10)
            made = engine.generate(request, "relay", Destination(tmp_path / "out"), lambda progress: None).result(60)
            return (made.path, *made.further)

        try:
            with pytest.raises(SoraError) as broken:
                await asyncio.to_thread(make)
            assert broken.value.job_id
            # what could be had is on the disk, and the row is open for the rest
            assert [path.read_bytes() for path in (tmp_path / "out").glob("*.mp4")] == [CLIP]
            relay.second = good
            first, second = await asyncio.to_thread(make)
            assert (first.read_bytes(), second.read_bytes()) == (CLIP, SECOND)
            assert json.loads(second.with_suffix(".json").read_text("utf-8"))["output"] == 2
            assert relay.posts == 1
        finally:
            await asyncio.to_thread(engine.close)
