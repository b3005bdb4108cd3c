"""Reading the documents, for the tests that hold them to the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh.md")
# by language: where each page is
PAGES = {"en": ROOT / "docs", "zh": ROOT / "docs" / "zh"}
IN_BOTH = sorted(path.name for path in PAGES["zh"].glob("*.md"))


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def page(language: str, name: str) -> str:
    return (PAGES[language] / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every `sora-video` line of the shell blocks."""
    for block in blocks(text, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["sora-video"]:
                yield words[1:]


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose header begins with ``first``."""
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def shape(text: str) -> list[str]:
    """What kind of line each is: a heading, a row, an item, a block, text."""
    lines = [line for line in re.sub(r"```.*?```", "```", text, flags=re.DOTALL).splitlines() if line.strip()]
    return [re.match(r"#+|\||- |\d+\. |```|", line.strip())[0] for line in lines]


def examples(text: str) -> list[str]:
    return [re.sub(r"#.*|\".*?\"", "", block) for block in blocks(text, r"\w+")]
