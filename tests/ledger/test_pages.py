"""Pages of the ledger: complete, in order, and what changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from _clock import FakeClock
from _ledgers import STORES

from sora_core.ledger.ledger import Ledger
from sora_core.ledger.pages import STATES
from sora_core.ledger.row import Place
from sora_core.models import Destination, Operation
from sora_core.requests.kinds import VideoRequest


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=STORES)
def ledger(request, tmp_path, clock):
    store = STORES[request.param](tmp_path, clock)
    yield store.open()
    store.close()


def claimed(ledger: Ledger, prompt: str, *, profile: str = "p", metadata: dict | None = None) -> str:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, model="sora-2", seconds=4)
    job = ledger.claim(
        request,
        fingerprint=f"v1:{profile}:{prompt}",
        profile=profile,
        place=Place("openai"),
        owner="me",
        destination=Destination(Path("out"), "x", metadata=metadata),
    )
    return job.job_id


def test_pages_follow_one_another_newest_first_without_a_gap(ledger):
    ids = [claimed(ledger, f"take {number}") for number in range(7)]
    found, before = [], None
    while page := ledger.pages.page(3, before=before):
        found += [each.job_id for each in page]
        before = page[-1].number
    assert found == ids[::-1]


def test_every_word_of_a_search_is_somewhere_and_signs_stand_for_themselves(ledger):
    kite = claimed(ledger, "A red KITE at 100%")
    claimed(ledger, "a red boat_")
    assert [each.job_id for each in ledger.pages.page(9, search="kite red")] == [kite]
    assert [each.job_id for each in ledger.pages.page(9, search="%")] == [kite]
    assert [each.job_id for each in ledger.pages.page(9, search=kite)] == [kite]
    assert ledger.pages.page(9, search="kite boat") == []


def test_profile_and_states_narrow_a_page(ledger):
    claimed(ledger, "one", profile="a")
    other = claimed(ledger, "two", profile="b")
    assert [each.job_id for each in ledger.pages.page(9, profile="b")] == [other]
    assert len(ledger.pages.page(9, states=STATES["live"])) == 2
    assert ledger.pages.page(9, states=STATES["delivered"]) == []
    assert ledger.pages.profiles() == ["a", "b"]
    assert ledger.pages.counts() == {"submitting": 2}


def test_what_was_written_since_a_moment_is_found(ledger, clock):
    claimed(ledger, "before")
    clock.advance(10)
    moment = clock.now()
    after = claimed(ledger, "after")
    assert [each.job_id for each in ledger.pages.changed_since(moment)] == [after]


def test_a_row_says_whether_its_graph_is_kept(ledger):
    claimed(ledger, "one", metadata={"workflow": {"nodes": []}})
    claimed(ledger, "two")
    assert [each.has_graph for each in ledger.pages.page(9)] == [False, True]
    assert ledger.pages.one("job_nowhere") is None


def test_jobs_follow_a_profile_that_is_renamed(ledger):
    moved = claimed(ledger, "one", profile="old")
    stays = claimed(ledger, "two", profile="other")
    ledger.rename_profile("old", "new")
    assert ledger.pages.one(moved).profile == "new"
    assert ledger.pages.one(stays).profile == "other"
