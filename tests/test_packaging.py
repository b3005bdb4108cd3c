"""The pack as it is shipped: one version, one list of needs, files where tools look for them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
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


EXTRAS = [need for needs in PROJECT["project"]["optional-dependencies"].values() for need in needs]


@pytest.mark.parametrize("need", [*PROJECT["project"]["dependencies"], *EXTRAS])
def test_a_need_has_a_lower_bound_and_no_upper_one(need):
    bounds = need.split(";")[0]
    assert ">=" in bounds
    assert not re.search(r"<|==|~=|!=|@", bounds)


def test_every_third_party_import_is_a_need():
    names = {"pillow": "PIL", "pycryptodome": "Crypto"}
    wanted = [*PROJECT["project"]["dependencies"], *EXTRAS]
    needs = {re.split(r"[\[<>=!~; ]", need)[0].lower() for need in wanted}
    allowed = {names.get(need, need) for need in needs}
    allowed |= {"tomllib", "comfy", "comfy_api", "comfy_execution", "folder_paths", "server"}
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


def label(path: Path) -> str:
    return path.relative_to(PACK).as_posix()


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        # parsed as the oldest Python would, which refuses what only newer ones know
        yield path, ast.parse(path.read_text("utf-8"), filename=label(path), feature_version=(3, 10))


def test_every_source_has_a_docstring():
    assert [label(path) for path, tree in trees() if not ast.get_docstring(tree)] == []


def test_every_source_is_small():
    assert [label(path) for path in SOURCES if len(path.read_text("utf-8").splitlines()) >= 600] == []


def hides(handler: ast.ExceptHandler) -> bool:
    """Whether it catches everything and drops it, or everything there is."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    is_broad = any(isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException") for kind in kinds)
    is_silent = all(isinstance(each, (ast.Pass, ast.Continue)) for each in handler.body)
    return handler.type is None or (is_broad and is_silent)


@pytest.mark.parametrize(
    ("handler", "is_hidden"),
    [
        ("except: raise", True),
        ("except Exception: pass", True),
        ("except (OSError, BaseException): pass", True),
        ("except Exception as error: log(error)", False),
        ("except OSError: pass", False),
    ],
)
def test_a_handler_that_hides_is_known(handler, is_hidden):
    [node] = ast.parse(f"try: work()\n{handler}").body[0].handlers
    assert hides(node) is is_hidden


def test_no_source_hides_an_exception():
    offenders = [
        f"{label(path)}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and hides(node)
    ]
    assert offenders == []


def test_only_the_command_prints():
    offenders = [
        f"{label(path)}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        if "cli" not in path.parts
    ]
    assert offenders == []


def test_every_package_and_the_texts_are_installed():
    """The texts lie at the root, where ComfyUI wants its own, and are installed as a part of the client."""
    packages = {label(path.parent).replace("/", ".") for path in SOURCES if path.name == "__init__.py"}
    named = set(PROJECT["tool"]["setuptools"]["packages"])
    assert named == {name for name in packages if name.startswith("sora_core")} | {"sora_core.locales"}
    assert list((PACK / PROJECT["tool"]["setuptools"]["package-dir"]["sora_core.locales"]).glob("*/errors.json"))
