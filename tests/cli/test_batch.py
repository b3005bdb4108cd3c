"""Many videos from a file: results as they come, restartable, each paid once."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from _command import Command, kill, posix
from _gateway import GatewayProcess

SMALL = ("--profile", "own", "--seconds", "1", "--size", "64x64")


@pytest.fixture
def own(command: Command, gateway: GatewayProcess) -> Command:
    command.add_profile("own", gateway.openai, paid=True, max_jobs=16)
    return command


def lines_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def write(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "batch.txt"
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def test_prompts_and_objects_become_videos_and_a_second_run_is_free(
    own: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    file = write(
        tmp_path, "# a comment", "a door", "", '{"prompt": "a window", "seconds": 2, "seed": 7}',
        '{"shot": ["1s: one", "1s: two"], "prompt": "board", "seconds": 2}', "门打开",
    )  # fmt: skip
    charges = gateway.charges
    done = own("generate", "--batch", file, *SMALL)
    assert done.code == 0, done.err
    results = {result["line"]: result for result in lines_of(done.out)}
    assert sorted(results) == [2, 4, 5, 6]
    assert results[4]["seconds"] == pytest.approx(2, abs=0.05)
    assert results[6]["prompt"] == "门打开"
    assert all(Path(result["path"]).is_file() and not result["reused"] for result in results.values())
    assert gateway.charges == charges + 4
    (board,) = [job["prompt"] for job in gateway.stats()["jobs"] if "board" in job["prompt"]]
    assert "one" in board
    assert "two" in board
    again = own("generate", "--batch", file, *SMALL)
    assert again.code == 0
    assert {result["line"]: result["path"] for result in lines_of(again.out) if result["reused"]} == {
        line: result["path"] for line, result in results.items()
    }
    assert gateway.charges == charges + 4
    assert "4 of 4 videos are there." in again.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "x", "secnds": 4}', "names secnds; allowed: prompt, profile"),
        ('{"prompt": "x", "seconds": "4"}', "seconds must be a whole number"),
        ('{"prompt": "x", "image": "a.png"}', "image must be a list of texts"),
        ('{"prompt": ', "is no JSON"),
        ('{"prompt": "x", "seconds": 900}', "cannot make a video of 900 seconds"),
        ('{"seconds": 4}', "prompt is empty"),
        ('{"prompt": "x", "profile": "nobody"}', "There is no profile 'nobody'"),
        ('{"prompt": "x", "image": ["/no/such.png"]}', "cannot be read"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_sent(
    own: Command, gateway: GatewayProcess, tmp_path: Path, line: str, said: str
) -> None:
    charges = gateway.charges
    refused = own("generate", "--batch", write(tmp_path, "a good one", line), *SMALL)
    assert refused.code == 2
    assert said in refused.err
    assert "ine 2" in refused.err
    assert refused.out == ""
    assert gateway.charges == charges


def test_what_is_left_is_told_by_the_exit_code_and_done_by_the_next_run(
    own: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    file = write(tmp_path, *(f"left {number}" for number in range(6)))
    charges = gateway.charges
    gateway.fault({"on": "create", "do": "status", "status": 400, "skip": 2, "times": 1})
    first = own("generate", "--batch", file, *SMALL)
    assert first.code == 4
    kinds = Counter(result.get("error", {}).get("kind") for result in lines_of(first.out))
    assert kinds == {None: 5, "RequestRejected": 1}
    assert "5 of 6 videos are there. 1 are left" in first.err
    second = own("generate", "--batch", file, *SMALL)
    assert second.code == 0
    assert sum(result["reused"] for result in lines_of(second.out)) == 5
    assert gateway.charges == charges + 6


def test_an_account_that_takes_nothing_more_is_asked_no_further(command: Command, gateway: GatewayProcess) -> None:
    command.add_profile("own", gateway.openai, paid=True, max_submissions_per_day=2, max_jobs=1)
    file = write(command.home.parent, *(f"limited {number}" for number in range(60)))
    charges = gateway.charges
    stopped = command("generate", "--batch", file, *SMALL)
    assert stopped.code == 3
    assert "2 of 60 videos are there. 58 are left" in stopped.err
    assert len(lines_of(stopped.out)) < 60  # those that had begun
    assert gateway.charges == charges + 2


@posix
def test_two_hundred_killed_three_times_are_complete_and_each_is_paid_once(
    command: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    # where a job costs money, one whose POST died on its way would stay unknown until the user says so
    command.add_profile("own", gateway.openai, dialect="preview", max_jobs=16)
    prompts = [f"number {number}" for number in range(200)]
    file = write(tmp_path, *prompts)
    known = len(gateway.stats()["jobs"])
    charges = gateway.charges
    for booked in (20, 80, 140):  # killed in the middle of it, by what is paid
        batch = command.start("generate", "--batch", file, *SMALL)
        deadline = time.monotonic() + 120
        while gateway.charges < charges + booked:
            assert time.monotonic() < deadline, f"{gateway.charges - charges} of {booked}"
            time.sleep(0.02)
        kill(batch)
    last = command("generate", "--batch", file, *SMALL, timeout=300)
    assert last.code == 0, last.err[-2000:]
    results = lines_of(last.out)
    assert sorted(result["prompt"] for result in results) == sorted(prompts)
    assert len({result["path"] for result in results}) == 200
    assert all(Path(result["path"]).is_file() for result in results)
    assert gateway.charges == charges + 200
    booked_prompts = Counter(job["prompt"] for job in gateway.stats()["jobs"][known:])
    assert booked_prompts == Counter(prompts)


def test_a_prompt_and_a_batch_are_refused_and_neither_too(own: Command, tmp_path: Path) -> None:
    both = own("generate", "a prompt", "--batch", write(tmp_path, "a door"))
    assert both.code == 2
    assert "PROMPT does not go with --batch" in both.err
    assert own("generate").code == 2
    empty = own("generate", "--batch", write(tmp_path, "# nothing"))
    assert empty.code == 2
    assert "holds no prompt" in empty.err
