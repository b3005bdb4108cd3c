"""Fixtures that the tests of several files share. A file that needs another one under the same name defines it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from _client import Client
from _command import Command, forget_settings
from _gateway import GatewayProcess
from _postgres import MISSING, programs
from PIL import Image

from sora_core.models import Upload


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if programs() is None:
        terminalreporter.section("NO POSTGRESQL FOUND", sep="!", red=True)
        terminalreporter.line(f"{MISSING}.")


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
