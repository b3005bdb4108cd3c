"""The texts that ComfyUI shows: the same in English as in the nodes, whole in Chinese, with a help page each."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sora_core.requests.checks import ORIENTATIONS, QUALITIES

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


def calls(attribute: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Literal arguments of every `….attribute(…)` in the nodes' source; ComfyUI itself is not needed to read them."""
    for path in sorted((ROOT / "nodes").glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == attribute:
                arguments = [each.value for each in call.args if isinstance(each, ast.Constant)]
                named = {each.arg: each.value.value for each in call.keywords if isinstance(each.value, ast.Constant)}
                yield arguments, named


def tooltips(attribute: str) -> dict[str, set[str]]:
    """By id; the same id may mean something else in another node."""
    found: dict[str, set[str]] = {}
    for arguments, named in calls(attribute):
        if arguments and "tooltip" in named:
            found.setdefault(arguments[0], set()).add(named["tooltip"])
    return found


SCHEMAS = {named["node_id"]: named for _, named in calls("Schema")}


def test_every_node_of_the_source_has_texts_and_no_other():
    assert set(SCHEMAS) == set(CONTRACT)
    for language in ("en", "zh"):
        assert set(locale(language, "nodeDefs")) == set(SCHEMAS)


@pytest.mark.parametrize("node", CONTRACT)
class TestEnglishTexts:
    def test_name_and_description_are_those_of_the_node(self, node):
        text = locale("en", "nodeDefs")[node]
        assert text["display_name"] == SCHEMAS[node]["display_name"] == CONTRACT[node]["display_name"]
        assert text["description"] == SCHEMAS[node]["description"]

    def test_inputs_are_the_nodes_own_in_its_order(self, node):
        inputs = locale("en", "nodeDefs")[node]["inputs"]
        own = tooltips("Input")
        assert list(inputs) == input_ids(node)
        assert [name for name, text in inputs.items() if text["tooltip"] not in own[name]] == []
        assert [text["name"] for text in inputs.values()] == list(inputs)

    def test_outputs_are_the_nodes_own_in_its_order(self, node):
        outputs = locale("en", "nodeDefs")[node]["outputs"]
        own = tooltips("Output")
        assert list(outputs) == [str(index) for index in range(len(output_ids(node)))]
        assert [text["name"] for text in outputs.values()] == output_ids(node)
        assert all(text["tooltip"] in own[text["name"]] for text in outputs.values())


def test_choices_are_those_that_the_inputs_have():
    inputs = locale("en", "nodeDefs")["SoraVideo_Text2Video"]["inputs"]
    choices = {name: list(text["options"]) for name, text in inputs.items() if "options" in text}
    frames = CONTRACT["SoraVideo_Text2Video"]["inputs"]["optional"]["frames"][1]["options"]
    assert choices == {
        "orientation": list(ORIENTATIONS),
        "quality": list(QUALITIES),
        "frames": frames,
        "on_error": CONTRACT["SoraVideo_Text2Video"]["inputs"]["optional"]["on_error"][1]["options"],
    }


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
