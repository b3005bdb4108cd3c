"""The whole retry policy: a pure function of what the call does, how it failed, and the attempt.

| failure \\ effect                  | read        | idempotent  | charge                   |
|------------------------------------|-------------|-------------|--------------------------|
| not sent                           | retry       | retry       | retry                    |
| no such name (nothing sent)       | once more   | once more   | once more                |
| busy (the reply proves refusal)    | wait, retry | wait, retry | wait, retry              |
| broken (bytes had left)            | retry       | retry       | unknown, never repeated  |
| unclear (an answer, and no proof)  | raise       | raise       | unknown, never repeated  |
| stale key (refused, and renewed)   | once more   | once more   | once more                |
| refused                            | raise       | raise       | raise                    |

Which of them an answer is, says `kind_of`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..errors import BadResponse, NotReady, Overloaded, RateLimited, ServerError, SoraError
from ..models import Effect

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 120.0


class FailureKind(enum.Enum):
    """How a call failed, seen from the question whether it may be repeated."""

    NOT_SENT = "not sent"  # refused, DNS, TLS, pool: no byte of the request left
    NO_NAME = "no such name"  # nothing sent, and DNS knows no such host: mistyped, as a rule; a resolver errs rarely
    BUSY = "busy"  # 429, 503 with Retry-After, or a documented overload word: the server did not take it
    BROKEN = "broken"  # timeout, reset, 5xx after bytes were sent
    UNCLEAR = "unclear"  # a page, a redirect, "still in progress", a status that a proxy may have made up
    STALE = "stale"  # the key had run out, so the request was not taken; there is a new one now
    REFUSED = "refused"  # quota, auth, moderation, other 4xx that say no


# What says no to a request, or that it is to be made elsewhere; the other 4xx tell how it went, if anything.
_SAYS_NO = frozenset(
    (301, 307, 308, 400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 416, 417, 422, 426, 428, 429, 431, 451)
)
_MOVED = (301, 307, 308)


def kind_of(status: int, error: SoraError, *, is_page: bool) -> FailureKind:
    """What an answer that is not 2xx, and that ``error`` stands for, proves about its request.

    ``is_page``: a web page, which anybody on the way may have sent, before or after passing the request on.
    """
    if error.stated:
        return FailureKind.REFUSED
    if isinstance(error, (RateLimited, Overloaded)):
        return FailureKind.BUSY
    if isinstance(error, ServerError):
        return FailureKind.BROKEN
    if status in _MOVED:
        return FailureKind.REFUSED
    if is_page or status not in _SAYS_NO or isinstance(error, (NotReady, BadResponse)):
        return FailureKind.UNCLEAR
    return FailureKind.REFUSED


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
    if failure in (FailureKind.BROKEN, FailureKind.UNCLEAR) and effect is Effect.CHARGE:
        return Decision(Action.UNKNOWN)
    if failure is FailureKind.UNCLEAR:
        return Decision(Action.RAISE)
    attempts = min(attempts, 2) if failure is FailureKind.NO_NAME else attempts
    if attempt >= attempts or (retry_after or 0) > LONGEST_WAIT_SECONDS:
        return Decision(Action.RAISE)
    if failure is FailureKind.STALE:
        return Decision(Action.RETRY)
    backoff = min(0.5 * 2.0 ** (attempt - 1), 8.0)
    return Decision(Action.RETRY, max(retry_after or 0.0, backoff))
