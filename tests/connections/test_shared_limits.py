"""A profile's limits over real processes that share a state folder, as the gateway sees them."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from _command import Command, Result, arguments, kill, posix, until
from _gateway import GatewayProcess


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with GatewayProcess(speed=20) as gateway:  # the jobs have to run long enough to meet
        yield gateway


class Watch:
    """Looks at the books all the time: the jobs that run at once, and when requests came."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._stop = threading.Event()
        self.most_at_once = 0
        self.seen: list[tuple[float, int]] = []  # moment, requests until then
        before = gateway.stats()
        self._known = {job["id"] for job in before["jobs"]}
        self._before = sum(before["requests"].values())
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _look(self) -> None:
        while not self._stop.is_set():
            stats = self._gateway.stats()
            live = [
                job for job in stats["jobs"] if job["status"] in ("queued", "running") and job["id"] not in self._known
            ]
            self.most_at_once = max(self.most_at_once, len(live))
            self.seen.append((time.monotonic(), sum(stats["requests"].values()) - self._before))
            time.sleep(0.02)


def finish(processes: list[subprocess.Popen[str]], timeout: float = 90) -> list[Result]:
    results = []
    for process in processes:
        out, err = process.communicate(timeout=timeout)
        results.append(Result(process.returncode, out, err))
    return results


def prompts(gateway: GatewayProcess, word: str) -> list[str]:
    """In the order in which the gateway accepted them."""
    return [job["prompt"] for job in gateway.stats()["jobs"] if job["prompt"].startswith(word)]


def is_waiting_for_a_slot(command: Command, prompt: str) -> bool:
    return any(job["prompt"] == prompt and job["state"] == "submitting" for job in command.jobs())


def test_two_processes_have_one_job_at_once_and_the_one_that_waits_says_so(
    command: Command, gateway: GatewayProcess
) -> None:
    command.add_profile("own", gateway.openai, max_jobs=1)
    with Watch(gateway) as watch:
        both = [command.start(*arguments(f"slot {number}", "--seconds", "20")) for number in range(2)]
        results = finish(both)
    assert [result.code for result in results] == [0, 0], results
    assert watch.most_at_once == 1
    assert sum("waiting for a free slot" in result.err for result in results) == 1


def test_those_who_wait_are_served_in_the_order_in_which_they_came(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, max_jobs=1)
    gateway.fault({"on": "create", "do": "stuck", "seconds": 8})
    first = command.start(*arguments("order 0"))
    until(lambda: prompts(gateway, "order") == ["order 0"])
    others = []
    for number in (1, 2):
        others.append(command.start(*arguments(f"order {number}", "--seconds", "2")))
        until(lambda number=number: is_waiting_for_a_slot(command, f"order {number}"))
    assert [result.code for result in finish([first, *others])] == [0, 0, 0]
    assert prompts(gateway, "order") == ["order 0", "order 1", "order 2"]


@posix
def test_a_process_that_is_killed_while_it_waits_leaves_its_place_to_the_next(
    command: Command, gateway: GatewayProcess
) -> None:
    command.add_profile("own", gateway.openai, max_jobs=1)
    gateway.fault({"on": "create", "do": "stuck", "seconds": 8})
    first = command.start(*arguments("dead 0"))
    until(lambda: prompts(gateway, "dead") == ["dead 0"])
    doomed = command.start(*arguments("dead 1"))
    until(lambda: is_waiting_for_a_slot(command, "dead 1"))
    last = command.start(*arguments("dead 2"))
    kill(doomed)
    assert [result.code for result in finish([first, last])] == [0, 0]
    assert prompts(gateway, "dead") == ["dead 0", "dead 2"]


@posix
@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_a_job_whose_process_is_gone_does_not_hold_its_slot_when_the_server_is_done(
    how: str, command: Command, gateway: GatewayProcess
) -> None:
    command.add_profile("own", gateway.openai, max_jobs=1)
    left = command.start(*arguments(f"left {how}", "--seconds", "40"))
    until(lambda: any(job["remote_id"] for job in command.jobs()))
    kill(left, signal.SIGKILL if how == "killed" else signal.SIGINT)
    (result,) = finish([command.start(*arguments(f"next after {how}"))], timeout=40)
    assert result.code == 0, result.err


def test_requests_per_minute_hold_over_two_processes(command: Command, gateway: GatewayProcess) -> None:
    rpm = 120
    command.add_profile("own", gateway.openai, requests_per_minute=rpm)
    with Watch(gateway) as watch:
        started = [command.start(*arguments(f"pace {number}", "--seconds", "30")) for number in range(3)]
        results = finish(started)
    assert [result.code for result in results] == [0, 0, 0], [result.err for result in results]
    busy = [(at, count) for at, count in watch.seen if count]
    # downloads are no API calls of the relay, and one request may be on its way at either end
    allowed = (busy[-1][0] - busy[0][0]) * rpm / 60 + len(started) + 2
    assert busy[-1][1] <= allowed, (busy[-1], allowed)
    assert gateway.charges >= 3


def test_a_new_submission_goes_before_the_polls_of_jobs_that_run(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, requests_per_minute=30)
    gateway.fault({"on": "create", "do": "stuck", "times": 3})
    running = [command.start(*arguments(f"polls {number}")) for number in range(3)]
    until(lambda: len(prompts(gateway, "polls")) == 3, timeout=40)
    began = time.monotonic()
    late = command.start(*arguments("late"))
    until(lambda: prompts(gateway, "late") == ["late"], timeout=30)
    # three jobs poll as fast as they may, one request every two seconds; it needs one of the next places
    assert time.monotonic() - began < 12
    for process in (*running, late):
        process.kill()
        process.communicate(timeout=30)


def test_nobody_starves_when_many_share_few_requests(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, requests_per_minute=240, max_jobs=2)
    started = [command.start(*arguments(f"crowd {number}")) for number in range(4)]
    results = finish(started)
    assert [result.code for result in results] == [0] * 4, [result.err for result in results]
    assert sorted(prompts(gateway, "crowd")) == [f"crowd {number}" for number in range(4)]


def test_waiting_names_the_job_that_can_be_asked_for(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, max_jobs=1)
    gateway.fault({"on": "create", "do": "stuck"})
    first = command.start(*arguments("named 0"))
    until(lambda: prompts(gateway, "named") == ["named 0"])
    second = command.start(*arguments("named 1"))
    until(lambda: is_waiting_for_a_slot(command, "named 1"))
    time.sleep(0.5)
    ended: list[Any] = [kill(second, signal.SIGTERM), kill(first)]
    assert re.search(r"waiting for a free slot .*job job_\w+", ended[0].err), ended[0].err
    assert prompts(gateway, "named") == ["named 0"]
