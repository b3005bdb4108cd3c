"""The ledger: one right to charge per request, on disk before it is used, whoever else is at it."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from _clock import FakeClock
from _ledgers import STORES

from sora_core.errors import InvalidRequest, JobChanged, JobNotFound, StorageError
from sora_core.ledger.leases import LEASE_SECONDS
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import (
    CANCELED,
    DELIVERED,
    FAILED,
    FORGOTTEN,
    JOB_ID_PREFIX,
    MISSING,
    OVER,
    SUBMITTING,
    SUCCEEDED,
    UNFINISHED,
    Job,
    Place,
)
from sora_core.ledger.schema import MIGRATIONS
from sora_core.ledger.sqlite import Sqlite
from sora_core.ledger.workflows import KEPT_DAYS
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

TESTS = Path(__file__).resolve().parent.parent
REQUEST = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", model="sora-2", seconds=4)
QUEUED = Snapshot(State.QUEUED, "video_1")
HALF_AN_EMOJI = "the prompt ends in \ud83d"
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=STORES)
def store(request, tmp_path, clock):
    made = STORES[request.param](tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def ledger(store):
    return store.open()


def claim(ledger: Ledger, fingerprint: str = "v1:a", *, owner: str = "me", profile: str = "p", origin: str = "") -> Job:
    return ledger.claim(
        REQUEST,
        fingerprint=fingerprint,
        profile=profile,
        place=Place("openai", origin),
        owner=owner,
        destination=Destination(Path("out"), "sora", metadata={"workflow": {"猫": 1}}),
    )


def submitted(ledger: Ledger, fingerprint: str = "v1:a", remote_id: str = "video_1", **options: str) -> Job:
    job = claim(ledger, fingerprint, **options)
    ledger.mark_sent(job.job_id, owner=job.owner)
    return ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, remote_id), owner=job.owner)


def unknown(ledger: Ledger, reason: str = "lost", **options: str) -> Job:
    job = claim(ledger, **options)
    ledger.mark_sent(job.job_id, owner="me")
    return ledger.record_unknown(job.job_id, reason, owner="me")


def set_state(ledger: Ledger, job: Job, state: str) -> None:
    with ledger._file.change() as db:
        db.execute("UPDATE jobs SET state = ? WHERE job_id = ?", (state, job.job_id))


class TestAClaim:
    def test_makes_a_row_that_says_what_will_be_paid(self, ledger, clock):
        job = claim(ledger)
        assert job.state == SUBMITTING
        assert (job.owner, job.sent_at, job.remote_id) == ("me", None, None)
        assert (job.prompt, job.model, job.seconds, job.created_at) == ("a cat", "sora-2", 4, clock.now())
        assert job.job_id.startswith(JOB_ID_PREFIX)
        assert job.idempotency_key

    def test_of_the_same_request_gives_the_same_row(self, ledger):
        assert claim(ledger, owner="you").job_id == claim(ledger, owner="me").job_id
        assert len(ledger.jobs()) == 1

    def test_of_another_request_gives_another(self, ledger):
        one, other = claim(ledger, "v1:a"), claim(ledger, "v1:b")
        assert one.job_id != other.job_id
        assert one.idempotency_key != other.idempotency_key

    @pytest.mark.parametrize("state", [*UNFINISHED, DELIVERED])
    def test_is_held_by_every_row_that_is_not_over(self, ledger, state):
        job = claim(ledger)
        set_state(ledger, job, state)
        assert claim(ledger).job_id == job.job_id

    @pytest.mark.parametrize("state", OVER)
    def test_is_free_again_when_the_row_is_over(self, ledger, state):
        job = claim(ledger)
        set_state(ledger, job, state)
        assert claim(ledger).job_id != job.job_id

    def test_has_one_winner_among_threads(self, ledger):
        start = threading.Barrier(16, timeout=30)

        def race(number: int) -> str:
            start.wait()
            return claim(ledger, owner=str(number)).job_id

        with ThreadPoolExecutor(16) as pool:
            assert len(set(pool.map(race, range(16)))) == 1

    def test_has_one_winner_among_processes(self, store):
        ledgers = [store.open() for _ in range(8)]
        start = threading.Barrier(8, timeout=30)

        def race(ledger: Ledger) -> str:
            start.wait()
            return claim(ledger, owner=str(id(ledger))).owner

        with ThreadPoolExecutor(8) as pool:
            owners = list(pool.map(race, ledgers))
        assert len(set(owners)) == 1

    def test_takes_any_prompt(self, ledger):
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "猫 🐈 half \ud83d \0", model="", seconds=0)
        job = ledger.claim(
            request, fingerprint="v1:x", profile="p", place=Place("openai"), owner="me", destination=Destination(Path())
        )
        assert ledger.get(job.job_id).prompt == "猫 🐈 half ? ?"


RACE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
sys.path.insert(0, sys.argv[1] + "/ledger")
from test_ledger import claim
from sora_core.clock import SystemClock
from sora_core.ledger.ledger import Ledger
ledger = Ledger(pathlib.Path(sys.argv[2]), SystemClock())
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    job = claim(ledger, f"v1:{number}", owner=sys.argv[3])
    print(job.owner == sys.argv[3] and not ledger.take_over(job, owner="heir"), flush=True)
"""


