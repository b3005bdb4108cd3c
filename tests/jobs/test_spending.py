"""The spending guard of a profile: what it counts, and that it holds over processes and restarts."""

from __future__ import annotations

import contextlib

import pytest
from _clock import HastyClock
from _command import Command, arguments, posix
from _gateway import GatewayProcess

from sora_core.engine import Engine
from sora_core.errors import JobFailed, QuotaExceeded, RequestRejected, SoraError, SubmissionUnknown
from sora_core.models import Destination, Operation
from sora_core.requests.kinds import VideoRequest


def test_at_most_so_many_submissions_a_day_and_restarts_do_not_reset_it(
    command: Command, gateway: GatewayProcess
) -> None:
    command.add_profile("own", gateway.openai, max_submissions_per_day=2)
    charges = gateway.charges
    assert [command(*arguments(f"day {number}")).code for number in range(2)] == [0, 0]
    refused = command(*arguments("day 2"))
    assert refused.code == 3
    assert "allows 2 submissions in 24 hours" in refused.err
    assert "nothing was sent" in refused.err
    assert gateway.charges == charges + 2
    assert command(*arguments("day 1")).json["reused"] is True
    assert [job["prompt"] for job in command.jobs()] == ["day 1", "day 0"]


@pytest.mark.usefixtures("no_settings")
def test_what_the_server_refused_does_not_count_and_what_may_have_been_charged_does(
    command: Command, gateway: GatewayProcess
) -> None:
    command.add_profile("own", gateway.openai, max_submissions_per_day=2)
    outcomes: tuple[tuple[dict[str, object], type[SoraError]], ...] = (
        ({"do": "status", "status": 400}, RequestRejected),
        ({"do": "drop", "when": "before"}, SubmissionUnknown),
        ({"do": "fail"}, JobFailed),
        ({"do": "fail"}, QuotaExceeded),  # one too many
    )
    with contextlib.closing(Engine(command.home, clock=HastyClock())) as engine:
        for number, (fault, kind) in enumerate(outcomes):
            gateway.fault({"on": "create", **fault})
            request = VideoRequest(Operation.TEXT_TO_VIDEO, f"{number}", seconds=1, size="64x64")
            handle = engine.generate(request, "own", Destination(command.output), lambda progress: None)
            with pytest.raises(kind):
                handle.result(30)
    gateway.fault()
    (unknown,) = [job for job in command.jobs() if job["state"] == "unknown"]
    assert command("forget", unknown["job_id"]).code == 0  # the user says: it was not accepted
    assert command(*arguments("room again")).code == 0


@posix
def test_a_request_that_never_left_does_not_count(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, max_submissions_per_day=1)
    died = command.start(*arguments("never left"), kill_at=("mark_sent", "before"))
    died.communicate(timeout=30)
    assert command(*arguments("the only one")).code == 0
    assert command(*arguments("never left")).code == 3


def test_holds_for_requests_that_come_all_at_once(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, max_submissions_per_day=2)
    gateway.fault({"on": "create", "do": "delay", "seconds": 1, "when": "after", "times": None})
    charges = gateway.charges
    started = [command.start(*arguments(f"crowd {number}")) for number in range(4)]
    codes = []
    for process in started:
        process.communicate(timeout=60)
        codes.append(process.returncode)
    assert sorted(codes) == [0, 0, 3, 3]
    assert gateway.charges == charges + 2


def test_a_reserve_stops_the_submission_before_anything_is_sent(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, min_quota=5000.0)
    creates = gateway.requests("create")
    refused = command(*arguments("too dear"))
    assert refused.code == 3
    assert "keeps 5000 USD in reserve" in refused.err
    assert gateway.requests("create") == creates
    assert command.jobs() == []


def test_a_reserve_that_is_there_lets_it_pass(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, min_quota=1.0)
    assert command(*arguments("affordable")).code == 0


def test_a_quota_that_cannot_be_read_sends_nothing(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, min_quota=1.0)
    creates = gateway.requests("create")
    gateway.fault({"on": "quota", "do": "status", "status": 401, "times": None})
    assert command(*arguments("who knows")).code == 3
    assert gateway.requests("create") == creates
