"""Moves what somebody wrote into the generated files to the files that they are generated from.

For a branch that was begun otherwise, and for a translation that is easier to write where it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from . import ROOT, help_pages
from .nodes import schemas
from .texts import TRANSLATIONS, all_texts, as_json, translations

_CHINESE = re.compile("[\u4e00-\u9fff]")


def adopt() -> None:
    """Writes locales/zh/nodes.json, then locales/*/help.json."""
    shown = json.loads((ROOT / "locales/zh/nodeDefs.json").read_text("utf-8"))
    for node, english in all_texts()["en"].items():
        for kind, original, written in _pairs(english, shown.get(node, {})):
            if original not in translations()[kind] and _CHINESE.search(written):
                translations()[kind][original] = written
    (ROOT / TRANSLATIONS).write_bytes(as_json(translations()).encode("utf-8"))
    all_texts.cache_clear()
    for language, headings in help_pages.HEADINGS.items():
        for node in schemas():
            for kind, heading in headings.items():
                _adopt_lines(language, node, kind, heading)
        (ROOT / f"locales/{language}/help.json").write_bytes(as_json(help_pages.more(language)).encode("utf-8"))


def _pairs(english: Any, shown: Any) -> Iterator[tuple[str, str, str]]:
    """(kind, English, what is shown)."""
    for name in ("display_name", "description"):
        yield "texts", english[name], shown.get(name, "")
    for group in ("inputs", "outputs"):
        for key, each in english[group].items():
            there = shown.get(group, {}).get(key, {})
            yield group, each["name"], there.get("name", "")
            yield "texts", each["tooltip"], there.get("tooltip", "")
            for choice in each.get("options", ()):
                yield "choices", choice, there.get("options", {}).get(choice, "")


def _adopt_lines(language: str, node: str, kind: str, heading: str) -> None:
    page = ROOT / "web" / "docs" / node / f"{language}.md"
    if not page.exists():
        return
    section = page.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    written = dict(re.findall(r"^- [^`\n]*`(\w+)`\s*[:：]\s*(.+)$", section, flags=re.MULTILINE))
    for made in help_pages.lines(language, node, kind):
        name, text = re.findall(r"`(\w+)`[:：]\s*(.*)$", made)[0]
        if written.get(name, text) != text:
            help_pages.more(language)[kind][f"{node}.{name}"] = written[name]
