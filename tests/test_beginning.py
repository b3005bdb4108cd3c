"""`scripts/new` writes what its pages say, in so many files, and what it writes works."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from beginning import COMMANDS, FILES, RECIPES, ROOT, begin, filled

# how many files a newcomer writes or changes by hand
AIMS = {"provider": 4, "node": 5, "command": 3}
TREE = ("nodes", "sora_core", "tests", "locales", "web", "scripts", "docs", "__init__.py", "pyproject.toml")
PAGES = ("README.md", "README.zh.md", "CONTRIBUTING.md", "LICENSE", "requirements.txt")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree, in which one of each was begun."""
    root = tmp_path_factory.mktemp("copy") / "pack"
    root.mkdir()
    for name in (*TREE, *PAGES):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "vectors"))
        else:
            shutil.copy(source, root / name)
    return root


def run(root: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def begun(copy: Path) -> dict[str, list[str]]:
    made = {
        "provider": begin("provider", "acme", root=copy),
        "node": begin("node", "slow_motion", "Sora 慢动作", root=copy),
        "command": begin("command", "history", root=copy),
    }
    run(copy / "scripts", "-m", "generating")
    return made


@pytest.mark.parametrize("kind", AIMS)
def test_it_takes_so_many_files(begun, kind):
    assert len(begun[kind]) == AIMS[kind]


def test_what_is_written_is_formatted_and_passes_the_linter(begun, copy):
    written = [name for names in begun.values() for name in names if name.endswith(".py")]
    run(copy, "-m", "ruff", "format", "--check", *written)
    run(copy, "-m", "ruff", "check", *written)


def test_it_is_in_the_pages_that_are_generated(begun, copy):
    assert "`acme`" in (copy / "README.md").read_text("utf-8")
    assert "*Sora Slow Motion*" in (copy / "README.md").read_text("utf-8")
    assert "*Sora 慢动作*" in (copy / "README.zh.md").read_text("utf-8")
    assert "| `history` |" in (copy / "docs" / "command.md").read_text("utf-8")
    assert "| acme |" in (copy / "docs" / "providers.md").read_text("utf-8")


def test_the_tests_that_come_with_it_pass_and_so_do_those_that_hold_for_all(begun, copy):
    tests = ["tests/providers/test_acme.py", "tests/cli/test_history.py", "tests/test_locales.py"]
    rules = ["tests/test_layering.py", "tests/test_packaging.py", "tests/test_common_inputs.py"]
    tests += ["tests/conformance/test_gateway_relays.py"]
    only = "not TestGatewayRelays or acme"
    told = run(
        copy, "-m", "pytest", "-c", "tests/pytest.ini", "-q", "-p", "no:cacheprovider", "-k", only, *tests, *rules
    )
    assert "failed" not in told


@pytest.mark.parametrize("kind", FILES)
def test_nothing_is_written_over(begun, copy, kind):
    name = {"provider": "acme", "node": "slow_motion", "command": "history"}[kind]
    with pytest.raises(SystemExit, match="there already"):
        begin(kind, name, "中", root=copy)


def test_words_of_a_template_are_filled_in():
    assert filled("Name_ name_ Title_ CHINESE_", "slow_motion", "慢") == "SlowMotion slow_motion Sora Slow Motion 慢"


@pytest.mark.parametrize("table", [RECIPES, COMMANDS])
def test_in_a_table_it_is_one_line(table, begun, copy):
    before, after = (root / table for root in (ROOT, copy))
    assert len(after.read_text("utf-8").splitlines()) == len(before.read_text("utf-8").splitlines()) + 1
