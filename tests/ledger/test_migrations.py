"""Files of earlier versions open, and what they know stays known."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from _clock import FakeClock

from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Place
from sora_core.ledger.schema import MIGRATIONS
from sora_core.models import Destination, Operation
from sora_core.requests.kinds import VideoRequest

RELEASED = {"0.1.0": 3}  # how many migrations that version knew
GRAPH = {"workflow": {"nodes": ["猫"]}}
USUAL = {
    "profile": "p", "provider": "openai", "request": "{}", "prompt": "a cat", "model": "sora-2", "seconds": 4,
    "idempotency_key": "key", "folder": "out", "stem": "sora", "created_at": 1.0, "updated_at": 2.0,
}  # fmt: skip
ROWS: dict[str, dict[str, object]] = {
    "waiting": {"state": "submitting", "owner": "dead", "metadata": json.dumps(GRAPH)},
    "sent": {"state": "submitting", "owner": "dead", "sent_at": 1.0},
    "running": {"state": "running", "remote_id": "video_1", "sent_at": 1.0, "submitted_at": 1.5},
    "planned": {"state": "succeeded", "remote_id": "video_2", "planned_path": "a.mp4", "sha256": "abc", "bytes": 7},
    "delivered": {"state": "delivered", "remote_id": "video_3", "path": "b.mp4", "sha256": "def", "bytes": 8,
                  "planned_path": "b.mp4", "submitted_at": 1.0, "finished_at": 31.0, "metadata": json.dumps(GRAPH)},
    "failed": {"state": "failed", "remote_id": "video_4", "error": "no", "error_kind": "JobFailed"},
    "same id, other profile": {"state": "delivered", "profile": "q", "remote_id": "video_3"},
    "the same id again": {"state": "forgotten", "remote_id": "video_3"},
    "no id": {"state": "delivered", "remote_id": ""},
}  # fmt: skip


@pytest.fixture(params=RELEASED)
def home(request, tmp_path) -> Path:
    """With a file as that version left it."""
    version = RELEASED[request.param]
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        db.execute(f"PRAGMA user_version = {version}")
        for name, facts in ROWS.items():
            row = {**USUAL, **facts, "job_id": f"job_{name}", "fingerprint": f"v1:{name}"}
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        db.execute("INSERT INTO characters VALUES ('p', 'Anna', 'ch_1', 'anna', '', 0, 3, 1)")
        db.execute("INSERT INTO pace VALUES ('p', 5.0, 1.0)")
    db.close()
    return tmp_path


@pytest.fixture
def ledger(home):
    opened = Ledger(home, FakeClock())
    yield opened
    opened.close()


def test_every_row_is_there_and_says_what_it_said(ledger):
    for name, facts in ROWS.items():
        job = ledger.get(f"job_{name}")
        assert {key: getattr(job, key) for key in facts if key != "metadata"} == {
            key: value for key, value in facts.items() if key != "metadata"
        }
    assert len(list(ledger.all_jobs())) == len(ROWS)


def test_nobody_knows_where_the_jobs_were_made(ledger):
    assert ledger.get("job_running").place == Place("openai")


def test_claims_are_held_as_before(ledger):
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
    place = Place("openai", "https://relay.example:443", "account")
    for name, is_held in (("running", True), ("delivered", True), ("failed", False)):
        job = ledger.claim(
            request, fingerprint="v2:new " + name, also=(f"v1:{name}",), profile="p", place=place, owner="me",
            destination=Destination(Path("out")),
        )  # fmt: skip
        assert (job.job_id == f"job_{name}") is is_held


def test_jobs_of_dead_processes_are_free_to_be_taken_over(ledger):
    assert ledger.take_over(ledger.get("job_sent"), owner="me")
    assert [job.job_id for job in ledger.orphans("p")] == ["job_running", "job_planned"]


def test_a_file_that_was_planned_can_be_looked_for(ledger):
    job = ledger.get("job_planned")
    assert (job.planned_path, job.planned_sha256, job.planned_bytes) == ("a.mp4", "abc", 7)


def test_graphs_move_out_of_the_rows_and_can_be_loaded(ledger, home):
    assert ledger.workflows.get("job_waiting") == ledger.workflows.get("job_delivered") == GRAPH
    with ledger._file.read() as db:
        assert db.execute("SELECT count(*) FROM jobs WHERE metadata IS NOT NULL").fetchone()[0] == 0


def test_what_was_learned_of_durations_and_characters_stays(ledger):
    assert ledger.durations("p", "sora-2", 4) == [30.0]
    assert [each.name for each in ledger.characters.all()] == ["Anna"]