def test_a_claim_has_one_winner_among_processes(tmp_path):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(TESTS), str(tmp_path), f"racer{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    try:
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 3
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        answers = [racer.communicate(timeout=60)[0].split() for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    assert [sum(answer[number] == "True" for answer in answers) for number in range(20)] == [1] * 20


class TestARow:
    def test_knows_when_its_request_left(self, ledger, clock):
        job = claim(ledger)
        clock.advance(5)
        ledger.mark_sent(job.job_id, owner="me")
        assert ledger.get(job.job_id).sent_at == clock.now()

    def test_is_dropped_on_release_only_if_its_request_never_left(self, ledger):
        job = claim(ledger)
        ledger.release(job.job_id, "me")
        with pytest.raises(JobNotFound):
            ledger.get(job.job_id)
        sent = claim(ledger)
        ledger.mark_sent(sent.job_id, owner="me")
        ledger.release(sent.job_id, "me")
        assert ledger.get(sent.job_id).owner is None
        assert ledger.get(sent.job_id).state == SUBMITTING

    def test_is_not_dropped_by_who_does_not_own_it(self, ledger):
        job = claim(ledger)
        ledger.release(job.job_id, "you")
        assert ledger.get(job.job_id).owner == "me"

    def test_with_a_remote_id_survives_a_release(self, ledger):
        job = submitted(ledger)
        ledger.release(job.job_id, "me")
        assert ledger.get(job.job_id).remote_id == "video_1"

    def test_that_is_over_frees_its_request_and_keeps_its_reason(self, ledger):
        job = submitted(ledger)
        ledger.record_over(job.job_id, FAILED, "engine on fire", "JobFailed", owner="me")
        over = ledger.get(job.job_id)
        assert over.over
        assert (over.error, over.error_kind, over.owner) == ("engine on fire", "JobFailed", None)
        assert claim(ledger).job_id != job.job_id

    def test_that_is_over_is_not_brought_back_by_a_poll_that_comes_late(self, ledger):
        """A cancel and a poll can be under way at once; the poll must not undo it, least of all after a new claim."""
        job = submitted(ledger)
        ledger.record_over(job.job_id, CANCELED, "canceled by the user", "JobCanceled", owner="me")
        again = claim(ledger)
        with pytest.raises(JobChanged):
            ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", progress=50), owner="me")
        assert ledger.get(job.job_id).state == CANCELED
        assert claim(ledger).job_id == again.job_id

    @pytest.mark.parametrize("state", [State.FAILED, State.CANCELED])
    def test_does_not_end_by_a_snapshot_alone(self, ledger, state):
        job = submitted(ledger)
        ledger.record_snapshot(job.job_id, Snapshot(state, "video_1"), owner="me")
        assert not ledger.get(job.job_id).over

    def test_keeps_the_last_known_progress(self, ledger):
        job = submitted(ledger)
        ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1", progress=40), owner="me")
        ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1"), owner="me")
        assert ledger.get(job.job_id).progress == 40

    def test_that_is_forgotten_frees_its_request_and_stays_on_record(self, ledger):
        job = unknown(ledger)
        ledger.forget(job)
        assert ledger.get(job.job_id).state == FORGOTTEN
        assert claim(ledger).job_id != job.job_id

    def test_goes_from_plan_to_delivery(self, ledger, clock):
        job = submitted(ledger)
        clock.advance(60)
        ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, "video_1", progress=100), owner="me")
        ledger.record_plan(job.job_id, Path("/out/sora_00001_.mp4"), "abc", 1234, owner="me")
        assert ledger.get(job.job_id).path is None
        clock.advance(5)
        done = ledger.record_delivered(job.job_id, width=1280, height=720, fps=24.0, duration=4.0, owner="me")
        assert done.state == DELIVERED
        assert Path(done.path) == Path("/out/sora_00001_.mp4")
        assert (done.sha256, done.bytes, done.width, done.height) == ("abc", 1234, 1280, 720)
        assert done.delivered_at == clock.now()

    def test_whose_file_is_gone_is_to_be_collected_again_and_holds_its_claim(self, ledger):
        job = submitted(ledger)
        ledger.record_plan(job.job_id, Path("/out/x.mp4"), "abc", 1, owner="me")
        ledger.record_delivered(job.job_id, width=1, height=1, fps=1.0, duration=1.0, owner="me")
        ledger.undeliver(job.job_id)
        gone = ledger.get(job.job_id)
        assert (gone.state, gone.remote_id) == (SUCCEEDED, "video_1")
        assert (Path(gone.path), gone.sha256, gone.bytes) == (Path("/out/x.mp4"), "abc", 1)
        assert (gone.planned_path, gone.planned_sha256) == (gone.path, "abc")
        assert claim(ledger).job_id == job.job_id

    def test_hides_its_prompt_in_its_repr(self, ledger):
        assert "a cat" not in repr(claim(ledger))

    def test_takes_what_servers_write(self, ledger):
        """JSON can carry half an emoji; a reason that cannot be stored must not cost the row its end."""
        job = unknown(ledger, HALF_AN_EMOJI)
        ledger.record_over(job.job_id, FAILED, HALF_AN_EMOJI, "JobFailed", owner="me")
        assert ledger.get(job.job_id).over

    def test_takes_any_remote_id(self, ledger):
        job = claim(ledger)
        ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "id \ud83d"), owner="me")
        assert ledger.get(job.job_id).state == "queued"


