"""Finds out what became of a submission whose answer was lost, by the server's own list. Never submits.

A list finds jobs, it never proves that there is none: lists lag, are cut, hide what runs, show other names and
rewritten prompts, belong to another account. What might be ours and is not known to be is named to the user.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..clock import Clock
from ..errors import SoraError, SubmissionUnknown
from ..ledger.ledger import Ledger
from ..ledger.row import SUBMITTING, UNKNOWN, Job
from ..models import Operation, Shot, Snapshot
from ..providers import Provider
from ..requests.kinds import VideoRequest
from ..transport import Http
from .proof import Answer, Proof, Step, proves

CLOCK_SKEW_SECONDS = 300.0  # how far the server's clock may be from ours
ACCEPTED_WITHIN_SECONDS = 1200.0  # after it was sent: slow servers answer late
STRANGER_SECONDS = 2 * 86_400.0  # what is younger and nobody's may be ours, whatever it looks like
PAGES = 10
NAMED = 5
_LOOKS = (0.0, 1.0, 2.0, 4.0)  # seconds between looks


@dataclass(frozen=True)
class Sent:
    """A submission as the server's list would show it. Empty facts were not sent; times in seconds."""

    prompt: str
    model: str
    size: str
    seconds: int
    sent_at: float

    def fits(self, item: Snapshot) -> bool:
        """Whether every fact that the list shows is ours: the prompt to the letter, and a moment that can be."""
        return (
            item.prompt is not None
            and item.prompt.strip() == self.prompt
            and not (self.model and item.model and self.model != item.model)
            and not (self.size and item.size and self.size != item.size)
            and not (self.seconds and item.seconds and abs(self.seconds - item.seconds) >= 1)
            and self._can_be_then(item)
        )

    def _can_be_then(self, item: Snapshot) -> bool:
        if item.created_at is None:
            return not item.state.terminal  # what is not done yet was made lately
        return -CLOCK_SKEW_SECONDS <= item.created_at - self.sent_at <= ACCEPTED_WITHIN_SECONDS + CLOCK_SKEW_SECONDS

    def is_stranger(self, item: Snapshot) -> bool:
        """Whether a job that is nobody's may be ours; one with our very prompt at any age, as clocks may be wrong."""
        is_young = item.created_at is None or item.created_at >= self.sent_at - STRANGER_SECONDS
        return is_young or (item.prompt or "").strip() == self.prompt


@dataclass(frozen=True)
class Verdict:
    answer: Answer
    found: Snapshot | None = None
    strangers: tuple[str, ...] = ()  # remote ids, the likeliest first


def judge_list(sent: Sent, unowned: Sequence[Snapshot], rivals: Sequence[Sent]) -> Verdict:
    """What a list says of a lost submission. ``unowned`` are its jobs that no submission of ours is known by.

    ``rivals`` are our other lost submissions at that place: a job that may be one of them as well is only ours when
    the two were sent the same.
    """
    fitting = [item for item in unowned if sent.fits(item)]
    strangers = sorted(filter(sent.is_stranger, unowned), key=lambda item: _unlikeliness(sent, item))
    names = tuple(item.remote_id for item in strangers)
    contested = any(rival.fits(item) and not _same(rival, sent) for item in fitting for rival in rivals)
    equals = sum(_same(rival, sent) for rival in rivals)
    if fitting and not contested and len(fitting) <= 1 + equals:
        return Verdict(Answer.LISTED, min(fitting, key=lambda item: _distance(sent, item)))
    return Verdict(Answer.STRANGERS if names else Answer.ABSENT, strangers=names)


def _same(one: Sent, other: Sent) -> bool:
    return (one.prompt, one.model, one.size, one.seconds) == (other.prompt, other.model, other.size, other.seconds)


def _unlikeliness(sent: Sent, item: Snapshot) -> tuple[bool, float]:
    return (item.prompt or "").strip() != sent.prompt, _distance(sent, item)


def _distance(sent: Sent, item: Snapshot) -> float:
    return abs((item.created_at or sent.sent_at) - sent.sent_at)


