"""What is left behind is taken up: by the next engine, by hand, or by its id."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _clock import HastyClock
from _command import Command, arguments, posix, until
from _gateway import GatewayProcess

from sora_core.engine import Engine
from sora_core.errors import InvalidRequest, JobFailed, SubmissionUnknown
from sora_core.jobs.run import JobRun
from sora_core.ledger.row import ANYONE, Job
from sora_core.media import soundness
from sora_core.models import Destination, Operation
from sora_core.requests.kinds import Request, VideoRequest


@pytest.fixture
def command(command: Command, gateway: GatewayProcess, no_settings: None) -> Command:
    command.add_profile("own", gateway.openai)
    return command


def with_engine(command: Command) -> Engine:
    return Engine(command.home)


@pytest.fixture
def engine(command: Command) -> Iterator[Engine]:
    engine = with_engine(command)
    yield engine
    engine.close()


def request(prompt: str) -> Request:
    return VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=2, size="64x64")


def states(engine: Engine) -> dict[str, str]:
    return {job.prompt: job.state for job in engine.ledger.jobs()}


# where the process dies -> whether the next engine can collect it without being asked
DIED = {"submitted": ("record_submitted", "after"), "polling": ("record_snapshot", "after"),
        "file planned": ("record_plan", "after"), "reply not on disk": ("record_submitted", "before")}  # fmt: skip


@posix
def test_what_dead_processes_left_is_collected_in_the_background_and_said_once(
    command: Command, gateway: GatewayProcess, caplog: pytest.LogCaptureFixture
) -> None:
    charges = gateway.charges
    for case, point in DIED.items():
        command.start(*arguments(case), kill_at=point).communicate(timeout=30)
    engine = with_engine(command)
    with caplog.at_level(logging.INFO, logger="sora_core"):
        assert engine.take_up().result(20) == len(DIED)
        until(lambda: set(states(engine).values()) == {"delivered"}, timeout=60)
        engine.close()
    assert [record.getMessage() for record in caplog.records if "taking up" in record.getMessage()] == [
        "taking up 4 unfinished jobs: " + ", ".join(job["job_id"] for job in reversed(command.jobs()))
    ]
    assert len(command.videos()) == len(DIED)
    assert gateway.charges == charges + len(DIED)
    assert gateway.requests("create") >= len(DIED)


@posix
def test_a_claim_that_was_never_sent_is_not_submitted_by_taking_up(command: Command, gateway: GatewayProcess) -> None:
    creates = gateway.requests("create")
    command.start(*arguments("never sent"), kill_at=("mark_sent", "before")).communicate(timeout=30)
    engine = with_engine(command)
    engine.take_up().result(20)
    time.sleep(0.5)
    engine.close()
    assert gateway.requests("create") == creates


@posix
def test_who_asks_for_a_claim_that_is_just_taken_up_gets_the_video_all_the_same(
    command: Command, gateway: GatewayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.start(*arguments("asked for again"), kill_at=("mark_sent", "before")).communicate(timeout=30)
    resume = JobRun.resume

    async def late(run: JobRun, job: Job, destination: Destination | None = None) -> Job:
        await asyncio.sleep(1)
        return await resume(run, job, destination)

    monkeypatch.setattr(JobRun, "resume", late)
    charges = gateway.charges
    engine = with_engine(command)
    try:
        assert engine.take_up().result(20) == 1
        wanted = request("asked for again")
        made = engine.generate(wanted, "own", Destination(command.output), lambda progress: None).result(30)
    finally:
        engine.close()
    assert made.path.is_file()
    assert gateway.charges == charges + 1


def test_a_file_that_another_process_took_with_the_job_is_no_error(
    command: Command, gateway: GatewayProcess, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_fault, taken = soundness.find_fault, list[Path]()

    def taken_meanwhile(path: Path) -> str | None:
        if not taken:
            taken.append(path)
            path.unlink()
            engine.ledger.release_all(engine.ledger.owner.id)
        return find_fault(path)

    monkeypatch.setattr(soundness, "find_fault", taken_meanwhile)
    charges = gateway.charges
    to = Destination(command.output)
    made = engine.generate(request("taken over"), "own", to, lambda progress: None).result(30)
    assert taken
    assert made.path.is_file()
    assert gateway.charges == charges + 1


def test_what_a_living_process_works_on_is_left_to_it(
    command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    gateway.fault({"on": "create", "do": "stuck"})
    process = command.start(*arguments("alive"))
    until(lambda: any(job.remote_id for job in engine.ledger.jobs()))
    assert engine.take_up().result(20) == 0
    process.kill()
    process.communicate(timeout=30)
    assert engine.take_up().result(20) == 1


def test_nothing_left_is_nothing_said(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sora_core"):
        assert engine.take_up().result(20) == 0
    assert caplog.records == []


def test_submit_comes_back_with_the_id_and_resume_collects(
    command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    gateway.fault({"on": "retrieve", "do": "delay", "seconds": 1, "times": 2})
    job = engine.submit(request("submit"), "own", Destination(command.output), lambda progress: None).result(20)
    assert job.remote_id
    assert job.state in ("queued", "running", "succeeded")
    assert engine.ledger.get(job.job_id).remote_id == job.remote_id
    for name in (job.job_id, job.remote_id):
        path = engine.resume(name, None, Destination(command.output), lambda progress: None).result(30).path
        assert path.is_file()
    again = engine.generate(request("submit"), "own", Destination(command.output), lambda progress: None).result(30)
    assert again.reused
    assert gateway.stats()["jobs"][-1]["prompt"] == "submit"
    assert [entry["prompt"] for entry in gateway.stats()["jobs"]].count("submit") == 1


def test_submit_does_not_wait_for_another_process_that_runs_the_same_job(
    command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    gateway.fault({"on": "create", "do": "stuck"})
    process = command.start(*arguments("of another process"))
    until(lambda: any(job.remote_id for job in engine.ledger.jobs()))
    job = engine.submit(
        request("of another process"), "own", Destination(command.output), lambda progress: None
    ).result(30)
    assert job.state in ("queued", "running")
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=30)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_failure_that_nobody_saw_is_told_before_the_request_is_paid_again(
    restarted: bool, command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    gateway.fault({"on": "create", "do": "fail", "message": "a review said no", "times": None})
    charges = gateway.charges
    wanted = request(f"fails unseen {restarted}")

    def submit(engine: Engine) -> str:
        return engine.submit(wanted, "own", Destination(command.output), lambda progress: None).result(20).job_id

    first = submit(engine)
    later = with_engine(command) if restarted else engine
    try:
        if restarted:
            engine.close()
            assert later.take_up().result(20) == 1
        until(lambda: later.ledger.get(first).state == "failed")
        with pytest.raises(JobFailed, match="a review said no") as caught:
            submit(later)
        assert caught.value.job_id == first
        assert gateway.charges == charges + 1
        second = submit(later)
        assert gateway.charges == charges + 2
        until(lambda: later.ledger.get(second).state == "failed")
        with pytest.raises(JobFailed):  # whoever asks for the job has been told
            later.resume(second, None, Destination(command.output), lambda progress: None).result(20)
        submit(later)
        assert gateway.charges == charges + 3
    finally:
        later.close()


def test_a_source_that_two_profiles_know_is_taken_as_the_profiles_own(command: Command, engine: Engine) -> None:
    engine.add_profile(replace(engine.profiles.get("own"), name="two"))
    made = command(*arguments("of two profiles")).json
    engine.resume(made["remote_id"], "two", Destination(command.output), lambda progress: None).result(30)
    for profile in ("own", "two"):
        assert engine.source_id(made["remote_id"], profile) == made["remote_id"]
    with pytest.raises(InvalidRequest, match="belongs to profile 'own'"):
        engine.source_id(made["job_id"], "two")


def test_a_job_that_the_server_had_lost_sight_of_is_asked_for_again_by_its_id(
    command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    destination = Destination(command.output)
    made = command(*arguments("lost sight of")).json
    Path(made["path"]).unlink()
    engine.ledger.undeliver(made["job_id"])
    engine.ledger.record_over(
        made["job_id"], "failed", "The server no longer knows this job.", "JobNotFound", owner=ANYONE
    )
    charges = gateway.charges
    for name in (made["job_id"], made["remote_id"]):
        assert engine.resume(name, "own", destination, lambda progress: None).result(30).path.is_file()
    again = engine.generate(request("lost sight of"), "own", destination, lambda progress: None).result(30)
    assert again.job_id == made["job_id"]
    assert gateway.charges == charges


def test_a_job_whose_request_was_paid_anew_since_is_collected_beside_the_other(
    command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    destination = Destination(command.output)
    made = command(*arguments("paid anew")).json
    Path(made["path"]).unlink()
    engine.ledger.undeliver(made["job_id"])
    engine.ledger.record_over(
        made["job_id"], "failed", "The server no longer knows this job.", "JobNotFound", owner=ANYONE
    )
    gateway.fault({"on": "retrieve", "do": "status", "status": 404, "body": {"error": {"message": "gone"}}})
    other = command(*arguments("paid anew")).json  # the earlier one is asked for first, and is not known right then
    assert other["job_id"] != made["job_id"]
    charges = gateway.charges
    found = engine.resume(made["job_id"], "own", destination, lambda progress: None).result(30)
    assert (found.job_id, found.remote_id) == (made["job_id"], made["remote_id"])
    again = engine.generate(request("paid anew"), "own", destination, lambda progress: None).result(30)
    assert again.job_id == other["job_id"]
    assert gateway.charges == charges


def test_an_unknown_submission_is_given_its_id_by_the_user(
    command: Command, gateway: GatewayProcess, engine: Engine
) -> None:
    gateway.fault(
        {"on": "create", "do": "drop", "when": "after"}, {"on": "list", "do": "status", "status": 404, "times": None}
    )
    destination = Destination(command.output)
    with pytest.raises(SubmissionUnknown) as caught:
        engine.generate(request("named by hand"), "own", destination, lambda progress: None).result(60)
    gateway.fault()
    remote_id = gateway.stats()["jobs"][-1]["id"]
    other = command(*arguments("another job")).json
    with pytest.raises(InvalidRequest, match=f"is already the remote id of job {other['job_id']}"):
        engine.name_remote(str(caught.value.job_id), other["remote_id"]).result(20)
    with pytest.raises(InvalidRequest, match="knows no job 'video_mistyped', so nothing was recorded"):
        engine.name_remote(str(caught.value.job_id), "video_mistyped").result(20)
    assert engine.ledger.get(str(caught.value.job_id)).remote_id is None
    charges = gateway.charges
    found = command("resume", str(caught.value.job_id), "--remote-id", remote_id, "--json")
    assert found.code == 0, found.err
    again = engine.generate(request("named by hand"), "own", destination, lambda progress: None).result(30)
    assert again.reused
    assert again.remote_id == remote_id
    assert gateway.charges == charges
    with pytest.raises(InvalidRequest, match="is delivered"):
        engine.name_remote(str(caught.value.job_id), "another").result(20)


def test_a_delivered_file_that_is_away_for_a_while_is_found_where_it_was(
    command: Command, gateway: GatewayProcess
) -> None:
    """The disk was unplugged, and the server did not know the job any more meanwhile."""
    made = command(*arguments("unplugged")).json
    away = Path(made["path"]).rename(command.home / "away.mp4")
    gateway.fault(
        {"on": "retrieve", "do": "status", "status": 404, "times": None},
        {"on": "content", "do": "expire", "times": None},
    )
    engine = Engine(command.home, clock=HastyClock())
    row = engine.ledger.record_missing(engine.ledger.undeliver(made["job_id"]).job_id, "404", owner=ANYONE)
    engine.close()
    assert (row.path, row.state) == (made["path"], "missing")
    away.rename(made["path"])
    charges = gateway.charges
    again = command(*arguments("unplugged"))
    gateway.fault()
    assert again.json["path"] == made["path"], again.err
    assert gateway.charges == charges
