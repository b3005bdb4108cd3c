"""docs/command.md and docs/zh/command.md: every command with its flags, from the parser.

What a command does is its description, or what `locales/<language>/command.json` says where a page has room for more.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Iterator

from sora_core import cli

from . import ROOT
from .parts import filled

PAGES = {"en": "docs/command.md", "zh": "docs/zh/command.md"}
_HEADS = {"en": ("Command", "What it does", "Flags"), "zh": ("命令", "作用", "选项")}


def commands(
    parser: argparse.ArgumentParser | None = None, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be given, with its parser: ("profiles add", …)."""
    parser = parser or cli._parser()
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name, parser
    for action in inner:
        for word, child in action.choices.items():
            yield from commands(child, f"{name} {word}".strip())


@functools.cache
def said(language: str) -> dict[str, str]:
    return json.loads((ROOT / "locales" / language / "command.json").read_text("utf-8"))


def missing() -> list[str]:
    return [f"locales/zh/command.json: {name}" for name, _ in commands() if name not in said("zh")]


def table(language: str) -> str:
    lines = [_HEADS[language], ("---", "---", "---")]
    for name, parser in sorted(commands()):
        shown = " ".join(
            [name, *(action.metavar or action.dest for action in parser._actions if not action.option_strings)]
        )
        does = said(language).get(name) or f"{(parser.description or '').capitalize()}."
        flags = [_flag(action, language) for action in parser._actions if action.option_strings[:1] != ["-h"]]
        lines.append((f"`{shown}`", does, ("、" if language == "zh" else ", ").join(filter(None, flags))))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _flag(action: argparse.Action, language: str) -> str:
    if not action.option_strings:
        return ""
    value = "\\|".join(map(str, action.choices or ())) or action.metavar or action.dest.upper()
    names = " / ".join(f"`{name}{'' if action.nargs == 0 else f' {value}'}`" for name in action.option_strings)
    return f"{names} ({action.help})" if action.help and language == "en" else names


def files() -> Iterator[tuple[str, str]]:
    for language, name in PAGES.items():
        yield name, filled((ROOT / name).read_text("utf-8"), {"commands": functools.partial(table, language)})
