"""What the client says was spent, against the books of the servers that charged it: by day and profile, to the cent."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from _command import Command, posix
from _gateway import GatewayProcess

# as the server has it: what a price says and what is charged come from two places
TARIFF = ("0.10/second", "sora-2-pro 0.30/second", "sora-2-pro hd 0.50/second")
PROFILES = {"own": ("EUR", TARIFF), "relay": ("credits", ("0.1/s",)), "unpriced": ("", ())}
HD = ("--quality", "hd", "--size", "1920x1080")
SETTLED = 2.2  # seconds: the books keep whole ones


@pytest.fixture
def servers() -> Iterator[Mapping[str, GatewayProcess]]:
    """One for each profile, so that its books are that profile's."""
    with GatewayProcess(speed=40) as own, GatewayProcess(speed=40) as relay, GatewayProcess(speed=40) as unpriced:
        yield {"own": own, "relay": relay, "unpriced": unpriced}


@pytest.fixture
def spender(tmp_path: Path, servers: Mapping[str, GatewayProcess]) -> Command:
    command = Command(tmp_path)
    for name, gateway in servers.items():
        currency, prices = PROFILES[name]
        address, protocol = (gateway.url + "/newapi/v1", {"provider": "newapi"}) if name == "relay" else (
            gateway.openai, {"dialect": "preview"}
        )  # fmt: skip
        command.add_profile(name, address, paid=True, prices=prices, currency=currency, **protocol)
    return command


@posix
def test_costs_by_day_and_profile_are_what_the_servers_charged(
    spender: Command, servers: Mapping[str, GatewayProcess], tmp_path: Path
) -> None:
    before_midnight(spender, servers, tmp_path)
    time.sleep(SETTLED)
    midnight = int(time.time())
    time.sleep(SETTLED)
    after_midnight(spender, servers, tmp_path)
    offset = offset_of(midnight)
    spender.env["TZ"] = zone(offset)

    told = spender("jobs", "--cost", "--json").json
    said = {(day["day"], day["profile"]): day for day in told}
    charged = books_by_day(servers, offset)
    assert len({day for day, _ in said}) == 2
    assert {key: day["jobs"] for key, day in said.items()} == {key: jobs for key, (jobs, _) in charged.items()}
    priced = {key: cents for key, (_, cents) in charged.items() if key[1] != "unpriced"}
    assert {key: day["cost"] for key, day in said.items() if key in priced} == {
        key: f"{cents / 100:.2f}" for key, cents in priced.items()
    }
    assert {day["currency"] for day in told if day["profile"] == "own"} == {"EUR"}
    unpriced = [day for day in told if day["profile"] == "unpriced"]
    assert [(day["cost"], day["unknown"] == day["jobs"]) for day in unpriced] == [("0.00", True)]  # never a guess
    failed = {key: (day["failed"], day["failed_cost"]) for key, day in said.items() if day["failed"]}
    assert list(failed.values()) == [(2, "0.60")]  # one failed, one was canceled: charged all the same
    rows = {job["prompt"]: job for job in spender("jobs", "--json").json}
    for name, gateway in servers.items():
        for booked in gateway.stats()["jobs"]:
            job = rows[booked["prompt"]]
            expected = None if name == "unpriced" else f"{booked['cents'] / 100:.2f}"
            assert (job["profile"], job["cost"]) == (name, expected), booked
    assert rows["refused"]["state"] == "failed"
    assert Counter(job["state"] for job in rows.values())["unknown"] == 0


def before_midnight(spender: Command, servers: Mapping[str, GatewayProcess], tmp_path: Path) -> None:
    """Lengths, models, qualities and takes; a job that fails, one that is canceled, one that is refused."""
    takes = [{"prompt": f"take {seed}", "seconds": 2, "seed": seed} for seed in (1, 2, 3)]
    lines = [*takes, {"prompt": "pro", "seconds": 3, "model": "sora-2-pro"}, {"prompt": "long", "seconds": 12}]
    batch(spender, tmp_path, "own", lines)
    paid(spender("generate", "hd", "--profile", "own", "--model", "sora-2-pro", "--seconds", "1", *HD))
    batch(spender, tmp_path, "relay", [{"prompt": f"relay {number}", "seconds": 10} for number in range(3)])
    own = servers["own"]
    own.fault({"on": "create", "do": "fail"})
    assert spender("generate", "fails", "--profile", "own", "--seconds", "2").code == 4
    own.fault({"on": "create", "do": "stuck"})
    job = paid(spender("submit", "canceled", "--profile", "own", "--seconds", "4", "--json"))["job_id"]
    assert spender("cancel", job).code == 0
    own.fault({"on": "create", "do": "status", "status": 400})
    assert spender("generate", "refused", "--profile", "own", "--seconds", "9").code == 4
    own.fault()


def after_midnight(spender: Command, servers: Mapping[str, GatewayProcess], tmp_path: Path) -> None:
    """A request that is there already, one whose answer is lost and found again, a remix, and no price at all."""
    paid(spender("generate", "take 1", "--profile", "own", "--seconds", "2", "--seed", "1"))
    servers["own"].fault({"on": "create", "do": "drop", "when": "after"})
    spender("generate", "lost", "--profile", "own", "--seconds", "5")
    servers["own"].fault()
    found = paid(spender("generate", "lost", "--profile", "own", "--seconds", "5", "--json"))
    assert found["remote_id"]
    source = paid(spender("generate", "relay 0", "--profile", "relay", "--seconds", "10", "--json"))
    assert source["reused"]
    paid(spender("generate", "again", "--remix-of", source["job_id"], "--profile", "relay", "--seconds", "10"))
    batch(spender, tmp_path, "relay", [{"prompt": "relay late", "seconds": 15}])
    batch(spender, tmp_path, "unpriced", [{"prompt": "no price", "seconds": 1}])


def batch(spender: Command, tmp_path: Path, profile: str, lines: list[dict[str, Any]]) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    size = () if profile == "relay" else ("--size", "1280x720")
    done = spender("generate", "--batch", str(path), "--profile", profile, *size, timeout=120)
    assert done.code == 0, done.err


def paid(result: Any) -> dict[str, Any]:
    assert result.code == 0, result.err
    return result.json if result.out.startswith("{") else {}


def books_by_day(servers: Mapping[str, GatewayProcess], offset: int) -> dict[tuple[str, str], tuple[int, int]]:
    """How many jobs and how many cents, by local day and profile, from what the servers say they charged."""
    jobs: Counter[tuple[str, str]] = Counter()
    cents: Counter[tuple[str, str]] = Counter()
    for name, gateway in servers.items():
        stats = gateway.stats()
        assert len(stats["jobs"]) == stats["charges"]
        for job in stats["jobs"]:
            key = (time.strftime("%Y-%m-%d", time.gmtime(job["created_at"] + offset)), name)
            jobs[key] += 1
            cents[key] += job["cents"]
    return {key: (count, cents[key]) for key, count in jobs.items()}


def offset_of(midnight: int) -> int:
    """Seconds to the east of Greenwich where that moment is midnight."""
    past = midnight % 86_400
    return 86_400 - past if past > 43_200 else -past


def zone(offset: int) -> str:
    """For TZ, which counts to the west."""
    minutes, seconds = divmod(abs(offset), 60)
    return f"DAY{'-' if offset > 0 else '+'}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
