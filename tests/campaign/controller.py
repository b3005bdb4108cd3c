"""Runs a campaign: the gateway, the proxy, the clients, the accidents; and at the end the comparison."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from _gateway import ROOT, GatewayProcess
from _postgres import PostgresServer
from _tls import tls_in
from _trust import trust_all

from campaign.plan import Order, Settings, base_path, draw_faults, draw_orders, kind_of, profile_of
from campaign.proxy import Proxy
from campaign.verdict import Verdict, compare
from campaign.worker import CLOCK_JUMP, ended
from sora_core.ledger.postgres import Postgres
from sora_core.models import Secret
from sora_core.profiles.profiles import Profiles
from sora_core.providers import PROVIDERS

KEY = "campaign-key-7d1e"
_KEYS = {"CAMPAIGN_KEY": KEY, "CAMPAIGN_SESSION": f"sess-{KEY}"}
_TICK_SECONDS = 0.2
_IDLE_SECONDS = 10.0


@dataclass
class Outcome:
    """Everything that is reported."""

    settings: Settings
    seconds: float = 0.0
    jobs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    accidents: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)


def run(
    settings: Settings,
    folder: Path,
    *,
    patience: float = 40.0,
    storm_seconds: float = 600.0,
    tell: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """The whole campaign. ``patience`` and ``storm_seconds`` bound how long clients and a round may take."""
    outcome = Outcome(settings)
    began = time.monotonic()
    for number, count in enumerate(settings.rounds(), 1):
        chance = random.Random(settings.seed * 1000 + number)
        stage = _Round(settings, folder / f"round-{number}", chance, outcome, patience)
        try:
            stage.play(count, storm_seconds)
        finally:
            stage.close()
        tell(f"round {number}: {count} jobs, {len(outcome.verdict.wrong)} things wrong so far")
        for line in outcome.verdict.wrong[-10:]:
            tell(line)
    outcome.seconds = time.monotonic() - began
    return outcome


class _Round:
    """One gateway, one state folder."""

    def __init__(
        self, settings: Settings, folder: Path, chance: random.Random, outcome: Outcome, patience: float
    ) -> None:
        self._settings, self._chance, self._outcome, self._patience = settings, chance, outcome, patience
        self._home, self._output, self._folder = folder / "home", folder / "out", folder
        self._output.mkdir(parents=True)
        self._gateway = GatewayProcess(speed=200, key=KEY)
        target = int(self._gateway.url.rpartition(":")[2])
        self._links = Proxy(target, ask=self._let_in)
        self._tls = tls_in(folder) if settings.tls else None
        self._proxy = Proxy(target, answer=self._name_the_link_host, tls=self._tls.server if self._tls else None)
        self._url = f"http{'s' if self._tls else ''}://127.0.0.1:{self._proxy.port}"
        # a way of its own for each host, which can be cut alone
        self._database = PostgresServer("") if settings.hosts else None
        self._ways = [Proxy(self._database.port) for _ in range(settings.workers)] if self._database else []
        self._database_back_at = 0.0
        self._reopen_at: dict[Proxy, float] = {}
        self._clients: dict[int, subprocess.Popen[bytes]] = {}
        self._http = httpx.Client(
            base_url=self._gateway.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=60
        )

    def _let_in(self, data: bytes) -> bytes:
        """Who knows a link needs no key, and must not send one to another host than the profile's."""
        if data.startswith(b"GET ") and KEY.encode() in data:
            self._outcome.verdict.blame("keys sent to the link host", data.split(b"\r\n")[0].decode())
        if data.startswith(b"GET ") and not data.startswith(b"GET /sora-web"):  # its links are signed
            data = data.replace(b"\r\n", f"\r\nAuthorization: Bearer {KEY}\r\n".encode(), 1)
        return data

    def _name_the_link_host(self, data: bytes) -> bytes:
        api, links = (f"127.0.0.1:{proxy.port}/".encode() for proxy in (self._proxy, self._links))
        return data.replace(api, links) if len(api) == len(links) else data  # no length may change

    def close(self) -> None:
        for client in self._clients.values():
            client.kill()
            client.wait(20)
        for proxy in (self._proxy, self._links, *self._ways):
            proxy.stop()
        if self._database:
            self._database.close()
        self._http.close()
        self._gateway.stop()

    def play(self, count: int, storm_seconds: float) -> None:
        providers = self._spoken()
        for client in range(self._settings.workers if self._database else 1):
            profiles = Profiles(self._home_of(client))
            for provider in providers:
                profiles.add(profile_of(provider, self._url))
            trust_all(self._home_of(client))
        orders = draw_orders(providers, count, self._chance)
        self._outcome.jobs.update(order.profile for order in orders)
        self._hand_out(orders)
        self._storm(orders, storm_seconds)
        self._calm(orders)
        stats = self._gateway.stats()
        (self._folder / "books.json").write_text(json.dumps(stats), encoding="utf-8")
        self._outcome.requests.update(stats["requests"])
        prompts = [order.prompt for order in orders]
        shared = Postgres(Secret(self._database.url())) if self._database else None
        self._outcome.verdict += compare(stats["jobs"], self._home, self._output, prompts, shared)
        journal = self._folder / "journal"
        self._outcome.answers.update(journal.read_text("utf-8").splitlines() if journal.exists() else ())
        self._outcome.accidents["clocks set forward or back"] += self._outcome.answers.pop(CLOCK_JUMP, 0)

    def _home_of(self, client: int) -> Path:
        return self._folder / f"home-{client}" if self._database else self._home

    def _settings_of(self, client: int) -> dict[str, str]:
        """What a client finds in its environment."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SORA_")}
        shared = {"SORA_LEDGER": self._database.url(port=self._ways[client].port)} if self._database else {}
        trusted = " ".join(f"{name}@{self._url}" for name in _KEYS)
        tls = {"SSL_CERT_FILE": str(self._tls.certificate)} if self._tls else {}
        home = {"SORA_HOME": str(self._home_of(client)), "SORA_TRUSTED_KEYS": trusted}
        return {**clean, **home, **tls, **shared, **_KEYS}

    def _ended(self) -> set[str]:
        return ended(self._home, ledger=self._database.url() if self._database else None, unknown_too=True)

    def _spoken(self) -> list[str]:
        """The protocols that the gateway has; what it has not it does not count."""
        found = []
        for name in PROVIDERS:
            before = sum(self._gateway.stats()["requests"].values())
            self._http.get(base_path(name) + "/_is_it_there")
            if sum(self._gateway.stats()["requests"].values()) > before:
                found.append(name)
        return found

    def _hand_out(self, orders: list[Order]) -> None:
        """Each client its share, and a tenth of the others', so that some are asked for by two at once."""
        for client in range(self._settings.workers):
            share = [
                asdict(order)
                for number, order in enumerate(orders)
                if number % self._settings.workers == client or self._chance.random() < 0.1
            ]
            (self._folder / f"orders-{client}.json").write_text(json.dumps(share), encoding="utf-8")

    def _start(self, client: int) -> None:
        command = [
            sys.executable, "-m", "campaign.worker", str(self._folder / f"orders-{client}.json"), str(self._output),
            str(self._folder / "journal"), str(self._settings.at_once), str(self._patience),
            str(self._chance.randrange(2**31)),
        ]  # fmt: skip
        env = {**self._settings_of(client), "PYTHONPATH": str(ROOT / "tests")}
        with (self._folder / "log").open("ab") as log:
            self._clients[client] = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def _storm(self, orders: list[Order], seconds: float) -> None:
        """Faults and kills until nearly everything has ended, or nothing more does."""
        for client in range(self._settings.workers):
            self._start(client)
        deadline, change_at = time.monotonic() + seconds, 0.0
        least, since = len(orders), time.monotonic()
        while time.monotonic() < deadline:
            left = len({order.prompt for order in orders} - self._ended()) if not self._database_back_at else least
            if left < least:
                least, since = left, time.monotonic()
            if left <= len(orders) * 0.05 or time.monotonic() - since > _IDLE_SECONDS:
                break
            if time.monotonic() >= change_at:
                self._change_faults(draw_faults(self._chance, self._settings.harm))
                change_at = time.monotonic() + self._chance.uniform(0.5, 2.5)
            self._accidents()
            if least < len(orders) and not self._outcome.accidents["clients killed (SIGKILL)"]:
                self._kill(0)  # a fast machine may be done before chance kills anyone
            self._revive()
            time.sleep(_TICK_SECONDS)

    def _change_faults(self, rules: list[dict[str, Any]]) -> None:
        for rule in self._http.get("/_gateway/faults").json()["faults"]:
            if rule["fired"]:
                self._outcome.faults[kind_of(rule)] += rule["fired"]
        body = {"seed": self._chance.randrange(2**31), "faults": rules}
        self._http.post("/_gateway/faults", json=body).raise_for_status()

    def _accidents(self) -> None:
        for proxy, moment in list(self._reopen_at.items()):
            if time.monotonic() >= moment:
                proxy.open()
                del self._reopen_at[proxy]
        if self._database:
            self._shake_the_database(self._database)
        chance = self._chance.random()
        if chance < 0.02:
            self._close(self._proxy, "times that the server's port was closed", most_seconds=1.5)
        elif chance < 0.06:
            self._close(self._links, "times that the link host alone was down", most_seconds=6)
        elif chance < 0.09:
            self._outcome.accidents["connections cut in flight"] += self._proxy.cut() + self._links.cut()
        elif chance < 0.16:
            self._kill(self._chance.choice(list(self._clients)))

    def _shake_the_database(self, database: PostgresServer) -> None:
        if self._database_back_at and time.monotonic() >= self._database_back_at:
            database.start()
            self._database_back_at = 0.0
        chance, way = self._chance.random(), self._chance.choice(self._ways)
        if chance < 0.015 and not self._database_back_at:
            database.kill()
            self._outcome.accidents["times that the database was killed"] += 1
            self._database_back_at = time.monotonic() + self._chance.uniform(0.1, 8.0)
        elif chance < 0.06:
            self._close(way, "times that one host could not reach the database", most_seconds=20)
            self._outcome.accidents["connections to the database cut in flight"] += way.cut()
        elif chance < 0.12:
            self._outcome.accidents["connections to the database cut in flight"] += way.cut()

    def _close(self, proxy: Proxy, name: str, *, most_seconds: float) -> None:
        if proxy not in self._reopen_at:
            proxy.close()
            self._outcome.accidents[name] += 1
            self._reopen_at[proxy] = time.monotonic() + self._chance.uniform(0.2, most_seconds)

    def _kill(self, client: int) -> None:
        if self._clients[client].poll() is None:
            self._clients[client].kill()
            self._clients[client].wait(20)
            self._outcome.accidents["clients killed (SIGKILL)"] += 1

    def _revive(self) -> None:
        for number, client in list(self._clients.items()):
            if client.poll() is not None:
                self._check_exit(client)
                self._start(number)

    def _check_exit(self, client: subprocess.Popen[bytes]) -> None:
        if client.returncode > 0 and os.name == "posix":
            self._outcome.verdict.blame(
                "clients that crashed", f"exit code {client.returncode}; see {self._folder}/log"
            )

    def _calm(self, orders: list[Order]) -> None:
        """The faults end, all clients die once more, and every order is asked for again."""
        self._change_faults([])
        if self._database and self._database_back_at:
            self._database.start()
            self._database_back_at = 0.0
        for proxy in (self._proxy, self._links, *self._ways):
            proxy.open()
        for client in self._clients.values():
            client.kill()
            client.wait(20)
        for _ in range(3):
            for client in range(self._settings.workers):
                self._start(client)
            for client in self._clients.values():
                client.wait(600)
                self._check_exit(client)
            self._cancel_stuck()
            if {order.prompt for order in orders} <= self._ended():
                return

    def _cancel_stuck(self) -> None:
        """By the command, as a user does; a protocol that cannot leaves the row with the job's id."""
        env = self._settings_of(0)
        command = [sys.executable, "-m", "sora_core"]
        listed = subprocess.run([*command, "jobs", "--json"], cwd=ROOT, env=env, capture_output=True, check=True)
        for job in json.loads(listed.stdout):
            if job["state"] in ("queued", "running"):
                subprocess.run([*command, "cancel", job["job_id"]], cwd=ROOT, env=env, capture_output=True, check=False)
