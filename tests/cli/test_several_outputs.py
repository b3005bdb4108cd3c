"""Several videos of one request: one POST, all delivered, each on record, none lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from _command import Command, posix
from _gateway import GatewayProcess

THREE = ("--profile", "box", "--seconds", "1", "--size", "64x64", "--set", "num_outputs_per_prompt=3")


@pytest.fixture
def box(command: Command, gateway: GatewayProcess) -> Command:
    """SGLang, with a price, as one who rents the machine may have it."""
    command.add_profile("box", f"{gateway.url}/openai~sglang/v1", dialect="sglang", paid=True)
    return command


def sidecar(path: str | Path) -> dict[str, Any]:
    return json.loads(Path(path).with_suffix(".json").read_text("utf-8"))


def test_all_are_delivered_for_one_charge_and_again_for_none(box: Command, gateway: GatewayProcess) -> None:
    charges = gateway.charges
    made = box("generate", "three of one", *THREE)
    assert made.code == 0, made.err
    paths = made.out.split()
    assert [Path(path) for path in paths] == box.videos()
    assert len(paths) == 3
    assert gateway.charges == charges + 1
    facts = box("generate", "three of one", *THREE, "--json").json
    assert (facts["path"], facts["further"], facts["reused"]) == (paths[0], paths[1:], True)
    assert gateway.charges == charges + 1
    (row,) = box("jobs", "--json").json
    assert (row["path"], row["further"], row["state"]) == (paths[0], paths[1:], "delivered")
    for number, path in enumerate(paths, 1):
        told = sidecar(path)
        assert (told["output"], told["outputs"]) == (number, [Path(each).name for each in paths])
        assert told["bytes"] == Path(path).stat().st_size


def test_a_job_with_one_file_says_nothing_of_others(box: Command) -> None:
    made = box("generate", "one", "--profile", "box", "--seconds", "1", "--size", "64x64", "--json").json
    assert "further" not in made
    assert "outputs" not in sidecar(made["path"])
    assert "further" not in box("jobs", "--json").json[0]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_one_that_is_gone_is_collected_again_and_the_others_stay(
    box: Command, gateway: GatewayProcess, lost: int
) -> None:
    paths = box("generate", f"lose {lost}", *THREE).out.split()
    stamps = {path: Path(path).stat().st_mtime_ns for path in paths}
    Path(paths[lost]).unlink()
    charges = gateway.charges
    job = box.jobs()[0]["job_id"]
    again = box("resume", job)
    assert again.code == 0, again.err
    now = again.out.split()
    assert len(now) == 3
    assert all(Path(path).is_file() for path in now)
    assert gateway.charges == charges
    kept = [path for number, path in enumerate(paths) if number != lost]
    assert {path: Path(path).stat().st_mtime_ns for path in kept} == {path: stamps[path] for path in kept}


@posix
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("point", ["record_plan", "record_output", "record_delivered", "place", "write_sidecar"])
def test_a_process_that_dies_on_the_way_leaves_none_behind(
    box: Command, gateway: GatewayProcess, point: str, when: str
) -> None:
    asked = ("generate", f"dies {when} {point}", *THREE)
    charges = gateway.charges
    process = box.start(*asked, kill_at=(point, when))
    process.communicate(timeout=60)
    assert process.returncode < 0
    done = box(*asked)
    assert done.code == 0, done.err
    assert len(set(done.out.split())) == 3
    assert all(Path(path).stat().st_size > 1000 for path in done.out.split())
    assert all(sidecar(path)["outputs"] for path in done.out.split())
    assert gateway.charges == charges + 1
    assert not list(box.output.glob(".*part"))
    (row,) = box.jobs()
    assert row["state"] == "delivered"


def test_the_price_counts_what_is_made(command: Command, gateway: GatewayProcess) -> None:
    prices = {"prices": ("0.50/second",), "currency": "USD"}
    command.add_profile("box", f"{gateway.url}/openai~sglang/v1", dialect="sglang", paid=True, **prices)
    assert command("generate", "priced", *THREE).code == 0
    assert command("jobs", "--json").json[0]["cost"] == "1.50"


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("vllm-omni", "num_outputs_per_prompt"), ("fastvideo", "n"), ("dynamo", "num_outputs"), ("aquiles", "n")],
)
def test_a_server_that_would_keep_the_others_is_not_asked_for_them(
    command: Command, gateway: GatewayProcess, dialect: str, name: str
) -> None:
    command.add_profile("box", gateway.openai, dialect=dialect)
    command.add_profile("always", gateway.openai, dialect=dialect, extra={name: "2"})
    charges = gateway.charges
    for asked in (("box", "--set", f"{name}=2"), ("always",)):
        refused = command("generate", "x", "--profile", *asked)
        assert (refused.code, "takes" in refused.err, name in refused.err) == (2, True, True), refused.err
    assert gateway.charges == charges


@pytest.mark.parametrize("count", ["0", "11", "two"])
def test_a_count_that_the_server_would_change_is_refused(box: Command, count: str) -> None:
    refused = box("generate", "x", "--profile", "box", "--set", f"n={count}")
    assert refused.code == 2
    assert "'n'" in refused.err
