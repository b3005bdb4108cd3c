"""What is said of the money is a function of the row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _heart import HERE, QUEUED, REQUEST, Heart

from sora_core import texts
from sora_core.jobs import money
from sora_core.jobs.money import money_of
from sora_core.ledger.row import ANYONE, Job
from sora_core.models import Destination


@pytest.fixture
def heart(tmp_path: Path) -> Iterator[Heart]:
    heart = Heart(tmp_path)
    yield heart
    heart.close()


def row(heart: Heart, *steps: str) -> Job:
    """A row that these things happened to."""
    ledger = heart.ledger
    job = ledger.claim(
        REQUEST, fingerprint="v2:a", profile="p", place=HERE, owner="me", destination=Destination(heart.folder)
    )
    happen = {
        "sent": lambda: ledger.mark_sent(job.job_id, owner="me"),
        "refused": lambda: ledger.record_over(job.job_id, "failed", "no", "RequestRejected", owner="me"),
        "lost": lambda: ledger.record_unknown(job.job_id, "lost", owner="me"),
        "accepted": lambda: ledger.record_submitted(job.job_id, QUEUED, owner="me"),
        "missing": lambda: ledger.record_missing(job.job_id, "404", owner="me"),
        "failed": lambda: ledger.record_over(job.job_id, "failed", "no", "JobFailed", owner="me"),
        "canceled": lambda: ledger.record_over(job.job_id, "canceled", "no", "JobCanceled", owner=ANYONE),
        "forgotten": lambda: ledger.forget(ledger.get(job.job_id)),
    }
    for step in steps:
        happen[step]()
    return ledger.get(job.job_id)


TABLE = [
    ((), money.NOTHING_SENT),
    (("refused",), money.NOTHING_SENT),  # no byte left: there was no connection, or a limit of ours
    (("sent", "refused"), money.REFUSED),
    (("sent",), money.UNCLEAR),
    (("sent", "lost"), money.UNCLEAR),
    (("sent", "lost", "forgotten"), money.UNCLEAR),
    (("sent", "accepted"), money.PAID),
    (("sent", "accepted", "missing"), money.MISSED),
    (("sent", "accepted", "failed"), money.ENDED),
    (("sent", "accepted", "canceled"), money.STOPPED),
    (("sent", "accepted", "forgotten"), money.PAID),
]


@pytest.mark.parametrize(
    ("steps", "said"), TABLE, ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_the_row_says_what_is_known(heart, steps, said):
    assert money_of(row(heart, *steps)) == said


def test_without_a_row_nothing_was_sent():
    assert money_of(None) == money.NOTHING_SENT


def test_an_id_that_could_not_be_written_counts(heart):
    assert money_of(row(heart, "sent"), remote_id="r1") == money.PAID


def test_where_jobs_cost_nothing_nothing_is_said(heart):
    assert money_of(row(heart, "sent", "lost"), paid=False) == ""


def test_a_job_that_was_submitted_elsewhere_is_not_spoken_of_as_paid_here(heart):
    job = heart.ledger.adopt_remote(profile="p", place=HERE, remote_id="r9", destination=Destination(heart.folder))
    assert money_of(job) == money.FOUND


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_word_has_its_sentence(language):
    for said in {each for _, each in TABLE} | {money.FOUND}:
        assert f"money.{said}" in texts.catalogue(language)


def test_only_what_was_accepted_is_said_to_be_collected_for_free():
    free = {said for said in {each for _, each in TABLE} if "free" in texts.catalogue("en")[f"money.{said}"]["text"]}
    assert free == {money.PAID, money.MISSED}
