"""Finds out what became of a submission whose answer was lost, by the server's own list. Never submits."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from difflib import SequenceMatcher

from ..clock import Clock
from ..errors import BadResponse, JobNotFound, RequestRejected, SoraError, SubmissionUnknown, Unsupported
from ..ledger.ledger import Ledger
from ..ledger.row import Job
from ..models import Operation, Shot, Snapshot
from ..providers import Provider
from ..requests.kinds import VideoRequest
from ..transport import Http

CLOCK_SKEW_SECONDS = 300.0  # how far the server's clock may be from ours
MOST_SKEW_SECONDS = 2 * 86_400.0  # beyond that no clock is wrong by accident
SETTLE_SECONDS = 30.0  # by then a request that was accepted is in the list
PAGES = 10
_LOOKS = (0.0, 1.0, 2.0, 4.0)  # seconds between looks


async def find_submission(
    job: Job,
    *,
    provider: Provider,
    http: Http,
    ledger: Ledger,
    clock: Clock,
    settle: bool,
    pace: Callable[[], Awaitable[None]],
) -> Snapshot | None:
    """The remote job that the row's lost submission made; None when the server's list proves there is none.

    With ``settle`` it looks for SETTLE_SECONDS; None is only said then. ``pace`` is waited for before each read.
    Raises SubmissionUnknown when the list cannot tell.
    """
    began = clock.monotonic()  # when it was sent is told by a clock that may have been set since
    free = truthful = provider.capabilities().free  # the embedded gateway's list is ours
    if not provider.lists(Operation(job.operation)):
        if free:
            return None  # made anew: it costs nothing
        raise _unknown(job, "The server has no list in which it would show.")
    prompt = _sent_prompt(job, provider, ledger)
    for wait in _LOOKS:
        await clock.sleep(wait)
        listed, ours, is_whole = await _look(job, provider, http, ledger, pace)
        match = _match(job, prompt, listed, ours)
        if match:
            return match
        # An empty list may just be a list that never shows anything. One that shows a job we know is true.
        truthful = truthful or any(item.remote_id in ours for item in listed)
    if not settle or not truthful:
        raise _unknown(job, "The server's list does not show it.")
    if not free:
        await clock.sleep(began + SETTLE_SECONDS - clock.monotonic())
        listed, ours, is_whole = await _look(job, provider, http, ledger, pace)
        match = _match(job, prompt, listed, ours)
    # servers leave prompts out, shorten and rewrite them
    strangers = [item.remote_id for item in _candidates(job, listed, ours) if _may_be(prompt, item.prompt)]
    # with exactly our prompt at any age: one of the two clocks may be wrong
    strangers += [
        item.remote_id
        for item in listed
        if item.remote_id not in (*ours, *strangers) and (item.prompt or "").strip() == prompt
    ]
    if match is None and strangers:
        raise _unknown(job, f"It may be one of these on the server's list: {', '.join(strangers[:5])}.")
    if match is None and not is_whole:
        raise _unknown(job, f"The server's list is longer than {PAGES} pages.")
    return match


def _candidates(job: Job, listed: Sequence[Snapshot], ours: frozenset[str]) -> list[Snapshot]:
    """What was made in the window and is not known to be another submission of ours."""
    since = (job.sent_at or job.created_at) - CLOCK_SKEW_SECONDS
    return [
        item
        for item in listed
        if item.remote_id
        and item.remote_id not in ours
        and (not item.model or not job.model or item.model == job.model)
        and (item.created_at is None or item.created_at >= since)
    ]


def _may_be(ours: str, theirs: str | None) -> bool:
    """Whether a server may have made their prompt of ours."""
    if theirs is None or not theirs.strip():
        return True
    a, b = " ".join(ours.split()).lower(), " ".join(theirs.split()).lower()
    return a in b or b.rstrip(".… ") in a or SequenceMatcher(None, a[:2000], b[:2000]).ratio() > 0.6


def _sent_prompt(job: Job, provider: Provider, ledger: Ledger) -> str:
    """The prompt of the lost submission as the server shows it, made again of what the row says."""
    facts = json.loads(job.request)
    known = {each.character_id: each for each in ledger.characters.all() if each.profile == job.profile}
    request = VideoRequest(
        Operation(job.operation),
        job.prompt,
        shots=tuple(Shot(text, seconds) for text, seconds in facts.get("shots", ())),
        cast=tuple(known[each] for each in facts.get("characters", ()) if each in known),
    )
    return provider.sent_prompt(request).strip()


def _match(job: Job, prompt: str, listed: Sequence[Snapshot], ours: frozenset[str]) -> Snapshot | None:
    """The candidate with our prompt as it was sent, the nearest in time."""
    sent_at = job.sent_at or job.created_at
    fitting = [
        item for item in _candidates(job, listed, ours) if item.prompt is not None and item.prompt.strip() == prompt
    ]
    return min(fitting, key=lambda item: abs((item.created_at or sent_at) - sent_at), default=None)


async def _look(
    job: Job, provider: Provider, http: Http, ledger: Ledger, pace: Callable[[], Awaitable[None]]
) -> tuple[list[Snapshot], frozenset[str], bool]:
    """The server's list, newest first; which remote ids are ours; and whether no job of that time can be missing."""
    since = (job.sent_at or job.created_at) - MOST_SKEW_SECONDS
    found: list[Snapshot] = []
    after: str | None = None
    try:
        for _ in range(PAGES):
            await pace()
            page, after = await provider.listing(http, after)
            found += page
            if after is None or _is_older_than(since, page):
                return found, _ours(job, found, ledger), True
    except (Unsupported, JobNotFound, RequestRejected, BadResponse) as error:
        raise _unknown(job, f"This server has no list to look it up in ({error.message})") from error
    except SoraError as error:
        raise _unknown(job, f"It could not be looked up ({error.message})") from error
    return found, _ours(job, found, ledger), False


def _ours(job: Job, listed: Sequence[Snapshot], ledger: Ledger) -> frozenset[str]:
    return ledger.known_ids(job.profile, job.origin, (item.remote_id for item in listed))


def _is_older_than(moment: float, page: Sequence[Snapshot]) -> bool:
    """Whether a page, newest first as it was asked for, reaches back beyond the moment."""
    times = [item.created_at for item in page if item.created_at]
    return bool(times) and times == sorted(times, reverse=True) and times[-1] < moment


def _unknown(job: Job, why: str) -> SubmissionUnknown:
    return SubmissionUnknown(
        f"The request was sent to profile '{job.profile}', but its answer was lost: {job.error or 'no answer'} {why}",
        job_id=job.job_id,
    )