async def find_submission(
    job: Job,
    *,
    provider: Provider,
    http: Http,
    ledger: Ledger,
    clock: Clock,
    paid: bool,
    pace: Callable[[], Awaitable[None]],
) -> Snapshot | None:
    """The remote job that the row's lost submission made; None where jobs cost nothing and it is given up.

    ``pace`` is waited for before each read. Raises SubmissionUnknown while nobody knows.
    """
    if not provider.lists(Operation(job.operation)) or not provider.can.can_list:
        if proves(Step.LOOK_UP, Answer.ABSENT, paid=paid) is Proof.FREE:
            return None
        raise _unknown(job, "lookup.no_list")
    sent = await ledger.aside(sent_of, job, provider, ledger)
    for wait in _LOOKS:
        await clock.sleep(wait)
        listed = await _look(job, provider, http, pace)
        verdict = await ledger.aside(_judge, job, sent, listed, provider, ledger)
        if verdict.found:
            return verdict.found
    if proves(Step.LOOK_UP, verdict.answer, paid=paid) is Proof.FREE:
        return None
    if verdict.strangers:
        more = len(verdict.strangers) - NAMED
        names = ", ".join(verdict.strangers[:NAMED]) + (f" (+{more})" if more > 0 else "")
        raise _unknown(job, "lookup.strangers", names=names)
    raise _unknown(job, "lookup.absent")


def _judge(job: Job, sent: Sent, listed: Sequence[Snapshot], provider: Provider, ledger: Ledger) -> Verdict:
    ours = ledger.known_ids(job.profile, job.origin, (item.remote_id for item in listed))
    # a list that moves while it is read shows a job on two of its pages
    unowned = list({item.remote_id: item for item in listed if item.remote_id not in ("", *ours)}.values())
    rivals = [sent_of(other, provider, ledger) for other in _also_lost(job, ledger)]
    return judge_list(sent, unowned, rivals)


def _also_lost(job: Job, ledger: Ledger) -> list[Job]:
    lost = [other for other in ledger.unfinished() if other.state in (UNKNOWN, SUBMITTING) and other.sent_at]
    return [other for other in lost if other.job_id != job.job_id and other.place == job.place]


def sent_of(job: Job, provider: Provider, ledger: Ledger) -> Sent:
    """The lost submission as the server shows it, made again of what the row says."""
    facts = json.loads(job.request)
    known = {each.character_id: each for each in ledger.characters.all() if each.profile == job.profile}
    request = VideoRequest(
        Operation(job.operation),
        job.prompt,
        shots=tuple(Shot(text, seconds) for text, seconds in facts.get("shots", ())),
        cast=tuple(known[each] for each in facts.get("characters", ()) if each in known),
    )
    prompt = provider.sent_prompt(request).strip()
    return Sent(prompt, job.model, facts.get("size", ""), job.seconds, job.sent_at or job.created_at)


async def _look(job: Job, provider: Provider, http: Http, pace: Callable[[], Awaitable[None]]) -> list[Snapshot]:
    """The server's list, newest first, back to where ours cannot be."""
    since = (job.sent_at or job.created_at) - STRANGER_SECONDS
    found: list[Snapshot] = []
    after: str | None = None
    try:
        for _ in range(PAGES):
            await pace()
            page, after = await provider.listing(http, after)
            found += page
            if after is None or _is_older_than(since, page):
                break
    except SoraError as error:
        raise _unknown(job, "lookup.failed", error=error.message) from error
    return found


def _is_older_than(moment: float, page: Sequence[Snapshot]) -> bool:
    """Whether a page, newest first as it was asked for, reaches back beyond the moment."""
    times = [item.created_at for item in page if item.created_at]
    return bool(times) and times == sorted(times, reverse=True) and times[-1] < moment


def _unknown(job: Job, text: str, *, names: str = "", error: str = "") -> SubmissionUnknown:
    said = (job.error or "no answer came").rstrip(". ")
    return SubmissionUnknown(
        text, job_id=job.job_id, profile=job.profile, why=said, answer=quoted(job), names=names, error=error
    )


def quoted(job: Job) -> str:
    """What the server answered, as a sentence's end; "" when nothing is on record."""
    return f" ({' '.join(job.answer.split())[:300]})" if job.answer else ""
