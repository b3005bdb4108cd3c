"""The comparison sees what must not be: a campaign that cannot fail proves nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from campaign.verdict import compare
from campaign.worker import ended
from sora_core.clock import SystemClock
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Place
from sora_core.media import placing
from sora_core.models import Destination, Operation, Snapshot, State
from sora_core.requests.kinds import VideoRequest

PROMPT = "a paper boat"


class Client:
    def __init__(self, folder: Path) -> None:
        self.home, self.output = folder / "home", folder / "out"
        self.output.mkdir()
        self.ledger = Ledger(self.home, SystemClock())
        self.claim()

    def claim(self) -> None:
        request = VideoRequest(Operation.TEXT_TO_VIDEO, PROMPT)
        self.job = self.ledger.claim(
            request, fingerprint="v1:a", profile="p", place=Place("openai"), owner="me",
            destination=Destination(self.output),
        )  # fmt: skip
        self.ledger.mark_sent(self.job.job_id, owner="me")

    def submitted(self, remote_id: str = "video_1") -> None:
        self.ledger.record_submitted(self.job.job_id, Snapshot(State.QUEUED, remote_id), owner="me")

    def delivered(self, video: Path) -> Path:
        self.submitted()
        path = self.output / "clip_00001_.mp4"
        shutil.copyfile(video, path)
        self.ledger.record_plan(self.job.job_id, path, placing.sha256_of(path), path.stat().st_size, owner="me")
        self.ledger.record_delivered(self.job.job_id, width=64, height=64, fps=24.0, duration=1.0, owner="me")
        path.with_suffix(".json").write_text("{}")
        return path

    def verdict(self, *entries: dict[str, Any]) -> dict[str, int]:
        found = compare(entries, self.home, self.output, [PROMPT])
        return {line.partition(":")[0]: 1 for line in found.wrong}


@pytest.fixture
def client(tmp_path: Path):
    client = Client(tmp_path)
    yield client
    client.ledger.close()


def test_a_request_that_was_asked_for_again_has_not_ended_with_its_first_job(client):
    client.submitted()
    client.ledger.record_over(client.job.job_id, "failed", "a review said no", "JobFailed", owner="me")
    assert ended(client.home) == {PROMPT}
    client.claim()
    assert ended(client.home) == set()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sora_core.gateway.animatic import Animatic
    from sora_core.gateway.render import movie

    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    movie.render(Animatic(prompt=PROMPT, seconds=1, width=64, height=64), path, stopped=lambda: False)
    return path


def entry(job_id: str = "video_1", status: str = "succeeded") -> dict[str, Any]:
    return {"id": job_id, "prompt": PROMPT, "status": status}


def test_a_delivered_job_is_right(client, video):
    client.delivered(video)
    assert client.verdict(entry()) == {}


def test_two_charges_are_seen(client, video):
    client.delivered(video)
    assert set(client.verdict(entry("video_0"), entry())) == {"double charges", "lost"}


def test_a_charge_after_a_failed_job_is_no_second_one(client, video):
    client.submitted("video_0")
    client.ledger.record_over(client.job.job_id, "failed", "no", "JobFailed", owner="me")
    assert client.verdict(entry("video_0", "failed")) == {}


def test_a_charge_that_no_row_names_is_lost(client):
    client.ledger.record_over(client.job.job_id, "failed", "refused", "RequestRejected", owner="me")
    assert set(client.verdict(entry())) == {"lost", "without an end"}


def test_an_unknown_row_names_its_charge(client):
    client.ledger.record_unknown(client.job.job_id, "lost", owner="me")
    client.ledger.release(client.job.job_id, "me")
    assert client.verdict(entry()) == {}


def test_damage_leftovers_and_strangers_are_seen(client, video):
    path = client.delivered(video)
    path.write_bytes(path.read_bytes()[:-1])
    (client.output / f".{client.job.job_id}.part").touch()
    (client.output / "clip_00002_.mp4").touch()
    assert set(client.verdict(entry())) == {"corrupt files", "parts of delivered jobs", "files of no job"}


def test_an_owner_that_stays_is_seen(client):
    client.submitted()
    assert set(client.verdict(entry())) == {"rows with an owner left"}
