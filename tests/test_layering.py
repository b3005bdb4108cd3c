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

# From the ground up. A room imports from the rooms below it; those on one floor know nothing of each other.
FLOORS = (
    ("texts", "secret_words", "logs", "urls"),
    ("redaction",),
    ("models", "errors", "clock", "files"),
    ("requests", "transport"),
    ("profiles",),
    ("ledger", "media"),
    ("providers",),
    ("connections",),
    ("jobs",),
    ("engine",),
    ("doctor",),
    ("conformance",),
    ("cli",),
    ("__main__",),
)
ON_ONE_FLOOR = {("files", "errors"), ("files", "models")}  # which of it may use the other
GATEWAY_MAY_USE = {"errors", "models", "clock", "requests"}
GATEWAY_IS_STARTED_BY = {"connections", "cli"}
HEAVY = {"torch", "av", "PIL", "numpy", "aiohttp", "Crypto", "httpx"}
HOST = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "server", "nodes", "execution"}
HOST_IN_NODES = {
    "_comfy": {"comfy_api"},
    "_host": {"comfy", "comfy_execution", "folder_paths", "server"},
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


def rooms_used(path: Path) -> set[str]:
    """The rooms of sora_core (its direct children) that a module of it imports."""
    found = set()
    for level, name in imports(path):
        if level:
            folder = path.parents[level - 1]
            target = (*folder.relative_to(CORE).parts, *name.split("."))
            found.add(target[0] if (CORE / target[0]).exists() or (CORE / f"{target[0]}.py").exists() else "__init__")
    return found - {"__init__"}


def room_of(path: Path) -> str:
    return path.relative_to(CORE).with_suffix("").parts[0]


def floor(room: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room in rooms)


def label(path: Path) -> str:
    return path.relative_to(PACK).as_posix()


CLIENT = [path for path in modules(CORE) if room_of(path) not in ("gateway", "__init__")]


def test_the_reader_sees_what_is_imported():
    assert {"transport", "providers", "ledger", "models", "errors"} <= rooms_used(CORE / "jobs" / "reconcile.py")
    assert {"transport", "profiles"} <= rooms_used(CORE / "providers" / "_base.py")
    assert "gateway" in rooms_used(CORE / "connections" / "connection.py")


def test_every_room_has_its_floor():
    assert {room_of(path) for path in CLIENT} == {room for rooms in FLOORS for room in rooms}


def test_a_room_imports_from_the_rooms_below_it():
    offenders = [
        f"{label(path)} uses {room}"
        for path in CLIENT
        for room in rooms_used(path) - {room_of(path), "gateway"}
        if floor(room) >= floor(room_of(path)) and (room_of(path), room) not in ON_ONE_FLOOR
    ]
    assert offenders == []


def test_the_gateway_is_started_by_two_rooms_and_knows_nothing_of_the_client():
    offenders = [
        label(path) for path in CLIENT if "gateway" in rooms_used(path) and room_of(path) not in GATEWAY_IS_STARTED_BY
    ]
    offenders += [
        f"{label(path)} uses {room}"
        for path in modules(CORE / "gateway")
        for room in rooms_used(path) - {"gateway"} - GATEWAY_MAY_USE
    ]
    assert offenders == []


def test_no_modules_import_each_other_in_a_circle():
    """By module: what is imported when one is loaded."""
    graph: dict[Path, set[Path]] = {}
    for path in modules(CORE):
        graph[path] = set()
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                for alias in node.names:
                    for target in (
                        (base / alias.name).with_suffix(".py"),
                        base.with_suffix(".py"),
                        base / "__init__.py",
                    ):
                        if target.is_file() and target != path:
                            graph[path].add(target)
                            break
    done: set[Path] = set()

    def walk(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, " -> ".join(map(label, (*trail, path)))
        if path not in done:
            for target in graph.get(path, ()):
                walk(target, (*trail, path))
            done.add(path)

    for path in graph:
        walk(path, ())


def test_the_core_knows_nothing_of_comfyui():
    offenders = [
        f"{label(path)} imports {name}"
        for path in modules(CORE)
        for level, name in imports(path)
        if level == 0 and name.split(".")[0] in HOST
    ]
    assert offenders == []


def test_two_modules_of_the_nodes_import_comfyui():
    offenders = [
        f"{label(path)} imports {name}"
        for path in modules(NODES)
        for level, name in imports(path)
        if level == 0 and name.split(".")[0] in HOST - HOST_IN_NODES.get(path.stem, set())
    ]
    assert offenders == []


def test_every_import_inside_the_pack_is_relative():
    own = {"sora_core", "nodes", "tests"} | ({PACK.name} - HOST)  # the folder can have any name
    offenders = [
        f"{label(path)} imports {name}"
        for path in [*modules(CORE), *modules(NODES), PACK / "__init__.py"]
        for level, name in imports(path)
        if level == 0 and name.split(".")[0] in own
    ]
    assert offenders == []


def test_nodes_import_no_transport_and_no_provider():
    offenders = [
        f"{label(path)} imports {name}"
        for path in modules(NODES)
        for level, name in imports(path)
        if level >= 2 and name.startswith(("sora_core.transport", "sora_core.providers"))
    ]
    assert offenders == []


LOADED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import conftest
before = set(sys.modules)
import importlib
importlib.import_module(sys.argv[2])
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


@pytest.mark.parametrize("name", ["sora_core.engine", "sora_core.cli._generate", "sora_core.cli._profiles"])
def test_loading_it_costs_next_to_nothing(name):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(TESTS), name], capture_output=True, text=True, check=True, timeout=120
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
        timeout=120,
        cwd=tmp_path,
        env={"PATH": "", "SORA_HOME": str(tmp_path / "home"), "SYSTEMROOT": "C:\\Windows"},
    )
    assert done.stdout.strip() == "1"
    assert list(tmp_path.iterdir()) == []
