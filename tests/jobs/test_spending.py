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


PRICED = {"paid": True, "prices": ("0.10/second",), "currency": "credits"}


class TestAnAmount:
    def test_is_kept_in_the_row_and_sums_to_what_the_gateway_booked(
        self, command: Command, gateway: GatewayProcess
    ) -> None:
        command.add_profile("own", gateway.openai, **PRICED)
        known = {job["id"] for job in gateway.stats()["jobs"]}
        for number in range(3):
            seconds = ("--seconds", str(4 + number))
            assert command("generate", f"sum {number}", "--profile", "own", *seconds, "--size", "64x64").code == 0
        assert command("generate", "sum 0", "--profile", "own", "--seconds", "4", "--size", "64x64").code == 0  # free
        booked = [job for job in gateway.stats()["jobs"] if job["id"] not in known]
        (day,) = command("jobs", "--cost", "--json").json
        assert len(booked) == day["jobs"] == 3
        assert float(day["cost"]) == pytest.approx(sum(float(job["seconds"]) for job in booked) * 0.1)
        assert (day["profile"], day["currency"], day["unknown"], day["failed"]) == ("own", "credits", 0, 0)
        shown = command("jobs", "--cost").out
        assert "3 jobs" in shown
        assert "1.50 credits" in shown
        assert [job["cost"] for job in command("jobs", "--json").json] == ["0.60", "0.50", "0.40"]

    def test_without_a_price_is_unknown_and_a_failed_job_is_told_apart(
        self, command: Command, gateway: GatewayProcess
    ) -> None:
        command.add_profile("own", gateway.openai, paid=True)
        assert command(*arguments("nobody knows")).code == 0
        command.add_profile("own", gateway.openai, **PRICED)
        gateway.fault({"on": "create", "do": "fail"})
        assert command(*arguments("will fail")).code == 4
        gateway.fault({"on": "create", "do": "status", "status": 400})
        assert command(*arguments("is refused")).code == 4  # and not charged
        days = {day["currency"]: day for day in command("jobs", "--cost", "--json").json}
        assert (days[""]["jobs"], days[""]["unknown"], days[""]["cost"]) == (1, 1, "0.00")
        assert (days["credits"]["jobs"], days["credits"]["failed"], days["credits"]["failed_cost"]) == (1, 1, "0.20")
        assert "unknown" in command("jobs", "--cost").out

    def test_is_a_limit_for_24_hours_that_nothing_passes(self, command: Command, gateway: GatewayProcess) -> None:
        command.add_profile("own", gateway.openai, **PRICED, max_cost_per_day=0.5)
        charges = gateway.charges
        assert [command(*arguments(f"dear {number}")).code for number in range(2)] == [0, 0]
        refused = command(*arguments("dear 2"))
        assert refused.code == 3
        assert "may spend 0.50 credits in 24 hours; 0.40 are spent, and this request costs about 0.20" in refused.err
        assert gateway.charges == charges + 2
        assert command(*arguments("dear 1")).json["reused"] is True

    def test_refuses_what_nobody_knows_the_price_of(self, command: Command, gateway: GatewayProcess) -> None:
        command.add_profile("own", gateway.openai, paid=True, prices=("other 1/clip",), max_cost_per_day=5)
        charges = gateway.charges
        refused = command(*arguments("no price"))
        assert refused.code == 3
        assert "no price fits it" in refused.err
        assert gateway.charges == charges

    @pytest.mark.usefixtures("no_settings")
    def test_holds_when_many_ask_at_once(self, command: Command, gateway: GatewayProcess) -> None:
        command.add_profile("own", gateway.openai, **PRICED, max_cost_per_day=0.5)
        charges = gateway.charges
        with contextlib.closing(Engine(command.home)) as engine:
            handles = [
                engine.generate(
                    VideoRequest(Operation.TEXT_TO_VIDEO, f"rush {number}", seconds=2, size="64x64"),
                    "own",
                    Destination(command.output),
                    lambda progress: None,
                )
                for number in range(6)
            ]
            ends = [handle.future.exception(30) for handle in handles]
        assert sum(each is None for each in ends) == 2
        assert gateway.charges == charges + 2

    def test_is_set_by_the_command(self, command: Command, gateway: GatewayProcess) -> None:
        add = ("profiles", "add", "mine", "--provider", "openai", "--base-url", gateway.openai)
        assert command(*add, "--price", "0.1/second", "--price", "hd 0.2/s", "--currency", "EUR").code == 0
        assert command("profiles", "edit", "mine", "--max-cost-per-day", "3", "--price", "0.3/s").code == 0
        mine = command("profiles", "list", "--json").json[1]
        assert (mine["prices"], mine["currency"], mine["max_cost_per_day"]) == (["0.3/s"], "EUR", 3)
        assert command("profiles", "edit", "mine", "--price", "").code == 0
        assert command("profiles", "list", "--json").json[1]["prices"] == []
        refused = command("profiles", "edit", "mine", "--price", "cheap")
        assert refused.code == 2
        assert "is not a price" in refused.err
