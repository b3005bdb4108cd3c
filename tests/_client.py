"""An engine with profiles of one provider, beside the gateway that keeps the books of what was charged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _command import forget_settings
from _gateway import GatewayProcess

from sora_core.conformance.asking import request_of
from sora_core.engine import Engine
from sora_core.errors import JobFailed, SoraError, SubmissionUnknown
from sora_core.jobs.progress import Progress
from sora_core.models import Character, Delivery, Destination, Operation
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import CharacterRequest

LIGHT = "a lighthouse"  # told apart by seeds, of which most protocols know nothing: drawn once
LOST: tuple[dict[str, Any], ...] = (  # what may come in the place of an answer
    {"do": "drop"},
    {"do": "garbage", "kind": "html"},
    {"do": "garbage", "kind": "bytes"},
    {"do": "status", "status": 504},
)


class Client:
    """``profile`` is the one that is meant where none is named. All waits end within a minute."""

    def __init__(self, gateway: GatewayProcess, folder: Path, provider: str, profile: str) -> None:
        self.gateway = gateway
        self.home, self.out = folder / "home", folder / "out"
        self.engine = Engine(self.home)
        self.seen: list[Progress] = []  # of the latest job
        self._provider, self._profile = provider, profile
        self._usual: dict[str, dict[str, Any]] = {}

    def add(
        self, name: str, path: str, *, host: str = "", usual: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        """A profile of the gateway's ``path``, perhaps by way of another ``host``; ``usual`` is what is asked of it
        unless a test says otherwise."""
        facts = {"key_env": "RELAY_KEY", "poll_seconds": 0.1, **settings}
        profile = Profile(name, provider=self._provider, base_url=(host or self.gateway.url) + path, **facts)
        self.engine.profiles.add(profile)  # also one that cannot work
        self.engine.credentials.trust.allow(profile)
        self._usual[name] = usual or {}

    def make(
        self, prompt: str, operation: Operation = Operation.TEXT_TO_VIDEO, profile: str = "", **facts: Any
    ) -> Delivery:
        profile = profile or self._profile
        # a remix has shape and length of its source
        usual = {} if operation is Operation.REMIX else self._usual.get(profile, {})
        self.seen.clear()
        request = request_of(operation, prompt, **{**usual, **facts})
        return self.engine.generate(request, profile, Destination(self.out), self.seen.append).result(60)

    def cast(self, name: str, profile: str = "", **facts: Any) -> Character:
        request = CharacterRequest(**{"end": 2.0, **facts})
        made = self.engine.create_character(request, profile or self._profile, name, lambda progress: None)
        return made.result(60)

    def ordered(self, prompt: str, *arguments: Any, **facts: Any) -> dict[str, Any]:
        """What the books say about a job that was made to fail, so that nothing had to be drawn."""
        self.gateway.fault(*({"on": operation, "do": "fail"} for operation in ("create", "remix")))
        with pytest.raises((JobFailed, SubmissionUnknown)):  # a talk that fails names no job
            self.make(prompt, *arguments, **facts)
        self.gateway.fault()
        return self.last

    def refused(self, prompt: str, *arguments: Any, **facts: Any) -> SoraError:
        with pytest.raises(SoraError) as caught:
            self.make(prompt, *arguments, **facts)
        return caught.value

    @contextlib.contextmanager
    def charging(self, count: int) -> Iterator[None]:
        """What is done meanwhile costs exactly so many submissions."""
        before = self.gateway.charges
        yield
        assert self.gateway.charges == before + count

    @property
    def last(self) -> dict[str, Any]:
        """The latest job in the books."""
        return dict(self.gateway.stats()["jobs"][-1])

    def asked(self, page: str) -> int:
        """How often the gateway was asked for a page, in whatever dialect."""
        counts = self.gateway.stats()["requests"]
        return sum(count for name, count in counts.items() if name.partition(".")[2] == page)


@contextlib.contextmanager
def open_client(
    folders: pytest.TempPathFactory, provider: str, *, key: str, profile: str = "", speed: float = 200, **env: str
) -> Iterator[Client]:
    """The client and its gateway. RELAY_KEY holds the gateway's key, WRONG_KEY another; ``env`` comes on top."""
    with pytest.MonkeyPatch.context() as patch:
        forget_settings(patch)
        for name, value in {"RELAY_KEY": key, "WRONG_KEY": "wrong-key-1234", **env}.items():
            patch.setenv(name, value)
        with GatewayProcess(speed=speed, key=key) as gateway:
            client = Client(gateway, folders.mktemp(provider), provider, profile)
            try:
                yield client
            finally:
                client.engine.close()
