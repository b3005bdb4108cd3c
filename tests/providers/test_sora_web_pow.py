"""The proof of work: recorded ones are found, and what cannot be found is not looked for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from sora_core.errors import BadResponse
from sora_core.providers.sora_web import sentinel
from sora_core.providers.sora_web.identity import Identity, uuid4_of
from sora_core.providers.sora_web.pow import MOST_EXPECTED_TRIES, check_difficulty, expected_tries, solve

VECTORS = [
    json.loads(path.read_text("utf-8")) for path in sorted((Path(__file__).parent / "vectors").glob("pow_*.json"))
]
IDENTITY = Identity(uuid4_of("a"))
NEVER = "0" * 32


def plain(seed: str, difficulty: str, config: list[Any]) -> str:
    """The same as it is written down: the whole list is encoded for every try."""
    for i in range(10_000):
        tried = [*config[:3], i, *config[4:9], config[9] + (i + 29) // 30, *config[10:]]
        text = b64encode(json.dumps(tried, separators=(",", ":"), ensure_ascii=False).encode()).decode()
        if hashlib.sha3_512((seed + text).encode()).hexdigest()[: len(difficulty)] <= difficulty:
            return text
    raise AssertionError("none was found")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_recorded_proofs_are_found(vector):
    given = vector["input"]
    found = solve(given["seed"], given["difficulty"], given["config"], stop=threading.Event())
    assert found == vector["expect"]["solution"]


@pytest.mark.parametrize("width", [1, 10, 100, 1000])
@pytest.mark.parametrize("difficulty", ["0fffff", "00ffff", "01f"])
def test_the_fast_way_finds_what_the_plain_one_finds(width, difficulty):
    config = IDENTITY.config("https://server.example", now=1_700_000_000.0)
    config[0] = width  # so that Base64 begins at every offset
    assert solve("0.5", difficulty, config, stop=threading.Event()) == plain("0.5", difficulty, config)


def test_what_is_told_of_the_machine_has_the_shape_of_the_document():
    config = IDENTITY.config("https://server.example", now=1_700_000_000.0)
    assert len(config) == 18
    assert config[1] == "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)"
    assert config[6] is None
    assert config[15] == ""


@pytest.mark.parametrize(("difficulty", "tries"), [("0fffff", 16), ("0000ff", 65_536), ("01f", 128), ("f", 1)])
def test_how_much_work_a_difficulty_is(difficulty, tries):
    assert expected_tries(difficulty) == pytest.approx(tries)
    check_difficulty(difficulty)


@pytest.mark.parametrize("difficulty", ["00000f", "000000", NEVER, "", "xyz"])
def test_more_than_the_bound_and_nonsense_are_refused(difficulty):
    with pytest.raises(BadResponse) as caught:
        check_difficulty(difficulty)
    assert str(MOST_EXPECTED_TRIES) in caught.value.message or "hex" in caught.value.message


def test_a_search_without_end_stops_when_it_is_told_to():
    stop = threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    began = time.monotonic()
    assert solve("s", NEVER, IDENTITY.config("https://a.example"), stop=stop, limit=10**9) is None
    assert time.monotonic() - began < 10
    timer.join()


async def test_a_wait_that_is_canceled_ends_the_search(monkeypatch):
    ended = threading.Event()

    def long_search(*arguments: Any, stop: threading.Event) -> None:
        assert solve("s", NEVER, IDENTITY.config("https://a.example"), stop=stop, limit=10**9) is None
        ended.set()

    monkeypatch.setattr(sentinel, "solve", long_search)
    task = asyncio.create_task(sentinel._solution("s", "0fffff", IDENTITY.config("https://a.example")))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 10)
