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
from _recipes import KEY, Recipe
from _suite import Case, keys, scenarios_of
from _wire import Line

from sora_core.models import Upload

CLIP = Path(__file__).parent / "cassettes" / "clip.mp4"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames or metafunc.cls is None:
        return
    marker = metafunc.definition.get_closest_marker("needs")
    need = marker.args[0] if marker else ""
    recipes = [each for each in metafunc.cls.recipes() if not need or need in each.can]
    recipes = [each for each in recipes if metafunc.cls.plays(each, metafunc.function.__name__)]
    metafunc.parametrize("recipe", recipes, ids=[each.title for each in recipes], indirect=True, scope="class")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What no recipe can is not there, rather than skipped."""
    items[:] = [item for item in items if not _stands_for_none(item)]


def _stands_for_none(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and "recipe" in call.params and not isinstance(call.params["recipe"], Recipe)


@pytest.fixture(scope="class")
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.param


@pytest.fixture(scope="session")
def clip() -> bytes:
    return CLIP.read_bytes()


@pytest.fixture(scope="class")
def peer(
    request: pytest.FixtureRequest, recipe: Recipe, clip: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Peer]:
    assert request.cls
    peer = request.cls.peer(recipe, tmp_path_factory.mktemp(recipe.title), clip, request)
    yield peer
    peer.close()


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
        if isinstance(wire, Line) and request.config.getoption("--record"):
            _record(request, recipe, peer, wire, name)


def _record(request: pytest.FixtureRequest, recipe: Recipe, peer: Peer, wire: Line, name: str) -> None:
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
