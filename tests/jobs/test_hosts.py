"""Workers on several hosts, one ledger: a video that one of them has is free for the others."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from _command import Command, arguments, until
from _gateway import GatewayProcess
from _ledgers import new_database, server
from _postgres import MISSING, PostgresServer, programs

from sora_core.engine import Engine
from sora_core.errors import LedgerAway, StorageError
from sora_core.files import processes
from sora_core.models import Destination, Operation
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import VideoRequest

pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)


@pytest.fixture
def workers(tmp_path, gateway: GatewayProcess, monkeypatch):
    """Two, as on two hosts: each has a state folder of its own."""
    gateway.count_from_here()
    monkeypatch.setenv("SORA_LEDGER", server().url(new_database()))
    made = [Engine(tmp_path / name) for name in ("one", "two")]
    for each in made:
        each.profiles.add(Profile("own", base_url=gateway.openai, auth="none", poll_seconds=0.1))
    yield made
    for each in made:
        each.close()


def make(engine: Engine, folder: Path, prompt: str = "a cat"):
    folder.mkdir(exist_ok=True)
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=2, size="64x64")
    return engine.generate(request, "own", Destination(folder, "clip"), lambda progress: None).result(90)


def test_a_file_that_only_another_host_has_is_fetched_again_for_free(workers, gateway, tmp_path, monkeypatch):
    first = make(workers[0], tmp_path / "disk of one")
    first.path.rename(tmp_path / "out of sight")
    monkeypatch.setattr("sora_core.ledger.ledger.this_host", lambda: "two")
    second = make(workers[1], tmp_path / "disk of two")
    assert (second.job_id, second.path.parent.name, second.path.is_file()) == (first.job_id, "disk of two", True)
    assert gateway.charges == 1
    row = workers[0].ledger.get(first.job_id)
    assert (row.host, row.folder) == ("two", str(tmp_path / "disk of two"))


def test_a_file_in_a_folder_that_both_see_is_used_where_it_is(workers, gateway, tmp_path):
    first = make(workers[0], tmp_path / "shared")
    fetched = gateway.requests("content")
    second = make(workers[1], tmp_path / "shared")
    assert (second.path, second.reused, gateway.charges) == (first.path, True, 1)
    assert gateway.requests("content") == fetched
    assert workers[1].ledger.get(first.job_id).host == processes.this_host()


def test_a_worker_that_is_being_stopped_takes_nothing_new(workers, gateway, tmp_path):
    workers[0].drain().result(30)
    with pytest.raises(StorageError, match="being stopped"):
        make(workers[0], tmp_path / "out", "late")
    assert gateway.charges == 0
    assert make(workers[1], tmp_path / "out", "late").path.is_file()


def test_what_is_being_prepared_when_a_worker_is_stopped_is_not_sent(workers, gateway, tmp_path, monkeypatch):
    settled = workers[0]._settled

    def stopped(*arguments):
        workers[0].drain()
        return settled(*arguments)

    monkeypatch.setattr(workers[0], "_settled", stopped)
    with pytest.raises(StorageError, match="being stopped"):
        make(workers[0], tmp_path / "out", "in between")
    assert gateway.charges == 0
    assert workers[0].ledger.jobs() == []


class TestTheDatabaseIsKilled:
    @pytest.fixture
    def database(self):
        started = PostgresServer()
        yield started
        started.close()

    @pytest.fixture
    def worker(self, tmp_path, gateway: GatewayProcess, database, monkeypatch):
        gateway.count_from_here()
        monkeypatch.setenv("SORA_LEDGER", database.url())
        made = Engine(tmp_path / "home")
        made.profiles.add(Profile("own", base_url=gateway.openai, auth="none", poll_seconds=0.1))
        yield made
        made.close()
        gateway.fault()

    def test_a_job_that_runs_goes_on_and_what_is_asked_for_meanwhile_waits(self, worker, gateway, database, tmp_path):
        gateway.fault({"on": "create", "do": "stuck", "seconds": 4, "times": 1})
        notes: list[str] = []

        def begin(prompt: str):
            request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=2, size="64x64")
            return worker.generate(request, "own", Destination(tmp_path, prompt), lambda told: notes.append(told.stage))

        running = begin("running")
        until(lambda: any(job.remote_id for job in worker.ledger.jobs()))
        (row,) = worker.ledger.jobs()
        polls = gateway.requests("retrieve")
        database.kill()
        with pytest.raises(LedgerAway):
            begin("asked for meanwhile").result(30)
        until(lambda: gateway.requests("retrieve") > polls + 5)
        assert gateway.charges == 1
        until(lambda: "waiting for the ledger" in notes or (tmp_path / "home" / "journal.sqlite").exists())
        database.start()
        assert running.result(60).job_id == row.job_id
        assert gateway.charges == 1
        assert begin("asked for again").result(60).path.is_file()
        assert gateway.charges == 2

    def test_an_answer_that_comes_while_it_is_away_names_a_job_that_is_collected(
        self, worker, gateway, database, tmp_path
    ):
        gateway.fault({"on": "create", "do": "delay", "seconds": 3, "when": "after", "times": 1})
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "answered late", seconds=2, size="64x64")
        handle = worker.generate(request, "own", Destination(tmp_path), lambda told: None)
        until(lambda: any(job.sent_at for job in worker.ledger.jobs()))
        database.kill()
        until((tmp_path / "home" / "journal.sqlite").exists)
        assert gateway.charges == 1
        database.start()
        delivery = handle.result(60)
        assert (delivery.path.is_file(), gateway.charges) == (True, 1)
        row = worker.ledger.get(delivery.job_id)
        assert row.remote_id == gateway.stats()["jobs"][-1]["id"]

    @pytest.mark.parametrize("named", [False, True])
    @pytest.mark.parametrize("point", [("write_sidecar", "after"), ("place", "after")])
    def test_a_worker_that_died_with_its_disk_leaves_its_file_to_the_next_one(
        self, gateway, database, tmp_path, point, named
    ):
        gateway.count_from_here()
        shared = tmp_path / "shared"
        hosts = [Command(tmp_path / name, SORA_LEDGER=database.url()) for name in ("one", "two")]
        for host in hosts:
            host.add_profile("own", gateway.openai)
            host.env["SORA_OUTPUT_DIR"] = str(shared)
        out = ["--out", str(shared / "by hand.mp4")] if named else []
        gateway.fault({"on": "content", "do": "slow", "bytes_per_second": 2000})
        died = hosts[0].start(*arguments("left behind", *out), kill_at=point)
        until(lambda: any(part.stat().st_size for part in shared.glob(".*.part")))
        database.kill()
        died.communicate(timeout=60)
        assert died.returncode == -signal.SIGKILL
        assert (hosts[0].home / "journal.sqlite").exists()
        hosts[0].home.rename(tmp_path / "gone")
        gateway.fault()
        fetched = gateway.requests("content")

        database.start()
        job_id = json.loads(hosts[1]("jobs", "--json").out)[0]["job_id"]
        done = hosts[1]("resume", job_id, "--json")
        assert done.code == 0, done.err
        video = Path(done.json["path"])
        assert {path.name for path in shared.iterdir()} == {video.name, f"{video.stem}.json"}
        assert json.loads(video.with_suffix(".json").read_text("utf-8"))["delivered_at"]
        assert gateway.charges == 1
        if point[0] == "place":
            assert gateway.requests("content") == fetched
