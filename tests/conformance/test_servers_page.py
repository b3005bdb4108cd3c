"""The page of the servers that were tried says what the recordings say, and advice is given where they bear it out."""

from __future__ import annotations

import pytest
from _cassette import FOLDER, Cassette
from _servers import SERVERS
from generating.servers_page import COLUMNS

from sora_core.conformance.suite import scenarios_of
from sora_core.providers.openai.detection import PROVEN

CASSETTES = {path.stem: Cassette.load(path) for path in FOLDER.glob("*.json")}


def test_every_recorded_test_has_a_column():
    columns = {test for tests in COLUMNS.values() for test in tests}
    assert {test for each in CASSETTES.values() for test in each.scenarios} <= columns


@pytest.mark.parametrize("name", [recipe.title for kind in SERVERS.values() for recipe in kind.recipes])
def test_every_server_is_recorded_whole_and_in_the_release_that_is_named(name):
    (kind, recipe) = next((k, r) for k in SERVERS.values() for r in k.recipes if r.title == name)
    assert name in CASSETTES, "not recorded yet: scripts/servers"
    assert CASSETTES[name].release == kind.release
    assert set(CASSETTES[name].scenarios) == scenarios_of(recipe)


@pytest.mark.parametrize("dialect", sorted(PROVEN))
def test_a_dialect_that_the_doctor_advises_has_passed_at_the_real_server(dialect):
    runs = [each for each in CASSETTES.values() if each.dialect == dialect]
    assert runs
    assert {scenario.outcome for run in runs for scenario in run.scenarios.values()} == {"passed"}


@pytest.mark.parametrize("name", CASSETTES)
def test_nothing_of_this_machine_is_in_a_recording(name):
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    for secret in ("sk-conformance", "/root/", "/tmp/", "/home/", "127.0.0.1"):
        assert secret not in text
