"""A full disk at a named write, a ledger that cannot be used, an interrupt at every stage: no charge is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from _clock import HastyClock
from _command import ROOT, Command, Result, arguments, kill, posix, until
from _gateway import GatewayProcess
from comfyui_process import patience

from sora_core.engine import Engine
from sora_core.errors import Interrupted, StorageError, SubmissionUnknown
from sora_core.jobs.progress import Progress
from sora_core.ledger.schema import MIGRATIONS
from sora_core.models import Delivery, Destination, Operation
from sora_core.requests.kinds import VideoRequest

root_on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0 or not shutil.which("mount"),
    reason="a disk that can be filled is a tmpfs, and only root on Linux may mount one",
)

# Runs the command, but fills the disk of the named folder right before the named function.
_FILLING = """
import errno, os, sys
sys.path.insert(0, {root!r})
from sora_core import cli
from sora_core.ledger.ledger import Ledger
from sora_core.media import placing
owner, name, folder = {point!r}
owner = Ledger if owner == "ledger" else placing
original = getattr(owner, name)
def filling(*args, **kwargs):
    with open(os.path.join(folder, "filler"), "ab", buffering=0) as stream:
        for size in (2**20, 4096, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return original(*args, **kwargs)
setattr(owner, name, filling)
sys.exit(cli.main())
"""


@pytest.fixture
def command(command: Command, gateway: GatewayProcess, no_settings: None) -> Command:
    command.add_profile("own", gateway.openai)
    return command


def delivered(command: Command, prompt: str) -> Path:
    result = command(*arguments(prompt))
    assert result.code == 0, result.err
    path = Path(result.json["path"])
    with av.open(str(path)) as video:
        assert video.streams.video[0].width == 64
    assert command.videos() == [path]
    assert not list(command.output.glob(".*.part"))
    return path


def generate(engine: Engine, command: Command, prompt: str) -> Delivery:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=1, size="64x64")
    return engine.generate(request, "own", Destination(command.output), lambda progress: None).result(60)


@contextlib.contextmanager
def tmpfs(folder: Path, mebibytes: int) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def run_until_full(command: Command, prompt: str, point: tuple[str, str], folder: Path) -> Result:
    code = _FILLING.format(root=str(ROOT), point=(*point, str(folder)))
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments(prompt)],
        cwd=ROOT, env=command.env, text=True, encoding="utf-8", capture_output=True, timeout=90,
    )  # fmt: skip
    return Result(process.returncode, process.stdout, process.stderr)


# where the state folder's disk is full -> charged by then
FULL_STATE = {
    "at the claim": ("claim", 0),
    "when it is about to be sent": ("mark_sent", 0),
    "when the id has come": ("record_submitted", 1),
    "while polling": ("record_snapshot", 1),
    "when the file is planned": ("record_plan", 1),
    "at the last commit": ("record_delivered", 1),
}


@root_on_linux
@pytest.mark.parametrize("case", FULL_STATE)
def test_a_state_folder_that_is_full_costs_nothing_and_loses_nothing(
    case: str, tmp_path: Path, gateway: GatewayProcess
) -> None:
    method, charged = FULL_STATE[case]
    charges = gateway.charges
    with tmpfs(tmp_path / "disk", 8) as disk:
        command = Command(tmp_path)
        command.home = disk / "home"
        command.env["SORA_HOME"] = str(command.home)
        command.add_profile("own", gateway.openai)
        failed = run_until_full(command, f"full {case}", ("ledger", method), disk)
        assert failed.code == 2, failed.err
        assert "cannot be used" in failed.err
        assert gateway.charges == charges + charged
        if method == "record_submitted":
            assert f", remote id {gateway.stats()['jobs'][-1]['id']})" in failed.err  # of the message, not of a log
        (disk / "filler").unlink()
        delivered(command, f"full {case}")
        assert gateway.charges == charges + 1


# where the output folder's disk is full
FULL_OUTPUT = {
    "when the download begins": ("ledger", "record_part"),
    "when the file gets its name": ("placing", "place"),
    "when the sidecar is written": ("placing", "write_sidecar"),
}


@root_on_linux
@pytest.mark.parametrize("case", FULL_OUTPUT)
def test_an_output_folder_that_is_full_loses_nothing(case: str, tmp_path: Path, gateway: GatewayProcess) -> None:
    charges = gateway.charges
    with tmpfs(tmp_path / "disk", 280) as disk:
        command = Command(tmp_path)
        command.output = disk
        command.env["SORA_OUTPUT_DIR"] = str(disk)
        command.add_profile("own", gateway.openai)
        failed = run_until_full(command, f"output {case}", FULL_OUTPUT[case], disk)
        if failed.code:  # a video that is whole is delivered, whatever becomes of what lies beside it
            assert failed.code == 2, failed.err
            assert "cannot be written" in failed.err or " left" in failed.err
        (disk / "filler").unlink()
        delivered(command, f"output {case}")
        assert gateway.charges == charges + 1


def broken_folder(command: Command) -> None:
    command.home = command.home.parent / "occupied"
    command.home.write_text("a file in the place of the folder")
    command.env.update(SORA_HOME=str(command.home), SORA_BASE_URL="", SORA_API_KEY="")


def newer_version(command: Command) -> None:
    with contextlib.closing(sqlite3.connect(command.home / "jobs.sqlite")) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def damaged(command: Command) -> None:
    (command.home / "jobs.sqlite").write_bytes(b"this was a database" * 500)


UNUSABLE: dict[str, tuple[Callable[[Command], None], str]] = {
    "written by a newer version": (newer_version, "newer version"),
    "damaged": (damaged, "jobs --set-aside"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_ledger_that_cannot_be_used_is_refused_untouched_and_nothing_is_sent(
    case: str, command: Command, gateway: GatewayProcess
) -> None:
    spoil, words = UNUSABLE[case]
    remote_id = command(*arguments(f"before it was {case}")).json["remote_id"]
    spoil(command)
    path = command.home / "jobs.sqlite"
    before, creates = path.read_bytes(), gateway.requests("create")
    result = command(*arguments(f"while {case}"))
    assert result.code == 2, result.err
    assert words in result.err
    assert path.read_bytes() == before
    assert gateway.requests("create") == creates
    fresh = Command(command.home.parent / "fresh")
    fresh.add_profile("own", gateway.openai)
    taken = fresh("resume", remote_id, "--profile", "own", "--json")
    assert taken.code == 0, taken.err
    assert Path(taken.json["path"]).is_file()
    assert gateway.requests("create") == creates


@root_on_linux
def test_a_state_folder_that_is_read_only_sends_nothing(tmp_path: Path, gateway: GatewayProcess) -> None:
    creates = gateway.requests("create")
    with tmpfs(tmp_path / "disk", 8) as disk:
        command = Command(tmp_path)
        command.home = disk / "home"
        command.env["SORA_HOME"] = str(command.home)
        command.add_profile("own", gateway.openai)
        assert command("jobs").code == 0
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        result = command(*arguments("read-only"))
        assert result.code == 2, result.err
        assert gateway.requests("create") == creates
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        delivered(command, "read-only")
    assert gateway.requests("create") == creates + 1


def test_a_file_in_the_place_of_the_state_folder_sends_nothing(command: Command, gateway: GatewayProcess) -> None:
    creates = gateway.requests("create")
    broken_folder(command)
    command.env.update(SORA_BASE_URL=gateway.openai, SORA_API_KEY="x")
    result = command("generate", "x", "--profile", "env", "--seconds", "1", "--size", "64x64")
    assert result.code == 2, result.err
    assert gateway.requests("create") == creates


def test_a_ledger_that_another_process_locks_sends_nothing(command: Command, gateway: GatewayProcess) -> None:
    creates = gateway.requests("create")
    assert command("jobs").code == 0
    engine = Engine(command.home)
    engine.ledger._file._connection.execute("PRAGMA busy_timeout = 300")  # instead of ten seconds
    with contextlib.closing(sqlite3.connect(command.home / "jobs.sqlite", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked"):
            generate(engine, command, "locked")
        db.execute("ROLLBACK")
    engine.close()
    assert gateway.requests("create") == creates
    assert command(*arguments("locked")).code == 0


@dataclass
class Stage:
    """Where an interrupt comes: the faults that make the stage last, the word for it, what is charged in the end."""

    faults: tuple[dict[str, object], ...]
    stage: str
    charged: int


LONG = 1.5  # seconds that a stage lasts: more than the one in which an interrupt must be noticed
STAGES = {
    "waiting for a slot": Stage((), "waiting for a free slot", 0),
    "in the post": Stage(({"on": "create", "do": "delay", "seconds": LONG, "when": "after"},), "submitting", 1),
    "looking up": Stage(
        ({"on": "create", "do": "drop", "when": "after"}, {"on": "list", "do": "delay", "seconds": LONG}),
        "looking up",
        1,
    ),
    "polling": Stage(({"on": "retrieve", "do": "delay", "seconds": LONG, "times": 1},), "queued", 1),
    "downloading": Stage(({"on": "content", "do": "slow", "bytes_per_second": 9000},), "downloading", 1),
}


def hold_the_slot(engine: Engine, gateway: GatewayProcess, output: Path) -> None:
    gateway.fault({"on": "create", "do": "stuck"})
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "holds the slot", seconds=1, size="64x64")
    engine.submit(request, "own", Destination(output), lambda progress: None).result(20)


@pytest.mark.parametrize("case", STAGES)
def test_an_interrupt_is_noticed_within_a_second_and_nothing_is_lost(
    case: str, command: Command, gateway: GatewayProcess
) -> None:
    stage = STAGES[case]
    command.add_profile("own", gateway.openai, max_jobs=1 if "slot" in case else 0)
    engine = Engine(command.home)
    try:
        if "slot" in case:
            hold_the_slot(engine, gateway, command.output)
        gateway.fault(*stage.faults)
        charges, seen = gateway.charges, []
        request = VideoRequest(Operation.TEXT_TO_VIDEO, f"interrupt {case}", seconds=2, size="64x64")

        def watch(progress: Progress) -> None:
            seen.append(progress.stage)

        handle = engine.generate(request, "own", Destination(command.output), watch)
        until(lambda: stage.stage in seen)
        if case == "in the post":
            until(lambda: gateway.charges > charges)
        asked = time.monotonic()
        handle.abandon()
        with pytest.raises(Interrupted):
            handle.result(5)
        assert time.monotonic() - asked < patience(1)
        assert case == "waiting for a slot" or not list(command.output.glob("*.mp4"))  # the stage was still on
        if stage.charged:
            again = engine.generate(request, "own", Destination(command.output), watch).result(30)
            assert again.path.is_file()
        assert gateway.charges == charges + stage.charged
    finally:
        engine.close()


def test_an_interrupt_that_comes_at_once_is_noticed_too(command: Command) -> None:
    engine = Engine(command.home)
    try:
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "at once", seconds=1, size="64x64")
        for _ in range(20):
            handle = engine.generate(request, "own", Destination(command.output), lambda progress: None)
            handle.abandon()
            with pytest.raises(Interrupted):
                handle.result(5)
    finally:
        engine.close()


@posix
@pytest.mark.parametrize("case", ["waiting for a slot", "downloading"])
def test_ctrl_c_ends_the_command_within_a_second(case: str, command: Command, gateway: GatewayProcess) -> None:
    stage = STAGES[case]
    if "slot" in case:
        command.add_profile("own", gateway.openai, max_jobs=1)
        gateway.fault({"on": "create", "do": "stuck"})
        holder = command.start(*arguments("holds the slot"))
        until(lambda: any(job["remote_id"] for job in command.jobs()))
        kill(holder)
    gateway.fault(*stage.faults)
    process = command.start(*arguments(f"ctrl-c {case}"))
    assert process.stderr
    while stage.stage not in process.stderr.readline():
        pass
    asked = time.monotonic()
    stopped = kill(process, signal.SIGINT)
    assert stopped.code == 130, stopped.err
    assert time.monotonic() - asked < patience(3)  # the end of a Python process included


@posix
def test_an_interrupt_while_the_server_refuses_submits_nothing_later(command: Command, gateway: GatewayProcess) -> None:
    charges = gateway.charges
    gateway.fault({"on": "create", "do": "status", "status": 429, "headers": {"retry-after": "3"}})
    creates = gateway.requests("create")
    process = command.start(*arguments("refused for now"))
    until(lambda: gateway.requests("create") == creates + 1)
    time.sleep(0.3)
    assert kill(process, signal.SIGINT).code == 130
    assert gateway.charges == charges


def test_an_interrupt_in_a_post_that_is_refused_afterwards_submits_nothing_later(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault(
        {"on": "create", "do": "delay", "seconds": 1},
        {"on": "create", "do": "status", "status": 429, "headers": {"retry-after": "1"}},
    )
    charges, creates = gateway.charges, gateway.requests("create")
    engine = Engine(command.home)
    try:
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "left in the post", seconds=1, size="64x64")
        handle = engine.generate(request, "own", Destination(command.output), lambda progress: None)
        until(lambda: gateway.requests("create") == creates + 1)
        handle.abandon()
        until(lambda: engine.ledger.jobs() == [])
        time.sleep(1.5)  # the moment of the second try
        assert (gateway.charges, gateway.requests("create")) == (charges, creates + 1)
    finally:
        engine.close()


def test_web_pages_in_place_of_both_answers_prove_nothing_about_a_server_that_took_jobs(
    command: Command, gateway: GatewayProcess
) -> None:
    """A page of a proxy in front of the server, for a moment."""
    assert command(*arguments("it is an API")).code == 0
    charges = gateway.charges
    gateway.fault(
        {"on": "create", "do": "garbage", "kind": "html", "when": "after"},
        {"on": "list", "do": "garbage", "kind": "html", "times": None},
    )
    assert command(*arguments("two pages")).code == 5
    gateway.fault()
    assert command(*arguments("two pages")).code == 0
    assert gateway.charges == charges + 1


class WrongClock(HastyClock):
    """A machine whose clock is an hour ahead; waiting for it to be right is skipped."""

    def now(self) -> float:
        return super().now() + 3600


def test_a_clock_that_is_an_hour_wrong_does_not_make_a_lost_submission_look_refused(
    command: Command, gateway: GatewayProcess
) -> None:
    engine = Engine(command.home, clock=WrongClock())
    try:
        generate(engine, command, "known to the list")
        charges = gateway.charges
        gateway.fault({"on": "create", "do": "drop", "when": "after"})
        for _ in range(2):
            with contextlib.suppress(SubmissionUnknown):
                generate(engine, command, "sent by a wrong clock")
        assert gateway.charges == charges + 1
    finally:
        engine.close()


class RunawayClock(HastyClock):
    """A machine whose clock is set forward by three hours at every look; waiting is skipped."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        self._ahead += 3 * 3600
        return super().now() + self._ahead


def test_a_clock_that_is_set_forward_by_hours_makes_no_job_overdue_or_gone(
    command: Command, gateway: GatewayProcess
) -> None:
    engine = Engine(command.home, clock=RunawayClock())
    charges = gateway.charges
    gateway.fault({"on": "retrieve", "do": "status", "status": 404, "times": 8})
    try:
        assert generate(engine, command, "runs on").path.is_file()
        assert gateway.charges == charges + 1
    finally:
        engine.close()
