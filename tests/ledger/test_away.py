"""The database is away: nothing is submitted, what is learned of paid jobs is kept, and told when it is back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from _clock import FakeClock
from _ledgers import new_database, server
from _postgres import MISSING, programs

from sora_core.clock import SystemClock
from sora_core.errors import JobChanged, LedgerAway, StorageError
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.opening import open_ledger
from sora_core.ledger.postgres import Postgres
from sora_core.ledger.row import ANYONE, DELIVERED, FAILED, FORGOTTEN, QUEUED, RUNNING, SUBMITTING, UNKNOWN, Job, Place
from sora_core.ledger.shared import SharedLedger
from sora_core.models import Destination, Operation, Secret, Snapshot, State
from sora_core.requests.kinds import VideoRequest

pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)
SERVER = Place("openai", "https://relay.example:443", "account")


class Switch:
    """A way to the database that can be cut: between two statements, or right after the next commit."""

    def __init__(self, database: Postgres) -> None:
        self._database = database
        self._execute = {line: line.execute for line in (database._writer, database._reader)}

    def off(self, *, after_commit: bool = False) -> None:
        """At once, or when one more commit is done that nobody hears of."""
        still = [True] if after_commit else []

        def cut(line):
            def execute(sql, values=None):
                import psycopg

                if still:
                    done = self._execute[line](sql, values)
                    if sql != b"COMMIT":
                        return done
                    still.clear()
                raise psycopg.OperationalError("the connection is lost")

            return execute

        for line in self._execute:
            line.execute = cut(line)

    def on(self) -> None:
        for line, execute in self._execute.items():
            line.execute = execute
        self._database._away = None


class Host:
    """One worker with a state folder of its own."""

    def __init__(self, folder: Path, url: Secret) -> None:
        self.folder = folder
        self.database = Postgres(url)
        self.way = Switch(self.database)
        self.ledger = SharedLedger(folder, FakeClock(), self.database)
        self.me = self.ledger.owner.id

    def back(self) -> None:
        self.way.on()
        self.ledger.merge()

    def claim(self, fingerprint: str = "v2:a") -> Job:
        job = self.ledger.claim(
            VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", model="sora-2", seconds=4),
            fingerprint=fingerprint, profile="p", place=SERVER, owner=self.me, destination=Destination(Path("out")),
        )  # fmt: skip
        return self.ledger.get(job.job_id)

    def sent(self, fingerprint: str = "v2:a") -> Job:
        return self.ledger.mark_sent(self.claim(fingerprint).job_id, owner=self.me)

    def queued(self) -> Job:
        return self.ledger.record_submitted(self.sent().job_id, Snapshot(State.QUEUED, "video_1"), owner=self.me)


@pytest.fixture(autouse=True)
def no_thread(monkeypatch):
    """The tests say when it is merged."""
    monkeypatch.setattr("sora_core.ledger.shared.MERGE_SECONDS", 3600.0)


@pytest.fixture
def url():
    return Secret(server().url(new_database()))


@pytest.fixture
def host(tmp_path, url):
    made = Host(tmp_path / "one", url)
    yield made
    made.way.on()
    made.ledger.close()


@pytest.fixture
def other(tmp_path, url):
    """As other hosts see the ledger."""
    made = Host(tmp_path / "two", url)
    yield made
    made.ledger.close()


class TestWhileItIsAway:
    def test_nothing_is_claimed(self, host):
        host.way.off()
        with pytest.raises(LedgerAway, match="nothing is submitted"):
            host.claim()

    def test_nothing_that_was_claimed_is_sent(self, host, other):
        job = host.claim()
        host.way.off()
        with pytest.raises(LedgerAway):
            host.ledger.mark_sent(job.job_id, owner=host.me)
        host.back()
        assert other.ledger.get(job.job_id).sent_at is None

    def test_a_claim_that_nobody_could_say_to_be_sent_was_not(self, host, other):
        job = host.claim()
        host.way.off(after_commit=True)
        with pytest.raises(LedgerAway):
            host.ledger.mark_sent(job.job_id, owner=host.me)
        assert other.ledger.get(job.job_id).sent_at  # which is what the others see,
        host.back()
        assert other.ledger.get(job.job_id).sent_at is None  # and is not so
        assert host.ledger.mark_sent(job.job_id, owner=host.me).sent_at

    def test_a_remote_id_is_kept_on_this_disk_and_told_when_it_is_back(self, host, other):
        job = host.sent()
        host.way.off()
        row = host.ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner=host.me)
        assert (row.state, row.remote_id, host.ledger.get(job.job_id)) == (QUEUED, "video_1", row)
        assert other.ledger.get(job.job_id).remote_id is None
        host.back()
        assert (other.ledger.get(job.job_id).remote_id, host.ledger.get(job.job_id).owner) == ("video_1", host.me)

    @pytest.mark.parametrize("after_commit", [False, True])
    def test_a_job_goes_on_to_its_file(self, host, other, after_commit):
        job = host.queued()
        host.way.off(after_commit=after_commit)
        write = host.ledger
        write.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", 40.0), owner=host.me)
        assert write.get(job.job_id).progress == 40.0
        write.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, "video_1"), owner=host.me)
        write.record_part(job.job_id, "etag", owner=host.me)
        write.record_plan(job.job_id, Path("a.mp4"), "abc", 7, owner=host.me)
        write.record_delivered(job.job_id, width=1, height=1, fps=24.0, duration=4.0, owner=host.me)
        write.release(job.job_id, host.me)
        host.back()
        done = other.ledger.get(job.job_id)
        assert (done.state, done.path, done.sha256, done.bytes) == (DELIVERED, "a.mp4", "abc", 7)
        assert (done.owner, done.remote_id) == (None, "video_1")

    def test_what_the_server_said_of_a_result_is_told_too(self, host, other):
        job = host.queued()
        host.way.off()
        done = Snapshot(State.SUCCEEDED, "video_1", said={"seed": 7})
        host.ledger.record_snapshot(job.job_id, done, owner=host.me)
        host.back()
        assert other.ledger.said.get(job.job_id) == {"seed": 7}

    def test_a_job_that_failed_frees_its_request_when_it_is_back(self, host, other):
        job = host.queued()
        host.way.off()
        host.ledger.record_over(job.job_id, FAILED, "out of memory", "JobFailed", owner=host.me)
        assert other.claim().job_id == job.job_id
        host.back()
        assert (other.ledger.get(job.job_id).error, other.claim().job_id != job.job_id) == ("out of memory", True)

    def test_a_claim_that_was_let_go_is_dropped_when_it_is_back(self, host, other):
        job = host.claim()
        host.way.off()
        host.ledger.release(job.job_id, host.me)
        host.back()
        assert other.ledger.peek(job.job_id) is None

    def test_writes_are_held_to_the_rules_all_the_same(self, host):
        job = host.queued()
        host.way.off()
        with pytest.raises(JobChanged):
            host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1"), owner="another")
        with pytest.raises(JobChanged):
            host.ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_2"), owner=host.me)

    def test_a_row_that_was_never_seen_here_is_not_to_be_had(self, host, other):
        job = other.queued()
        host.way.off()
        with pytest.raises(LedgerAway):
            host.ledger.get(job.job_id)
        with pytest.raises(LedgerAway):
            host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1"), owner=ANYONE)

    def test_an_id_may_be_one_of_ours(self, host):
        host.way.off()
        assert host.ledger.known_ids("p", SERVER.origin, ["video_9"]) == {"video_9"}


class TestWhenItIsBack:
    def test_what_another_host_took_over_stays_theirs_and_gets_the_id(self, host, other):
        job = host.sent()
        host.way.off()
        host.ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner=host.me)
        host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", 70.0), owner=host.me)
        other.ledger._leases.end(host.me)
        assert other.ledger.take_over(other.ledger.get(job.job_id), owner=other.me)
        other.ledger.record_unknown(job.job_id, "the process stopped", owner=other.me)
        host.back()
        row = other.ledger.get(job.job_id)
        assert (row.owner, row.remote_id, row.state, row.progress) == (other.me, "video_1", QUEUED, None)
        with pytest.raises(JobChanged):
            host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", 80.0), owner=host.me)

    def test_what_the_user_forgot_meanwhile_stays_forgotten_and_keeps_the_id(self, host, other):
        job = host.sent()
        host.way.off()
        host.ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner=host.me)
        other.ledger.forget(other.ledger.get(job.job_id))
        host.back()
        row = other.ledger.get(job.job_id)
        assert (row.state, row.remote_id) == (FORGOTTEN, "video_1")

    def test_an_id_that_is_another_job_s_by_now_leaves_the_row_unknown(self, host, other):
        job = host.sent()
        host.way.off()
        host.ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner=host.me)
        twin = other.sent("v2:b")
        other.ledger.record_submitted(twin.job_id, Snapshot(State.QUEUED, "video_1"), owner=other.me)
        host.back()
        row = other.ledger.get(job.job_id)
        assert (row.state, row.remote_id) == (UNKNOWN, None)
        assert twin.job_id in row.error

    def test_it_is_told_once_and_then_written_there_again(self, host, other):
        job = host.queued()
        host.way.off()
        host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", 40.0), owner=host.me)
        host.back()
        host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", 60.0), owner=host.me)
        host.ledger.merge()
        assert other.ledger.get(job.job_id).progress == 60.0

    def test_what_a_process_left_that_died_meanwhile_is_told_by_the_next_of_its_folder(self, host, other, url):
        job = host.sent()
        host.way.off()
        host.ledger.record_submitted(job.job_id, Snapshot(State.RUNNING, "video_1"), owner=host.me)
        heir = Host(host.folder, url)
        row = other.ledger.get(job.job_id)
        assert (row.state, row.remote_id) == (RUNNING, "video_1")
        heir.ledger.close()

    def test_times_are_the_database_s_whatever_the_worker_s_clock_says(self, host, other):
        job = host.sent()  # of a worker whose clock is a fake one
        host.way.off()
        host.ledger.record_submitted(job.job_id, Snapshot(State.RUNNING, "video_1"), owner=host.me)
        host.back()
        row = other.ledger.get(job.job_id)
        assert 0 <= row.submitted_at - row.sent_at < 60

    def test_a_thread_tells_it_by_itself(self, tmp_path, url, other, monkeypatch):
        monkeypatch.setattr("sora_core.ledger.shared.MERGE_SECONDS", 0.05)
        host = Host(tmp_path / "three", url)
        job = host.queued()
        host.way.off()
        host.ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", 40.0), owner=host.me)
        host.way.on()
        until = time.monotonic() + 20
        while other.ledger.get(job.job_id).progress != 40.0:
            assert time.monotonic() < until
            time.sleep(0.02)
        host.ledger.close()


def test_a_journal_that_cannot_be_written_is_told(host):
    job = host.sent()
    host.way.off()
    (host.folder / "journal.sqlite").mkdir(parents=True)
    with pytest.raises(StorageError):
        host.ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner=host.me)
    (host.folder / "journal.sqlite").rmdir()


def test_a_ledger_of_one_folder_has_no_journal(tmp_path):
    ledger = Ledger(tmp_path, FakeClock())
    assert [each.name for each in tmp_path.iterdir() if "journal" in each.name] == []
    ledger.close()


def test_a_claim_that_waits_is_sent_when_it_is_back(host):
    job = host.claim()
    host.way.off()
    with pytest.raises(LedgerAway):
        host.ledger.mark_sent(job.job_id, owner=host.me)
    assert host.ledger.get(job.job_id).state == SUBMITTING
    host.way.on()
    assert host.ledger.mark_sent(job.job_id, owner=host.me).sent_at  # what was kept is told first


def test_a_ledger_whose_database_goes_while_it_is_opened_leaves_nothing_running(tmp_path, monkeypatch):
    url = Secret(server().url(new_database()))
    before = set(threading.enumerate())

    def gone(ledger):
        raise LedgerAway("ledger.away", ledger=ledger.name, reason="the connection is lost")

    monkeypatch.setattr(SharedLedger, "moved_to", gone)
    with pytest.raises(LedgerAway):
        open_ledger(tmp_path, SystemClock(), url)
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(3)
    assert not [thread.name for thread in left if thread.is_alive()]
