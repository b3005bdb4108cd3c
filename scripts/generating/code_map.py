"""The map of the code: a line for each room, from the first lines of its modules."""

from __future__ import annotations

import ast
from pathlib import Path

from . import ROOT

LAST = ("__main__", "__init__")  # read by their package's first line


def first_line(module: Path) -> str:
    text = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return text.splitlines()[0] if text else ""


def text() -> str:
    """A line for each room and each module of the root: its name, its first line, the modules in it."""
    lines = []
    for package in ("sora_core", "nodes"):
        home = ROOT / package
        lines.append(f"- `{package}/`: {first_line(home / '__init__.py')}")
        for module in sorted(home.glob("*.py")):
            if module.stem not in LAST and package == "sora_core":
                lines.append(f"  - `{module.name}`: {first_line(module)}")
        for init in sorted(home.glob("*/__init__.py")):
            lines.append(f"  - `{init.parent.name}/`: {first_line(init)} {contents(init.parent)}".rstrip())
        if package == "nodes":
            lines.append(f"  - {contents(home)}")
    return "\n".join(lines)


def contents(folder: Path) -> str:
    modules = [path.stem for path in sorted(folder.glob("*.py")) if path.stem not in LAST]
    packages = [f"{path.parent.name}/" for path in sorted(folder.glob("*/__init__.py"))]
    return ", ".join(f"`{name}`" for name in (*packages, *modules))
