"""The suite over the real HTTP layers of servers from PyPI; those that install quickly run whenever tests run.

`scripts/servers NAME` runs one of them, whichever it is, and records its cassettes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from _environment import NotInstalled
from _peers import Peer, RealServer
from _servers import SERVERS

from sora_core.conformance.recipes import Recipe
from sora_core.conformance.suite import Conformance

pytestmark = pytest.mark.slow
_ASKED = os.environ.get("CONFORMANCE_SERVERS", "").split()


class TestRealServers(Conformance):
    @staticmethod
    def recipes() -> Sequence[Recipe]:
        chosen = [kind for kind in SERVERS.values() if (kind.name in _ASKED if _ASKED else kind.quick)]
        return [recipe for kind in chosen for recipe in kind.recipes]

    @staticmethod
    def plays(recipe: Recipe, test: str) -> bool:
        return True

    @staticmethod
    def peer(recipe: Recipe, folder: Path, request: pytest.FixtureRequest) -> Peer:
        try:
            return RealServer(SERVERS[recipe.name], folder, request.getfixturevalue("clip"))
        except NotInstalled as error:
            pytest.skip(f"NOT TESTED: {error}")
