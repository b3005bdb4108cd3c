"""docs/command.md and docs/zh/command.md: every command with its flags, from the parser.

What a command does is its description, or what `locales/<language>/command.json` says where a page has room for more.
What a flag does is its help; `locales/zh/flags.json` has the Chinese of each.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Iterator

from sora_core.cli._parser import parser_of

from . import ROOT
from .parts import filled
from .texts import as_json

PAGES = {"en": "docs/command.md", "zh": "docs/zh/command.md"}
FLAGS = "locales/zh/flags.json"
_HEADS = {"en": ("Command", "What it does", "Flags"), "zh": ("命令", "作用", "选项")}
_REQUIRED = {"en": "required", "zh": "必填"}


def commands(
    parser: argparse.ArgumentParser | None = None, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be given, with its parser: ("profiles add", …)."""
    parser = parser or parser_of()
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name, parser
    for action in inner:
        for word, child in action.choices.items():
            yield from commands(child, f"{name} {word}".strip())


@functools.cache
def said(language: str) -> dict[str, str]:
    return json.loads((ROOT / "locales" / language / "command.json").read_text("utf-8"))


@functools.cache
def flags() -> dict[str, str]:
    """The Chinese by the English."""
    return json.loads((ROOT / FLAGS).read_text("utf-8"))


def helps() -> list[str]:
    """What the flags say of themselves, each sentence once."""
    every = (action for _, parser in commands() for action in _flags(parser))
    return list(dict.fromkeys(action.help or "" for action in every))


def missing() -> list[str]:
    named = [f"locales/zh/command.json: {name}" for name, _ in commands() if name not in said("zh")]
    return named + [f"{FLAGS}: {each}" for each in helps() if each not in flags()]


def table(language: str) -> str:
    lines = [_HEADS[language], ("---", "---", "---")]
    for name, parser in sorted(commands()):
        shown = " ".join(
            [name, *(action.metavar or action.dest for action in parser._actions if not action.option_strings)]
        )
        does = said(language).get(name) or f"{(parser.description or '').capitalize()}."
        told = (_flag(parser, action, language) for action in _flags(parser))
        lines.append((f"`{shown}`", does, "<br>".join(told)))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _flags(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings and action.dest != "help"]


def _flag(parser: argparse.ArgumentParser, action: argparse.Action, language: str) -> str:
    value = "\\|".join(map(str, action.choices or ())) or action.metavar or action.dest.upper()
    names = " / ".join(f"`{name}{'' if action.nargs == 0 else f' {value}'}`" for name in action.option_strings)
    english = action.help or ""
    words = (english if language == "en" else flags().get(english, english)) % vars(action)
    return f"{names}{'：' if language == 'zh' else ': '}{words}" + (
        f" ({_REQUIRED[language]})" if action.required else ""
    )


def files() -> Iterator[tuple[str, str]]:
    for language, name in PAGES.items():
        yield name, filled((ROOT / name).read_text("utf-8"), {"commands": functools.partial(table, language)})
    yield FLAGS, as_json({each: flags()[each] for each in helps() if each in flags()})
