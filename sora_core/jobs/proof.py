"""What an answer proves about a paid job: a table with its reasons. Pure; jobs ask it, and nothing else frees a claim.

Once the first byte of a charge may have left, a row stops being live by the server's explicit refusal, by its own
terminal state for our remote id, or by the user's word, and by nothing else. What an HTTP answer to the submission
proves is told one layer below (`transport.retry.kind_of`): here it is a refusal, or it is open.
"""

from __future__ import annotations

import enum

from ..errors import AccountError, InputError, JobNotFound, SoraError, SubmissionUnknown
from ..models import Snapshot, State


class Step(enum.Enum):
    SUBMIT = "submit"
    LOOK_UP = "look up"  # in the server's list, for a submission whose answer was lost
    POLL = "poll"
    CANCEL = "cancel"


class Answer(enum.Enum):
    """What came back, in the words of the table."""

    REFUSAL = "refusal"  # the protocol's own no, or no byte had left
    OPEN = "open"  # timeout, reset, 5xx, a page, a redirect, 200 with an upstream error, an id that is another row's
    JOB = "job"  # names the job
    LISTED = "listed"  # one job of the list, and no other, is the one that was sent
    ABSENT = "absent"  # nothing on the list is
    STRANGERS = "strangers"  # several may be
    ALIVE = "alive"  # queued, running
    DONE = "done"
    FAILED = "failed"  # the server's own terminal states for our id
    CANCELED = "canceled"
    NOT_FOUND = "not found"
    ACCOUNT = "account"  # 401, 402, 403
    TROUBLE = "trouble"  # of the network, the server, whoever stands before it
    CONFIRMED = "confirmed"  # of a cancel: the answer itself says that it is canceled or deleted


class Proof(enum.Enum):
    """What becomes of the row."""

    FREE = "free"  # nothing was accepted: the request may be sent, and paid, anew
    ACCEPTED = "accepted"  # there is a job, and its id is on record
    UNKNOWN = "unknown"  # live, without an id
    MISSING = "missing"  # live, with an id that the server does not know at the moment
    OVER = "over"  # by the server's own word for our id
    NOTHING = "nothing"  # the row stays what it is


TABLE: dict[tuple[Step, Answer], tuple[Proof, str]] = {
    (Step.SUBMIT, Answer.REFUSAL): (Proof.FREE, "the server's explicit refusal"),
    (Step.SUBMIT, Answer.JOB): (Proof.ACCEPTED, "the answer names the job"),
    (Step.SUBMIT, Answer.OPEN): (Proof.UNKNOWN, "it was sent; whoever answered may have passed it on before"),
    (Step.LOOK_UP, Answer.LISTED): (Proof.ACCEPTED, "what was sent, at that time, and nobody else's"),
    (Step.LOOK_UP, Answer.ABSENT): (Proof.UNKNOWN, "lists lag, are cut, hide what runs, belong to somebody else"),
    (Step.LOOK_UP, Answer.STRANGERS): (Proof.UNKNOWN, "taking the wrong one loses the right one"),
    (Step.LOOK_UP, Answer.TROUBLE): (Proof.UNKNOWN, "nothing was learned"),
    (Step.POLL, Answer.ALIVE): (Proof.ACCEPTED, "the server's word for our id"),
    (Step.POLL, Answer.DONE): (Proof.ACCEPTED, "the server's word for our id"),
    (Step.POLL, Answer.FAILED): (Proof.OVER, "its own terminal state for our id"),
    (Step.POLL, Answer.CANCELED): (Proof.OVER, "its own terminal state for our id"),
    (Step.POLL, Answer.NOT_FOUND): (Proof.MISSING, "stores restart, replicas lag, routes change"),
    (Step.POLL, Answer.ACCOUNT): (Proof.NOTHING, "it is about the account, not about the job"),
    (Step.POLL, Answer.TROUBLE): (Proof.NOTHING, "it passes"),
    (Step.CANCEL, Answer.CONFIRMED): (Proof.OVER, "the server's own word for our id"),
    (Step.CANCEL, Answer.CANCELED): (Proof.OVER, "its own terminal state for our id"),
    (Step.CANCEL, Answer.FAILED): (Proof.OVER, "its own terminal state for our id"),
    (Step.CANCEL, Answer.ALIVE): (Proof.NOTHING, "it goes on, whatever the answer to the cancel was"),
    (Step.CANCEL, Answer.DONE): (Proof.NOTHING, "it is done, and can be collected"),
    (Step.CANCEL, Answer.NOT_FOUND): (Proof.MISSING, "gone may be canceled, and may be a store that restarts"),
    (Step.CANCEL, Answer.ACCOUNT): (Proof.NOTHING, "it is about the account, not about the job"),
    (Step.CANCEL, Answer.TROUBLE): (Proof.NOTHING, "nothing was learned"),
}


def proves(step: Step, answer: Answer, *, paid: bool = True) -> Proof:
    """What becomes of the row. Jobs that cost nothing are given up for lost at once: they are made anew."""
    proof = TABLE[step, answer][0]
    lost = step in (Step.LOOK_UP, Step.POLL) and proof in (Proof.UNKNOWN, Proof.MISSING)
    return Proof.FREE if lost and not paid and answer is not Answer.TROUBLE else proof


def answer_to_submit(error: SoraError) -> Answer:
    """A charge's errors are SubmissionUnknown unless the request was refused, or never left (`transport.retry`)."""
    return Answer.OPEN if isinstance(error, SubmissionUnknown) else Answer.REFUSAL


def answer_about_job(told: Snapshot | SoraError) -> Answer:
    """What a read of a job, or an error in its place, says about it."""
    if isinstance(told, Snapshot):
        return _STATES[told.state]
    if isinstance(told, JobNotFound):
        return Answer.NOT_FOUND
    if isinstance(told, (AccountError, InputError)):
        return Answer.ACCOUNT
    return Answer.TROUBLE


_STATES = {
    State.QUEUED: Answer.ALIVE,
    State.RUNNING: Answer.ALIVE,
    State.SUCCEEDED: Answer.DONE,
    State.FAILED: Answer.FAILED,
    State.CANCELED: Answer.CANCELED,
}
