"""What `--help` says, and docs/command.md repeats: every option, with what it is when it is not given."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
from _command import ROOT

from sora_core import cli

PAGES = [ROOT / "docs" / "command.md", ROOT / "docs" / "zh" / "command.md"]


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def options() -> list[argparse.Action]:
    every = [action for parser in parsers(cli._parser()) for action in parser._actions]
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
