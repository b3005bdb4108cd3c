"""A link that is signed is nowhere any more once its file is here: not in the row, and not in the files beside it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from _clock import FakeClock

from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Place
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

SIGNATURE = "S1gnatureOfTheL1nk0a1b2c3d4"
DONE = Snapshot(State.SUCCEEDED, "video_1", url=f"https://cdn.example/v.mp4?X-Amz-Signature={SIGNATURE}")


def made(ledger: Ledger, number: int) -> str:
    job = ledger.claim(
        VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", seconds=4), fingerprint=f"v1:{number}", profile="p",
        place=Place("openai", ""), owner="me", destination=Destination(Path("out"), "sora"),
    )  # fmt: skip
    ledger.mark_sent(job.job_id, owner="me")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, f"video_{number}"), owner="me")
    ledger.record_snapshot(job.job_id, DONE, owner="me")
    ledger.record_plan(job.job_id, Path("/out/x.mp4"), "abc", 1, owner="me")
    return job.job_id


def is_left(folder: Path) -> bool:
    return any(SIGNATURE.encode() in path.read_bytes() for path in folder.iterdir())


def deliver(ledger: Ledger, job_id: str) -> None:
    ledger.record_delivered(job_id, width=1, height=1, fps=1.0, duration=1.0, owner="me")


def test_it_leaves_the_log_beside_the_file_too_while_the_ledger_is_open(tmp_path):
    ledger = Ledger(tmp_path, FakeClock())
    job_id = made(ledger, 1)
    assert is_left(tmp_path)
    deliver(ledger, job_id)
    assert not is_left(tmp_path)
    ledger.close()


def test_whoever_reads_meanwhile_does_not_hold_up_a_delivery_and_the_next_one_takes_both(tmp_path):
    ledger = Ledger(tmp_path, FakeClock())
    first, second = made(ledger, 1), made(ledger, 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()
        deliver(ledger, first)
    assert ledger.get(first).url is None
    deliver(ledger, second)
    assert not is_left(tmp_path)
    ledger.close()
