"""What may be said of the money when something went wrong: a function of the row, never of the error's class. Pure.

The answer is the id of a sentence, ``money.<id>`` in `locales/`.
"""

from __future__ import annotations

from ..ledger.row import CANCELED, FAILED, MISSING, Job

NOTHING_SENT, REFUSED, UNCLEAR, PAID = "nothing_sent", "refused", "unclear", "paid"
MISSED, ENDED, STOPPED, FOUND = "missing", "failed", "canceled", "found"


def money_of(job: Job | None, *, paid: bool = True, remote_id: str | None = None) -> str:
    """What is known of the money of a job, None being one that never got a row, or lost it before anything was sent.

    ``remote_id`` is one that was read, and could not be written into the row. "" says nothing: jobs cost nothing here.
    """
    if job is None or (job.sent_at is None and not job.remote_id and not remote_id):
        return NOTHING_SENT
    if not paid:
        return ""
    if not job.idempotency_key:
        return FOUND  # somebody else's submission, or one of another ledger
    if not job.remote_id and not remote_id:
        return REFUSED if job.state in (FAILED, CANCELED) else UNCLEAR
    return {FAILED: ENDED, CANCELED: STOPPED, MISSING: MISSED}.get(job.state, PAID)
