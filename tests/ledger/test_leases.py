"""Who of those that own ledger rows is alive."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _clock import FakeClock
from _command import Command, arguments, kill, posix, until
from _gateway import GatewayProcess

from sora_core.clock import SystemClock
from sora_core.errors import StorageError
from sora_core.files import processes
from sora_core.ledger import leases, sqlite
from sora_core.ledger.database import Session
from sora_core.ledger.leases import LEASE_SECONDS, Leases
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Job, Place
from sora_core.models import Destination, Operation
from sora_core.requests.kinds import VideoRequest

TESTS = Path(__file__).resolve().parent.parent
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells that a process is gone")

HOLD = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
sys.path.insert(0, sys.argv[1] + "/ledger")
from test_leases import claim
from sora_core.clock import SystemClock
from sora_core.ledger.ledger import Ledger
ledger = Ledger(pathlib.Path(sys.argv[2]), SystemClock())
claim(ledger, ledger.owner.id)
print(ledger.owner.id, flush=True)
sys.stdin.readline()
"""


class Elsewhere(Leases):
    """As another host sees the same file: no boot in common, and a monotonic clock of its own."""

    def __init__(self, ledger: Ledger, clock: FakeClock) -> None:
        super().__init__(ledger._file)
        self._clock = clock

    def sees(self, owner: str) -> bool:
        with self._file.read() as db:
            return self.alive(_FarSession(db, self._clock), owner)


class _FarSession:
    def __init__(self, db: Session, clock: FakeClock) -> None:
        self.execute = db.execute
        self.lease_time = lambda: ("another boot", clock.monotonic(), float("-inf"))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def ledger(tmp_path, clock):
    opened = Ledger(tmp_path, clock)
    yield opened
    opened.close()


def claim(ledger: Ledger, owner: str, fingerprint: str = "v1:a") -> Job:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
    return ledger.claim(
        request, fingerprint=fingerprint, profile="p", place=Place("openai"), owner=owner,
        destination=Destination(Path()),
    )  # fmt: skip


class TestAnOwner:
    def test_of_no_name_is_never_alive(self, ledger):
        assert not ledger.is_alive(None)

    def test_that_left_no_trace_is_dead(self, ledger):
        assert not ledger.is_alive("0" * 32)

    def test_is_alive_from_its_first_row_on(self, ledger):
        assert not ledger.is_alive("me")
        claim(ledger, "me")
        assert ledger.is_alive("me")

    def test_that_does_not_beat_is_dead_after_the_length_of_a_lease(self, ledger, clock):
        claim(ledger, "you")
        clock.advance(LEASE_SECONDS - 1)
        assert ledger.is_alive("you")
        clock.advance(1)
        assert not ledger.is_alive("you")

    def test_that_beats_lives_for_as_long_as_it_has_something_to_do(self, ledger, clock):
        job = claim(ledger, "you")
        for _ in range(100):
            clock.advance(LEASE_SECONDS - 1)
            ledger._leases.beat("you")
        assert ledger.is_alive("you")
        ledger.release(job.job_id, "you")
        clock.advance(LEASE_SECONDS)
        ledger._leases.beat("you")
        assert not ledger.is_alive("you")

    def test_with_nothing_to_do_writes_nothing(self, ledger):
        before = ledger._file._connection.total_changes
        ledger._leases.beat("you")
        assert ledger._file._connection.total_changes == before

    def test_has_another_name_each_time(self, ledger, tmp_path):
        other = Ledger(tmp_path, SystemClock())
        assert other.owner.id != ledger.owner.id == ledger.owner.id
        other.close()

    def test_is_gone_when_its_ledger_is_closed(self, ledger, tmp_path, clock):
        other = Ledger(tmp_path, clock)
        owner = other.owner.id
        claim(other, owner)
        assert ledger.is_alive(owner)
        other.close()
        assert not ledger.is_alive(owner)

    def test_is_kept_alive_by_a_thread_of_its_own(self, tmp_path, monkeypatch):
        monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
        ledger = Ledger(tmp_path, SystemClock())
        claim(ledger, ledger.owner.id)
        beats = "SELECT beat FROM owners"
        with ledger._file.read() as db:
            until(lambda: db.execute(beats).fetchone()[0] > 3)
        ledger.close()
        assert "sora-lease" not in {thread.name for thread in threading.enumerate()}


