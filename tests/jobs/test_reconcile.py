"""Looking up a submission whose answer was lost: found, or still open; never proven absent, never a second one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from _clock import FakeClock

from sora_core.errors import BadResponse, NetworkError, SoraError, SubmissionUnknown, Unsupported
from sora_core.jobs.proof import Answer
from sora_core.jobs.reconcile import CLOCK_SKEW_SECONDS, NAMED, PAGES, Sent, Verdict, find_submission, judge_list
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import Job, Place
from sora_core.models import Capabilities, Character, Destination, Operation, Shot, Snapshot, State
from sora_core.profiles.profiles import Profile
from sora_core.providers._relay import prompt_text
from sora_core.providers.openai import OpenAI
from sora_core.requests.kinds import Request, VideoRequest

CAN = OpenAI(Profile("p", base_url="https://relay.example")).capabilities()
NOW = FakeClock().now()
SENT = Sent("a cat", "sora-2", "1280x720", 4, NOW)
HOUR, DAY = 3600.0, 86_400.0


def remote(name: str = "found", *, age: float = 0.0, state: State = State.QUEUED, **facts: object) -> Snapshot:
    return Snapshot(state, name, **{"prompt": "a cat", "model": "sora-2", "created_at": NOW - age, **facts})


def judge(*unowned: Snapshot, rivals: Sequence[Sent] = ()) -> Verdict:
    return judge_list(SENT, unowned, rivals)


class TestAJobOnTheList:
    @pytest.mark.parametrize(
        "facts",
        [
            {},
            {"model": None},
            {"prompt": " a cat\n"},
            {"size": "1280x720", "seconds": 4.0},
            {"seconds": 4.4},
            {"created_at": None},
            {"age": CLOCK_SKEW_SECONDS - 1},
            {"age": -600.0},
        ],
        ids=str,
    )
    def test_is_ours_when_it_is_the_only_one_that_every_shown_fact_fits(self, facts):
        verdict = judge(remote("other", prompt="a cow"), remote(**facts))
        assert verdict.answer is Answer.LISTED
        assert verdict.found.remote_id == "found"

    @pytest.mark.parametrize(
        "facts",
        [
            {"model": "another"},
            {"prompt": "a cat on a skateboard"},
            {"prompt": "A cat"},
            {"prompt": "un chat"},
            {"prompt": None},
            {"prompt": ""},
            {"size": "720x1280"},
            {"seconds": 12.0},
            {"age": 5 * HOUR},
            {"age": -9 * HOUR},
            {"age": 3 * DAY},
            {"created_at": None, "state": State.SUCCEEDED},
        ],
        ids=str,
    )
    def test_that_may_be_ours_and_is_not_known_to_be_is_named_and_not_taken(self, facts):
        """Names, sizes and prompts are changed by servers; clocks differ; some lists show no times."""
        verdict = judge(remote(**facts))
        assert (verdict.answer, verdict.found, verdict.strangers) == (Answer.STRANGERS, None, ("found",))

    def test_of_two_days_is_a_stranger_whatever_it_shows(self):
        verdict = judge(remote("far", prompt="a cow", age=DAY), remote("near", prompt="a cow", age=60.0))
        assert verdict.strangers == ("near", "far")

    def test_that_is_older_and_has_another_prompt_is_none(self):
        assert judge(remote(prompt="a cow", age=3 * DAY)) == Verdict(Answer.ABSENT)

    def test_that_is_not_the_only_one_with_our_prompt_is_not_taken(self):
        """One of the two is another program's: taking it would lose the paid one."""
        verdict = judge(remote("far", age=-200), remote("near", age=3))
        assert (verdict.answer, verdict.strangers) == (Answer.STRANGERS, ("near", "far"))


