"""Every row of every provider's document is done here: nothing is missing, nothing is claimed that is not so."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from generating.coverage_pages import PROVIDERS, matched, table_of

ROOT = Path(__file__).resolve().parent.parent


@cache
def source(path: str) -> str:
    return (ROOT / "sora_core" / path).read_text("utf-8")


@cache
def names_of(file: str) -> frozenset[str]:
    """ "test_a", "TestB::test_c"."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {each.name for each in tree.body if isinstance(each, functions)}
    for each in tree.body:
        if isinstance(each, ast.ClassDef):
            found |= {f"{each.name}::{inner.name}" for inner in each.body if isinstance(inner, functions)}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


@pytest.mark.parametrize("provider", PROVIDERS)
class TestATable:
    def test_misses_nothing(self, provider):
        assert [(named.chapter, named.kind, named.name) for named, row in matched(provider) if row is None] == []

    def test_claims_nothing_that_the_code_does_not_have(self, provider):
        claims = [(named.name, row.code_of(named), row.word_of(named)) for named, row in matched(provider) if row]
        assert [claim for claim in claims if claim[2] not in source(claim[1])] == []

    def test_names_tests_that_exist(self, provider):
        _, rows = table_of(provider)
        named = [row.test.partition("::") for row in rows]
        assert [(file, test) for file, _, test in named if test not in names_of(file)] == []

    def test_has_no_row_for_what_the_document_does_not_name(self, provider):
        _, rows = table_of(provider)
        found = [(named, row) for named, row in matched(provider) if row]
        answered = [row for _, row in found]
        assert [row.names for row in rows if row not in answered] == []
        known = {(named.kind, named.name) for named, _ in found}
        assert [
            (row.kinds, name) for row in rows for name in row.names if not {(k, name) for k in row.kinds} & known
        ] == []
