"""The table of providers in the documents says what the providers themselves say."""

from __future__ import annotations

from generating import providers_page

from sora_core.providers import PROVIDERS
from sora_core.providers.openai.dialects import DIALECTS


def test_every_provider_and_dialect_is_in_each_part():
    openai = {f"openai · {dialect}" if dialect else "openai" for dialect in DIALECTS}
    lines = providers_page.page().splitlines()
    for name in {*PROVIDERS, *openai}:
        assert sum(line.startswith(f"| {name} |") for line in lines) == 2, name
        (quirk,) = [line for line in lines if line.startswith(f"- **{name}**: ")]
        assert len(quirk) > len(name) + 20


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    rows = [line.count(" | ") for line in providers_page.page().splitlines() if line.startswith("| ")]
    assert len(set(rows)) == 2
