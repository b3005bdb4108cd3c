"""The spending guard of a profile: what it counts, and that it holds over processes and restarts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _command import Command, arguments
from _gateway import GatewayProcess

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    process = GatewayProcess(speed=40)
    yield process
    process.stop()


@pytest.fixture
def command(tmp_path: Path, gateway: GatewayProcess) -> Iterator[Command]:
    command = Command(tmp_path)
    yield command
    gateway.fault()


def guarded(command: Command, gateway: GatewayProcess, setting: str) -> Command:
    """Settings that the command has no flag for are written by hand, as a user does."""
    command.add_profile("own", gateway.openai)
    path = command.home / "profiles.toml"
    lines = path.read_text("utf-8").splitlines()
    place = lines.index("[profiles.own]") + 1
    path.write_text("\n".join([*lines[:place], setting, *lines[place:]]) + "\n", "utf-8")
    return command


def test_at_most_so_many_submissions_a_day_and_restarts_do_not_reset_it(
    command: Command, gateway: GatewayProcess
) -> None:
    guarded(command, gateway, "max_submissions_per_day = 2")
    charges = gateway.charges
    assert [command(*arguments(f"day {number}")).code for number in range(2)] == [0, 0]
    refused = command(*arguments("day 2"))
    assert refused.code == 3
    assert "allows 2 submissions in 24 hours" in refused.err
    assert "nothing was sent" in refused.err
    assert gateway.charges == charges + 2
    assert command(*arguments("day 1")).json["reused"] is True
    assert [job["prompt"] for job in command.jobs()] == ["day 1", "day 0"]


def test_what_the_server_refused_does_not_count_and_what_may_have_been_charged_does(
    command: Command, gateway: GatewayProcess
) -> None:
    guarded(command, gateway, "max_submissions_per_day = 2")
    gateway.fault({"on": "create", "do": "status", "status": 400})
    assert command(*arguments("refused")).code == 4
    gateway.fault({"on": "create", "do": "drop", "when": "before"})
    assert command(*arguments("lost")).code == 5
    gateway.fault({"on": "create", "do": "fail"})
    assert command(*arguments("failed")).code == 4
    assert command(*arguments("one too many")).code == 3
    (lost,) = [job for job in command.jobs() if job["state"] == "unknown"]
    assert command("forget", lost["job_id"]).code == 0  # the user says: it was not accepted
    assert command(*arguments("room again")).code == 0


@posix
def test_a_request_that_never_left_does_not_count(command: Command, gateway: GatewayProcess) -> None:
    guarded(command, gateway, "max_submissions_per_day = 1")
    died = command.start(*arguments("never left"), kill_at=("mark_sent", "before"))
    died.communicate(timeout=30)
    assert command(*arguments("the only one")).code == 0
    assert command(*arguments("never left")).code == 3


def test_holds_for_requests_that_come_all_at_once(command: Command, gateway: GatewayProcess) -> None:
    guarded(command, gateway, "max_submissions_per_day = 2")
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
    guarded(command, gateway, "min_quota = 5000.0")
    creates = gateway.requests("create")
    refused = command(*arguments("too dear"))
    assert refused.code == 3
    assert "keeps 5000 USD in reserve" in refused.err
    assert gateway.requests("create") == creates
    assert command.jobs() == []


def test_a_reserve_that_is_there_lets_it_pass(command: Command, gateway: GatewayProcess) -> None:
    guarded(command, gateway, "min_quota = 1.0")
    assert command(*arguments("affordable")).code == 0


def test_a_quota_that_cannot_be_read_sends_nothing(command: Command, gateway: GatewayProcess) -> None:
    guarded(command, gateway, "min_quota = 1.0")
    creates = gateway.requests("create")
    gateway.fault({"on": "quota", "do": "status", "status": 401, "times": None})
    assert command(*arguments("who knows")).code == 3
    assert gateway.requests("create") == creates
