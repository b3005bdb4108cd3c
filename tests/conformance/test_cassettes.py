"""The suite over what real servers said: every recipe of every server whose cassette is here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from _cassette import FOLDER, Cassette
from _peers import Peer, Recorded, cassette_path
from _servers import SERVERS

from sora_core.conformance.recipes import Recipe
from sora_core.conformance.suite import Conformance


class TestCassettes(Conformance):
    @staticmethod
    def recipes() -> Sequence[Recipe]:
        known = [recipe for kind in SERVERS.values() for recipe in kind.recipes]
        return [recipe for recipe in known if cassette_path(FOLDER, recipe).exists()]

    @staticmethod
    def plays(recipe: Recipe, test: str) -> bool:
        found = Cassette.load(cassette_path(FOLDER, recipe)).scenarios.get(test.removeprefix("test_"))
        return found is not None and found.outcome == "passed"

    @staticmethod
    def peer(recipe: Recipe, folder: Path, request: pytest.FixtureRequest) -> Peer:
        return Recorded(Cassette.load(cassette_path(FOLDER, recipe)), request.getfixturevalue("clip"))
