"""The lists of inputs and outputs in the nodes' help pages.

A line says what the tooltip says, or what `locales/<language>/help.json` says instead where a page has room for more.
Everything around the lists is written by hand.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import ROOT
from .texts import all_texts

HEADINGS = {"en": {"inputs": "Inputs", "outputs": "Outputs"}, "zh": {"inputs": "输入", "outputs": "输出"}}


@functools.cache
def more(language: str) -> dict[str, dict[str, str]]:
    """By kind and id, or "SoraVideo_Node.id" where it holds for one node only."""
    return json.loads((ROOT / "locales" / language / "help.json").read_text("utf-8"))


def lines(language: str, node: str, kind: str) -> list[str]:
    ids = [each["name"] for each in all_texts()["en"][node][kind].values()]
    return [
        _line(language, node, kind, name, text)
        for name, text in zip(ids, all_texts()[language][node][kind].values(), strict=True)
    ]


def _line(language: str, node: str, kind: str, name: str, text: Mapping[str, Any]) -> str:
    said = more(language)[kind]
    explained = said.get(f"{node}.{name}") or said.get(name) or text["tooltip"]
    return f"- `{name}`: {explained}" if language == "en" else f"- {text['name']} `{name}`：{explained}"


def filled(page: str, heading: str, made: list[str]) -> str:
    """The page with the first list below the heading replaced."""
    pattern = re.compile(rf"^(## {heading}\n\n?)((?:- .*\n)*)", re.MULTILINE)
    page = pattern.sub(lambda found: found[1] + "".join(f"{line}\n" for line in made), page, count=1)
    return re.sub(r"^(- .*\n)(?=## )", r"\1\n", page, flags=re.MULTILINE)  # where there was no list yet


def files() -> Iterator[tuple[str, str]]:
    for language, headings in HEADINGS.items():
        for node in all_texts()["en"]:
            name = f"web/docs/{node}/{language}.md"
            if not (ROOT / name).exists():
                continue  # tests/test_locales.py asks for it
            page = (ROOT / name).read_text("utf-8")
            for kind, heading in headings.items():
                page = filled(page, heading, lines(language, node, kind))
            yield name, page
