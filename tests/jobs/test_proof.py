"""What an answer proves about a paid job is a table; so is its test."""

from __future__ import annotations

import pytest

from sora_core import errors
from sora_core.jobs.proof import TABLE, Answer, Proof, Step, answer_about_job, answer_to_submit, proves
from sora_core.models import Snapshot, State

FREES = (Proof.FREE, Proof.OVER)


def test_only_a_refusal_a_terminal_state_or_a_confirmed_cancel_ends_a_row_that_may_be_paid():
    ending = {(step, answer) for (step, answer), (proof, _) in TABLE.items() if proof in FREES}
    assert ending == {
        (Step.SUBMIT, Answer.REFUSAL),
        (Step.POLL, Answer.FAILED),
        (Step.POLL, Answer.CANCELED),
        (Step.CANCEL, Answer.CONFIRMED),
        (Step.CANCEL, Answer.CANCELED),
        (Step.CANCEL, Answer.FAILED),
    }


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: f"{cell[0].value}-{cell[1].value}")
def test_every_cell_has_its_reason_and_is_what_is_said(cell):
    proof, reason = TABLE[cell]
    assert reason
    assert proves(*cell) is proof


def test_where_jobs_cost_nothing_what_is_lost_is_free_at_once_and_trouble_is_still_trouble():
    assert proves(Step.LOOK_UP, Answer.ABSENT, paid=False) is Proof.FREE
    assert proves(Step.LOOK_UP, Answer.STRANGERS, paid=False) is Proof.FREE
    assert proves(Step.POLL, Answer.NOT_FOUND, paid=False) is Proof.FREE
    assert proves(Step.LOOK_UP, Answer.TROUBLE, paid=False) is Proof.UNKNOWN
    assert proves(Step.POLL, Answer.TROUBLE, paid=False) is Proof.NOTHING
    assert proves(Step.CANCEL, Answer.NOT_FOUND, paid=False) is Proof.MISSING


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        (errors.AuthError("no"), Answer.ACCOUNT),
        (errors.QuotaExceeded("no"), Answer.ACCOUNT),
        (errors.JobNotFound("no"), Answer.NOT_FOUND),
        (errors.BadResponse("no route"), Answer.TROUBLE),
        (errors.ServerError("no"), Answer.TROUBLE),
        (errors.ModerationRejected("no"), Answer.TROUBLE),
        (Snapshot(State.FAILED), Answer.FAILED),
        (Snapshot(State.CANCELED), Answer.CANCELED),
        (Snapshot(State.SUCCEEDED), Answer.DONE),
        (Snapshot(State.QUEUED), Answer.ALIVE),
        (Snapshot(State.RUNNING), Answer.ALIVE),
    ],
)
def test_what_a_read_of_a_job_says(told, answer):
    assert answer_about_job(told) is answer


def test_a_submission_is_open_unless_it_was_refused():
    assert answer_to_submit(errors.SubmissionUnknown("?")) is Answer.OPEN
    assert answer_to_submit(errors.RequestRejected("no")) is Answer.REFUSAL
