"""The pack as it is shipped: one version, one list of needs, files where tools look for them."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import sora_core

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACK = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((PACK / "pyproject.toml").read_text("utf-8"))
SOURCES = sorted(
    path
    for folder in ("sora_core", "nodes")
    for path in (PACK / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)


def _requirements(name: str) -> list[str]:
    lines = (line.split("#")[0].strip() for line in (PACK / name).read_text("utf-8").splitlines())
    return [line for line in lines if line]


def test_the_two_lists_of_needs_are_one():
    assert _requirements("requirements.txt") == PROJECT["project"]["dependencies"]


@pytest.mark.parametrize("need", PROJECT["project"]["dependencies"])
def test_a_need_has_a_lower_bound_and_no_upper_one(need):
    bounds = need.split(";")[0]
    assert ">=" in bounds
    assert not re.search(r"<|==|~=|!=|@", bounds)


def test_every_third_party_import_is_a_need():
    names = {"pillow": "PIL", "pycryptodome": "Crypto"}
    needs = {re.split(r"[\[<>=!~; ]", need)[0].lower() for need in PROJECT["project"]["dependencies"]}
    allowed = {names.get(need, need) for need in needs}
    allowed |= {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server"}
    used: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                used.add((node.module or "").split(".")[0])
    assert used - set(sys.stdlib_module_names) <= allowed


def test_there_is_one_version():
    assert sora_core.__version__ == PROJECT["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", sora_core.__version__)


def test_the_command_is_where_the_project_says():
    module, _, function = PROJECT["project"]["scripts"]["sora-video"].partition(":")
    place = PACK / module.replace(".", "/")
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    defined = {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}
    assert function in defined


def test_every_package_has_its_init():
    for path in SOURCES:
        folder = path.parent
        while folder != PACK:
            assert (folder / "__init__.py").is_file(), folder
            folder = folder.parent


def test_files_that_the_project_names_are_there():
    assert all((PACK / name).is_file() for name in PROJECT["project"]["license-files"])
    assert (PACK / PROJECT["project"]["readme"]).is_file()
    assert (PACK / "sora_core" / "py.typed").is_file()


def test_the_root_of_the_pack_says_entrypoint_and_web_folder_and_nothing_else():
    tree = ast.parse((PACK / "__init__.py").read_text("utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert names == {"WEB_DIRECTORY", "__all__"}
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACK)))
class TestEverySource:
    def test_has_a_docstring(self, path):
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))

    def test_is_small(self, path):
        assert len(path.read_text("utf-8").splitlines()) < 600

    def test_has_no_bare_or_silent_except_and_prints_only_in_the_command(self, path):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print" or "cli" in path.parts

    def test_runs_on_the_oldest_python(self, path):
        ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
