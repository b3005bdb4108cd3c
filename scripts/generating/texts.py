"""What ComfyUI shows of the nodes: English as the nodes declare it, Chinese from `locales/zh/nodes.json`.

That file translates each English sentence once, and names, by id: one that is used by many nodes stands there once, and
a sentence that has changed has no translation until it gets one. A name or a choice that means something else in one
node is given there as "SoraVideo_Node.id".
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from . import ROOT
from ._host import Schema, Socket
from .nodes import schemas

TRANSLATIONS = "locales/zh/nodes.json"
_NAMES = ("profile", "recent")  # choices that are names of the user's own


@functools.cache
def translations() -> dict[str, dict[str, str]]:
    """By kind ("inputs", "outputs", "choices": by id; "texts": by the English)."""
    return json.loads((ROOT / TRANSLATIONS).read_text("utf-8"))


class Chinese:
    """Looks texts up, and remembers what it did not find and what it did not need."""

    def __init__(self, known: Mapping[str, Mapping[str, str]]) -> None:
        self._known = known
        self.missing: list[str] = []
        self._used: set[tuple[str, str]] = set()

    def of(self, kind: str, english: str, node: str = "") -> str:
        for key in (f"{node}.{english}", english):
            if key in self._known[kind]:
                self._used.add((kind, key))
                return self._known[kind][key]
        self.missing.append(f"{TRANSLATIONS}: {kind}: {english}")
        return english

    def needed(self) -> dict[str, dict[str, str]]:
        """What is known, without what no node says any more."""
        return {
            kind: {key: text for key, text in entries.items() if (kind, key) in self._used}
            for kind, entries in self._known.items()
        }


def english_of(schema: Schema) -> dict[str, Any]:
    def text_of(each: Socket) -> dict[str, Any]:
        choices = {} if each.id in _NAMES else {name: name for name in each.settings.get("options", ())}
        return {"name": each.id, "tooltip": each.tooltip, **({"options": choices} if choices else {})}

    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {each.id: text_of(each) for each in schema.inputs},
        "outputs": {str(index): text_of(each) for index, each in enumerate(schema.outputs)},
    }


def chinese_of(node: str, english: Mapping[str, Any], chinese: Chinese) -> dict[str, Any]:
    def group_of(kind: str) -> dict[str, Any]:
        return {key: text_of(kind, each) for key, each in english[kind].items()}

    def text_of(kind: str, each: Mapping[str, Any]) -> dict[str, Any]:
        choices = {name: chinese.of("choices", name, node) for name in each.get("options", ())}
        return {
            "name": chinese.of(kind, each["name"], node),
            "tooltip": chinese.of("texts", each["tooltip"]),
            **({"options": choices} if choices else {}),
        }

    return {
        "display_name": chinese.of("texts", english["display_name"]),
        "description": chinese.of("texts", english["description"]),
        "inputs": group_of("inputs"),
        "outputs": group_of("outputs"),
    }


@functools.cache
def all_texts() -> dict[str, dict[str, Any]]:
    """By language and node id."""
    english = {name: english_of(schema) for name, schema in schemas().items()}
    chinese = Chinese(translations())
    return {"en": english, "zh": {name: chinese_of(name, text, chinese) for name, text in english.items()}}


def missing() -> list[str]:
    chinese = _looked_up()
    return list(dict.fromkeys(chinese.missing))


def _looked_up() -> Chinese:
    chinese = Chinese(translations())
    for name, text in all_texts()["en"].items():
        chinese_of(name, text, chinese)
    return chinese


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def files() -> Iterator[tuple[str, str]]:
    for language, nodes in all_texts().items():
        yield f"locales/{language}/nodeDefs.json", as_json(nodes)
    yield TRANSLATIONS, as_json(_looked_up().needed())
