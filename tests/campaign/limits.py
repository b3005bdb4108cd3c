"""Six clients with a state folder each, one account: never more than so many jobs at once and requests a minute.

The books are the gateway's, and those of the proxy in front of it. The database is killed once in between.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from _gateway import ROOT, GatewayProcess
from _postgres import PostgresServer

from campaign.plan import MAIN, Order, profile_of
from campaign.proxy import Proxy
from campaign.worker import ended
from sora_core.profiles.profiles import Profile, Profiles

CLIENTS = 6
KEY = "campaign-key-7d1e"


@dataclass
class Books:
    """``asked_at``: seconds of every submission and status read; ``at_once``: the most jobs at work at the gateway."""

    charges: int = 0
    delivered: int = 0
    at_once: int = 0
    asked_at: list[float] = field(default_factory=list)

    def most_in(self, seconds: float) -> int:
        """The most requests in any span of that length."""
        moments = sorted(self.asked_at)
        return max((sum(begin <= each < begin + seconds for each in moments) for begin in moments), default=0)


def run(
    folder: Path,
    *,
    jobs: int,
    max_jobs: int,
    requests_per_minute: int,
    away_seconds: float,
    patience: float,
    speed: float,
) -> Books:
    """All jobs seen through by six processes, which are started at once."""
    books, database = Books(), PostgresServer("")
    gateway = GatewayProcess(speed=speed, key=KEY)

    def note(data: bytes) -> bytes:
        line = data.partition(b"\r\n")[0]
        if line.startswith((b"GET ", b"POST ")) and b"/content" not in line:  # a download is no question
            books.asked_at.append(time.monotonic())
        return data

    proxy = Proxy(int(gateway.url.rpartition(":")[2]), ask=note)
    orders = [Order(MAIN, f"{number} of the studio") for number in range(jobs)]
    limited = asdict(profile_of(MAIN, f"http://127.0.0.1:{proxy.port}"))
    limited |= {"max_jobs": max_jobs, "requests_per_minute": requests_per_minute, "servers": (), "prices": ()}
    clients = [_client(folder / str(number), orders[number::CLIENTS], Profile(**limited), database.url(), patience)
               for number in range(CLIENTS)]  # fmt: skip
    try:
        killed_at = time.monotonic() + patience / 8
        back_at = 0.0
        for _ in itertools.count():
            states = [job["status"] for job in gateway.stats()["jobs"]]
            books.at_once = max(books.at_once, sum(state in ("queued", "in_progress", "running") for state in states))
            if away_seconds and not back_at and time.monotonic() > killed_at:
                database.kill()
                back_at = time.monotonic() + away_seconds
            if back_at and time.monotonic() > back_at:
                database.start()
                away_seconds, back_at = 0.0, 0.0
            if all(client.poll() is not None for client in clients):
                break
            time.sleep(0.1)
        books.charges = gateway.stats()["charges"]
        books.delivered = len(ended(folder, ledger=database.url()))
    finally:
        for client in clients:
            client.kill()
            client.wait(20)
        proxy.stop()
        gateway.stop()
        database.close()
    return books


def _client(
    folder: Path, orders: list[Order], profile: Profile, ledger: str, patience: float
) -> subprocess.Popen[bytes]:
    (folder / "out").mkdir(parents=True)
    Profiles(folder / "home").add(profile)
    (folder / "orders.json").write_text(json.dumps([asdict(order) for order in orders]), encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SORA_")}
    env = {**clean, "SORA_HOME": str(folder / "home"), "SORA_LEDGER": ledger, "CAMPAIGN_KEY": KEY}
    env["SORA_TRUSTED_KEYS"] = f"CAMPAIGN_KEY@{profile.base_url}"
    command = [sys.executable, "-m", "campaign.worker", str(folder / "orders.json"), str(folder / "out"),
               str(folder / "journal"), "4", str(patience), "0"]  # fmt: skip
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env={**env, "PYTHONPATH": str(ROOT / "tests")}, stdout=log, stderr=log
        )


def main() -> int:
    """Ten requests a minute, five jobs at once, for as long as that takes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="limits-", ignore_cleanup_errors=True) as folder:
        began = time.monotonic()
        books = run(Path(folder), jobs=12, max_jobs=5, requests_per_minute=10, away_seconds=30, patience=480, speed=0.2)
    minutes, most = (time.monotonic() - began) / 60, books.most_in(60)
    print(
        f"{books.delivered} of 12 jobs, {books.charges} charges, {len(books.asked_at)} requests in {minutes:.1f} "
        f"minutes; at most {books.at_once} at once, {most} in a minute"
    )
    return 0 if books.charges == books.delivered == 12 and books.at_once <= 5 and books.most_in(59.5) <= 10 else 1


if __name__ == "__main__":
    sys.exit(main())
