"""The ledger in figures, as Prometheus reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _clock import FakeClock
from _ledgers import STORES

from sora_core.ledger.row import FAILED, Place
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

LINE = re.compile(r'[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? -?[\d.e+-]+')


@pytest.fixture(params=STORES)
def ledger(request, tmp_path):
    store = STORES[request.param](tmp_path, FakeClock())
    opened = store.open()
    opened.test_clock = store.clock
    yield opened
    store.close()


def sent(ledger, fingerprint: str, profile: str, *, waited: float = 0.0):
    job = ledger.claim(
        VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", model="m", seconds=4),
        fingerprint=fingerprint, profile=profile, place=Place("openai", "http://gpu1:80"), owner="me",
        destination=Destination(Path("out")),
    )  # fmt: skip
    ledger.test_clock.advance(waited)
    return ledger.mark_sent(job.job_id, owner="me")


def test_counts_jobs_charges_waits_and_errors(ledger):
    queued = sent(ledger, "a", "wan", waited=3.0)
    ledger.record_submitted(queued.job_id, Snapshot(State.QUEUED, "1"), owner="me")
    failed = sent(ledger, "b", "wan", waited=2.0)
    ledger.record_submitted(failed.job_id, Snapshot(State.QUEUED, "2"), owner="me")
    ledger.test_clock.advance(20.0)
    ledger.record_over(failed.job_id, FAILED, "out of memory", "JobFailed", owner="me")
    lines = ledger.metrics()
    assert 'sora_video_jobs{profile="wan",state="queued"} 1' in lines
    assert 'sora_video_charges_total{profile="wan"} 2' in lines
    assert 'sora_video_errors_total{profile="wan",kind="JobFailed"} 1' in lines
    assert 'sora_video_server_jobs{profile="wan",origin="http://gpu1:80"} 1' in lines
    assert 'sora_video_wait_seconds_sum{profile="wan"} 5.0' in lines
    assert 'sora_video_wait_seconds_count{profile="wan"} 2' in lines
    assert 'sora_video_run_seconds_sum{profile="wan"} 20.0' in lines


def test_is_the_text_form_whatever_a_profile_is_called(ledger):
    sent(ledger, "a", 'a "quoted" \\ name\nof two lines')
    lines = ledger.metrics()
    assert [line for line in lines if not line.startswith("# ") and not LINE.fullmatch(line)] == []
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    used = {re.sub(r"_(sum|count)$", "", re.split(r"[{ ]", line)[0]) for line in lines if not line.startswith("#")}
    assert used <= names


def test_of_an_empty_ledger_is_only_what_there_would_be(ledger):
    assert [line for line in ledger.metrics() if not line.startswith("#")] == []
