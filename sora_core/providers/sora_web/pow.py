"""The proof of work: a number that, put into a text about the client, gives a small enough SHA3-512.

The text is the JSON of an 18-element list whose elements 3 and 9 count up; its Base64 is hashed behind a seed.
Everything before element 3 is encoded and hashed once, and what is behind it is encoded once for every value of
element 9 (30 tries), so that one try costs a copy of the hash state, a few bytes of Base64 and one digest.
"""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from ...errors import BadResponse

MOST_TRIES = 500_000
MOST_EXPECTED_TRIES = 2**17  # beyond it, MOST_TRIES would too often not be enough


def expected_tries(difficulty: str) -> float:
    """How many tries it takes on average. Raises BadResponse for what is no difficulty."""
    try:
        bound = int(difficulty, 16)
    except ValueError:
        raise BadResponse("sora_web.server_s_proof_work_has", difficulty=difficulty[:40]) from None
    return float(16 ** len(difficulty) / (bound + 1))


def check_difficulty(difficulty: str) -> None:
    """Raises BadResponse for a challenge that is beyond what is worked on here."""
    tries = expected_tries(difficulty)
    if tries > MOST_EXPECTED_TRIES:
        raise BadResponse(
            "sora_web.server_asks_proof_work_about",
            tries=tries,
            difficulty=difficulty[:40],
            most_expected_tries=MOST_EXPECTED_TRIES,
        )


def solve(
    seed: str, difficulty: str, config: Sequence[Any], *, stop: threading.Event, limit: int = MOST_TRIES
) -> str | None:
    """The Base64 of the first text that is small enough; None when none is, or when ``stop`` is set. Blocks."""
    bound = bytes.fromhex(difficulty + "f" * (len(difficulty) % 2))  # an odd digit bounds half a byte
    size = len(bound)
    head = (_dump(config[:3])[:-1] + ",").encode()
    middle = ("," + _dump(config[4:9])[1:-1] + ",").encode()
    tail = ("," + _dump(config[10:])[1:]).encode()
    whole = len(head) - len(head) % 3  # Base64 takes three bytes at a time
    prefix, rest = b64encode(head[:whole]), head[whole:]
    state = hashlib.sha3_512(seed.encode() + prefix)
    for step in range(limit // 30 + 1):
        if stop.is_set():
            return None
        after = middle + str(config[9] + step).encode() + tail
        # the first bytes fill up what Base64 has begun; by how many the number of digits leaves over
        behind = [(after[:fill], b64encode(after[fill:])) for fill in range(3)]
        for i in range(max(step * 30 - 29, 0), min(step * 30 + 1, limit)):
            count = rest + b"%d" % i
            few, many = behind[-len(count) % 3]
            text = b64encode(count + few) + many
            attempt = state.copy()
            attempt.update(text)
            if attempt.digest()[:size] <= bound:
                return (prefix + text).decode()
    return None


def _dump(part: Sequence[Any]) -> str:
    return json.dumps(list(part), separators=(",", ":"), ensure_ascii=False)