class TestTakingOver:
    def test_has_exactly_one_winner(self, store, clock):
        ledgers = [store.open() for _ in range(8)]
        job = claim(ledgers[0], owner="dead")
        clock.advance(LEASE_SECONDS)
        start = threading.Barrier(8, timeout=30)

        def race(number: int) -> bool:
            start.wait()
            return ledgers[number].take_over(job, owner=f"heir{number}")

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(race, range(8)))
        assert sum(won) == 1
        assert ledgers[0].get(job.job_id).owner == f"heir{won.index(True)}"

    def test_is_refused_while_the_owner_lives(self, ledger):
        assert not ledger.take_over(claim(ledger, owner="you"), owner="me")

    def test_works_on_a_row_that_no_one_owns(self, ledger):
        job = submitted(ledger)
        ledger.release(job.job_id, "me")
        free = ledger.get(job.job_id)
        assert ledger.take_over(free, owner="you")
        assert not ledger.take_over(free, owner="they")


class TestFinding:
    def test_goes_by_our_id_and_by_the_server_s(self, ledger):
        job = submitted(ledger)
        assert ledger.find(job.job_id).job_id == job.job_id
        assert ledger.find("video_1").job_id == job.job_id

    def test_a_remote_id_of_two_profiles_asks_for_the_profile(self, ledger):
        submitted(ledger, "v1:a", "1", profile="one")
        other = submitted(ledger, "v1:b", "1", profile="two")
        with pytest.raises(InvalidRequest, match="one"):
            ledger.find("1")
        assert ledger.find("1", "two").job_id == other.job_id

    def test_nothing_is_job_not_found(self, ledger):
        with pytest.raises(JobNotFound, match="nope"):
            ledger.find("nope")
        with pytest.raises(JobNotFound):
            ledger.get("nope")

    def test_a_job_of_elsewhere_is_adopted_once(self, ledger):
        def adopt(profile: str) -> Job:
            return ledger.adopt_remote(
                profile=profile, place=Place("openai"), remote_id="far", destination=Destination(Path("out"))
            )

        job = adopt("p")
        assert (job.state, job.remote_id, job.owner) == ("queued", "far", None)
        assert adopt("p").job_id == job.job_id
        assert adopt("q").job_id != job.job_id

    def test_a_known_remote_id_is_not_adopted_twice(self, ledger):
        job = submitted(ledger, remote_id="far")
        found = ledger.adopt_remote(
            profile="p", place=Place("openai"), remote_id="far", destination=Destination(Path("out"))
        )
        assert found.job_id == job.job_id

    def test_jobs_are_listed_newest_first(self, ledger, clock):
        first = claim(ledger, "v1:a")
        clock.advance(1)
        second = claim(ledger, "v1:b")
        assert [job.job_id for job in ledger.jobs()] == [second.job_id, first.job_id]
        assert len(ledger.jobs(limit=1)) == 1

    def test_the_remote_ids_of_a_profile_are_its_own(self, ledger):
        submitted(ledger, "v1:a", "1", profile="one")
        submitted(ledger, "v1:b", "2", profile="two")
        claim(ledger, "v1:c", profile="one")
        assert ledger.known_ids("one", "", ["1", "2", "3", ""]) == {"1"}

    def test_the_remote_ids_of_a_server_are_ours_in_every_profile(self, ledger):
        submitted(ledger, "v1:a", "1", profile="one", origin="https://one")
        submitted(ledger, "v1:b", "2", profile="two", origin="https://two")
        assert ledger.known_ids("three", "https://one", ["1", "2"]) == {"1"}

    def test_a_profile_has_submitted_when_a_server_took_a_job_of_it(self, ledger):
        unknown(ledger, profile="lost")
        submitted(ledger, "v1:b", profile="taken")
        assert [ledger.has_submitted(name) for name in ("lost", "taken", "new")] == [False, True, False]

    def test_pages_follow_one_another_and_leave_nothing_out(self, ledger):
        jobs = [claim(ledger, f"v1:{number}") for number in range(7)]
        newest, middle = ledger.jobs(3), ledger.jobs(3, before=jobs[4].number)
        assert [job.job_id for job in (*newest, *middle)] == [job.job_id for job in jobs[:0:-1]]
        assert ledger.jobs(3, before=middle[-1].number) == [jobs[0]]
        assert list(ledger.all_jobs()) == ledger.jobs() == jobs[::-1]

    def test_pages_hold_only_what_was_asked_for(self, ledger):
        submitted(ledger, "v1:a", profile="one")
        queued = submitted(ledger, "v1:b", profile="two")
        claim(ledger, "v1:c", profile="two")
        assert list(ledger.all_jobs(state="queued", profile="two")) == [queued]
        assert len(ledger.jobs(state="queued")) == len(ledger.jobs(profile="two")) == 2

    def test_a_request_s_rows_are_asked_for_by_it(self, ledger):
        ended = submitted(ledger)
        ledger.record_over(ended.job_id, FAILED, "no", "JobFailed", owner="me")
        refused = claim(ledger)
        ledger.record_over(refused.job_id, FAILED, "no", "RequestRejected", owner="me")
        live = claim(ledger)
        claim(ledger, "v1:other")
        assert [job.job_id for job in ledger.history("v1:a")] == [live.job_id, refused.job_id, ended.job_id]
        assert [job.job_id for job in ledger.earlier("v1:a")] == [ended.job_id]


