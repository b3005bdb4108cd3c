"""Runs the suite: each test for each recipe that can what it needs; records cassettes when asked to."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from _cassette import FOLDER, Cassette, Scenario
from _command import forget_settings
from _gateway import GatewayProcess
from _peers import SECRETS, Peer, cassette_path
from _wire import RecordingLine

from sora_core.conformance.plugin import (  # noqa: F401 (pytest finds them here)
    peer_,
    pytest_collection_modifyitems,
    pytest_generate_tests,
    recipe_,
)
from sora_core.conformance.recipes import KEY, Recipe
from sora_core.conformance.suite import Case, keys, scenarios_of
from sora_core.models import Upload

CLIP = Path(__file__).parent / "cassettes" / "clip.mp4"


@pytest.fixture(scope="session")
def clip() -> bytes:
    return CLIP.read_bytes()


@pytest.fixture(scope="module")
def preview_gateway() -> Iterator[GatewayProcess]:
    """One for all recipes, with the suite's key."""
    with GatewayProcess(speed=200, key=KEY) as gateway:
        yield gateway


@pytest.fixture
def case(
    request: pytest.FixtureRequest,
    peer: Peer,
    recipe: Recipe,
    picture: Upload,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Case]:
    forget_settings(monkeypatch)
    keys(monkeypatch)
    name = request.node.originalname.removeprefix("test_")
    secrets = {**SECRETS, base64.b64encode(picture.data).decode("ascii"): "@picture"}
    with peer.line(name, secrets) as wire:
        case = Case(recipe, peer, wire, tmp_path)
        yield case
        case.close()
        if isinstance(wire, RecordingLine) and request.config.getoption("--record"):
            _record(request, recipe, peer, wire, name)


def _record(request: pytest.FixtureRequest, recipe: Recipe, peer: Peer, wire: RecordingLine, name: str) -> None:
    kind = peer.kind
    if kind is None:
        return
    path = cassette_path(FOLDER, recipe)
    fresh = Cassette(kind.package, kind.release, recipe.dialect, recipe.variant)
    cassette = Cassette.load(path) if path.exists() else fresh
    if cassette.release != kind.release:
        cassette = fresh
    cassette.recorded = date.today().isoformat()
    failed = getattr(request.node, "failed", False)
    cassette.scenarios[name] = Scenario("failed" if failed else "passed", wire.exchanges, peer.journal())
    kept = scenarios_of(recipe)
    cassette.scenarios = {each: cassette.scenarios[each] for each in sorted(kept & set(cassette.scenarios))}
    cassette.save(path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.failed = report.failed  # for what records it
    return report
