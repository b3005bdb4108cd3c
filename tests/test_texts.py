"""What users read is one language at a time, whole in English, and has a place for all that it is told."""

from __future__ import annotations

import pytest

from sora_core import texts
from sora_core.errors import AuthError, ChallengePage, InvalidRequest

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
