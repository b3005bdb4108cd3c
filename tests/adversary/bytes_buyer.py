"""Someone who orders videos of a server, with a state folder of his own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _clock import HastyClock

from adversary.bytes_server import BytesServer, Habit
from sora_core.engine import Engine
from sora_core.errors import SoraError
from sora_core.models import Delivery, Destination, Operation
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import VideoRequest


class Buyer:
    """Orders of the profile ``p``; its waits are cut short."""

    def __init__(self, folder: Path, server: BytesServer, **settings: Any) -> None:
        self.out = folder / "out"
        self.engine = Engine(folder / "home", clock=HastyClock())
        settings = {"auth": "none", "poll_seconds": 0.1, **settings}
        self.engine.add_profile(Profile("p", base_url=server.url, **settings))

    def buy(self, destination: Destination | None = None, prompt: str = "a cat") -> Delivery:
        request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, model="m", seconds=4)
        place = destination or Destination(self.out)
        return self.engine.generate(request, "p", place, lambda progress: None).result(120)

    def refused(self, destination: Destination | None = None, prompt: str = "a cat") -> SoraError:
        with pytest.raises(SoraError) as caught:
            self.buy(destination, prompt)
        return caught.value

    def resume(self, destination: Destination) -> Delivery:
        job = self.engine.ledger.jobs()[0]
        return self.engine.resume(job.job_id, None, destination, lambda progress: None).result(120)

    def kept(self) -> list[Path]:
        return sorted(self.out.glob("*.damaged.*"))


@contextlib.contextmanager
def bought(folder: Path, whole: bytes, habit: Habit, **settings: Any) -> Iterator[tuple[Buyer, BytesServer]]:
    server = BytesServer(whole, habit)
    buyer = Buyer(folder, server, **settings)
    try:
        yield buyer, server
    finally:
        buyer.engine.close()
        server.close()