class TestDurations:
    def _job(self, ledger: Ledger, clock: FakeClock, fingerprint: str, seconds: float, end: str = "deliver") -> str:
        job = submitted(ledger, fingerprint, fingerprint)
        clock.advance(seconds)
        if end == "deliver":
            ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, fingerprint), owner="me")
        elif end == "fail":
            ledger.record_over(job.job_id, FAILED, "no", "JobFailed", owner="me")
        return job.job_id

    def test_are_those_of_jobs_that_succeeded_newest_first(self, ledger, clock):
        self._job(ledger, clock, "v1:a", 30)
        self._job(ledger, clock, "v1:b", 60)
        self._job(ledger, clock, "v1:c", 7, end="fail")
        self._job(ledger, clock, "v1:d", 9, end="none")
        assert ledger.durations("p", "sora-2", 4) == [60, 30]
        assert ledger.durations("p", "sora-2", 4, limit=1) == [60]
        assert ledger.durations("p", "sora-2", 8) == []
        assert ledger.durations("q", "sora-2", 4) == []

    def test_do_not_count_the_days_until_a_lost_file_is_collected_again(self, ledger, clock):
        name = self._job(ledger, clock, "v1:a", 30)
        ledger.record_plan(name, Path("/out/x.mp4"), "abc", 1, owner="me")
        ledger.record_delivered(name, width=1, height=1, fps=1.0, duration=1.0, owner="me")
        clock.advance(86_400)
        assert ledger.take_over(ledger.undeliver(name), owner="me")
        ledger.record_snapshot(name, Snapshot(State.SUCCEEDED, "v1:a"), owner="me")
        assert ledger.durations("p", "sora-2", 4) == [30]


