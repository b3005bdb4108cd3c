"""Looking up a submission whose answer was lost: found, proven absent, or still open; never a second one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from _clock import FakeClock

from sora_core.errors import BadResponse, NetworkError, SoraError, SubmissionUnknown, Unsupported
from sora_core.jobs.reconcile import CLOCK_SKEW_SECONDS, SETTLE_SECONDS, find_submission
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Job, Place
from sora_core.models import Capabilities, Character, Destination, Operation, Shot, Snapshot, State
from sora_core.profiles.profiles import Profile
from sora_core.providers._relay import prompt_text
from sora_core.providers.openai import OpenAI
from sora_core.requests.kinds import Request, VideoRequest

PAID = dataclasses.replace(OpenAI(Profile("p", base_url="https://relay.example")).capabilities(), free=False)


class Shelf(OpenAI):
    """A provider whose server has these jobs, a page at a time; each look may see another shelf."""

    def __init__(self, *looks: list[Snapshot] | SoraError, page: int = 100, can: Capabilities = PAID) -> None:
        super().__init__(Profile("p", base_url="https://relay.example"))
        self.looks = list(looks)
        self.page = page
        self.can = can
        self.reads = self.paced = 0
        self.submissions = 0

    def capabilities(self) -> Capabilities:
        return self.can

    async def submit(self, *_: object) -> Snapshot:
        self.submissions += 1
        raise AssertionError

    async def listing(self, http: object, after: str | None) -> tuple[list[Snapshot], str | None]:
        self.reads += 1
        jobs = self.looks.pop(0) if len(self.looks) > 1 and after is None else self.looks[0]
        if isinstance(jobs, SoraError):
            raise jobs
        start = next((number + 1 for number, job in enumerate(jobs) if job.remote_id == after), 0)
        page = jobs[start : start + self.page]
        return page, page[-1].remote_id if start + self.page < len(jobs) else None


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def ledger(tmp_path, clock):
    opened = Ledger(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def lost(ledger):
    job = _claim(ledger, "v1:lost", "a cat")
    ledger.mark_sent(job.job_id, owner="me")
    ledger.record_unknown(job.job_id, "the answer was lost", owner="me")
    return ledger.get(job.job_id)


@pytest.fixture
def known(ledger, clock):
    """An older job of ours, which a truthful list shows."""
    job = _claim(ledger, "v1:known", "a dog")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "known"), owner="me")
    return Snapshot(State.SUCCEEDED, "known", prompt="a dog", model="sora-2", created_at=clock.now() - 60)


def _claim(ledger: Ledger, fingerprint: str, prompt: str):
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, model="sora-2", seconds=4)
    return ledger.claim(
        request,
        fingerprint=fingerprint,
        profile="p",
        place=Place("openai"),
        owner="me",
        destination=Destination(Path()),
    )


def remote(name: str = "found", *, age: float = 0.0, **facts: object) -> Snapshot:
    now = FakeClock().now()
    return Snapshot(State.QUEUED, name, **{"prompt": "a cat", "model": "sora-2", "created_at": now - age, **facts})


async def look(provider, lost, ledger, clock, *, settle: bool = True):
    async def pace() -> None:
        provider.paced += 1

    return await find_submission(
        lost, provider=provider, http=None, ledger=ledger, clock=clock, settle=settle, pace=pace
    )


async def test_a_job_with_our_prompt_is_ours(lost, ledger, clock, known):
    found = await look(Shelf([remote("other", prompt="a cow"), remote(), known]), lost, ledger, clock)
    assert found.remote_id == "found"


async def test_a_job_that_shows_up_late_is_found(lost, ledger, clock, known):
    found = await look(Shelf([known], [known], [remote(), known]), lost, ledger, clock)
    assert found.remote_id == "found"


async def test_the_nearest_in_time_of_several_is_ours(lost, ledger, clock, known):
    found = await look(Shelf([remote("late", age=-200), remote("near", age=3), known]), lost, ledger, clock)
    assert found.remote_id == "near"


@pytest.mark.parametrize(
    "facts",
    [
        {"prompt": "thunderstorm over a harbour"},
        {"prompt": "thunderstorm over a harbour", "created_at": FakeClock().now() - CLOCK_SKEW_SECONDS - 60},
    ],
    ids=str,
)
async def test_a_job_that_differs_is_not_ours(lost, ledger, clock, known, facts):
    assert await look(Shelf([remote(**facts), known]), lost, ledger, clock) is None


@pytest.mark.parametrize(
    "facts", [{"model": "another"}, {"created_at": FakeClock().now() - CLOCK_SKEW_SECONDS - 60}], ids=str
)
async def test_a_job_with_our_very_prompt_leaves_it_open_whatever_else_differs(lost, ledger, clock, known, facts):
    with pytest.raises(SubmissionUnknown, match="found"):
        await look(Shelf([remote(**facts), known]), lost, ledger, clock)


@pytest.mark.parametrize("prompt", ["a cat on a skateboard", "A cat", "…a cat, cinematic, 4k"])
async def test_a_job_with_a_prompt_that_a_server_may_have_made_of_ours_may_be_ours(lost, ledger, clock, known, prompt):
    with pytest.raises(SubmissionUnknown, match="found"):
        await look(Shelf([remote(prompt=prompt), known]), lost, ledger, clock)


async def test_a_job_without_a_prompt_may_be_ours(lost, ledger, clock, known):
    with pytest.raises(SubmissionUnknown, match="found"):
        await look(Shelf([remote(prompt=None), known]), lost, ledger, clock)


async def test_a_job_that_is_ours_already_is_not_taken_twice(lost, ledger, clock):
    job = _claim(ledger, "v1:other", "a cat")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "found"), owner="me")
    assert await look(Shelf([remote()]), lost, ledger, clock) is None


@pytest.mark.parametrize("facts", [{"model": None}, {"created_at": None}, {"prompt": " a cat\n"}], ids=str)
async def test_what_the_list_leaves_out_does_not_hide_a_job(lost, ledger, clock, known, facts):
    assert (await look(Shelf([remote(**facts), known]), lost, ledger, clock)).remote_id == "found"


async def test_absence_is_only_told_when_enough_time_has_passed(lost, ledger, clock, known):
    assert await look(Shelf([known]), lost, ledger, clock) is None
    assert clock.now() - lost.sent_at >= SETTLE_SECONDS


async def test_a_clock_that_was_set_forward_since_makes_no_absence(lost, ledger, clock, known):
    clock.advance(3 * 3600)
    before = clock.monotonic()
    late = [[known]] * 4 + [[remote(), known]]
    found = await look(Shelf(*late), lost, ledger, clock)
    assert found.remote_id == "found"
    assert clock.monotonic() - before >= SETTLE_SECONDS


async def test_a_job_sent_while_the_clock_was_hours_ahead_is_not_called_absent_for_a_page_of_younger_ones(
    ledger, clock
):
    """The pages look too old to hold it."""
    clock.advance(3 * 3600)
    lost = _claim(ledger, "v1:lost", "a cat")
    ledger.mark_sent(lost.job_id, owner="me")
    ledger.record_unknown(lost.job_id, "the answer was lost", owner="me")
    clock.advance(-3 * 3600)
    younger = []
    for number in range(30):
        job = _claim(ledger, f"v1:{number}", f"number {number}")
        ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, f"younger{number}"), owner="me")
        younger.insert(0, remote(f"younger{number}", prompt=f"number {number}", age=-number - 1))
    with pytest.raises(SubmissionUnknown, match="found"):
        await look(Shelf([*younger, remote()], page=10), ledger.get(lost.job_id), ledger, clock)


async def test_every_read_of_the_list_waits_for_the_requests_per_minute(lost, ledger, clock, known):
    shelf = Shelf([known])
    await look(shelf, lost, ledger, clock)
    assert shelf.reads == shelf.paced > 0


async def test_a_job_that_shows_up_in_the_last_moment_is_found(lost, ledger, clock, known):
    looks = [[known]] * 4 + [[remote(), known]]
    assert (await look(Shelf(*looks), lost, ledger, clock)).remote_id == "found"


async def test_absence_is_not_told_when_it_is_too_early(lost, ledger, clock, known):
    with pytest.raises(SubmissionUnknown):
        await look(Shelf([known]), lost, ledger, clock, settle=False)


@pytest.mark.parametrize("shelf", [[], [remote("other", prompt="a cow")]], ids=["empty", "of others"])
async def test_a_list_that_shows_none_of_our_jobs_proves_nothing(lost, ledger, clock, shelf):
    with pytest.raises(SubmissionUnknown) as caught:
        await look(Shelf(shelf), lost, ledger, clock)
    assert caught.value.job_id == lost.job_id


@pytest.mark.parametrize(
    "error", [Unsupported("no list"), BadResponse("no list"), NetworkError("no network")], ids=lambda error: error.kind
)
async def test_a_list_that_cannot_be_read_leaves_it_open(lost, ledger, clock, error):
    with pytest.raises(SubmissionUnknown):
        await look(Shelf(error), lost, ledger, clock)


async def test_the_second_page_is_read_too(lost, ledger, clock, known):
    others = [remote(f"other{number}", prompt="a cow") for number in range(5)]
    assert (await look(Shelf([*others, remote(), known], page=2), lost, ledger, clock)).remote_id == "found"


async def test_reading_stops_at_jobs_that_are_too_old(lost, ledger, clock, known):
    old = [remote(f"old{number}", age=200_000 + number, prompt="a cow") for number in range(1000)]
    shelf = Shelf([remote(), known, *old], page=10)
    assert (await look(shelf, lost, ledger, clock)).remote_id == "found"
    assert shelf.reads == 1


async def test_a_list_that_is_too_long_to_be_read_to_its_end_proves_nothing(lost, ledger, clock, known):
    """Without times no page is known to be the last that matters."""
    others = [remote(f"other{number}", prompt="a cow", created_at=None) for number in range(500)]
    with pytest.raises(SubmissionUnknown):
        await look(Shelf([known, *others, remote()], page=10), lost, ledger, clock)


async def test_a_list_with_the_oldest_first_is_not_cut_before_ours(lost, ledger, clock, known):
    """A server that ignores the order asked for: the page with old jobs is not the last one."""
    old = [remote(f"old{number}", age=10_000 - number, prompt="a cow") for number in range(20)]
    found = await look(Shelf([*old[:5], known, *old[5:], remote()], page=10), lost, ledger, clock)
    assert found is not None
    assert found.remote_id == "found"


async def test_the_list_of_the_preview_is_believed_at_once(lost, ledger, clock):
    free = dataclasses.replace(PAID, free=True)
    assert await look(Shelf([], can=free), lost, ledger, clock) is None
    assert clock.now() - lost.sent_at < SETTLE_SECONDS


async def test_nothing_is_ever_submitted(lost, ledger, clock, known):
    shelf = Shelf([known])
    await look(shelf, lost, ledger, clock)
    assert shelf.submissions == 0


class TestThePromptAsItIsSent:
    """Where a protocol has no field for them, shots and characters are in the prompt that the list shows."""

    SHOTS = (Shot("a door opens", 4.0), Shot("Anna looks in", 6.0))
    SENT = "Shot 1:\nduration: 4sec\nScene: a door opens\n\nShot 2:\nduration: 6sec\nScene: @anna_7 looks in"

    def lose(self, ledger: Ledger, prompt: str = "") -> Job:
        anna = ledger.characters.add(Character("p", "Anna", "char_1", "anna_7"))
        ledger.characters.add(Character("q", "Anna", "char_1", "somebody_else"))
        request = VideoRequest(Operation.STORYBOARD, prompt, seconds=10, shots=self.SHOTS, cast=(anna,))
        job = ledger.claim(
            request, fingerprint="v1:b", profile="p", place=Place("p"), owner="me", destination=Destination(Path())
        )
        ledger.mark_sent(job.job_id, owner="me")
        ledger.record_unknown(job.job_id, "the answer was lost", owner="me")
        return ledger.get(job.job_id)

    def shelf(self, *jobs: Snapshot) -> Shelf:
        class Told(Shelf):
            def sent_prompt(self, request: Request) -> str:
                return prompt_text(request)

        return Told(list(jobs))

    @pytest.mark.parametrize(
        ("prompt", "sent"), [("", SENT), ("noir", f"current timeline:\n{SENT}\n\ninstructions:\nnoir")]
    )
    async def test_is_what_the_list_is_searched_for(self, ledger, clock, known, prompt, sent):
        job = self.lose(ledger, prompt)
        found = await look(self.shelf(remote("raw", prompt=prompt), remote(prompt=sent), known), job, ledger, clock)
        assert found.remote_id == "found"

    async def test_proves_that_a_storyboard_is_not_there(self, ledger, clock, known):
        assert await look(self.shelf(remote("other", prompt="a cow"), known), self.lose(ledger), ledger, clock) is None

    async def test_leaves_it_open_when_a_character_has_left_the_library_since(self, ledger, clock, known):
        job = self.lose(ledger)
        ledger.characters.delete(Character("p", "Anna", "char_1"))
        with pytest.raises(SubmissionUnknown, match="found"):
            await look(self.shelf(remote(prompt=self.SENT), known), job, ledger, clock)
