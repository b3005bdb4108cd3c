"""The whole retry policy: a pure function of what the call does, how it failed, and the attempt.

| failure \\ effect                  | read        | idempotent  | charge                   |
|------------------------------------|-------------|-------------|--------------------------|
| not sent                           | retry       | retry       | retry                    |
| busy (the reply proves refusal)    | wait, retry | wait, retry | wait, retry              |
| broken (bytes had left)            | retry       | retry       | unknown, never repeated  |
| stale key (refused, and renewed)   | once more   | once more   | once more                |
| refused                            | raise       | raise       | raise                    |
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..models import Effect

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 120.0


class FailureKind(enum.Enum):
    """How a call failed, seen from the question whether it may be repeated."""

    NOT_SENT = "not sent"  # refused, DNS, TLS, pool: no byte of the request left
    BUSY = "busy"  # 429, 503 or a documented overload code: the server did not take it
    BROKEN = "broken"  # timeout, reset, 5xx after bytes were sent
    STALE = "stale"  # the key had run out, so the request was not taken; there is a new one now
    REFUSED = "refused"  # quota, auth, moderation, other 4xx


class Action(enum.Enum):
    RETRY = "retry"
    RAISE = "raise"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Decision:
    action: Action
    wait: float = 0.0  # seconds


def decide(
    effect: Effect, failure: FailureKind, attempt: int, *, retry_after: float | None = None, attempts: int = ATTEMPTS
) -> Decision:
    """What to do after ``attempt`` (1 is the first) of ``attempts`` has failed."""
    if failure is FailureKind.REFUSED:
        return Decision(Action.RAISE)
    if failure is FailureKind.BROKEN and effect is Effect.CHARGE:
        return Decision(Action.UNKNOWN)
    if attempt >= attempts or (retry_after or 0) > LONGEST_WAIT_SECONDS:
        return Decision(Action.RAISE)
    if failure is FailureKind.STALE:
        return Decision(Action.RETRY)
    backoff = min(0.5 * 2.0 ** (attempt - 1), 8.0)
    return Decision(Action.RETRY, max(retry_after or 0.0, backoff))
