"""Hundreds of jobs that a dead process left: they neither delay a new one nor hold up the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _command import Command, until
from _gateway import GatewayProcess

from sora_core.clock import SystemClock
from sora_core.engine import Engine
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import COLUMNS, Place
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

LEFT = 500


def request(prompt: str) -> VideoRequest:
    return VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=2, size="64x64")


def leave(home: Path) -> None:
    """Rows of jobs that run somewhere, and of which the server does not know: each is asked for again and again."""
    ledger = Ledger(home, SystemClock())
    job = ledger.claim(
        request("left"), fingerprint="v1:0", profile="own", place=Place("openai"), owner="dead",
        destination=Destination(home),
    )  # fmt: skip
    ledger.mark_sent(job.job_id, owner="dead")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_0"), owner="dead")
    copy = {name: name for name in COLUMNS}
    copy |= {"job_id": "'job_left' || n", "fingerprint": "'v1:' || n", "remote_id": "'video_' || n"}
    with ledger._file.change() as db:
        db.execute(
            f"INSERT INTO jobs ({', '.join(copy)}) WITH RECURSIVE numbers (n) AS"
            f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {LEFT})"
            f" SELECT {', '.join(copy.values())} FROM numbers, jobs WHERE job_id = ?",
            (job.job_id,),
        )
    ledger._leases.end("dead")
    ledger.close()


@pytest.fixture
def engine(command: Command, gateway: GatewayProcess) -> Iterator[Engine]:
    command.add_profile("own", gateway.openai, poll_seconds=1)
    leave(command.home)
    made = Engine(command.home)
    yield made
    made.close()


def test_a_new_job_is_made_while_they_are_taken_up(command: Command, gateway: GatewayProcess, engine: Engine) -> None:
    assert engine.take_up().result(30) == LEFT
    new = engine.generate(request("new"), "own", Destination(command.output), lambda progress: None)
    assert new.result(60).path.is_file()
    assert gateway.charges == 1


def test_the_end_does_not_wait_for_them_and_lets_go_of_all(command: Command, engine: Engine) -> None:
    assert engine.take_up().result(30) == LEFT
    owner = engine.ledger.owner.id
    until(lambda: sum(job.owner == owner for job in engine.ledger.unfinished()) > LEFT / 5, timeout=60)
    began = time.monotonic()
    engine.close()
    assert time.monotonic() - began < 20
    assert {job["owner"] for job in command.jobs()} <= {None, "dead"}
