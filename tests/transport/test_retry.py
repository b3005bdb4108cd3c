"""The retry policy is a table; so is its test."""

from __future__ import annotations

import pytest

from sora_core.errors import JobFailed, SoraError
from sora_core.models import Effect
from sora_core.providers._answers import normalize
from sora_core.providers.openai import OpenAI
from sora_core.providers.sora_web import SoraWeb
from sora_core.transport import Reply
from sora_core.transport.call import is_html
from sora_core.transport.retry import ATTEMPTS, LONGEST_WAIT_SECONDS, Action, FailureKind, decide, kind_of

READ, IDEMPOTENT, CHARGE = Effect.READ, Effect.IDEMPOTENT, Effect.CHARGE
RETRY, RAISE, UNKNOWN = Action.RETRY, Action.RAISE, Action.UNKNOWN

TABLE = {
    FailureKind.NOT_SENT: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: RETRY},
    FailureKind.NO_NAME: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: RETRY},
    FailureKind.BUSY: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: RETRY},
    FailureKind.BROKEN: {READ: RETRY, IDEMPOTENT: RETRY, CHARGE: UNKNOWN},
    FailureKind.UNCLEAR: {READ: RAISE, IDEMPOTENT: RAISE, CHARGE: UNKNOWN},
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
@pytest.mark.parametrize("failure", [FailureKind.BROKEN, FailureKind.UNCLEAR])
def test_a_charge_whose_bytes_left_is_never_repeated(attempt, failure):
    for retry_after in (None, 0.0, 1.0, 1e9):
        assert decide(CHARGE, failure, attempt, retry_after=retry_after).action is UNKNOWN


@pytest.mark.parametrize("effect", Effect)
def test_a_name_that_does_not_exist_is_asked_for_once_more_only(effect):
    assert [decide(effect, FailureKind.NO_NAME, attempt).action for attempt in (1, 2)] == [RETRY, RAISE]


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


PAGE = b"<!doctype html><html><title>Maintenance</title>We are overloaded with love</html>"
BUSY, BROKEN, UNCLEAR, REFUSED = FailureKind.BUSY, FailureKind.BROKEN, FailureKind.UNCLEAR, FailureKind.REFUSED
ENVELOPE = b'{"error": {"message": "no", "code": null}}'

# what an answer to the charging call proves: status, headers, body, verdict, why
ANSWERS = [
    (429, {}, b"{}", BUSY, "by its meaning"),
    (429, {}, b'{"error": {"code": "insufficient_quota", "message": "x"}}', REFUSED, "quota is not waited out"),
    (429, {}, b'{"error": {"message": "your request is still in progress"}}', UNCLEAR, "the words say that a job runs"),
    (503, {"retry-after": "2"}, b"{}", BUSY, "whoever says so took nothing"),
    (503, {}, b'{"detail": "The limit of 2 concurrent tasks has been reached."}', BUSY, "documented by Aquiles"),
    (503, {}, b"{}", BROKEN, "may be a proxy's, after it passed the request on"),
    (503, {}, b'{"error": {"message": "busy", "code": "heavy_load"}}', BROKEN, "another protocol's word"),
    (503, {}, b'{"error": {"message": "moderation is down"}}', BROKEN, "no refusal by a review"),
    (503, {}, PAGE, BROKEN, "a page proves nothing"),
    *((status, {}, ENVELOPE, BROKEN, "it broke after it was read") for status in (500, 502, 504, 520, 524, 529)),
    *((status, {}, ENVELOPE, BROKEN, "passing, and no word on the job") for status in (408, 409, 425, 423, 424, 499)),
    (409, {}, b'{"error": {"message": "a generation is still in progress"}}', UNCLEAR, "a job runs"),
    (409, {}, b'{"error": {"message": "content policy"}}', BROKEN, "409 is no review"),
    *((status, {"location": "/login"}, b"", UNCLEAR, "see other: it was handled") for status in (302, 303)),
    *((status, {"location": "https://x.example"}, b"", REFUSED, "to be sent elsewhere") for status in (301, 307, 308)),
    *((status, {}, PAGE, UNCLEAR, "a page proves nothing") for status in (400, 401, 403, 404, 413)),
    *((status, {}, ENVELOPE, REFUSED, "the protocol's own no") for status in (400, 401, 402, 403, 404, 413, 422)),
    (404, {}, b'{"message": "no Route matched with those values"}', UNCLEAR, "a gateway's"),
    (404, {}, b"404 page not found", UNCLEAR, "a gateway's"),
    (418, {}, ENVELOPE, UNCLEAR, "nobody documents it"),
    (400, {}, b'{"error": {"code": "content_policy_violation", "message": "your overloaded truck: no"}}', REFUSED,
     "a review that repeats the prompt"),
    (403, {"cf-mitigated": "challenge"}, b"", UNCLEAR, "somebody on the way"),
]  # fmt: skip


def judged(status, headers, body, overload=OpenAI.overload) -> tuple[FailureKind, SoraError]:
    reply = Reply(status, headers, body, "https://relay.example")
    error = normalize.error_of(reply, provider="p", overload=overload)
    return kind_of(status, error, is_page=is_html(body)), error


@pytest.mark.parametrize(("status", "headers", "body", "verdict", "why"), ANSWERS)
def test_what_an_answer_to_the_charging_call_proves(status, headers, body, verdict, why):
    assert judged(status, headers, body)[0] is verdict, why


def test_the_overload_word_is_that_of_the_protocol():
    body = b'{"error": {"message": "busy", "code": "heavy_load"}}'
    assert judged(503, {}, body, SoraWeb.overload)[0] is BUSY
    assert judged(503, {}, b'{"detail": "The limit of 2 concurrent tasks"}', SoraWeb.overload)[0] is BROKEN


def test_a_redirect_names_where_it_leads_to():
    assert (
        "https://x.example/v1/videos/" in judged(308, {"location": "https://x.example/v1/videos/?k=1"}, b"")[1].message
    )


def test_a_page_says_what_it_is_called():
    assert 'titled "Maintenance"' in judged(403, {}, PAGE)[1].message


@pytest.mark.parametrize("status", [500, 503])
def test_a_servers_own_word_on_the_request_counts_more_than_its_status(status):
    error = JobFailed("the model fell over")
    assert kind_of(status, error, is_page=False) is not FailureKind.REFUSED
    error.stated = True
    assert kind_of(status, error, is_page=False) is FailureKind.REFUSED
