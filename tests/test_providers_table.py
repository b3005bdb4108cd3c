"""The table of providers in the documents says what the providers themselves say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sora_core.providers import PROVIDERS
from sora_core.providers.openai.dialects import DIALECTS

ROOT = Path(__file__).resolve().parent.parent


def _table() -> str:
    command = [sys.executable, str(ROOT / "scripts" / "providers_table"), "--print"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, cwd=ROOT)
    return done.stdout.decode("utf-8")


def test_the_page_is_what_the_facts_make_of_it():
    page = (ROOT / "docs" / "providers.md").read_text("utf-8")
    assert page == _table(), "docs/providers.md has drifted: run scripts/providers_table"


def test_every_provider_and_dialect_is_in_each_part():
    openai = {f"openai · {dialect}" if dialect else "openai" for dialect in DIALECTS}
    lines = _table().splitlines()
    for name in {*PROVIDERS, *openai}:
        assert sum(line.startswith(f"| {name} |") for line in lines) == 2, name
        (quirk,) = [line for line in lines if line.startswith(f"- **{name}**: ")]
        assert len(quirk) > len(name) + 20


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    rows = [line.count(" | ") for line in _table().splitlines() if line.startswith("| ")]
    assert len(set(rows)) == 2
