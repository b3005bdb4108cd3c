"""Kills real processes at every point of a job's life. The gateway's books say what was charged."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from _clock import HastyClock
from _command import Command, Result, arguments, kill, posix, until
from _gateway import GatewayProcess
from PIL import Image

from sora_core.engine import Engine
from sora_core.errors import SubmissionUnknown
from sora_core.models import Destination, Operation
from sora_core.requests.kinds import VideoRequest

pytestmark = posix


@pytest.fixture(scope="module")
def shared_gateway() -> Iterator[GatewayProcess]:
    with GatewayProcess(speed=100) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: GatewayProcess) -> Iterator[GatewayProcess]:
    shared_gateway.count_from_here()
    yield shared_gateway
    shared_gateway.fault()


@pytest.fixture
def command(command: Command, gateway: GatewayProcess) -> Command:
    command.add_profile("own", gateway.openai)
    return command


def delivered(command: Command, result: Result) -> Path:
    assert result.code == 0, result.err
    path = Path(result.json["path"])
    with av.open(str(path)) as video:
        assert video.streams.video[0].width == 64
    assert command.videos() == [path]
    return path


# where it dies -> charges right then
KILLED_AT_A_COMMIT = {
    "before the row is marked as sent, no byte has left": ("mark_sent", "before", 0),
    "after the reply, before its id is on disk": ("record_submitted", "before", 1),
    "after the id is on disk, before the first poll": ("record_submitted", "after", 1),
    "while polling": ("record_snapshot", "after", 1),
    "when the download begins": ("record_part", "after", 1),
    "before the place of the file is planned": ("record_plan", "before", 1),
    "when the place of the file is planned": ("record_plan", "after", 1),
    "when the name of the file is taken": ("next_path", "after", 1),
    "before the sidecar": ("write_sidecar", "before", 1),
    "between the sidecar and the last commit": ("write_sidecar", "after", 1),
    "between the file and the last commit": ("record_delivered", "before", 1),
    "after the last commit": ("record_delivered", "after", 1),
}


@pytest.mark.parametrize("case", KILLED_AT_A_COMMIT)
def test_killed_and_run_again_it_is_charged_once_and_the_video_arrives(
    case: str, command: Command, gateway: GatewayProcess
) -> None:
    method, when, charges = KILLED_AT_A_COMMIT[case]
    died = command.start(*arguments(case), kill_at=(method, when))
    died.communicate(timeout=30)
    assert died.returncode == -signal.SIGKILL
    assert gateway.charges == charges
    delivered(command, command(*arguments(case)))
    assert gateway.charges == 1
    assert gateway.requests("create") == 1
    (job,) = command.jobs()
    assert job["state"] == "delivered"
    (sidecar,) = command.output.glob("*.json")
    facts = json.loads(sidecar.read_text("utf-8"))
    assert (facts["job_id"], facts["sha256"], facts["width"]) == (job["job_id"], job["sha256"], 64)
    assert facts["delivered_at"]
    assert not list(command.output.glob(".*"))


PICTURE = ("image", "a picture", "--profile", "own", "--size", "64x64", "--json")
# where it dies -> charged by the time it has arrived: pictures are in no list, but the preview's are free
KILLED_WITH_A_PICTURE = {
    "when the answer, which is the picture, is on the disk": ("record_part", "after", 1),
    "when its row says so": ("record_submitted", "after", 1),
    "before its place is planned": ("record_plan", "before", 1),
    "when its name is taken": ("next_path", "after", 1),
    "between the sidecar and the last commit": ("write_sidecar", "after", 1),
    "when the answer is on the disk and no row says so": ("record_part", "before", 1),
    "when the answer is not on the disk": ("write_part", "before", 2),
}


@pytest.mark.parametrize("case", KILLED_WITH_A_PICTURE)
def test_killed_and_run_again_the_picture_arrives(case: str, command: Command, gateway: GatewayProcess) -> None:
    method, when, charges = KILLED_WITH_A_PICTURE[case]
    command.add_profile("own", gateway.openai, dialect="preview")
    died = command.start(*PICTURE, kill_at=(method, when))
    died.communicate(timeout=30)
    assert died.returncode == -signal.SIGKILL
    result = command(*PICTURE)
    assert result.code == 0, result.err
    path = Path(result.json["path"])
    with Image.open(path) as picture:
        assert picture.size == (64, 64)
    assert sorted(command.output.iterdir()) == [path.with_suffix(".json"), path]
    assert gateway.charges == charges


def test_a_paid_picture_whose_answer_was_lost_stays_unknown(command: Command, gateway: GatewayProcess) -> None:
    gateway.fault({"on": "create", "do": "drop", "when": "after"})
    for _ in range(2):
        lost = command(*PICTURE)
        assert lost.code == 5, lost.err
        assert "no list in which it would show" in lost.err
    assert gateway.charges == 1
    assert gateway.requests("picture") == 1


def test_killed_after_the_server_accepted_and_before_its_reply_the_job_is_found_and_adopted(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault({"on": "create", "do": "delay", "seconds": 20, "when": "after"})
    process = command.start(*arguments("accepted, no reply"))
    until(lambda: gateway.charges == 1)
    kill(process)
    delivered(command, command(*arguments("accepted, no reply")))
    assert gateway.charges == 1
    assert gateway.requests("create") == 1


def test_killed_in_the_download_it_goes_on_where_it_was(command: Command, gateway: GatewayProcess) -> None:
    gateway.fault({"on": "content", "do": "slow", "bytes_per_second": 4000})
    process = command.start(*arguments("slow download", "--seconds", "10", "--size", "640x360"))
    until(lambda: any(part.stat().st_size for part in command.output.glob(".*.part")))
    kill(process)
    (part,) = command.output.glob(".*.part")
    had = part.stat().st_size
    gateway.fault()
    result = command(*arguments("slow download", "--seconds", "10", "--size", "640x360"))
    assert result.code == 0, result.err
    assert 0 < had < Path(result.json["path"]).stat().st_size
    assert not list(command.output.glob(".*"))
    assert gateway.charges == 1


def test_sent_and_never_accepted_it_stays_unknown_until_the_user_says_so(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault(
        {"on": "create", "do": "drop", "when": "before"}, {"on": "list", "do": "status", "status": 404, "times": None}
    )
    first = command(*arguments("lost on the way"))
    assert first.code == 5, first.err
    (job,) = command.jobs()
    assert f"`sora-video forget {job['job_id']}`" in first.err
    assert f"`sora-video resume {job['job_id']} --remote-id ID`" in first.err
    assert "It may have been charged." in first.err
    assert job["state"] == "unknown"
    gateway.fault()
    # A list without any job of ours proves nothing: this server might never list what we make.
    engine = Engine(command.home, clock=HastyClock())
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "lost on the way", seconds=2, size="64x64")
    with pytest.raises(SubmissionUnknown):
        engine.generate(request, "own", Destination(command.output), lambda progress: None).result(30)
    engine.close()
    assert gateway.requests("list") > 1
    assert gateway.charges == 0
    assert gateway.requests("create") == 1
    assert command("forget", job["job_id"]).code == 0
    delivered(command, command(*arguments("lost on the way")))
    assert gateway.charges == 1


def test_accepted_and_the_reply_lost_the_job_is_found_in_the_same_run(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault({"on": "create", "do": "drop", "when": "after"})
    delivered(command, command(*arguments("reply lost")))
    assert gateway.charges == 1
    assert gateway.requests("create") == 1


def test_two_processes_with_the_same_request_pay_once_and_both_get_the_video(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault({"on": "create", "do": "stuck", "seconds": 1.5})
    both = [command.start(*arguments("together")) for _ in range(2)]
    results = []
    for process in both:
        out, err = process.communicate(timeout=60)
        results.append(Result(process.returncode, out, err))
    paths = {delivered(command, result) for result in results}
    assert len(paths) == 1
    assert gateway.charges == 1


def test_an_interrupt_stops_the_waiting_and_not_the_job(command: Command, gateway: GatewayProcess) -> None:
    gateway.fault({"on": "create", "do": "stuck", "seconds": 1.5})
    process = command.start(*arguments("interrupted"))
    until(lambda: gateway.requests("retrieve") >= 1)
    stopped = kill(process, signal.SIGINT)
    assert stopped.code == 130, stopped.err
    delivered(command, command(*arguments("interrupted")))
    assert gateway.charges == 1


def test_an_interrupt_in_the_post_waits_for_the_id(command: Command, gateway: GatewayProcess) -> None:
    gateway.fault({"on": "create", "do": "delay", "seconds": 1, "when": "after"})
    process = command.start(*arguments("interrupted in the post"))
    until(lambda: gateway.charges == 1)
    stopped = kill(process, signal.SIGINT)
    assert stopped.code == 130, stopped.err
    (job,) = command.jobs()
    assert job["remote_id"].startswith("video_")
    assert f"resume {job['job_id']}" in stopped.err
    resumed = command("resume", job["job_id"], "--json")
    delivered(command, resumed)
    assert gateway.charges == 1


def test_a_deleted_file_is_collected_again_for_free(command: Command, gateway: GatewayProcess) -> None:
    path = delivered(command, command(*arguments("deleted")))
    path.unlink()
    again = command(*arguments("deleted"))
    assert again.code == 0, again.err
    assert Path(again.json["path"]).is_file()
    assert gateway.charges == 1