class TestTheFile:
    def test_is_taken_up_again_by_the_next_process(self, tmp_path, clock):
        first = Ledger(tmp_path, clock)
        job = submitted(first)
        first.close()
        second = Ledger(tmp_path, clock)
        assert second.get(job.job_id) == job
        second.close()

    def test_is_migrated_once(self, tmp_path, clock):
        for _ in range(3):
            Ledger(tmp_path, clock).close()
        with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
            assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        db.close()

    def test_is_migrated_once_by_many_at_once(self, tmp_path, clock):
        start = threading.Barrier(8, timeout=30)

        def race(_: int) -> Ledger:
            start.wait()
            return Ledger(tmp_path, clock)

        with ThreadPoolExecutor(8) as pool:
            ledgers = list(pool.map(race, range(8)))
        claim(ledgers[0])
        assert all(len(each.jobs()) == 1 for each in ledgers)
        for each in ledgers:
            each.close()

    def test_that_another_process_is_just_making_is_waited_for(self, tmp_path, clock):
        """Two ComfyUIs that start at once: SQLite does not wait by itself when the journal mode is changed."""
        other = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        ready = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        ready.start()
        try:
            Ledger(tmp_path, clock).close()
        finally:
            ready.join()
            other.close()

    def test_of_a_newer_version_is_refused_and_left_alone(self, tmp_path, clock):
        Ledger(tmp_path, clock).close()
        with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        db.close()
        with pytest.raises(StorageError, match="newer"):
            Ledger(tmp_path, clock)
        with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
            assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        db.close()

    def test_of_garbage_is_refused_and_left_alone(self, tmp_path, clock):
        path = tmp_path / "jobs.sqlite"
        garbage = b"this is no database, but it may be someone's file" * 100
        path.write_bytes(garbage)
        with pytest.raises(StorageError, match=r"jobs\.sqlite"):
            Ledger(tmp_path, clock)
        assert path.read_bytes() == garbage
        assert [each.name for each in tmp_path.iterdir()] == ["jobs.sqlite"]

    def test_that_is_refused_is_not_held_open(self, tmp_path, clock):
        (tmp_path / "jobs.sqlite").write_bytes(b"garbage" * 1000)
        with pytest.raises(StorageError) as caught:
            Ledger(tmp_path, clock)
        frame = caught.value.__traceback__
        opened = []
        while frame:
            opened += [value for value in frame.tb_frame.f_locals.values() if isinstance(value, Sqlite)]
            frame = frame.tb_next
        for each in opened:
            with pytest.raises(sqlite3.ProgrammingError):
                each._connection.execute("SELECT 1")

    def test_below_what_is_no_folder_is_a_storage_error(self, tmp_path, clock):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StorageError):
            Ledger(tmp_path / "file" / "home", clock)

    @posix
    @pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs another user")
    def test_that_may_not_be_written_is_a_storage_error(self, clock, tmp_path_factory):
        import tempfile

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            Ledger(folder, clock).close()
            for path in folder.iterdir():
                path.chmod(0o444)
            folder.chmod(0o555)
            root = os.geteuid() == 0
            if root:
                os.seteuid(65534)
            try:
                with pytest.raises(StorageError):
                    claim(Ledger(folder, clock))
            finally:
                if root:
                    os.seteuid(0)
                folder.chmod(0o700)

    @posix
    def test_is_for_its_owner_only_with_all_that_belongs_to_it(self, tmp_path, clock):
        tmp_path.chmod(0o755)
        before = os.umask(0o022)
        try:
            ledger = Ledger(tmp_path, clock)
            claim(ledger)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        finally:
            os.umask(before)
        ledger.close()
        assert "jobs.sqlite" in modes
        assert set(modes.values()) == {0o600}, modes

    @posix
    def test_makes_its_folder_for_its_owner_only(self, tmp_path, clock):
        Ledger(tmp_path / "new", clock).close()
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700

    def test_that_is_full_raises_and_is_used_again_when_there_is_room(self, tmp_path, clock):
        ledger = Ledger(tmp_path, clock)
        job = submitted(ledger)
        pages = ledger._file._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._file._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError):
            ledger.record_missing(job.job_id, "x" * 100_000, owner="me")
        assert ledger.get(job.job_id).state == "queued"
        ledger._file._connection.execute("PRAGMA max_page_count = 1000000")
        ledger.record_missing(job.job_id, "x" * 100_000, owner="me")
        assert ledger.get(job.job_id).state == MISSING

    def test_that_another_process_holds_is_a_storage_error_and_works_afterwards(self, tmp_path, clock):
        ledger = Ledger(tmp_path, clock)
        ledger._file._connection.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(ledger.name, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            claim(ledger)
        other.execute("ROLLBACK")
        other.close()
        assert claim(ledger).state == SUBMITTING

    def test_names_the_newest_videos_that_can_still_be_collected(self, ledger):
        jobs = [submitted(ledger, fingerprint=f"v1:{number}") for number in range(4)]
        ledger.record_over(jobs[1].job_id, FAILED, "no", "JobFailed", owner="me")
        assert [job.job_id for job in ledger.collectable(2)] == [jobs[3].job_id, jobs[2].job_id]
        assert [job.job_id for job in ledger.collectable(9)] == [jobs[number].job_id for number in (3, 2, 0)]

    def test_that_is_closed_raises_a_storage_error(self, ledger):
        ledger.close()
        with pytest.raises(StorageError):
            claim(ledger)


class TestAForgottenRow:
    def test_stays_forgotten_and_keeps_the_id_that_comes_late(self, ledger):
        job = claim(ledger)
        ledger.forget(ledger.mark_sent(job.job_id, owner="me"))
        new = claim(ledger)
        assert new.job_id != job.job_id
        with pytest.raises(JobChanged, match="is kept"):
            ledger.record_submitted(job.job_id, QUEUED, owner="me")
        with pytest.raises(JobChanged):
            ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, "video_1"), owner="me")
        done = ledger.get(job.job_id)
        assert (done.state, done.remote_id) == (FORGOTTEN, "video_1")
        assert claim(ledger).job_id == new.job_id


