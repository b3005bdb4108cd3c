"""No question to the ledger reads all of it: SQLite says how it would answer."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from _clock import FakeClock

from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import ANYONE, FAILED, Place
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

PLACE = Place("openai", "https://relay.example:443", "account")
Question = Callable[[Ledger, str], object]


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """With rows of all kinds, of which there are more than the planner would rather read one by one."""
    home = tmp_path_factory.mktemp("filled")
    ledger = Ledger(home, FakeClock())
    for number in range(60):
        job = claim(ledger, f"v1:{number}", f"p{number % 3}")
        if number % 10:
            ledger.mark_sent(job.job_id, owner="me")
            ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, f"video_{number}"), owner="me")
        if number % 3 == 0 and number % 10:
            ledger.record_over(job.job_id, FAILED, "no", "JobFailed", owner="me")
    ledger.turns.draw_ticket("p0", "me", ahead=False)
    ledger.close()
    return home / "jobs.sqlite"


@pytest.fixture
def ledger(tmp_path, filled):
    shutil.copy(filled, tmp_path)
    opened = Ledger(tmp_path, FakeClock())
    yield opened
    opened.close()


def claim(ledger: Ledger, fingerprint: str, profile: str = "p0"):
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", model="sora-2", seconds=4)
    return ledger.claim(
        request, fingerprint=fingerprint, profile=profile, place=PLACE, owner="me",
        destination=Destination(Path("out"), metadata={"workflow": 1}),
    )  # fmt: skip


QUESTIONS: dict[str, Question] = {
    "claim": lambda led, job: claim(led, "v1:new"),
    "claim of a known one": lambda led, job: claim(led, "v1:1"),
    "adopt_remote": lambda led, job: led.adopt_remote(
        profile="p0", place=PLACE, remote_id="far", destination=Destination(Path("out"))
    ),
    "take_over": lambda led, job: led.take_over(led.get(job), owner="me"),
    "release": lambda led, job: led.release(job, "me"),
    "release_all": lambda led, job: led.release_all("me"),
    "submissions_since": lambda led, job: led.submissions_since("p0", 5.0),
    "mark_sent": lambda led, job: led.mark_sent(claim(led, "v1:new").job_id, owner="me", daily_limit=9999),
    "record_submitted": lambda led, job: led.record_submitted(job, Snapshot(State.QUEUED, "video_1"), owner=ANYONE),
    "record_snapshot": lambda led, job: led.record_snapshot(job, Snapshot(State.SUCCEEDED, "video_1"), owner=ANYONE),
    "record_over": lambda led, job: led.record_over(job, FAILED, "no", "JobFailed", owner=ANYONE),
    "find": lambda led, job: [led.find(name) for name in (job, "video_1")],
    "history": lambda led, job: led.history("v1:1"),
    "earlier": lambda led, job: led.earlier("v1:1"),
    "untold": lambda led, job: led.untold("v1:1"),
    "unfinished": lambda led, job: led.unfinished(),
    "open_elsewhere": lambda led, job: led.open_elsewhere("p0", PLACE),
    "orphans": lambda led, job: led.orphans("p0"),
    "jobs": lambda led, job: led.jobs(),
    "the next page of jobs": lambda led, job: led.jobs(before=30),
    "jobs of a state": lambda led, job: led.jobs(state="queued"),
    "jobs of a profile": lambda led, job: led.jobs(profile="p0", before=30),
    "jobs of both": lambda led, job: led.jobs(profile="p0", state="queued", before=30),
    "collectable": lambda led, job: led.collectable(10),
    "known_ids": lambda led, job: led.known_ids("p0", PLACE.origin, ["video_1", "no"]),
    "has_submitted": lambda led, job: led.has_submitted("p0"),
    "durations": lambda led, job: led.durations("p0", "sora-2", 4),
    "workflow": lambda led, job: led.workflows.get(job),
    "age_out": lambda led, job: led.workflows.age_out(),
    "what changed": lambda led, job: led.pages.changed_since(5.0),
    "a page": lambda led, job: led.pages.page(50, before=40, states=("delivered",)),
    "is_alive": lambda led, job: led.is_alive("me"),
    "beat": lambda led, job: led._leases.beat("me"),
    "hand_out_slots": lambda led, job: led.turns.hand_out_slots("p0", 100, "me"),
    "draw_ticket": lambda led, job: led.turns.draw_ticket("p0", "me", ahead=True),
    "call_next": lambda led, job: led.turns.call_next("p0", 1.0, "me"),
}


def asked(ledger: Ledger, question: Question) -> list[str]:
    """Every statement that the question makes, its values filled in."""
    job = ledger.find("video_1").job_id
    statements: list[str] = []
    connections = (ledger._file._connection, ledger._file._reader)
    for each in connections:
        each.set_trace_callback(statements.append)
    question(ledger, job)
    for each in connections:
        each.set_trace_callback(None)
    return [each for each in statements if re.match(r"SELECT|UPDATE|DELETE|INSERT", each)]


@pytest.mark.parametrize("name", QUESTIONS)
def test_is_answered_by_an_index(ledger, name):
    statements = asked(ledger, QUESTIONS[name])
    assert statements
    with sqlite3.connect(ledger.name) as db:
        plans = {each: [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + each)] for each in statements}
    db.close()
    scans = {
        each: plan
        for each, plan in plans.items()
        if any(step.startswith("SCAN") and "CONSTANT" not in step for step in plan)
    }
    assert scans == {}


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("durations", "finished"),
        ("submissions_since", "charged"),
        ("has_submitted", "charged"),
        ("unfinished", "by_state"),
        ("orphans", "by_profile_and_state"),
        ("hand_out_slots", "by_profile_and_state"),
        ("known_ids", "by_remote_id"),
        ("history", "by_fingerprint"),
        ("jobs of both", "by_profile_and_state"),
        ("jobs of a profile", "by_profile"),
        ("jobs of a state", "by_state"),
        ("beat", "by_owner"),
        ("call_next", "in_line"),
    ],
)
def test_is_answered_by_the_index_that_was_made_for_it(ledger, name, index):
    with sqlite3.connect(ledger.name) as db:
        plans = [row[3] for each in asked(ledger, QUESTIONS[name]) for row in db.execute("EXPLAIN QUERY PLAN " + each)]
    db.close()
    assert any(re.search(rf"INDEX {index}\b", step) for step in plans), plans
    assert not any("TEMP B-TREE" in step for step in plans if name not in ("unfinished", "orphans")), plans


def test_no_index_is_there_for_nothing(ledger):
    """Each costs every write something."""
    with sqlite3.connect(ledger.name) as db:
        made = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")}
        plans = [
            row[3]
            for question in QUESTIONS.values()
            for each in asked(ledger, question)
            for row in db.execute("EXPLAIN QUERY PLAN " + each)
        ]
    db.close()
    used = {match[1] for step in plans if (match := re.search(r"INDEX (\w+)", step))}
    assert made - used == set()
