"""The texts that ComfyUI shows: whole in Chinese, with a help page a node. `scripts/generate` writes the English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = json.loads((ROOT / "tests" / "golden" / "contract.json").read_text("utf-8"))
HEADINGS = {"en": ("Inputs", "Outputs", "What is charged"), "zh": ("输入", "输出", "什么时候扣费")}
CJK = re.compile(r"[\u4e00-\u9fff]")


def locale(language: str, name: str) -> dict[str, Any]:
    return json.loads((ROOT / "locales" / language / f"{name}.json").read_text("utf-8"))


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with its place: ("SoraVideo_Quota.inputs.profile.name", "profile")."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def input_ids(node: str) -> list[str]:
    order = CONTRACT[node]["order"]
    return [*order["required"], *order.get("optional", [])]


def output_ids(node: str) -> list[str]:
    return [name for _, name in CONTRACT[node]["outputs"]]


@pytest.mark.parametrize("name", ["nodeDefs", "main"])
class TestChineseTexts:
    def test_are_there_for_every_english_one(self, name):
        english, chinese = locale("en", name), locale("zh", name)
        assert [path for path, _ in texts(chinese)] == [path for path, _ in texts(english)]

    def test_are_chinese(self, name):
        assert [path for path, text in texts(locale("zh", name)) if not CJK.search(text)] == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["nodeDefs", "main"])
def test_texts_can_be_shown(language, name):
    for path, text in texts(locale(language, name)):
        assert isinstance(text, str)
        assert text.strip(), path
        assert not re.search(r"[{}@|]", text), f"{path}: the page reads these characters as markup"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_key_holds_a_dot(language):
    def keys(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield key
                yield from keys(inner)

    assert [key for key in keys(locale(language, "nodeDefs")) if "." in key] == []


def test_the_category_of_every_node_has_a_name():
    categories = {part for node in CONTRACT.values() for part in node["category"].split("/")}
    for language in ("en", "zh"):
        assert set(locale(language, "main")["nodeCategories"]) == categories


def sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("language", HEADINGS)
@pytest.mark.parametrize("node", CONTRACT)
class TestHelpPage:
    def page(self, node: str, language: str) -> str:
        return (ROOT / "web" / "docs" / node / f"{language}.md").read_text("utf-8")

    def test_explains_every_input_and_output_and_no_other(self, node, language):
        inputs, outputs, _ = HEADINGS[language]
        for heading, ids in ((inputs, input_ids(node)), (outputs, output_ids(node))):
            section = sections(self.page(node, language))[heading]
            explained = re.findall(r"^- [^`:：]*`(\w+)`\s*[:：]", section, flags=re.MULTILINE)
            assert explained == ids

    def test_calls_things_as_the_page_does(self, node, language):
        text = locale(language, "nodeDefs")[node]
        page = self.page(node, language)
        assert page.startswith(f"# {text['display_name']}\n")
        for group in (text["inputs"], text["outputs"]):
            assert [each["name"] for each in group.values() if each["name"].split("（")[0] not in page] == []

    def test_says_what_is_charged(self, node, language):
        assert sections(self.page(node, language))[HEADINGS[language][2]].strip()

    def test_is_as_long_in_both_languages(self, node, language):
        other = self.page(node, "zh" if language == "en" else "en")
        shape = [line[:2] for line in self.page(node, language).splitlines() if line[:2] in ("# ", "##", "- ")]
        assert shape == [line[:2] for line in other.splitlines() if line[:2] in ("# ", "##", "- ")]
