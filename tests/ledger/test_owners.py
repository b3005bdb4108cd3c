"""Who of those that own ledger rows is alive."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sora_core.errors import StorageError
from sora_core.ledger.owners import Owner

TESTS = Path(__file__).resolve().parent.parent

HOLD = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
from sora_core.ledger.owners import Owner
owner = Owner(pathlib.Path(sys.argv[2]))
print(owner.id, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def owner(tmp_path):
    made = Owner(tmp_path)
    yield made
    made.close()


@pytest.fixture
def neighbour(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(TESTS), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.owner_id = process.stdout.readline().strip()
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_no_one_is_never_alive(owner):
    assert not owner.alive(None)


def test_oneself_is_alive(owner):
    assert owner.alive(owner.id)


def test_a_stranger_that_left_no_trace_is_dead(owner):
    assert not owner.alive("0" * 32)


def test_another_owner_in_the_same_process_is_alive_until_it_closes(owner, tmp_path):
    other = Owner(tmp_path)
    assert owner.alive(other.id)
    assert owner.alive(other.id)  # asking does not end it
    other.close()
    assert not owner.alive(other.id)


def test_another_process_is_alive_until_it_is_killed(owner, neighbour):
    assert owner.alive(neighbour.owner_id)
    neighbour.kill()
    neighbour.wait()
    assert not owner.alive(neighbour.owner_id)


def test_two_owners_have_two_names(owner, tmp_path):
    other = Owner(tmp_path)
    assert other.id != owner.id
    other.close()


def test_what_the_dead_left_is_swept_up_after_an_hour_and_the_living_are_not(tmp_path, owner, neighbour):
    folder = tmp_path / "owners"
    for name in ("old", "new"):
        (folder / name).write_bytes(b"")
    long_ago = time.time() - 7200
    for path in (folder / "old", folder / owner.id, folder / neighbour.owner_id):
        os.utime(path, (long_ago, long_ago))
    late = Owner(tmp_path)
    assert {path.name for path in folder.iterdir()} == {"new", owner.id, neighbour.owner_id, late.id}
    assert late.alive(owner.id)
    assert late.alive(neighbour.owner_id)
    late.close()


def test_closing_leaves_nothing_behind(tmp_path):
    Owner(tmp_path).close()
    assert list((tmp_path / "owners").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        Owner(tmp_path / "file")
