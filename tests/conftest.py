"""Loads `sora_core` the way ComfyUI loads a pack: from its folder, never through sys.path.

The root stays off sys.path because its `nodes` package would shadow ComfyUI's.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load_package(name: str, folder: Path) -> None:
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


load_package("sora_core", ROOT / "sora_core")
importlib.import_module("sora_core.texts").command = lambda: "sora-video"  # as where it is installed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="keep what real servers say as cassettes")


# named and not imported: processes that are told to load nothing else import this file too
pytest_plugins = ["_fixtures"]
