"""A lock that a process holds: others wait for it, not for ever, and it goes when its holder does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sora_core.files.locks import taken

TESTS = Path(__file__).resolve().parent.parent

HOLD = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
from sora_core.files.locks import taken
stream = asyncio.run(taken(pathlib.Path(sys.argv[2]), patience_seconds=0))
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(TESTS), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


async def test_one_that_nobody_holds_is_taken_and_given_back(path):
    for _ in range(2):
        (await taken(path, patience_seconds=0)).close()
    assert path.exists()


async def test_one_that_this_process_holds_is_not_taken_twice(path):
    with await taken(path, patience_seconds=0), pytest.raises(TimeoutError, match=r"a\.lock"):
        await taken(path, patience_seconds=0.1)


async def test_one_that_another_process_holds_is_waited_for_so_long(path, holder):
    with pytest.raises(TimeoutError):
        await taken(path, patience_seconds=0.1)
    holder.communicate("go on\n")
    (await taken(path, patience_seconds=20)).close()


async def test_one_whose_holder_was_killed_is_free(path, holder):
    holder.kill()
    holder.wait()
    (await taken(path, patience_seconds=20)).close()
