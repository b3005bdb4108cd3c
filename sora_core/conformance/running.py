"""`sora-video conformance PACKAGE`: the suite over a package with a provider of its own."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..errors import InvalidRequest
from . import plugin
from .peer import Peer
from .recipes import Recipe
from .suite import Conformance


def of_package(package: str) -> type[Conformance]:
    """The suite for the package's recipes. Raises InvalidRequest when it has none."""
    name = f"{package}.conformance"
    try:
        module = importlib.import_module(name)
        recipes, start = list(module.RECIPES), module.peer
    except (ImportError, AttributeError) as error:
        raise InvalidRequest("conformance.no_recipes", package=package, module=name, error=str(error)) from error

    class TestPackage(Conformance):
        @staticmethod
        def recipes() -> Sequence[Recipe]:
            return recipes

        @staticmethod
        def plays(recipe: Recipe, test: str) -> bool:
            return True

        @staticmethod
        def peer(recipe: Recipe, folder: Path, request: pytest.FixtureRequest) -> Peer:
            found: Peer = start(recipe, folder)
            return found

    return TestPackage


def run(package: str, arguments: Sequence[str] = ()) -> int:
    """pytest's exit code. Raises InvalidRequest when the package has no recipes."""
    of_package(package)
    with tempfile.TemporaryDirectory() as folder:
        # pytest collects files: this one has the suite in it, and no settings of the current folder count
        (Path(folder) / "test_conformance.py").write_text(
            f"from {__name__} import of_package\n\nTestPackage = of_package({package!r})\n", "utf-8"
        )
        settings = Path(folder) / "pytest.ini"
        settings.write_text("[pytest]\n", "utf-8")
        given = [folder, "-c", str(settings), "-p", "no:cacheprovider", *arguments]
        return int(pytest.main(given, plugins=[plugin]))
