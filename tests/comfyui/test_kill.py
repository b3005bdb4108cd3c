"""A real ComfyUI, killed at three points of a job's life and started again: paid once, and the video arrives."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from _command import until
from _gateway import GatewayProcess
from _trust import trust_all
from comfyui._graphs import t2v
from comfyui._host import KEY, ComfyUI, Stage, checkouts, error_of, outputs_of

CHECKOUTS = checkouts()[:1]  # what differs between versions is tried elsewhere

pytestmark = [
    pytest.mark.skipif(not CHECKOUTS, reason="no ComfyUI checkout was found"),
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]


@pytest.fixture(scope="module")
def own_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Not the shared one: that must stay alive."""
    base = tmp_path_factory.mktemp("killed")
    gateway = GatewayProcess(speed=20, key=KEY)
    home = base / "user" / "__sora_video"
    home.mkdir(parents=True)
    (home / "profiles.toml").write_text(
        f'[profiles.own]\nprovider = "openai"\nbase_url = "{gateway.openai}"\nkey_env = "SORA_TEST_KEY"\n'
        'dialect = "preview"\npoll_seconds = 0.2\nmin_quota = 1.0\n'
    )
    trust_all(home)
    comfy = ComfyUI(CHECKOUTS[0], base, env={"SORA_TEST_KEY": KEY})
    try:
        comfy.start()
        yield Stage(comfy, gateway, home)
    finally:
        comfy.stop(kill=True)
        gateway.stop()


@pytest.fixture
def killed(own_stage: Stage) -> Iterator[Stage]:
    yield own_stage
    own_stage.gateway.fault()


def rows(stage: Stage, prompt: str) -> list[dict[str, Any]]:
    if not (stage.home / "jobs.sqlite").exists():
        return []
    with contextlib.closing(sqlite3.connect(stage.home / "jobs.sqlite", timeout=20)) as db:
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute("SELECT * FROM jobs WHERE prompt = ?", (prompt,))]
        except sqlite3.OperationalError:  # the tables are just being made
            return []


def kill_and_start_again(stage: Stage) -> None:
    stage.comfy.stop(kill=True)
    stage.gateway.fault()
    stage.comfy.start()


def is_claimed(stage: Stage, prompt: str) -> bool:
    return any(row["state"] == "submitting" and row["sent_at"] is None for row in rows(stage, prompt))


def is_charged(stage: Stage, prompt: str) -> bool:
    return any(job["prompt"] == prompt for job in stage.gateway.stats()["jobs"])


def is_half_here(stage: Stage, prompt: str) -> bool:
    return any(part.stat().st_size for part in (stage.comfy.base / "output").rglob(".*.part"))


# the fault that makes the point last, whether it is reached, what is charged by then, whether it arrives by itself
POINTS: dict[str, tuple[dict[str, Any], Callable[[Stage, str], bool], int, bool]] = {
    "claimed, before the POST": ({"on": "quota", "do": "delay", "seconds": 60}, is_claimed, 0, False),
    "accepted, no reply yet": ({"on": "create", "do": "delay", "seconds": 60, "when": "after"}, is_charged, 1, True),
    "in the download": ({"on": "content", "do": "slow", "bytes_per_second": 2000}, is_half_here, 1, True),
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_started_again_it_is_paid_once_and_the_video_arrives(point: str, killed: Stage) -> None:
    fault, is_reached, charged, arrives_by_itself = POINTS[point]
    before = killed.gateway.charges
    killed.gateway.fault(fault)
    killed.comfy.queue({"1": t2v(point)})
    until(lambda: is_reached(killed, point))
    assert killed.gateway.charges == before + charged
    kill_and_start_again(killed)
    if arrives_by_itself:
        until(lambda: [row["state"] for row in rows(killed, point)] == ["delivered"], timeout=60)
    path = Path(outputs_of(killed.comfy.run({"1": t2v(point)}))["1"]["text"][0])
    with av.open(str(path)) as video:
        assert video.streams.video[0].width == 320
    assert killed.gateway.charges == before + 1
    assert [row["state"] for row in rows(killed, point)] == ["delivered"]
    assert not list((killed.comfy.base / "output").rglob(".*.part"))


def test_an_unknown_job_is_ended_by_the_user_through_the_routes(killed: Stage) -> None:
    lost = ({"on": "create", "do": "drop", "when": "after"}, {"on": "list", "do": "status", "status": 404, "times": 9})
    killed.gateway.fault(*lost)
    error = error_of(killed.comfy.run({"1": t2v("who knows")}))
    assert "--remote-id" in error["exception_message"]
    assert "sora_core forget job_" in error["exception_message"]
    (job,) = [each for each in killed.comfy.get("/sora_video/jobs").json() if each["prompt"] == "who knows"]
    assert job["state"] == "unknown"
    remote_id = killed.gateway.stats()["jobs"][-1]["id"]
    charges = killed.gateway.charges
    killed.gateway.fault()
    named = killed.comfy.post("/sora_video/jobs/remote_id", {"job_id": job["job_id"], "remote_id": remote_id})
    assert (named.status_code, named.json()["remote_id"]) == (200, remote_id)
    until(lambda: [row["state"] for row in rows(killed, "who knows")] == ["delivered"], timeout=60)
    assert killed.gateway.charges == charges
    again = killed.comfy.post("/sora_video/jobs/remote_id", {"job_id": job["job_id"], "remote_id": "other"})
    assert again.status_code == 400

    killed.gateway.fault(*lost)
    error_of(killed.comfy.run({"1": t2v("not accepted")}))
    (job,) = [each for each in killed.comfy.get("/sora_video/jobs").json() if each["prompt"] == "not accepted"]
    killed.gateway.fault()
    assert killed.comfy.post("/sora_video/jobs/forget", {"job_id": job["job_id"]}).json()["state"] == "forgotten"
    outputs_of(killed.comfy.run({"1": t2v("not accepted")}))
    assert killed.gateway.charges == charges + 2


def test_told_to_stop_it_takes_nothing_new_and_waits_for_the_answer_under_way(killed: Stage) -> None:
    """SIGTERM, as a container gets it."""
    before = killed.gateway.charges
    killed.gateway.fault({"on": "create", "do": "delay", "seconds": 5, "when": "after", "times": 1})
    killed.comfy.queue({"1": t2v("stopped in the middle")})
    until(lambda: is_charged(killed, "stopped in the middle"))
    process = killed.comfy._process
    assert process
    process.terminate()
    until(lambda: killed.comfy.get("/sora_video/health").status_code == 503)
    assert killed.comfy.get("/sora_video/health").json()["draining"] is True
    process.wait(30)
    (row,) = rows(killed, "stopped in the middle")
    assert row["remote_id"] == killed.gateway.stats()["jobs"][-1]["id"]
    assert row["owner"] is None
    killed.comfy._process = None
    killed.comfy.start()
    until(lambda: [each["state"] for each in rows(killed, "stopped in the middle")] == ["delivered"], timeout=60)
    assert killed.gateway.charges == before + 1
