"""Whom the client talks to in the conformance suite: a server, or whatever plays one."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .wire import Wire

LOST: tuple[dict[str, Any], ...] = (  # what may come in the place of an answer
    {"do": "drop"},
    {"do": "garbage", "kind": "html"},
    {"do": "garbage", "kind": "bytes"},
    {"do": "status", "status": 504},
)


class Peer(ABC):
    """``hasty``: nothing here takes time, so the client need not wait either."""

    hasty = False
    poll_seconds = 0.3

    @abstractmethod
    def line(self, scenario: str, secrets: Mapping[str, str]) -> contextlib.AbstractContextManager[Wire]:
        """The wire for one test."""

    @abstractmethod
    def journal(self) -> list[dict[str, Any]]:
        """What the engine was asked for since the test began, in order."""

    def charges(self, wire: Wire) -> int:
        """How many requests the server took so far."""
        return wire.taken

    def restart(self) -> None:  # noqa: B027 (a cassette has nothing to restart)
        """The server is ended and started anew."""

    def order(self, fate: str) -> None:  # noqa: B027 (the stub engines read it in the prompt)
        """What shall become of the next job, or answer; see `FATES`."""

    def break_answers(self, how: dict[str, Any]) -> None:
        """What comes in place of the answers to the next create calls, which the server does take."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027
        pass
