"""The proof of work of the Sora web protocol, beside the way that published clients solve it and bare SHA3-512.

python benchmarks/proof.py [--rounds 7]
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _report import Report

TRIES = 120_000
IMPOSSIBLE = "0" * 32  # so that every try is made
OURS, PEER, BARE = "ours", "peer", "bare"
AIM = 1.2
TITLE = "The proof of work of the Sora web protocol"
HOW = (
    f"CPU time of {TRIES:,} tries that all fail, in one process, taking turns. `sora_web.pow.solve` beside the way of "
    "sora2api and go-sora2api (the fixed parts of the text encoded once, then for each try the text joined, Base64 of "
    "all of it, SHA3-512 of seed and Base64) and beside nothing but the SHA3-512 of such a text. Ours and theirs find "
    "the same numbers (the tests hold ours to their recorded ones)."
)
CONFIG: list[Any] = [
    1920, "Mon Jan 05 2026 10:00:00 GMT+0000 (Coordinated Universal Time)", 4294967296, 0,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "https://static.example.net/app.js", None, "en-US", "en-US,en", 5, "vendor−Example Inc.",
    "location", "window", 12345.5, "00000000-0000-4000-8000-000000000001", "", 8, 1767607200000.25,
]  # fmt: skip


def as_published(seed: str, difficulty: str, config: list[Any], limit: int) -> str | None:
    def dump(part: list[Any]) -> str:
        return json.dumps(part, separators=(",", ":"), ensure_ascii=False)

    head, middle = (dump(config[:3])[:-1] + ",").encode(), ("," + dump(config[4:9])[1:-1] + ",").encode()
    tail = ("," + dump(config[10:])[1:]).encode()
    bound, seed_bytes = bytes.fromhex(difficulty), seed.encode()
    for i in range(limit):
        j = config[9] + (i + 29) // 30
        text = b64encode(head + str(i).encode() + middle + str(j).encode() + tail)
        if hashlib.sha3_512(seed_bytes + text).digest()[: len(bound)] <= bound:
            return text.decode()
    return None


def measure(rounds: int) -> Report:
    from _common import in_turn, load_core, say
    from _report import Aim, Figure, Report

    load_core()
    from sora_core.providers.sora_web.pow import solve

    def bare() -> None:
        for _ in range(TRIES):
            hashlib.sha3_512(text).digest()

    never = threading.Event()
    ways = {
        OURS: lambda difficulty: solve("0.42", difficulty, CONFIG, stop=never, limit=TRIES),
        PEER: lambda difficulty: as_published("0.42", difficulty, CONFIG, TRIES),
    }
    found = {way("000fff") for way in ways.values()}
    if len(found) != 1:
        sys.exit("The two ways find different proofs.")
    text = f"0.42{found.pop()}".encode()
    ways[BARE] = lambda difficulty: bare()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in in_turn(ways, turn):
            began = time.process_time()
            ways[name](IMPOSSIBLE)
            seconds[name].append(time.process_time() - began)
            say(f"proof, round {turn + 1}/{rounds}: {name} {seconds[name][-1] / TRIES * 1e6:.2f} us a try")
    figures = {name: Figure(tuple(found)) for name, found in seconds.items()}
    micro: dict[str, Any] = {"digits": 2, "scale": TRIES / 1e6}
    words = {OURS: "Sora Video Nodes `solve`, a try", PEER: "as published, a try", BARE: "SHA3-512 alone"}
    rows = tuple(
        (
            words[name], figure.text(**micro), figure.range(**micro),
            figure.per(figures[BARE]).text("x", digits=2),
        )
        for name, figure in figures.items()
    )  # fmt: skip
    share = figures[OURS].per(figures[BARE])
    aim = Aim(
        "CPU of a try of the proof of work, of that of SHA3-512 alone", f"at most {AIM:g}x", share.text("x", digits=2),
        share.range(digits=2), share.median <= AIM,
    )  # fmt: skip
    return Report(TITLE, HOW, ("", "µs (median)", "range", "of SHA3-512 alone"), rows, (aim,))


def main() -> None:
    from _report import parser, run, show

    given = parser(__doc__, 7).parse_args()
    show(run(measure, given.rounds))


if __name__ == "__main__":
    main()
