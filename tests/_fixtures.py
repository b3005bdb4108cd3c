"""Fixtures that the tests of several files share. A file that needs another one under the same name defines it."""

from __future__ import annotations

import io
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _client import Client
from _command import Command, forget_settings
from _gateway import GatewayProcess
from _postgres import MISSING, programs
from PIL import Image

from sora_core.ledger.postgres import Postgres
from sora_core.ledger.sqlite import Sqlite
from sora_core.models import Upload


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if programs() is None:
        terminalreporter.section("NO POSTGRESQL FOUND", sep="!", red=True)
        terminalreporter.line(f"{MISSING}.")


@pytest.fixture(autouse=True)
def no_ledger_work_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk, a lock or a database that is away must not hold up every job: its thread does what the ledger is asked.

    What is read of an answer that is still coming is the one thing that goes to the disk where it is read.
    """
    found: list[str] = []
    for database in (Sqlite, Postgres):
        for name in ("read", "change"):
            monkeypatch.setattr(database, name, _watched(getattr(database, name), found))
    yield
    assert not found, "the ledger was asked in the engine's loop:\n" + "\n".join(found)


def _watched(method: Callable[..., Any], found: list[str]) -> Callable[..., Any]:
    def watched(*arguments: Any) -> Any:
        if threading.current_thread().name == "sora-engine":
            stack = traceback.extract_stack()[:-1]
            if not any(frame.name == "_record_early" for frame in stack):
                found.append("".join(traceback.format_list(stack[-6:])))
        return method(*arguments)

    return watched


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    """One for all tests of a file, without a key."""
    with GatewayProcess(speed=40) as gateway:
        yield gateway


@pytest.fixture
def command(tmp_path: Path, gateway: GatewayProcess) -> Iterator[Command]:
    """Without a profile; the gateway's faults go with it."""
    yield Command(tmp_path)
    gateway.fault()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """For engines in the process of the tests."""
    forget_settings(monkeypatch)


@pytest.fixture
def no_faults(client: Client) -> None:
    """For a client that a whole file shares: the faults of the test before are gone."""
    client.gateway.fault()


@pytest.fixture(scope="session")
def picture() -> Upload:
    """A red PNG."""
    file = io.BytesIO()
    Image.new("RGB", (128, 96), (200, 30, 30)).save(file, "PNG")
    return Upload(file.getvalue(), "image/png", "reference.png")
