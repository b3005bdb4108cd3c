"""What every ledger does, whichever store it lies in: each write says whose row it expects and how it stands, and
touches that one row or stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from _ledgers import STORES

from sora_core.errors import JobChanged, RemoteIdTaken
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import (
    ANYONE,
    CANCELED,
    DELIVERED,
    FAILED,
    FOLLOWED,
    FORGOTTEN,
    MISSING,
    OVER,
    QUEUED,
    RUNNING,
    SUBMITTING,
    UNFINISHED,
    UNKNOWN,
    Job,
    Place,
)
from sora_core.models import Destination, Operation, Secret, Snapshot, State
from sora_core.requests.kinds import VideoRequest

SERVER = Place("openai", "https://relay.example:443", "account")
STATES = (*UNFINISHED, DELIVERED, *OVER)
Write = Callable[[Ledger, str, str], object]


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    made = STORES[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def ledger(store):
    return store.open()


def claim(
    ledger: Ledger, fingerprint: str = "v2:a", *, place: Place = SERVER, owner: str = "me", also: tuple[str, ...] = ()
) -> Job:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", model="sora-2", seconds=4)
    return ledger.claim(
        request, fingerprint=fingerprint, profile="p", place=place, owner=owner, destination=Destination(Path("out")),
        also=also,
    )  # fmt: skip


def sent(ledger: Ledger, fingerprint: str = "v2:a", **options: object) -> Job:
    return ledger.mark_sent(claim(ledger, fingerprint, **options).job_id, owner="me")


def queued(ledger: Ledger, fingerprint: str = "v2:a", remote_id: str = "video_1", **options: object) -> Job:
    job = sent(ledger, fingerprint, **options)
    return ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, remote_id), owner="me")


@pytest.fixture
def in_state(store, ledger):
    """A row as no write would leave it, so that each write is tried on each."""

    def in_state(state: str, *, owner: str | None = "me") -> Job:
        job = claim(ledger)
        remote_id = None if state in (SUBMITTING, UNKNOWN) else "video_1"
        sent_at = None if state == SUBMITTING else 1.0
        store.force(job.job_id, state=state, owner=owner, remote_id=remote_id, sent_at=sent_at)
        return ledger.get(job.job_id)

    return in_state


WRITES: dict[str, tuple[Write, tuple[str, ...]]] = {
    "mark_sent": (lambda led, job, who: led.mark_sent(job, owner=who), (SUBMITTING,)),
    "mark_refused": (lambda led, job, who: led.mark_refused(job, owner=who), (SUBMITTING,)),
    "record_unknown": (lambda led, job, who: led.record_unknown(job, "lost", owner=who), (SUBMITTING, UNKNOWN)),
    "record_snapshot": (
        lambda led, job, who: led.record_snapshot(job, Snapshot(State.RUNNING, "video_1"), owner=who),
        FOLLOWED,
    ),
    "record_missing": (lambda led, job, who: led.record_missing(job, "404", owner=who), FOLLOWED),
    "record_over": (lambda led, job, who: led.record_over(job, FAILED, "no", "JobFailed", owner=who), UNFINISHED),
    "record_part": (lambda led, job, who: led.record_part(job, "etag", owner=who), UNFINISHED),
    "record_plan": (lambda led, job, who: led.record_plan(job, Path("a.mp4"), "abc", 1, owner=who), FOLLOWED),
    "record_output": (lambda led, job, who: led.record_output(job, 1, Path("b.mp4"), "abc", 1, owner=who), FOLLOWED),
    "record_delivered": (
        lambda led, job, who: led.record_delivered(job, width=1, height=1, fps=1.0, duration=1.0, owner=who),
        FOLLOWED,
    ),
    "record_result": (lambda led, job, who: led.record_result(job, {"id": "x"}, owner=who), FOLLOWED),
    "record_destination": (
        lambda led, job, who: led.record_destination(job, Destination(Path("new")), owner=who),
        (*UNFINISHED, DELIVERED),
    ),
    "record_submitted": (
        lambda led, job, who: led.record_submitted(job, Snapshot(State.QUEUED, "video_1"), owner=who),
        UNFINISHED,
    ),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("state", STATES)
def test_a_write_is_taken_in_the_states_that_it_expects_and_in_no_other(ledger, name, state, in_state):
    write, expected = WRITES[name]
    job = in_state(state)
    if state in expected:
        write(ledger, job.job_id, "me")
        return
    with pytest.raises(JobChanged, match=f"is now {state}"):
        write(ledger, job.job_id, "me")
    if name != "record_submitted":  # an id is kept wherever it can be
        assert ledger.get(job.job_id) == job


@pytest.mark.parametrize("name", [name for name in WRITES if name != "record_submitted"])
@pytest.mark.parametrize("owner", ["you", None])
def test_a_write_of_who_is_not_the_owner_any_more_stops(ledger, name, owner, in_state):
    write, expected = WRITES[name]
    job = in_state(expected[0], owner=owner)
    with pytest.raises(JobChanged):
        write(ledger, job.job_id, "me")
    assert ledger.get(job.job_id) == job


def test_the_user_s_word_holds_whoever_is_at_the_job(ledger, in_state):
    job = in_state(RUNNING, owner="you")
    assert ledger.record_over(job.job_id, CANCELED, "by the user", "JobCanceled", owner=ANYONE).state == CANCELED


class TestAClaim:
    def test_is_sent_once(self, ledger):
        job = sent(ledger)
        with pytest.raises(JobChanged):
            ledger.mark_sent(job.job_id, owner="me")

    def test_that_the_user_forgot_while_it_waited_is_not_sent(self, ledger):
        job = claim(ledger)
        assert ledger.forget(job).state == FORGOTTEN
        with pytest.raises(JobChanged):
            ledger.mark_sent(job.job_id, owner="me")

    def test_that_another_took_over_is_sent_by_that_one_alone(self, ledger, store):
        job = claim(ledger, owner="dead")
        store.kill("dead")
        assert ledger.take_over(job, owner="heir")
        with pytest.raises(JobChanged):
            ledger.mark_sent(job.job_id, owner="dead")
        assert ledger.mark_sent(job.job_id, owner="heir").sent_at

    def test_that_is_forgotten_or_gone_gets_no_slot(self, ledger):
        job = claim(ledger)
        ledger.forget(job)
        assert ledger.turns.hand_out_slots("p", 5, "me") == []

    def test_is_known_under_what_earlier_recipes_called_the_request(self, ledger):
        old = queued(ledger, "v1:a")
        assert claim(ledger, "v2:a", also=("v1:a",)).job_id == old.job_id
        assert claim(ledger, "v2:a").job_id == old.job_id
        assert claim(ledger, "v1:a").job_id != old.job_id

    def test_that_is_made_again_has_the_key_that_went_out_first(self, ledger):
        first = claim(ledger)
        ledger.forget(first)
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
        again = ledger.claim(
            request, fingerprint="v2:a", profile="p", place=SERVER, owner="me", destination=Destination(Path("out")),
            idempotency_key=first.idempotency_key,
        )  # fmt: skip
        assert (again.job_id != first.job_id, again.idempotency_key) == (True, first.idempotency_key)


class TestTakingOver:
    def test_fails_when_the_row_has_moved_on(self, ledger, store):
        job = sent(ledger)
        ledger.record_unknown(job.job_id, "lost", owner="me")
        store.kill("me")
        assert not ledger.take_over(job, owner="heir")

    def test_fails_when_the_row_is_another_s(self, ledger, store):
        job = claim(ledger, owner="dead")
        store.kill("dead")
        assert ledger.take_over(job, owner="heir")
        assert not ledger.take_over(job, owner="late")


class TestTheRemoteId:
    def test_is_kept_by_a_row_that_was_taken_over_while_the_answer_was_under_way(self, ledger, store):
        job = sent(ledger)
        store.kill("me")
        ledger.take_over(job, owner="heir")
        ledger.record_unknown(job.job_id, "the process stopped", owner="heir")
        with pytest.raises(JobChanged, match="is kept"):
            ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner="me")
        row = ledger.get(job.job_id)
        assert (row.state, row.remote_id, row.owner) == (QUEUED, "video_1", "heir")

    @pytest.mark.parametrize("state", [FAILED, FORGOTTEN])
    def test_is_kept_by_a_row_that_is_over_and_does_not_bring_it_back(self, ledger, state):
        job = sent(ledger)
        over = {FAILED: lambda: ledger.record_over(job.job_id, FAILED, "no", "NotAccepted", owner="me"),
                FORGOTTEN: lambda: ledger.forget(job)}  # fmt: skip
        over[state]()
        with pytest.raises(JobChanged):
            ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner="me")
        row = ledger.get(job.job_id)
        assert (row.state, row.remote_id) == (state, "video_1")

    def test_that_a_row_has_is_not_written_over(self, ledger):
        job = queued(ledger)
        with pytest.raises(JobChanged, match="video_2"):
            ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_2"), owner="me")
        assert ledger.get(job.job_id).remote_id == "video_1"

    def test_of_another_row_is_never_taken(self, ledger):
        other, job = queued(ledger), sent(ledger, "v2:b")
        with pytest.raises(RemoteIdTaken, match=other.job_id):
            ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner="me")
        assert ledger.get(job.job_id) == job

    def test_may_be_the_same_at_two_servers(self, ledger):
        queued(ledger)
        elsewhere = queued(ledger, "v2:b", place=Place("openai", "https://other.example:443"))
        assert elsewhere.remote_id == "video_1"

    def test_goes_to_one_of_the_look_ups_that_find_it_at_once(self, ledger, store):
        jobs = [sent(ledger, f"v2:{number}") for number in range(4)]
        for job in jobs:
            ledger.record_unknown(job.job_id, "lost", owner="me")
        ledgers = [store.open() for _ in jobs]
        start = threading.Barrier(4, timeout=30)

        def look_up(number: int) -> bool:
            start.wait()
            try:
                ledgers[number].record_submitted(jobs[number].job_id, Snapshot(State.QUEUED, "video_1"), owner="me")
            except RemoteIdTaken:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(look_up, range(4))) == 1
        assert sorted(ledger.get(job.job_id).state for job in jobs) == [QUEUED, UNKNOWN, UNKNOWN, UNKNOWN]

    def test_of_a_job_that_was_only_collected_by_hand_may_be_a_lost_one_s(self, ledger):
        ledger.adopt_remote(profile="p", place=SERVER, remote_id="video_1", destination=Destination(Path("out")))
        job = sent(ledger)
        assert ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, "video_1"), owner="me").state == QUEUED

    def test_that_the_user_names_can_be_corrected(self, ledger):
        job = sent(ledger)
        ledger.record_unknown(job.job_id, "lost", owner="me")
        assert ledger.name_remote(job.job_id, "vidoe_1").state == QUEUED
        ledger.record_missing(job.job_id, "404", owner="me")
        row = ledger.name_remote(job.job_id, "video_1")
        assert (row.state, row.remote_id, row.error) == (QUEUED, "video_1", None)

    def test_that_the_user_names_is_not_another_job_s(self, ledger):
        queued(ledger)
        job = sent(ledger, "v2:b")
        ledger.record_unknown(job.job_id, "lost", owner="me")
        with pytest.raises(RemoteIdTaken):
            ledger.name_remote(job.job_id, "video_1")

    @pytest.mark.parametrize("state", OVER)
    def test_that_the_user_names_lets_a_job_go_on_that_is_over(self, ledger, state, in_state):
        job = in_state(state)
        claim(ledger)
        named = ledger.name_remote(job.job_id, "video_2")
        assert (named.state, named.remote_id) == (QUEUED, "video_2")

    @pytest.mark.parametrize("state", [SUBMITTING, DELIVERED])
    def test_is_not_named_by_the_user_where_it_is_beyond_doubt(self, ledger, state, in_state):
        with pytest.raises(JobChanged):
            ledger.name_remote(in_state(state).job_id, "video_1")


class TestAMissingJob:
    def test_is_live_and_keeps_its_claim(self, ledger):
        job = queued(ledger)
        row = ledger.record_missing(job.job_id, "the server does not know it", owner="me")
        assert (row.state, row.error_kind, row.over) == (MISSING, "JobNotFound", False)
        assert claim(ledger).job_id == job.job_id
        assert job.job_id in {each.job_id for each in ledger.unfinished()}

    def test_is_what_it_was_when_the_server_knows_it_again(self, ledger):
        job = queued(ledger)
        ledger.record_missing(job.job_id, "404", owner="me")
        row = ledger.record_snapshot(job.job_id, Snapshot(State.RUNNING, "video_1"), owner="me")
        assert (row.state, row.error) == (RUNNING, None)


class TestAFailureThatNobodySaw:
    def test_waits_in_the_row_until_one_is_told(self, ledger, store):
        job = queued(ledger)
        ledger.record_over(job.job_id, FAILED, "out of memory", "JobFailed", owner="me")
        later = store.open()
        untold = later.untold("v2:a")
        assert untold
        assert (untold.job_id, untold.error, untold.error_kind) == (job.job_id, "out of memory", "JobFailed")
        assert [later.mark_told(job.job_id), ledger.mark_told(job.job_id)] == [True, False]
        assert later.untold("v2:a") is None

    def test_is_none_when_nothing_had_left(self, ledger):
        ledger.record_over(claim(ledger).job_id, FAILED, "refused", "RequestRejected", owner="me")
        assert ledger.untold("v2:a") is None

    def test_is_none_when_the_user_ended_it(self, ledger):
        ledger.record_over(queued(ledger).job_id, CANCELED, "by the user", "JobCanceled", owner=ANYONE)
        assert ledger.untold("v2:a") is None


class TestAJobThatIsOver:
    @pytest.mark.parametrize("state", OVER)
    def test_goes_on_when_its_server_knows_it_after_all(self, ledger, state, in_state):
        job = in_state(state)
        assert ledger.reopen(job.job_id).state == QUEUED
        assert claim(ledger).job_id == job.job_id

    @pytest.mark.parametrize("state", OVER)
    def test_goes_on_beside_the_one_that_was_paid_since(self, ledger, state, in_state):
        job = in_state(state)
        paid_since = claim(ledger)
        reopened = ledger.reopen(job.job_id)
        assert (reopened.state, reopened.remote_id) == (QUEUED, "video_1")
        assert claim(ledger).job_id == paid_since.job_id

    def test_goes_on_in_the_place_of_a_claim_that_was_not_sent(self, ledger, in_state):
        job = in_state(FAILED)
        fresh = claim(ledger)
        ledger.reopen(job.job_id, instead_of=fresh.job_id)
        assert ledger.peek(fresh.job_id) is None
        assert claim(ledger).job_id == job.job_id

    def test_never_drops_a_claim_that_was_sent(self, ledger, in_state):
        job = in_state(FAILED)
        paid = sent(ledger)
        ledger.reopen(job.job_id, instead_of=paid.job_id)
        assert ledger.get(paid.job_id) == paid

    def test_and_has_no_remote_id_cannot_go_on(self, ledger):
        job = claim(ledger)
        ledger.record_over(job.job_id, FAILED, "refused", "RequestRejected", owner="me")
        with pytest.raises(JobChanged):
            ledger.reopen(job.job_id)


class TestTheFile:
    def test_may_go_elsewhere_until_it_is_delivered(self, ledger):
        job = queued(ledger)
        ledger.record_plan(job.job_id, Path("full/a.mp4"), "abc", 1, owner="me")
        row = ledger.record_destination(job.job_id, Destination(Path("disk"), "b", Path("disk/b.mp4")), owner="me")
        assert (row.folder, row.stem, row.exact_path) == ("disk", "b", str(Path("disk/b.mp4")))
        assert (row.planned_path, row.planned_sha256) == (None, None)

    def test_that_is_away_keeps_its_path_and_hash_while_another_is_planned(self, ledger):
        job = queued(ledger)
        ledger.record_plan(job.job_id, Path("a.mp4"), "old", 1, owner="me")
        ledger.record_delivered(job.job_id, width=1, height=1, fps=1.0, duration=1.0, owner="me")
        away = ledger.undeliver(job.job_id)
        ledger.take_over(away, owner="me")
        row = ledger.record_plan(job.job_id, Path("b.mp4"), "new", 2, owner="me")
        assert (row.path, row.sha256, row.bytes) == ("a.mp4", "old", 1)
        done = ledger.record_delivered(job.job_id, width=1, height=1, fps=1.0, duration=1.0, owner="me")
        assert (done.path, done.sha256, done.bytes) == ("b.mp4", "new", 2)


class TestARowKnowsWhereItWasMade:
    def test_from_its_claim_on(self, ledger):
        assert claim(ledger).place == SERVER

    def test_when_it_was_adopted_too(self, ledger):
        job = ledger.adopt_remote(profile="p", place=SERVER, remote_id="far", destination=Destination(Path("out")))
        assert job.place == SERVER

    def test_and_another_place_by_the_user_s_word(self, ledger):
        job = queued(ledger, place=Place("openai"))
        elsewhere = Place("newapi", "https://other.example:443", "x")
        moved = ledger.rehome(job.job_id, profile="q", place=elsewhere)
        assert (moved.place, moved.profile) == (elsewhere, "q")

    def test_but_not_the_place_of_another_job_of_that_id(self, ledger):
        queued(ledger)
        job = queued(ledger, "v2:b", place=Place("openai"))
        with pytest.raises(RemoteIdTaken):
            ledger.rehome(job.job_id, profile="p", place=SERVER)

    def test_and_which_are_open_elsewhere(self, ledger):
        here = queued(ledger)
        gone = queued(ledger, "v2:b", "video_2", place=replace(SERVER, account="another"))
        queued(ledger, "v2:c", "video_3", place=Place("openai"))  # nobody knows where
        claim(ledger, "v2:d", place=replace(SERVER, origin="https://far.example:443"))  # never sent
        assert [job.job_id for job in ledger.open_elsewhere("p", SERVER)] == [gone.job_id]
        assert here.job_id not in {job.job_id for job in ledger.open_elsewhere("p", SERVER)}

    def test_by_an_account_that_is_told_apart_and_not_told(self, ledger, store):
        key = Secret("sk-very-secret-key")
        later = store.open()
        assert ledger.account(key) == later.account(key) != ledger.account(Secret("sk-another"))
        assert key.reveal() not in ledger.account(key)
        assert ledger.account(Secret("")) == ""

    def test_by_a_hash_that_means_nothing_in_another_ledger(self, ledger, tmp_path, store):
        other = type(store)(tmp_path / "other")
        assert other.open().account(Secret("sk")) != ledger.account(Secret("sk"))
        other.close()


def test_what_a_server_said_instead_of_an_id_stays_in_the_row(ledger):
    job = sent(ledger)
    ledger.record_unknown(job.job_id, "no id", owner="me", answer='{"任务ID": "7"}')
    assert ledger.record_unknown(job.job_id, "not on the list", owner="me").answer == '{"任务ID": "7"}'


class TestSeveralOutputs:
    SIGNED = "https://cdn.example/c.mp4?X-Amz-Signature=0123456789abcdef0123456789abcdef"

    def test_are_on_record_with_the_answer_that_names_them_and_none_is_taken_back(self, ledger):
        job = queued(ledger)
        ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, further=("https://x/b.mp4", "")), owner="me")
        ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, further=("https://x/new.mp4",)), owner="me")
        assert [(each.number, each.url, each.path) for each in ledger.outputs.of(job.job_id)] == [
            (1, "https://x/new.mp4", None),
            (2, "", None),
        ]
        assert ledger.outputs.paths(job.job_id) == []

    def test_of_an_answer_at_once_too(self, ledger):
        job = sent(ledger)
        ledger.record_submitted(job.job_id, Snapshot(State.SUCCEEDED, "video_1", further=("", "")), owner="me")
        assert len(ledger.outputs.of(job.job_id)) == 2

    def test_a_place_stays_when_the_link_is_told_anew_and_a_signed_link_goes_with_the_delivery(self, ledger):
        job = queued(ledger)
        for _ in range(2):
            ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, further=(self.SIGNED,)), owner="me")
            ledger.record_output(job.job_id, 1, Path("c.mp4"), "abc", 3, owner="me")
        ledger.record_plan(job.job_id, Path("a.mp4"), "abc", 1, owner="me")
        ledger.record_delivered(job.job_id, width=1, height=1, fps=1, duration=1, owner="me")
        (output,) = ledger.outputs.of(job.job_id)
        assert (output.url, output.path, output.sha256, output.bytes) == ("", "c.mp4", "abc", 3)
        assert ledger.outputs.paths(job.job_id) == [Path("c.mp4")]
        assert [each.files for each in ledger.pages.page(9)] == [2]

    def test_only_those_that_are_delivered_count(self, ledger):
        job = queued(ledger)
        ledger.record_snapshot(job.job_id, Snapshot(State.SUCCEEDED, further=("", "")), owner="me")
        ledger.record_output(job.job_id, 1, Path("b.mp4"), "abc", 3, owner="me")
        assert ledger.pages.one(job.job_id).files == 0
        ledger.record_plan(job.job_id, Path("a.mp4"), "abc", 1, owner="me")
        ledger.record_delivered(job.job_id, width=1, height=1, fps=1, duration=1, owner="me")
        assert ledger.pages.one(job.job_id).files == 2
