"""Several processes at once, and two computers on one state folder."""

from __future__ import annotations

import time

from adversary.client import Process, until
from adversary.restarts import slow
from adversary.stage import Stage, case
from adversary.wire import RESET, Answer

WRITES = "Conditional writes: every write names the state and owner it expects and touches one row, or stops"
ONE = "Run the same request twice at once, also in two programs: one job; both get its video"
PROMPT = "clouds of paper birds circle a tower"
NO_LIST = Answer(500, {"error": {"message": "no list today"}})
# another computer: its file locks are not seen here, nor its processes, nor its name
ELSEWHERE = """
import fcntl, os, platform, socket
fcntl.flock = fcntl.lockf = lambda *_, **__: None
real = os.kill
def kill(pid, how):
    if how == 0 and pid != os.getpid():
        raise ProcessLookupError(pid)
    real(pid, how)
os.kill = kill
socket.gethostname = platform.node = lambda: "elsewhere"
"""


def all_of(stage: Stage, processes: list[Process], limit: float = 25.0) -> list[int]:
    return [stage.user.keep(process.wait(limit)).code for process in processes]


@case("together/two at once", ONE, wires=("openai", "shenma", "sora_web"), speed=1.0)
def two(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    slow(server, seconds=0.8)
    codes = all_of(stage, [stage.begin(PROMPT) for _ in range(2)])
    stage.hold(codes == [0, 0], f"exits {codes}")
    stage.want(PROMPT)


@case("together/five at once", ONE, speed=1.0)
def five(stage: Stage) -> None:
    slow(stage.connect(), seconds=0.5)
    all_of(stage, [stage.begin(PROMPT) for _ in range(5)])
    stage.want(PROMPT)


@case("together/two at once, and the answer is lost", ONE, wires=("openai", "skyriff"), speed=1.0)
def two_lost(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.on("list", NO_LIST, times=6)
    server.on("create", RESET, times=1)
    all_of(stage, [stage.begin(PROMPT) for _ in range(2)])
    stage.generate(PROMPT)


@case("together/two at once, and the first is killed in its POST", ONE, wires=("openai", "shenma"), speed=1.0)
def first_killed(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    slow(server, seconds=1.0)
    first = stage.begin(PROMPT)
    until(lambda: server.books.rows)
    second = stage.begin(PROMPT)
    time.sleep(0.3)
    first.kill()
    all_of(stage, [second])
    stage.generate(PROMPT)


@case("together/generate and resume of one job", ONE, speed=1.0)
def generate_and_resume(stage: Stage) -> None:
    stage.connect()
    stage.submitted(PROMPT)
    job = stage.row(PROMPT).get("job_id", "")
    again = stage.begin(PROMPT)
    collect = stage.user.start("resume", job)
    time.sleep(0.3)
    stage.release()
    codes = all_of(stage, [again, collect])
    stage.hold(codes == [0, 0], f"exits {codes}")
    stage.want(PROMPT)


def waiting(stage: Stage, patch: str | None = None) -> tuple[Process, Process, str]:
    """One job holds the only slot; the second order waits for it, unsent: both processes, and the second's job id."""
    server = stage.connect(profile={"max_jobs": 1, "poll_seconds": 0.3})
    server.held = True
    first = stage.begin("the one that holds the slot")
    until(lambda: server.books.rows and server.books.rows[0].polls)
    second = stage.begin(PROMPT, patch=patch)
    until(lambda: stage.row(PROMPT))
    time.sleep(0.4)
    return first, second, stage.row(PROMPT).get("job_id", "")


@case(
    "together/forgotten while it waits for a slot", "a forgotten job that waited for a slot was still sent", speed=1.0
)
def forgotten_waiting(stage: Stage) -> None:
    first, second, job = waiting(stage)
    forgot = stage.user.run("forget", job)
    stage.release()
    all_of(stage, [first, second])
    sent = stage.servers[0].books.of(PROMPT)
    stage.hold(not (sent and forgot.code == 0), "forgotten, and sent all the same", "double")


@case(
    "together/forgotten while it waits for a slot, and ordered again",
    "a forgotten job that waited for a slot was still sent",
    speed=1.0,
)
def forgotten_and_again(stage: Stage) -> None:
    first, second, job = waiting(stage)
    stage.user.run("forget", job)
    third = stage.begin(PROMPT)
    time.sleep(0.4)
    stage.release()
    all_of(stage, [first, second, third])


@case("together/canceled while it waits for a slot", WRITES, speed=1.0)
def canceled_waiting(stage: Stage) -> None:
    first, second, job = waiting(stage)
    run = stage.user.run("cancel", job)
    stage.release()
    all_of(stage, [first, second])
    sent = stage.servers[0].books.of(PROMPT)
    stage.hold(not (sent and run.code == 0), "canceled, and sent all the same", "double")


@case(
    "together/forgotten while a 429 is waited out", "a forgotten job is not sent", wires=("openai", "newapi"), speed=1.0
)
def forgotten_busy(stage: Stage, wire: str) -> None:
    server = stage.connect(wire)
    server.on("create", Answer(429, {"error": {"message": "slow down"}}, {"Retry-After": "3"}), times=1, charged=False)
    process = stage.begin(PROMPT)
    until(lambda: server.books.keys)
    run = stage.user.run("forget", stage.row(PROMPT).get("job_id", ""))
    all_of(stage, [process])
    late = [row for row in server.books.own if row.real > run.ended]
    stage.hold(not (late and run.code == 0), "forgotten, and sent all the same", "double")
    if not late:  # on a slow machine it was sent again before the word was given
        stage.by_other_means(PROMPT)


@case("together/forgotten while the server is down", "a forgotten job is not sent", speed=1.0)
def forgotten_down(stage: Stage) -> None:
    server = stage.connect()
    server.close()
    process = stage.begin(PROMPT)
    until(lambda: stage.row(PROMPT))
    run = stage.user.run("forget", stage.row(PROMPT).get("job_id", ""))
    server.reopen()
    all_of(stage, [process])
    stage.hold(not (server.books.own and run.code == 0), "forgotten, and sent all the same", "double")


@case(
    "together/forgotten while its POST is open", "the user's word, and no row becomes live again behind it", speed=1.0
)
def forgotten_open(stage: Stage) -> None:
    server = stage.connect()
    slow(server, seconds=1.5)
    process = stage.begin(PROMPT)
    until(lambda: server.books.rows)
    stage.user.run("forget", stage.row(PROMPT).get("job_id", ""))
    all_of(stage, [process])
    stage.hold(stage.row(PROMPT), "no row is left of a paid job", "lost")
    stage.by_other_means(PROMPT)
    stage.allow(PROMPT, 2)


@case(
    "together/two computers, one order, one slot",
    "two hosts whose file locks do not see each other both sent",
    speed=1.0,
)
def two_computers(stage: Stage) -> None:
    first, second, _ = waiting(stage)
    third = stage.begin(PROMPT, patch=ELSEWHERE)
    time.sleep(1.0)
    stage.release()
    all_of(stage, [first, second, third])


@case("together/two computers at once", "two hosts whose file locks do not see each other both sent", speed=1.0)
def two_computers_at_once(stage: Stage) -> None:
    slow(stage.connect(), seconds=1.0)
    all_of(stage, [stage.begin(PROMPT), stage.begin(PROMPT, patch=ELSEWHERE)])


@case(
    "together/another computer while the POST is open",
    "two hosts whose file locks do not see each other both sent",
    speed=1.0,
)
def another_computer(stage: Stage) -> None:
    server = stage.connect()
    slow(server, seconds=1.5)
    here = stage.begin(PROMPT)
    until(lambda: server.books.rows)
    all_of(stage, [stage.begin(PROMPT, patch=ELSEWHERE), here])
    stage.generate(PROMPT)
    stage.want(PROMPT)


@case("together/the clock is set back by a day between two runs", WRITES, speed=20.0)
def clock_set_back(stage: Stage) -> None:
    """The row is of tomorrow."""
    server = stage.connect()
    server.on("create", RESET, times=1)
    server.on("list", NO_LIST, times=4)
    stage.generate(PROMPT)
    server.honest()
    for _ in range(2):
        stage.user.keep(stage.begin(PROMPT, skew=-86400.0).wait())
    stage.generate(PROMPT)
    stage.want(PROMPT)
