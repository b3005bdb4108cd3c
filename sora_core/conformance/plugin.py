"""Runs the suite in pytest: each test for each recipe that can what it needs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ..models import Upload
from .media import drawn_clip
from .peer import Peer
from .recipes import Recipe
from .suite import Case, keys


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(what): a test of the conformance suite, for recipes that can this")


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


@pytest.fixture(scope="class", name="recipe")
def recipe_(request: pytest.FixtureRequest) -> Recipe:
    found = request.param
    assert isinstance(found, Recipe)
    return found


@pytest.fixture(scope="class", name="peer")
def peer_(request: pytest.FixtureRequest, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    assert request.cls
    peer: Peer = request.cls.peer(recipe, tmp_path_factory.mktemp(recipe.title), request)
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def picture() -> Upload:
    """A red PNG."""
    file = io.BytesIO()
    Image.new("RGB", (128, 96), (200, 30, 30)).save(file, "PNG")
    return Upload(file.getvalue(), "image/png", "reference.png")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """For references."""
    return drawn_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def case(
    request: pytest.FixtureRequest, peer: Peer, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Case]:
    for name in [name for name in os.environ if name.startswith("SORA_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    keys(monkeypatch)
    with peer.line(request.node.originalname.removeprefix("test_"), {}) as wire:
        case = Case(recipe, peer, wire, tmp_path)
        yield case
        case.close()
