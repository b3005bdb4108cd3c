"""What `--help` says, and docs/command.md repeats: every option, with what it is when it is not given."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from _command import ROOT, Command

from sora_core import cli
from sora_core.cli._parser import COMMANDS, parser_of

PAGES = [ROOT / "docs" / "command.md", ROOT / "docs" / "zh" / "command.md"]


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def options() -> list[argparse.Action]:
    every = [action for parser in parsers(parser_of()) for action in parser._actions]
    return [action for action in every if action.option_strings and action.dest not in ("help", "version")]


def named(option: argparse.Action) -> str:
    return option.option_strings[0]


def test_every_option_says_what_it_is() -> None:
    assert [named(option) for option in options() if not option.help] == []


def test_an_option_that_is_something_when_it_is_not_given_says_what() -> None:
    of_its_own = [option for option in options() if option.default not in (None, "", 0, False, [])]
    assert {named(option) for option in of_its_own} >= {"--profile", "--fit", "--host", "--speed", "--end", "--level"}
    assert [named(option) for option in of_its_own if "default: %(default)s" not in (option.help or "")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_page_shows_the_values_themselves(page) -> None:
    text = page.read_text("utf-8")
    assert "%(" not in text
    assert all(value in text for value in ("127.0.0.1", "preview", "crop", "medium"))


ENOUGH = {  # what a command cannot do without
    "clean": ["x", "--profile", "preview"],
    "image": ["x"],
    "enhance": ["x"],
    "submit": ["x"],
    "resume": ["x"],
    "script": ["x"],
    "cancel": ["x"],
    "forget": ["x"],
    "doctor": ["x"],
    "quota": ["x"],
    "loras": ["x"],
    "conformance": ["x"],
    "ledger": ["copy", "x", "y"],
    "character": ["list"],
    "profiles": ["list"],
    "account": ["show", "--profile", "preview"],
}


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return dict(action.choices)


def test_every_command_of_the_table_is_there_with_what_runs_it() -> None:
    for name in COMMANDS:
        arguments, _ = commands_of(parser_of([name]))[name].parse_known_args(ENOUGH.get(name, []))
        assert callable(arguments.run), name
    imported = [importlib.import_module(f"sora_core.cli.{each.name}") for each in pkgutil.iter_modules(cli.__path__)]
    modules = {module.__name__.rpartition(".")[2] for module in imported if hasattr(module, "add")}
    assert modules == {module for module, _ in COMMANDS.values()}


LOADED = """
import json, sys
from sora_core.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("words", [["--help"], ["jobs", "--json"], ["script", "--help"]], ids=" ".join)
def test_what_needs_no_engine_imports_none(words, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        capture_output=True, text=True, check=True, timeout=60, cwd=ROOT, env=Command(tmp_path).env,
    )  # fmt: skip
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "sora_core.cli" in loaded
    assert not loaded & {"asyncio", "ssl", "sora_core.engine", "sora_core.transport", "sora_core.providers"}
