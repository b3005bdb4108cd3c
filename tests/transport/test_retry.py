"""The retry policy is a table; so is its test."""

from __future__ import annotations

import pytest

from sora_core.models import Effect
from sora_core.transport.retry import ATTEMPTS, LONGEST_WAIT_SECONDS, Action, FailureKind, decide

READ, IDEMPOTENT, CHARGE = Effect.READ, Effect.IDEMPOTENT, Effect.CHARGE
RETRY, RAISE, UNKNOWN = Action.RETRY, Action.RAISE, Action.UNKNOWN

TABLE = {
    FailureKind.NOT_SENT: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: RETRY},
    FailureKind.BUSY: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: RETRY},
    FailureKind.BROKEN: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: UNKNOWN},
    FailureKind.STALE: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: RETRY},
    FailureKind.REFUSED: {READ: RAISE, IDEMPOTENT: RAISE, CHARGE: RAISE},
}
CELLS = [(failure, effect, action) for failure, row in TABLE.items() for effect, action in row.items()]


def test_the_table_covers_every_failure_and_every_effect():
    assert {(failure, effect) for failure, effect, _ in CELLS} == {(f, e) for f in FailureKind for e in Effect}


@pytest.mark.parametrize(("failure", "effect", "action"), CELLS, ids=lambda value: str(getattr(value, "value", value)))
def test_what_is_done_after_the_first_failure(failure, effect, action):
    assert decide(effect, failure, 1).action is action


@pytest.mark.parametrize(("failure", "effect", "action"), CELLS, ids=lambda value: str(getattr(value, "value", value)))
def test_no_failure_is_retried_for_ever(failure, effect, action):
    last = decide(effect, failure, ATTEMPTS).action
    assert last is (RAISE if action is RETRY else action)


@pytest.mark.parametrize("attempt", range(1, 50))
def test_a_charge_whose_bytes_left_is_never_repeated(attempt):
    for retry_after in (None, 0.0, 1.0, 1e9):
        assert decide(CHARGE, FailureKind.BROKEN, attempt, retry_after=retry_after).action is UNKNOWN


def test_the_number_of_attempts_can_be_limited_to_one():
    assert decide(READ, FailureKind.BROKEN, 1, attempts=1).action is RAISE


def test_the_wait_grows_and_stays_bounded():
    waits = [decide(READ, FailureKind.BROKEN, attempt, attempts=50).wait for attempt in range(1, 50)]
    assert waits[0] > 0
    assert waits == sorted(waits)
    assert waits[-1] <= LONGEST_WAIT_SECONDS


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("retry_after", [3.0, 30.0, LONGEST_WAIT_SECONDS])
def test_a_server_that_names_a_wait_is_obeyed(effect, retry_after):
    decision = decide(effect, FailureKind.BUSY, 1, retry_after=retry_after)
    assert decision.action is RETRY
    assert decision.wait >= retry_after


@pytest.mark.parametrize("effect", Effect)
def test_a_wait_that_is_too_long_is_told_to_the_user_instead(effect):
    assert decide(effect, FailureKind.BUSY, 1, retry_after=LONGEST_WAIT_SECONDS + 1).action is RAISE


@pytest.mark.parametrize("retry_after", [None, 0.0, -5.0])
def test_a_wait_that_says_nothing_leaves_the_back_off_as_it_is(retry_after):
    assert decide(READ, FailureKind.BUSY, 2, retry_after=retry_after) == decide(READ, FailureKind.BUSY, 2)
