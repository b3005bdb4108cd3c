"""A damaged ledger: refused, set aside on the user's word, kept as it is; what can be read stays known."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from _command import Command, arguments
from _gateway import GatewayProcess

from sora_core.clock import SystemClock
from sora_core.errors import InvalidRequest, StorageError
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.recovery import set_aside
from sora_core.ledger.row import Place
from sora_core.ledger.schema import MIGRATIONS
from sora_core.models import Character, Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

CLOCK = SystemClock()
JOBS = 200
TESTS = Path(__file__).resolve().parent.parent

HOLD = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
from sora_core.clock import SystemClock
from sora_core.ledger.ledger import Ledger
ledger = Ledger(pathlib.Path(sys.argv[2]), SystemClock())
print(len(ledger.jobs()), flush=True)
sys.stdin.readline()
"""


def fill(home: Path, count: int = JOBS) -> list[str]:
    ledger = Ledger(home, CLOCK)
    ids = []
    for number in range(count):
        request = VideoRequest(Operation.TEXT_TO_VIDEO, f"number {number} " + "x" * 300)
        job = ledger.claim(
            request, fingerprint=f"v1:{number}", profile="p", place=Place("openai"), owner="dead",
            destination=Destination(home),
        )  # fmt: skip
        ledger.mark_sent(job.job_id, owner="dead")
        ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, f"video_{number}"), owner="dead")
        ids.append(job.job_id)
    ledger.characters.add(Character("p", "cat", "ch_1", "", "", 0.0, 1.0))
    ledger.close()
    return ids


def spoil_a_page(home: Path, prompt: str) -> None:
    """Noise over the page of the table that holds the row with that prompt."""
    path = home / "jobs.sqlite"
    data = bytearray(path.read_bytes())
    start = data.index(prompt.encode()) // 4096 * 4096
    data[start : start + 4096] = hashlib.sha512(b"noise").digest() * 64
    path.write_bytes(data)


def rows(home: Path) -> dict[str, str]:
    ledger = Ledger(home, CLOCK)
    found = {job.job_id: job.state for job in ledger.jobs()}
    ledger.close()
    return found


def test_every_row_around_a_damaged_page_stays_known(tmp_path: Path) -> None:
    ids = fill(tmp_path)
    spoil_a_page(tmp_path, "number 100 ")
    before = (tmp_path / "jobs.sqlite").read_bytes()
    with pytest.raises(StorageError, match="malformed"):
        rows(tmp_path)
    done = set_aside(tmp_path, CLOCK)
    assert done.path.read_bytes() == before
    assert done.path.name.startswith("jobs.sqlite.damaged-")
    known = rows(tmp_path)
    assert done.jobs == len(known) >= JOBS - 10
    assert {ids[0], ids[-1]} <= set(known) < set(ids)
    assert done.characters == 1
    ledger = Ledger(tmp_path, CLOCK)
    assert [each.name for each in ledger.characters.all()] == ["cat"]
    again = ledger.claim(
        VideoRequest(Operation.TEXT_TO_VIDEO, "x"), fingerprint="v1:0", profile="p", place=Place("openai"),
        owner="me", destination=Destination(tmp_path),
    )  # fmt: skip
    assert (again.job_id, again.remote_id, again.owner) == (ids[0], "video_0", None)
    ledger.close()
    assert sorted(path.name for path in tmp_path.glob("*salvage*")) == []


def test_what_lies_in_the_log_is_read_and_kept_too(tmp_path: Path) -> None:
    fill(tmp_path)
    ledger = Ledger(tmp_path, CLOCK)
    ledger.forget(ledger.jobs()[0])
    last = ledger.jobs()[0].job_id
    saved = {name: (tmp_path / name).read_bytes() for name in ("jobs.sqlite", "jobs.sqlite-wal")}
    ledger.close()
    for name, data in saved.items():
        (tmp_path / name).write_bytes(data)
    spoil_a_page(tmp_path, "number 100 ")
    done = set_aside(tmp_path, CLOCK)
    assert Path(f"{done.path}-wal").read_bytes() == saved["jobs.sqlite-wal"]
    assert rows(tmp_path)[last] == "forgotten"


