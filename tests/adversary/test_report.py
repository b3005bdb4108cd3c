"""The table and its place."""

from __future__ import annotations

import re
from pathlib import Path

from adversary.campaign import load
from adversary.report import BEGIN, END, PAGE, plain, table, write_into
from adversary.stage import Case, Finding, Verdict


def verdict(*findings: Finding, waits: tuple[tuple[str, str], ...] = ()) -> Verdict:
    return Verdict(Case("list/lags", "a rule", lambda _: None, 1.0), list(findings), 2, list(waits))


def test_what_is_wrong_is_counted_by_its_sort():
    text = table([verdict(Finding("double", "twice"), Finding("lost", "gone")), verdict()], 60)
    assert "| **double charges** | **1** |" in text
    assert "| **lost** | **1** |" in text
    assert "| cases with anything wrong | 1 |" in text
    assert "| **charged by the servers' books** | 4 |" in text


def test_the_same_words_are_told_once_with_their_number():
    said = "The answer was lost (job job_{}) on http://127.0.0.1:{}/v1. Run it again. 提交结果未知。"
    waits = tuple(("unknown", said.format(*of)) for of in (("0a", 81), ("0b", 82)))
    text = table([verdict(waits=waits)], 60)
    assert "- 2 × *unknown*: The answer was lost on http://SERVER/v1. Run it again." in text


def test_words_lose_what_differs_from_run_to_run():
    assert plain("one of video_00ff, video_11ee | seen (HTTP 503)") == "one of IDs / seen"


def test_the_figures_are_written_between_the_markers(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_into(page, "heading", "| table |")
    assert page.read_text("utf-8") == f"before\n{BEGIN}\nheading\n\n| table |\n{END}\nafter\n"


def test_every_test_that_the_page_names_is_there():
    root = PAGE.parent.parent
    named = PAGE.read_text("utf-8").partition("### Each kind")[2].partition("### The figures")[0]
    cases = {name.partition("[")[0] for name in load()}
    told = re.findall(r"`([^`]+)`", named)
    assert len(told) > 50
    for name in told:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (root / file).read_text("utf-8") if test else name in cases, name
