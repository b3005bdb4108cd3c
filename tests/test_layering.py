"""Imports flow one way. Read off the source, so that an import inside a function counts too."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PACK = TESTS.parent
CORE = PACK / "sora_core"
NODES = PACK / "nodes"

# From the ground up. A module imports from its own storey and from those below.
STOREYS = (
    ("models", "checks", "errors", "clock", "home", "locks", "shots"),
    ("transport",),
    (
        "providers",
        "polling",
        "limits",
        "ledger",
        "database",
        "library",
        "database",
        "library",
        "rows",
        "owners",
        "profiles",
        "credentials",
        "vault",
        "media",
    ),
    ("connection", "deliver", "flight", "flights", "follow", "reconcile", "reporter", "salvage", "spending", "waiter"),
    ("engine",),
    ("cli", "doctor"),
    ("__main__",),
)
GATEWAY_MAY_USE = {"errors", "models", "clock", "shots"}
GATEWAY_IS_STARTED_BY = {"connection", "cli"}
HEAVY = {"torch", "av", "PIL", "numpy", "aiohttp", "Crypto", "httpx"}
HOST = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "server", "nodes", "execution"}
HOST_IN_NODES = {
    "_comfy": {"comfy_api"},
    "_host": {"comfy", "comfy_execution", "folder_paths", "server"},
    "_routes": {"server"},
}


def modules(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(level, dotted name) of every import: "from ..a import b" gives (2, "a.b")."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, ".".join(filter(None, (node.module, alias.name)))) for alias in node.names)


def parts_used(path: Path) -> set[str]:
    """The parts of sora_core (its direct children) that a module of it imports."""
    found = set()
    for level, name in imports(path):
        if level:
            folder = path.parents[level - 1]
            target = (*folder.relative_to(CORE).parts, *name.split("."))
            found.add(target[0] if (CORE / target[0]).exists() or (CORE / f"{target[0]}.py").exists() else "__init__")
    return found


def part_of(path: Path) -> str:
    return path.relative_to(CORE).with_suffix("").parts[0]


def storey(part: str) -> int:
    return next(level for level, parts in enumerate(STOREYS) if part in parts)


CORE_MODULES = [path for path in modules(CORE) if part_of(path) not in ("gateway", "__init__")]


def label(path: Path) -> str:
    return str(path.relative_to(PACK))


def test_the_reader_sees_what_is_imported():
    assert {"transport", "providers", "ledger", "models", "errors"} <= parts_used(CORE / "reconcile.py")
    assert {"transport", "profiles", "providers"} <= parts_used(CORE / "providers" / "_base.py")
    assert "gateway" in parts_used(CORE / "connection.py")


def test_every_part_has_its_storey():
    parts = {part_of(path) for path in modules(CORE)} - {"gateway", "__init__"}
    assert parts == {part for level in STOREYS for part in level}


@pytest.mark.parametrize("path", CORE_MODULES, ids=label)
def test_a_module_imports_from_its_own_storey_and_below(path):
    own = storey(part_of(path))
    for part in parts_used(path) - {"__init__"}:
        if part == "gateway":
            assert part_of(path) in GATEWAY_IS_STARTED_BY
        else:
            assert storey(part) <= own, f"{part} is above"


@pytest.mark.parametrize("path", modules(CORE / "gateway"), ids=label)
def test_the_gateway_knows_nothing_of_the_client(path):
    assert parts_used(path) - {"gateway"} <= GATEWAY_MAY_USE


def test_no_modules_import_each_other_in_a_circle():
    """By part: what is imported when a module is loaded, one of the other."""
    graph: dict[str, set[str]] = {}
    for path in CORE_MODULES:
        top = ast.parse(path.read_text("utf-8")).body
        names = {
            (node.module or alias.name).split(".")[0]
            for node in top
            if isinstance(node, ast.ImportFrom) and node.level == len(path.relative_to(CORE).parts)
            for alias in node.names
        }
        graph.setdefault(part_of(path), set()).update(names - {part_of(path)})
    done: set[str] = set()

    def walk(part: str, trail: tuple[str, ...]) -> None:
        assert part not in trail, " -> ".join((*trail, part))
        if part not in done:
            for target in graph.get(part, ()):
                walk(target, (*trail, part))
            done.add(part)

    for part in graph:
        walk(part, ())


@pytest.mark.parametrize("path", modules(CORE), ids=label)
def test_the_core_knows_nothing_of_comfyui(path):
    assert not {name.split(".")[0] for level, name in imports(path) if level == 0} & HOST


@pytest.mark.parametrize("path", modules(NODES), ids=label)
def test_only_the_hosts_module_and_its_like_import_comfyui(path):
    used = {name.split(".")[0] for level, name in imports(path) if level == 0} & HOST
    assert used <= HOST_IN_NODES.get(path.stem, set())


@pytest.mark.parametrize("path", [*modules(CORE), *modules(NODES), PACK / "__init__.py"], ids=label)
def test_every_import_inside_the_pack_is_relative(path):
    absolute = {name.split(".")[0] for level, name in imports(path) if level == 0}
    assert not absolute & {"sora_core", "nodes", "tests", PACK.name}


@pytest.mark.parametrize("path", modules(NODES), ids=label)
def test_nodes_import_no_transport_and_no_provider(path):
    for level, name in imports(path):
        if level == 2:
            assert name.split(".")[:2] not in (["sora_core", "transport"], ["sora_core", "providers"])


LOADED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import conftest
before = set(sys.modules)
import importlib
importlib.import_module(sys.argv[2])
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


@pytest.mark.parametrize("name", ["sora_core.engine", "sora_core.cli", "sora_core.doctor"])
def test_loading_it_costs_next_to_nothing(name):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(TESTS), name], capture_output=True, text=True, check=True, timeout=60
    )
    assert not set(json.loads(done.stdout)) & HEAVY


THREADS = """
import sys, threading
sys.path.insert(0, sys.argv[1])
import conftest, sora_core.engine
print(threading.active_count())
"""


def test_loading_the_core_starts_nothing_and_touches_no_state(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(TESTS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": "", "SORA_HOME": str(tmp_path / "home"), "SYSTEMROOT": "C:\\Windows"},
    )
    assert done.stdout.strip() == "1"
    assert list(tmp_path.iterdir()) == []