class TestASlot:
    def take(self, ledger: Ledger, job: Job) -> bool:
        return job.job_id in ledger.turns.hand_out_slots("p", 1, job.owner)

    def test_is_held_by_a_job_that_a_process_works_on_however_long_nothing_changes(self, ledger, clock):
        submitted(ledger, "v1:a", owner="you")
        clock.advance(5 * 3600)
        ledger._leases.beat("you")
        waiting = claim(ledger, "v1:b")
        assert not self.take(ledger, waiting)
        clock.advance(LEASE_SECONDS)
        ledger._leases.beat("me")
        assert self.take(ledger, waiting)

    def test_goes_to_whoever_came_first_whatever_the_clock_says(self, ledger, clock):
        first = claim(ledger, "v1:a", owner="you")
        clock.time -= 3600
        ledger._leases.beat("you")
        second = claim(ledger, "v1:b")
        assert not self.take(ledger, second)
        assert self.take(ledger, first)

    def test_is_not_held_for_long_by_a_job_that_may_not_exist(self, ledger, clock):
        lost = claim(ledger, "v1:a", owner="dead")
        ledger.mark_sent(lost.job_id, owner="dead")
        ledger.record_unknown(lost.job_id, "no answer", owner="dead")
        waiting = claim(ledger, "v1:b")
        for seconds, is_free in ((300, False), (301, True)):
            clock.advance(seconds)
            ledger._leases.beat("me")
            assert self.take(ledger, waiting) is is_free

    def test_that_was_handed_out_is_told_again_until_it_is_used(self, ledger):
        job = claim(ledger)
        assert self.take(ledger, job)
        assert self.take(ledger, job)
        ledger.mark_sent(job.job_id, owner="me")
        assert not self.take(ledger, job)