def test_a_claim_that_may_have_been_sent_is_unknown_afterwards(tmp_path: Path) -> None:
    fill(tmp_path)
    ledger = Ledger(tmp_path, CLOCK)
    job = ledger.claim(
        VideoRequest(Operation.TEXT_TO_VIDEO, "claimed"), fingerprint="v1:claimed", profile="p",
        place=Place("openai"), owner="dead", destination=Destination(tmp_path),
    )  # fmt: skip
    ledger.close()
    spoil_a_page(tmp_path, "number 100 ")
    set_aside(tmp_path, CLOCK)
    ledger = Ledger(tmp_path, CLOCK)
    saved = ledger.get(job.job_id)
    ledger.close()
    assert (saved.state, saved.sent_at) == ("unknown", job.created_at)


def test_a_file_that_is_no_database_is_kept_and_the_new_ledger_is_empty(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"this was a database" * 500)
    done = set_aside(tmp_path, CLOCK)
    assert (done.jobs, done.characters) == (0, 0)
    assert done.path.read_bytes() == b"this was a database" * 500
    assert rows(tmp_path) == {}


def test_an_emptied_file_beside_a_log_is_damage_and_no_new_ledger(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").touch()
    (tmp_path / "jobs.sqlite-wal").write_bytes(b"the only place of the last commits")
    with pytest.raises(StorageError) as caught:
        Ledger(tmp_path, CLOCK)
    assert "--set-aside" in caught.value.fix
    assert Path(f"{set_aside(tmp_path, CLOCK).path}-wal").read_bytes() == b"the only place of the last commits"


def test_a_sound_ledger_stays_where_it_is(tmp_path: Path) -> None:
    ids = fill(tmp_path, 3)
    with pytest.raises(InvalidRequest, match="is not damaged"):
        set_aside(tmp_path, CLOCK)
    assert set(rows(tmp_path)) == set(ids)
    assert [path.name for path in tmp_path.iterdir() if "damaged" in path.name or "salvage" in path.name] == []


def test_without_a_ledger_there_is_nothing_to_set_aside(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no ledger"):
        set_aside(tmp_path, CLOCK)


def test_a_ledger_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StorageError, match="newer version"):
        set_aside(tmp_path, CLOCK)


def test_a_ledger_that_another_process_has_open_is_not_touched(tmp_path: Path) -> None:
    fill(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(TESTS), str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        assert process.stdout.readline().strip() == str(JOBS)
        spoil_a_page(tmp_path, "number 100 ")
        before = (tmp_path / "jobs.sqlite").read_bytes()
        with pytest.raises(StorageError, match=r"open|set aside"):
            set_aside(tmp_path, CLOCK)
        assert (tmp_path / "jobs.sqlite").read_bytes() == before
    finally:
        process.communicate("\n", timeout=30)
    set_aside(tmp_path, CLOCK)


def test_the_refusal_names_the_command_and_the_command_says_what_it_means(
    command: Command, gateway: GatewayProcess
) -> None:
    command.add_profile("own", gateway.openai)
    remote_id = command(*arguments("before")).json["remote_id"]
    (command.home / "jobs.sqlite").write_bytes(b"this was a database" * 500)
    refused = command(*arguments("before"))
    assert refused.code == 2
    assert "`sora-video jobs --set-aside`" in refused.err
    told = command("jobs", "--set-aside")
    assert told.code == 0, told.err
    assert "Read from it: 0 jobs" in told.err
    assert "pays, anew" in told.err
    collected = command("resume", remote_id, "--profile", "own", "--json")
    assert collected.code == 0, collected.err
    assert Path(collected.json["path"]).is_file()
    assert gateway.charges == 1
    assert command("jobs", "--set-aside").code == 2
