"""Workers on several hosts, one ledger: a video that one of them has is free for the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from _gateway import GatewayProcess
from _ledgers import new_database, server
from _postgres import MISSING, programs

from sora_core.engine import Engine
from sora_core.errors import StorageError
from sora_core.files import processes
from sora_core.models import Destination, Operation
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import VideoRequest

pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)


@pytest.fixture
def workers(tmp_path, gateway: GatewayProcess, monkeypatch):
    """Two, as on two hosts: each has a state folder of its own."""
    gateway.count_from_here()
    monkeypatch.setenv("SORA_LEDGER", server().url(new_database()))
    made = [Engine(tmp_path / name) for name in ("one", "two")]
    for each in made:
        each.profiles.add(Profile("own", base_url=gateway.openai, auth="none", poll_seconds=0.1))
    yield made
    for each in made:
        each.close()


def make(engine: Engine, folder: Path, prompt: str = "a cat"):
    folder.mkdir(exist_ok=True)
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, seconds=2, size="64x64")
    return engine.generate(request, "own", Destination(folder, "clip"), lambda progress: None).result(90)


def test_a_file_that_only_another_host_has_is_fetched_again_for_free(workers, gateway, tmp_path, monkeypatch):
    first = make(workers[0], tmp_path / "disk of one")
    first.path.rename(tmp_path / "out of sight")
    monkeypatch.setattr("sora_core.ledger.ledger.this_host", lambda: "two")
    second = make(workers[1], tmp_path / "disk of two")
    assert (second.job_id, second.path.parent.name, second.path.is_file()) == (first.job_id, "disk of two", True)
    assert gateway.charges == 1
    row = workers[0].ledger.get(first.job_id)
    assert (row.host, row.folder) == ("two", str(tmp_path / "disk of two"))


def test_a_file_in_a_folder_that_both_see_is_used_where_it_is(workers, gateway, tmp_path):
    first = make(workers[0], tmp_path / "shared")
    fetched = gateway.requests("content")
    second = make(workers[1], tmp_path / "shared")
    assert (second.path, second.reused, gateway.charges) == (first.path, True, 1)
    assert gateway.requests("content") == fetched
    assert workers[1].ledger.get(first.job_id).host == processes.this_host()


def test_a_worker_that_is_being_stopped_takes_nothing_new(workers, gateway, tmp_path):
    workers[0].drain().result(30)
    with pytest.raises(StorageError, match="being stopped"):
        make(workers[0], tmp_path / "out", "late")
    assert gateway.charges == 0
    assert make(workers[1], tmp_path / "out", "late").path.is_file()