class TestAnotherLostSubmission:
    def test_of_the_very_same_takes_one_and_we_the_other(self):
        verdict = judge(remote("late", age=-200), remote("near", age=3), rivals=[SENT])
        assert verdict.found.remote_id == "near"

    def test_of_another_size_is_told_apart_where_the_list_shows_sizes(self):
        other = dataclasses.replace(SENT, size="720x1280")
        listed = [remote("tall", size="720x1280"), remote("wide", size="1280x720")]
        assert judge(*listed, rivals=[other]).found.remote_id == "wide"
        assert judge_list(other, listed, [SENT]).found.remote_id == "tall"

    def test_of_another_size_leaves_both_open_where_the_list_shows_none(self):
        other = dataclasses.replace(SENT, size="720x1280")
        assert judge(remote("one"), rivals=[other]).answer is Answer.STRANGERS

    def test_of_another_prompt_is_of_no_account(self):
        other = dataclasses.replace(SENT, prompt="a dog")
        assert judge(remote(), rivals=[other]).found.remote_id == "found"


class Shelf(OpenAI):
    """A provider whose server has these jobs, a page at a time; each look may see another shelf."""

    def __init__(self, *looks: list[Snapshot] | SoraError, page: int = 100, can: Capabilities = CAN) -> None:
        super().__init__(Profile("p", base_url="https://relay.example"))
        self.looks = list(looks)
        self.page = page
        self._can = can
        self.reads = self.paced = 0
        self.submissions = 0

    def capabilities(self) -> Capabilities:
        return self._can

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
    return _lose(ledger, "v2:lost", "a cat")


@pytest.fixture
def known(ledger, clock):
    """An older job of ours, which the list shows."""
    job = _claim(ledger, "v2:known", "a dog")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "known"), owner="me")
    return remote("known", prompt="a dog", age=60)


def _claim(ledger: Ledger, fingerprint: str, prompt: str, **facts: object) -> Job:
    wanted = {"model": "sora-2", "seconds": 4, **facts}
    request = VideoRequest(Operation.TEXT_TO_VIDEO, prompt, **wanted)
    place = Place("openai", "https://relay.example:443")
    return ledger.claim(
        request, fingerprint=fingerprint, profile="p", place=place, owner="me", destination=Destination(Path())
    )


def _lose(ledger: Ledger, fingerprint: str, prompt: str, **facts: object) -> Job:
    job = _claim(ledger, fingerprint, prompt, **facts)
    ledger.mark_sent(job.job_id, owner="me")
    return ledger.record_unknown(job.job_id, "the answer was lost", owner="me", answer="HTTP 504: {}")


async def look(provider: Shelf, lost: Job, ledger: Ledger, clock: FakeClock, *, paid: bool = True) -> Snapshot | None:
    async def pace() -> None:
        provider.paced += 1

    return await find_submission(lost, provider=provider, http=None, ledger=ledger, clock=clock, paid=paid, pace=pace)


async def test_a_job_with_our_prompt_is_ours(lost, ledger, clock, known):
    found = await look(Shelf([remote("other", prompt="a cow"), remote(), known]), lost, ledger, clock)
    assert found.remote_id == "found"


async def test_a_job_that_is_shown_twice_is_one(lost, ledger, clock, known):
    found = await look(Shelf([remote(), known, remote()]), lost, ledger, clock)
    assert found.remote_id == "found"


async def test_a_job_that_shows_up_late_is_found(lost, ledger, clock, known):
    found = await look(Shelf([known], [known], [remote(), known]), lost, ledger, clock)
    assert found.remote_id == "found"


async def test_a_job_that_is_ours_already_is_not_taken_twice(lost, ledger, clock):
    job = _claim(ledger, "v2:other", "a cat")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "found"), owner="me")
    with pytest.raises(SubmissionUnknown, match="proves nothing"):
        await look(Shelf([remote()]), lost, ledger, clock)


async def test_two_lost_submissions_of_other_sizes_are_not_swapped(ledger, clock):
    wide = _lose(ledger, "v2:wide", "a cat", size="1280x720")
    tall = _lose(ledger, "v2:tall", "a cat", size="720x1280")
    shelf = Shelf([remote("first", size="720x1280"), remote("second", size="1280x720")])
    assert (await look(shelf, wide, ledger, clock)).remote_id == "second"
    assert (await look(shelf, tall, ledger, clock)).remote_id == "first"


