"""The suite over the gateway, as it plays every other protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from _gateway_recipes import gateway_recipes
from _peers import Peer, PreviewGateway

from sora_core.conformance.recipes import Recipe
from sora_core.conformance.suite import Conformance


class TestGatewayRelays(Conformance):
    @staticmethod
    def recipes() -> Sequence[Recipe]:
        return [recipe for recipe in gateway_recipes() if recipe.provider != "openai"]

    @staticmethod
    def plays(recipe: Recipe, test: str) -> bool:
        return True

    @staticmethod
    def peer(recipe: Recipe, folder: Path, request: pytest.FixtureRequest) -> Peer:
        return PreviewGateway(request.getfixturevalue("preview_gateway"))
