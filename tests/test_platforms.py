"""What is promised for Windows and macOS, as far as it can be held to here: names by a table, locks in one place, no
call that only one system has.

docs/platforms.md says the rest.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sora_core.files.names import windows_refuses

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for folder in ("sora_core", "nodes") for path in (ROOT / folder).rglob("*.py"))
# modules that one system has -> where each may be imported, behind one interface
ONE_SYSTEM = {
    "fcntl": {"sora_core/files/locks.py", "sora_core/ledger/recovery.py"},
    "msvcrt": {"sora_core/files/locks.py"},
    **{name: set() for name in ("pwd", "grp", "resource", "termios", "winreg", "ctypes")},
}
NOT_EVERYWHERE = {"fork", "forkpty", "setsid", "getuid", "geteuid", "killpg", "getpgid", "chown", "mkfifo", "uname"}


@pytest.mark.parametrize(
    ("stem", "wrong"),
    [
        ("a lighthouse", ""),
        ("灯塔 🌊", ""),
        ("a.b.c", ""),
        ("con", "con"),
        ("CON", "CON"),
        ("nul.sora", "nul"),
        ("aux .x", "aux"),
        ("COM1", "COM1"),
        ("com¹", "com¹"),
        ("LPT9", "LPT9"),
        ("CONIN$", "CONIN$"),
        ("console", ""),
        ("com10", ""),
        ("my con", ""),
        ("what?", "?"),
        ("a<b>c", "< >"),
        ("12:30", ":"),
        ("a\tb", "U+0009"),
        ("a/b\\c", "/ \\"),
        ('say "hi"', '"'),
    ],
)
def test_a_name_that_windows_refuses_is_known(stem, wrong):
    assert windows_refuses(stem) == wrong


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}


def test_modules_of_one_system_stay_behind_one_interface():
    offenders = [
        f"{name} imports {module}"
        for name, tree in trees()
        for module in imported(tree) & ONE_SYSTEM.keys()
        if name not in ONE_SYSTEM[module]
    ]
    assert offenders == []


def test_nothing_is_called_that_only_some_systems_have():
    offenders = [
        f"{name}:{node.lineno} os.{node.attr}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        if node.attr in NOT_EVERYWHERE
    ]
    assert offenders == []


def test_no_process_is_forked():
    assert [name for name, tree in trees() if any("multiprocessing" in each for each in imported(tree))] == []


def test_text_files_are_read_and_written_in_one_encoding():
    """What the system's own is differs: a name in Chinese would be lost."""
    needed = {"read_text": 1, "write_text": 2}  # how many arguments there are with the encoding
    offenders = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if len(node.args) + len(node.keywords) < needed.get(node.func.attr, 0)
    ]
    assert offenders == []