class TestSeenFromAnotherHost:
    def test_an_owner_is_dead_when_it_has_stood_still_for_a_lease_while_we_looked(self, ledger, clock):
        far = FakeClock(5.0)
        there = Elsewhere(ledger, far)
        claim(ledger, "you")
        assert there.sees("you")
        far.advance(LEASE_SECONDS - 1)
        assert there.sees("you")
        far.advance(1)
        assert not there.sees("you")

    def test_one_that_beats_is_alive_however_long_we_look(self, ledger, clock):
        far = FakeClock(5.0)
        there = Elsewhere(ledger, far)
        claim(ledger, "you")
        for _ in range(50):
            assert there.sees("you")
            far.advance(LEASE_SECONDS - 1)
            ledger._leases.beat("you")

    @pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
    def test_a_wall_clock_that_is_set_kills_nobody_and_keeps_nobody(self, tmp_path, jump):
        class Steady(FakeClock):
            steady = 0.0

            def monotonic(self) -> float:
                return self.steady

        clock = Steady()
        ledger = Ledger(tmp_path, clock)
        claim(ledger, "you")
        clock.time += jump
        assert ledger.is_alive("you")
        clock.steady += LEASE_SECONDS
        assert not ledger.is_alive("you")
        ledger.close()


@pytest.fixture
def neighbour(tmp_path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(TESTS), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@linux
def test_a_process_that_was_killed_is_dead_at_once(tmp_path, neighbour):
    owner = neighbour.stdout.readline().strip()
    ledger = Ledger(tmp_path, SystemClock())
    assert ledger.is_alive(owner)
    neighbour.kill()
    neighbour.wait()
    assert not ledger.is_alive(owner)
    ledger.close()


def test_a_process_that_was_killed_is_dead_within_a_lease_where_the_system_tells_nothing(
    tmp_path, neighbour, monkeypatch
):
    owner = neighbour.stdout.readline().strip()
    monkeypatch.setattr(sqlite, "boot_id", lambda: "")
    ledger = Ledger(tmp_path, SystemClock())
    neighbour.kill()
    neighbour.wait()
    assert ledger.is_alive(owner)  # nobody can know yet
    began = time.monotonic()
    until(lambda: not ledger.is_alive(owner), timeout=LEASE_SECONDS + 30)
    assert time.monotonic() - began >= LEASE_SECONDS - 0.1
    ledger.close()


@linux
class TestAProcess:
    def test_that_runs_is_not_gone(self):
        assert not processes.is_gone(processes.this_process())

    def test_that_has_ended_is_gone_before_anyone_has_reaped_it(self):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        name = f"{processes._namespace()} {child.pid} {processes._stat(child.pid)[1]}"
        assert not processes.is_gone(name)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.is_gone(name)
        child.communicate()
        assert processes.is_gone(name)

    def test_of_another_start_is_another_one(self):
        namespace, pid, _ = processes.this_process().split()
        assert processes.is_gone(f"{namespace} {pid} 1")

    @pytest.mark.parametrize("name", ["", "another-namespace 1 1", "pid:[1] 1 1"])
    def test_of_elsewhere_cannot_be_told(self, name):
        assert not processes.is_gone(name)


NO_LOCKS = """
import errno, sys
import fcntl
def refuse(*args):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = fcntl.lockf = refuse
from sora_core.cli import main
sys.exit(main())
"""


@posix
def test_a_killed_process_s_job_is_collected_where_files_cannot_be_locked(tmp_path):
    """SQLite keeps its own locks; a ledger that it cannot lock is refused."""
    with GatewayProcess(speed=200) as gateway:
        command = Command(tmp_path)
        command.add_profile("own", gateway.openai)
        gateway.fault({"on": "create", "do": "stuck", "seconds": 4})

        def start() -> subprocess.Popen[str]:
            return subprocess.Popen(
                [sys.executable, "-c", NO_LOCKS, *arguments("no locks")],
                cwd=TESTS.parent, env=command.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip

        doomed = start()
        until(lambda: any(job["remote_id"] for job in command.jobs()), timeout=60)
        kill(doomed)
        out, err = start().communicate(timeout=120)
        assert Path(json.loads(out)["path"]).is_file(), err
        assert gateway.charges == 1


@posix
def test_a_ledger_that_cannot_be_locked_is_refused_and_says_why(tmp_path, monkeypatch):
    """SQLite takes "no locks" for "locked by another"."""
    monkeypatch.setattr(sqlite, "_PATIENCE_SECONDS", 0.1)
    other = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with pytest.raises(StorageError, match="locked"):
        Ledger(tmp_path, SystemClock())
    monkeypatch.setattr("fcntl.lockf", refuse)
    with pytest.raises(StorageError, match="has no locks") as caught:
        Ledger(tmp_path, SystemClock())
    assert "local disk" in str(caught.value)
    other.close()
