"""Several servers, one profile: a job goes to the least busy one that is up, stays with it, and is paid at one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _gateway import GatewayProcess

from sora_core.doctor import examine
from sora_core.engine import Engine
from sora_core.errors import ProfileError
from sora_core.ledger.row import DELIVERED
from sora_core.models import Destination, Operation
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.requests.kinds import VideoRequest


@pytest.fixture
def gateways() -> Iterator[list[GatewayProcess]]:
    made = [GatewayProcess(speed=20) for _ in range(2)]
    yield made
    for each in made:
        kill(each)


def kill(gateway: GatewayProcess) -> None:
    if gateway._process.poll() is None:
        gateway._process.kill()
        gateway._process.wait(20)
    gateway._process.stdout.close()
    gateway._http.close()


@pytest.fixture
def engine(tmp_path, gateways) -> Iterator[Engine]:
    made = Engine(tmp_path / "home")
    made.profiles.add(_profile([each.openai for each in gateways]))
    yield made
    made.close()


def _profile(servers: list[str]) -> Profile:
    return Profile("gpus", base_url=servers[0], servers=tuple(servers), auth="none", poll_seconds=0.1)


def start(engine: Engine, prompt: str, folder: Path, *, seconds: int = 4):
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=seconds, size="64x64")
    return engine.generate(request, "gpus", Destination(folder), lambda progress: None)


def until(true) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_jobs_are_spread_and_each_stays_where_it_was_made(engine, gateways, tmp_path):
    handles = [start(engine, f"clip {number}", tmp_path) for number in range(6)]
    assert all(handle.result(120).path.is_file() for handle in handles)
    assert [each.charges for each in gateways] == [3, 3]
    origins = {job.remote_id: job.origin for job in engine.ledger.jobs()}
    for gateway in gateways:
        port = gateway.url.rpartition(":")[2]
        assert all(origins[job["id"]].endswith(port) for job in gateway.stats()["jobs"])


def test_a_server_that_is_down_is_passed_over_at_once(engine, gateways, tmp_path):
    kill(gateways[0])
    began = time.monotonic()
    handles = [start(engine, f"clip {number}", tmp_path) for number in range(3)]
    assert all(handle.result(60) for handle in handles)
    assert gateways[1].charges == 3
    assert [job.state for job in engine.ledger.jobs()] == [DELIVERED] * 3
    assert time.monotonic() - began < 40


def test_one_that_is_killed_in_the_middle_of_a_job_has_it_made_nowhere_else(engine, gateways, tmp_path):
    doomed = start(engine, "long", tmp_path, seconds=12)
    until(lambda: any(job.remote_id for job in engine.ledger.jobs()))
    (row,) = engine.ledger.jobs()
    dying = next(each for each in gateways if row.origin.endswith(each.url.rpartition(":")[2]))
    (other,) = [each for each in gateways if each is not dying]
    kill(dying)
    assert start(engine, "short", tmp_path).result(60).path.is_file()
    assert [job["prompt"] for job in other.stats()["jobs"]] == ["short"]
    kept = engine.ledger.get(row.job_id)
    assert (kept.remote_id, kept.origin, kept.over) == (row.remote_id, row.origin, False)
    doomed.abandon()


def test_a_job_is_found_at_whichever_server_knows_it(engine, gateways, tmp_path):
    made = gateways[1].post("/openai/v1/videos", json={"prompt": "by hand", "seconds": "4", "size": "64x64"}).json()
    delivery = engine.resume(made["id"], "gpus", Destination(tmp_path), lambda progress: None).result(60)
    assert delivery.path.is_file()
    (row,) = engine.ledger.jobs()
    assert row.origin.endswith(gateways[1].url.rpartition(":")[2])


def test_the_doctor_looks_at_each(engine, gateways):
    kill(gateways[0])
    findings = [finding for finding in examine(engine, "gpus") if finding.check == "server"]
    assert [finding.ok for finding in findings] == [False, True]
    assert all(each.url.rpartition("/")[2] in finding.detail for each, finding in zip(gateways, findings, strict=True))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('base_url = "http://127.0.0.1:1/v1"\nservers = ["http://127.0.0.1:2/v1"]', "first of them"),
        ('servers = ["http://127.0.0.1:2/v1", "http://127.0.0.1:2/other"]', "same server twice"),
        ('servers = ["http://127.0.0.1:2/v1", "http://gpu2.example/v1"]', "plain http"),
        ('servers = ["http://127.0.0.1:2/v1", 7]', "list of texts"),
        ('servers = ["http://127.0.0.1:2/v1", "ftp://127.0.0.1/v1"]', "not the address"),
    ],
)
def test_a_list_that_cannot_work_is_refused(tmp_path, lines, says):
    (tmp_path / "profiles.toml").write_text(f"[profiles.gpus]\n{lines}\n", "utf-8")
    with pytest.raises(ProfileError, match=says):
        Profiles(tmp_path).get("gpus")


def test_a_list_stands_for_the_base_url(tmp_path):
    (tmp_path / "profiles.toml").write_text('[profiles.gpus]\nservers = ["http://127.0.0.1:2", "http://127.0.0.1:3"]\n')
    profile = Profiles(tmp_path).get("gpus")
    assert [each.base_url for each in profile.at_each_server()] == ["http://127.0.0.1:2", "http://127.0.0.1:3"]


def test_a_key_stays_with_the_servers_that_it_was_given_to(engine):
    engine.edit_profile("gpus", {"auth": "bearer"})
    engine.credentials.set(engine.profiles.get("gpus"), "sk-secret")
    one = engine.edit_profile("gpus", {"servers": list(engine.profiles.get("gpus").servers)[:1]})
    assert engine.credentials.get(one)
    engine.edit_profile("gpus", {"servers": [*one.servers, "http://127.0.0.1:9"]})
    assert not engine.credentials.delete("gpus")  # nothing was left of it
