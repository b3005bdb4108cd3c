"""What users read is one language at a time, whole in English, and has a place for all that it is told."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sora_core import errors, texts
from sora_core.errors import AuthError, ChallengePage, InvalidRequest, SoraError

ROOT = Path(__file__).resolve().parent.parent
KINDS = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SoraError)}
DATA = {"fix", "job_id", "remote_id", "provider", "code", "retry_after", "money", "advice"}  # not of the sentence

HELLO = {"hello": {"text": "Hello {name}.", "fix": "Wave at {name}."}, "AuthError": {"fix": "Look at the key."}}
HALLO_ZH = {"hello": {"text": "你好 {name}。"}}


@pytest.fixture
def catalogues(monkeypatch):
    monkeypatch.setattr(texts, "catalogue", lambda name: {"en": HELLO, "zh": HALLO_ZH}[name])
    monkeypatch.delenv("SORA_LANG", raising=False)
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")


@pytest.mark.usefixtures("catalogues")
class TestAnError:
    def test_is_told_in_the_language_that_was_asked_for(self, monkeypatch):
        error = InvalidRequest("hello", name="Ana", job_id="job_1")
        assert str(error) == "Hello Ana. (job job_1)\nWave at Ana."
        monkeypatch.setenv("SORA_LANG", "zh_CN")
        assert error.message == "你好 Ana。"

    def test_falls_back_to_english_where_a_translation_is_missing(self, monkeypatch):
        monkeypatch.setenv("SORA_LANG", "zh")
        assert str(InvalidRequest("hello", name="Ana")) == "你好 Ana。\nWave at Ana."

    def test_follows_the_system_and_the_host_before_it(self, monkeypatch):
        monkeypatch.setenv("LANG", "zh_CN.UTF-8")
        assert texts.language() == "zh"
        texts.ask_for_language(lambda: "en")
        try:
            assert texts.language() == "en"
        finally:
            texts.ask_for_language(None)

    def test_has_the_fix_of_its_class_when_it_has_none_of_its_own(self, monkeypatch):
        monkeypatch.setitem(HELLO, "plain", {"text": "No."})
        assert str(AuthError("plain")) == "No.\nLook at the key."
        assert str(ChallengePage("plain")) == "No."

    def test_with_a_value_missing_is_still_told(self):
        assert InvalidRequest("hello").message == "Hello ?."

    def test_shows_braces_of_its_values_as_they_are(self):
        assert InvalidRequest("hello", name="{x}").message == "Hello {x}."


def test_every_translation_has_an_english_original_with_the_same_parameters():
    english = texts.catalogue("en")
    offenders = [
        f"{language}: {key}.{part}"
        for language in texts.LANGUAGES
        for key, entry in texts.catalogue(language).items()
        for part, sentence in entry.items()
        if texts.parameters(sentence) != texts.parameters(english.get(key, {}).get(part, "{missing}"))
    ]
    assert offenders == []


def sources() -> Iterator[ast.AST]:
    for folder in ("sora_core", "nodes"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text("utf-8"), filename=path.relative_to(ROOT).as_posix())


def written() -> tuple[set[str], list[re.Pattern[str]]]:
    """The texts in the sources, and those with a part that is filled in."""
    plain, filled = set(), []
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (re.escape(each.value) if isinstance(each, ast.Constant) else ".+" for each in node.values)
                pattern = "".join(parts)
                if re.match(r"[a-z_]+\\?\.", pattern):
                    filled.append(re.compile(pattern))
    return plain, filled


def raised() -> Iterator[tuple[str, ast.Call, str]]:
    """Class, call and id of every error that names its text."""
    for tree in sources():
        for node in ast.walk(tree):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS
            if named and node.args and isinstance(node.args[0], ast.Constant):
                yield node.func.id, node, node.args[0].value


def test_every_error_names_a_text_that_is_there():
    assert [(kind, text) for kind, _, text in raised() if text not in texts.catalogue("en")] == []


def test_every_text_is_named_somewhere():
    plain, filled = written()
    unused = [
        key
        for key in texts.catalogue("en")
        if key not in plain and key not in KINDS and not any(each.fullmatch(key) for each in filled)
    ]
    assert unused == []


def test_every_parameter_has_its_place_in_the_text():
    offenders = []
    for kind, call, text in raised():
        entry = texts.catalogue("en").get(text, {})
        given = {each.arg: each.value for each in call.keywords}
        fix = given.get("fix")
        advised = texts.catalogue("en").get(fix.value, {}) if isinstance(fix, ast.Constant) else None
        if (fix is not None and advised is None) or None in given:
            continue  # what fills it in is only known when it runs
        places = {name for part in (*entry.values(), *(advised or {}).values()) for name in texts.parameters(part)}
        unused = given.keys() - DATA - places
        missing = places - given.keys() - DATA
        if unused or missing:
            offenders.append(f"{kind}({text!r}): {sorted(unused)} unused, {sorted(missing)} missing")
    assert offenders == []


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (39_000, "38.1 KiB"), (2**20, "1 MiB"),
        (10.4 * 2**20, "10.4 MiB"), (256 * 2**20, "256 MiB"), (1.5 * 2**30, "1.5 GiB"), (2**40, "1024 GiB"),
    ],
)  # fmt: skip
def test_a_size_is_told_in_the_unit_that_shows_it(count, told):
    assert texts.size_of(count) == told


def test_no_text_has_a_unit_of_its_own_for_sizes():
    """They are told by `size_of`: "0.0 MiB" says nothing."""
    with_a_unit = re.compile(r"\}\s*[KMG]i?B")
    assert [
        key
        for name in texts.LANGUAGES
        for key, parts in texts.catalogue(name).items()
        if with_a_unit.search(str(parts))
    ] == []
