"""docs/coverage: what the documents of the providers name, who does it here, and which test says so.

`tests/documents/NAME.json` holds what the document names (`scripts/document_rows`), `NAME.toml` who does it: the first
row of the same kind that has the name, and whose chapters hold the document's, answers for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tomlkit

from . import ROOT

HOME = ROOT / "tests" / "documents"
PROVIDERS = ("apiyi", "newapi", "shenma", "skyriff", "sora_web")


@dataclass(frozen=True)
class Named:
    """What the document names, in which chapter; ``kind`` is endpoint, field, header, status, error, model, …"""

    chapter: str
    kind: str
    name: str

    @property
    def short(self) -> str:
        """The last part of a path of fields, an error's code without its HTTP status."""
        last = self.name.rpartition(" ")[2] if self.kind == "error" else self.name.rpartition(".")[2]
        return last.removesuffix("[]")


@dataclass(frozen=True)
class Row:
    """``code`` (below sora_core) and ``word`` (what stands there) are one for all names, or one for each."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    chapters: tuple[str, ...]
    code: tuple[str, ...]
    words: tuple[str, ...]
    test: str
    note: str = ""

    def answers(self, named: Named) -> bool:
        is_there = not self.chapters or any(chapter in named.chapter for chapter in self.chapters)
        return named.kind in self.kinds and named.name in self.names and is_there

    def code_of(self, named: Named) -> str:
        return self._one(self.code, named)

    def word_of(self, named: Named) -> str:
        """What is looked for in the code; "" where the note says why it does not stand there."""
        return self._one(self.words, named) if self.words else "" if self.note else named.short

    def _one(self, values: tuple[str, ...], named: Named) -> str:
        return values[0] if len(values) == 1 else values[self.names.index(named.name)]


def document_of(provider: str) -> list[Named]:
    document = json.loads((HOME / f"{provider}.json").read_text("utf-8"))
    return [Named(**row) for row in document["rows"]]


def table_of(provider: str) -> tuple[str, list[Row]]:
    """Title and rows."""
    table = tomlkit.parse((HOME / f"{provider}.toml").read_text("utf-8")).unwrap()
    return str(table["title"]), [_row(row) for row in table["rows"]]


def _row(row: dict[str, Any]) -> Row:
    several = {name: _tuple(row.pop(name, ())) for name in ("kind", "names", "chapters", "code", "word")}
    return Row(
        kinds=several["kind"], names=several["names"], chapters=several["chapters"], code=several["code"],
        words=several["word"], **row,
    )  # fmt: skip


def _tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def matched(provider: str) -> list[tuple[Named, Row | None]]:
    """Everything that the document names, with the row that answers for it; None where it is missing."""
    _, rows = table_of(provider)
    return [(named, next((row for row in rows if row.answers(named)), None)) for named in document_of(provider)]


def page_of(provider: str) -> str:
    title, _ = table_of(provider)
    lines = [
        f"# {title}",
        "",
        f"Written by `scripts/generate` from `tests/documents/{provider}.toml`; do not edit it. A test holds every row"
        " to the truth: what the document names stands in the code that is named beside it, and the test exists.",
        "",
        "| Chapter | Kind | Name | Where in `sora_core` | Test in `tests` | Note |",
        "|---|---|---|---|---|---|",
    ]
    for named, row in matched(provider):
        where = f"`{row.code_of(named)}`" if row else "**missing**"
        lines.append(
            f"| {_cell(named.chapter)} | {named.kind} | `{_cell(named.name)}` | {where} | "
            f"{f'`{row.test}`' if row else ''} | {_cell(row.note) if row else ''} |"
        )
    return "\n".join(lines) + "\n"


def files() -> Iterator[tuple[str, str]]:
    yield from ((f"docs/coverage/{provider}.md", page_of(provider)) for provider in PROVIDERS)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