class TestAWorkflow:
    def test_lies_packed_beside_the_rows_and_can_be_loaded_when_it_is_in_the_file_too(self, ledger):
        job = submitted(ledger)
        assert ledger.workflows.get(job.job_id) == {"workflow": {"猫": 1}}
        ledger.record_plan(job.job_id, Path("/out/x.mp4"), "abc", 1, owner="me")
        ledger.record_delivered(job.job_id, width=1, height=1, fps=1.0, duration=1.0, owner="me")
        assert ledger.workflows.get(job.job_id) == {"workflow": {"猫": 1}}

    def test_of_200_kB_weighs_a_tenth(self, ledger):
        graph = {
            "nodes": [{"id": number, "type": "Sampler", "widgets": [number * 7, "euler"]} for number in range(4000)]
        }
        with ledger._file.change() as db:
            ledger.workflows.keep(db, "job_big", graph)
            (weight,) = db.execute("SELECT length(metadata) FROM workflows WHERE job_id = 'job_big'").fetchone()
        assert weight < len(json.dumps(graph)) / 8
        assert ledger.workflows.get("job_big") == graph

    def test_goes_with_a_claim_that_was_never_sent(self, ledger):
        job = claim(ledger)
        ledger.release(job.job_id, "me")
        assert ledger.workflows.get(job.job_id) is None

    def test_is_replaced_by_that_of_a_later_run(self, ledger):
        job = submitted(ledger)
        ledger.record_destination(job.job_id, Destination(Path("out"), metadata={"workflow": 2}), owner="me")
        assert ledger.workflows.get(job.job_id) == {"workflow": 2}

    def test_does_not_wait_for_ever(self, ledger, clock):
        old = submitted(ledger, "v1:a", "1")
        clock.advance(KEPT_DAYS * 86_400 + 1)
        new = submitted(ledger, "v1:b", "2")
        assert ledger.workflows.age_out() == 1
        assert ledger.workflows.get(old.job_id) is None
        assert ledger.workflows.get(new.job_id)