@pytest.mark.parametrize("shelf", [[], ["known"]], ids=["empty", "with an older job of ours"])
async def test_a_list_that_does_not_show_it_proves_nothing(lost, ledger, clock, known, shelf):
    """However long it is looked at: it may lag, hide what runs, or be another account's."""
    with pytest.raises(SubmissionUnknown, match="proves nothing") as caught:
        await look(Shelf([known] if shelf else []), lost, ledger, clock)
    assert caught.value.job_id == lost.job_id
    assert "HTTP 504: {}" in caught.value.message  # what was answered is told


async def test_strangers_are_named_the_likeliest_first(lost, ledger, clock, known):
    crowd = [remote(f"cow{number}", prompt="a cow", age=number) for number in range(20)]
    twin = remote("twin", age=5 * HOUR)
    with pytest.raises(SubmissionUnknown, match=r"twin, cow0, cow1, cow2, cow3 \(\+16\)") as caught:
        await look(Shelf([*crowd, twin, known]), lost, ledger, clock)
    assert caught.value.message.count("cow") == NAMED - 1


@pytest.mark.parametrize(
    "error", [Unsupported("no list"), BadResponse("no list"), NetworkError("no network")], ids=lambda error: error.kind
)
@pytest.mark.parametrize("paid", [True, False])
async def test_a_list_that_cannot_be_read_leaves_it_open(lost, ledger, clock, error, paid):
    with pytest.raises(SubmissionUnknown):
        await look(Shelf(error), lost, ledger, clock, paid=paid)


async def test_every_read_of_the_list_waits_for_the_requests_per_minute(lost, ledger, clock, known):
    shelf = Shelf([remote(), known])
    await look(shelf, lost, ledger, clock)
    assert shelf.reads == shelf.paced > 0


async def test_the_second_page_is_read_too(lost, ledger, clock, known):
    others = [remote(f"other{number}", prompt="a cow") for number in range(5)]
    assert (await look(Shelf([*others, remote(), known], page=2), lost, ledger, clock)).remote_id == "found"


async def test_reading_stops_at_jobs_that_are_too_old(lost, ledger, clock, known):
    old = [remote(f"old{number}", age=200_000 + number, prompt="a cow") for number in range(1000)]
    shelf = Shelf([remote(), known, *old], page=10)
    assert (await look(shelf, lost, ledger, clock)).remote_id == "found"
    assert shelf.reads == 1


async def test_a_list_without_an_end_is_not_read_for_ever(lost, ledger, clock):
    others = [remote(f"other{number}", prompt="a cow", created_at=None) for number in range(500)]
    shelf = Shelf(others, page=10)
    with pytest.raises(SubmissionUnknown):
        await look(shelf, lost, ledger, clock)
    assert shelf.reads == 4 * PAGES


async def test_a_list_with_the_oldest_first_is_not_cut_before_ours(lost, ledger, clock, known):
    """A server that ignores the order asked for: the page with old jobs is not the last one."""
    old = [remote(f"old{number}", age=10_000 - number, prompt="a cow") for number in range(20)]
    found = await look(Shelf([*old[:5], known, *old[5:], remote()], page=10), lost, ledger, clock)
    assert found.remote_id == "found"


@pytest.mark.parametrize("can_list", [True, False])
async def test_where_jobs_cost_nothing_one_that_is_not_found_is_given_up(lost, ledger, clock, can_list):
    can = dataclasses.replace(CAN, can_list=can_list)
    assert await look(Shelf([remote("other", prompt="a cow")], can=can), lost, ledger, clock, paid=False) is None


async def test_a_server_without_a_list_leaves_it_open_without_being_asked(lost, ledger, clock):
    shelf = Shelf([], can=dataclasses.replace(CAN, can_list=False))
    with pytest.raises(SubmissionUnknown, match="no list"):
        await look(shelf, lost, ledger, clock)
    assert shelf.reads == 0


async def test_nothing_is_ever_submitted(lost, ledger, clock, known):
    shelf = Shelf([remote(), known])
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

    async def test_leaves_it_open_when_a_character_has_left_the_library_since(self, ledger, clock, known):
        job = self.lose(ledger)
        ledger.characters.delete(Character("p", "Anna", "char_1"))
        with pytest.raises(SubmissionUnknown, match="found"):
            await look(self.shelf(remote(prompt=self.SENT), known), job, ledger, clock)
