"""What a campaign does, drawn from its seed: the requests, the faults, the accidents."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sora_core.models import Operation, SizeRange
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, provider_for
from sora_core.requests.kinds import Request, VideoRequest

MAIN = "openai"
_DEAR_SHARE = 0.04  # of the jobs go to each protocol that only makes large clips, which take long to draw


@dataclass(frozen=True)
class Settings:
    """``workers`` client processes with ``at_once`` jobs each; a round has a gateway and a state folder of its own."""

    jobs: int = 1000
    seed: int = 1
    workers: int = 4
    at_once: int = 10
    jobs_in_round: int = 400  # the gateway keeps 1,000 jobs in its books
    harm: float = 1.5  # how likely faults are
    hosts: bool = False  # each client has a state folder of its own, and the ledger is in one PostgreSQL
    tls: bool = bool(shutil.which("openssl"))  # the API, as that of every relay; the links' host speaks plain HTTP

    def rounds(self) -> Iterator[int]:
        """The number of jobs of each round."""
        left = self.jobs
        while left > 0:
            yield min(left, self.jobs_in_round)
            left -= self.jobs_in_round


@dataclass(frozen=True)
class Order:
    """One request: a profile, named as its provider, and a prompt that is in no other."""

    profile: str
    prompt: str


def base_path(provider: str) -> str:
    """Where the gateway speaks that protocol."""
    return "/" + provider.replace("_", "-")


def profile_of(provider: str, origin: str) -> Profile:
    auth = PROVIDERS[provider].default_auth
    # no refresh token: one that the server has rotated is lost with the client that is killed right then
    key_env = "CAMPAIGN_SESSION" if provider == "sora_web" else "CAMPAIGN_KEY"
    return Profile(
        provider, provider=provider, base_url=origin + base_path(provider), auth=auth, key_env=key_env,
        poll_seconds=0.2, max_jobs=1000, requests_per_minute=60_000, allow_http=True,
    )  # fmt: skip


def request_of(order: Order) -> Request:
    """The smallest clip that the protocol makes."""
    can = provider_for(Profile(order.profile, provider=order.profile, base_url="http://127.0.0.1:1")).capabilities()
    size = "64x64" if isinstance(can.sizes, SizeRange) and "64x64" in can.sizes else ""
    return VideoRequest(Operation.TEXT_TO_VIDEO, order.prompt, seconds=min(can.seconds), size=size)


def draw_orders(providers: list[str], count: int, chance: random.Random) -> list[Order]:
    """Unique prompts, so that each is known in the gateway's books, and none could have been made of another."""
    others = [provider for provider in providers if provider != MAIN]
    dear = max(1, round(count * _DEAR_SHARE))
    names = [provider for provider in others for _ in range(dear)]
    names += [MAIN] * (count - len(names))
    chance.shuffle(names)
    return [Order(each, f"{number} {chance.getrandbits(160):040x}") for number, each in enumerate(names)]


def draw_faults(chance: random.Random, harm: float) -> list[dict[str, Any]]:
    """Rules for the next moments: a few for every operation, each of which strikes a part of the requests.

    429 and 503 only ever come from a server that did nothing: that is what they say.
    """
    rules: list[dict[str, Any]] = []
    for kinds, operation, most in _KINDS:
        for kind in chance.sample(kinds, min(len(kinds), 3)):
            rules.append({**kind, "on": operation, "times": None, "probability": harm * chance.uniform(0.2, 1) * most})
    return rules


def kind_of(rule: Mapping[str, Any]) -> str:
    """The row of the table that a rule counts for."""
    what = f"{rule['do']} {rule.get('status', '')}" if rule["do"] == "status" else rule["do"]
    if rule["do"] == "garbage":
        what = f"garbage ({rule.get('kind', 'html')})"
    if rule["do"] == "stuck":
        what = "stuck for a while" if rule["seconds"] else "stuck for ever"
    when = f", {rule.get('when', 'before')} it was accepted" if rule["on"] == "create" and "when" in rule else ""
    return f"{rule['on']}: {what.strip()}{when}"


def _both(**rule: Any) -> list[dict[str, Any]]:
    return [{**rule, "when": "before"}, {**rule, "when": "after"}]


_BUSY = {"retry-after": "1"}
_ANSWERS: list[dict[str, Any]] = [
    {"do": "drop", "when": "before"},
    *({"do": "status", "status": status} for status in (500, 502, 504)),
    *({"do": "status", "status": status, "headers": _BUSY} for status in (429, 503)),
    *({"do": "garbage", "kind": kind} for kind in ("html", "bytes", "json")),
]
_CREATES = [
    *_both(do="drop"),
    *_both(do="garbage", kind="html"),
    *_both(do="garbage", kind="bytes"),
    *_both(do="garbage", kind="json"),
    *(rule for status in (500, 502, 504) for rule in _both(do="status", status=status)),
    *({"do": "status", "status": status, "headers": _BUSY, "when": "before"} for status in (429, 503)),
]
_FATES = [
    {"do": "fail", "code": "boom", "message": "the model fell over"},
    {"do": "stuck"},
    {"do": "stuck", "seconds": 6},
]
_DELAYS = [*_both(do="delay", seconds=0.3), *_both(do="delay", seconds=1.5)]
_CONTENTS = [
    *_ANSWERS,
    {"do": "truncate", "bytes": 3000},
    {"do": "truncate", "bytes": 9000},
    {"do": "corrupt", "bytes": 5000},
    {"do": "expire", "status": 410},
    {"do": "expire", "status": 403},
    {"do": "slow", "bytes_per_second": 20_000},
]
# what may befall an operation, and the most that one rule of it strikes, of all requests
_KINDS = (
    (_CREATES, "create", 0.12),
    (_FATES, "create", 0.03),
    (_DELAYS, "create", 0.15),
    (_ANSWERS, "retrieve", 0.08),
    (_DELAYS, "retrieve", 0.06),
    (_ANSWERS, "list", 0.08),
    (_CONTENTS, "content", 0.1),
)
