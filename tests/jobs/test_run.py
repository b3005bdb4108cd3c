"""One job's run, answer by answer: what is recorded, what is paid, and what is said of it. No network, no waiting."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from _heart import DONE, HERE, QUEUED, REQUEST, Heart, Scripted

from sora_core import errors
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import ANYONE, Job
from sora_core.models import Destination, Failure, Snapshot, State

LOST = errors.SubmissionUnknown("the connection broke")
NOT_FOUND = errors.JobNotFound("Video not found")
FAILED = Snapshot(State.FAILED, "r1", failure=Failure("a review said no", "moderation_blocked"))


@pytest.fixture
def heart(tmp_path: Path) -> Iterator[Heart]:
    heart = Heart(tmp_path)
    yield heart
    heart.close()


def _out(heart: Heart) -> Destination:
    return Destination(heart.folder / "out")


async def error_of(heart: Heart, **how: object) -> errors.SoraError:
    with pytest.raises(errors.SoraError) as caught:
        await heart.make(**how)
    return caught.value


async def test_a_job_is_paid_once_and_its_result_is_there_for_good(heart):
    heart.server.reads = [QUEUED, Snapshot(State.RUNNING, "r1", progress=40), DONE]
    first, second = await heart.make(), await heart.make()
    assert (first.state, first.result) == ("delivered", '{"prompt": "a better cat"}')
    assert first.job_id == second.job_id
    assert len(heart.server.keys) == 1


async def test_two_who_want_the_same_join_one_run(heart):
    one, two = await asyncio.gather(heart.make(), heart.make())
    assert one == two
    assert len(heart.server.keys) == 1


async def test_the_first_of_many_is_sent_while_the_others_are_being_claimed(heart, monkeypatch):
    order: list[str] = []
    claim = heart.ledger.claim

    def claimed(*arguments: object, **named: object) -> Job:
        order.append("claimed")
        return claim(*arguments, **named)

    def taken() -> Snapshot:
        order.append("taken")
        return Snapshot(State.QUEUED, f"r{len(order)}")

    monkeypatch.setattr(heart.ledger, "claim", claimed)
    heart.server.answers, heart.server.reads = [taken], [replace(DONE, remote_id="")]
    many = [heart.make(replace(REQUEST, prompt=f"{number}"), prints=(f"v2:{number}",)) for number in range(40)]
    await asyncio.gather(*many)
    assert order.count("taken") == 40
    assert order.index("taken") < 20


class TestTheMarkOfWhatIsSent:
    @staticmethod
    @contextlib.contextmanager
    def another_writer(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Event]:
        """Another process writes from the moment at which the mark is due, which is told, until this is over."""
        due, loop, mark = asyncio.Event(), asyncio.get_running_loop(), heart.ledger.mark_sent
        other = sqlite3.connect(heart.folder / "jobs.sqlite", isolation_level=None, check_same_thread=False)

        def marked(*args: Any, **kwargs: Any) -> Job:
            other.execute("BEGIN IMMEDIATE")
            loop.call_soon_threadsafe(due.set)
            return mark(*args, **kwargs)

        monkeypatch.setattr(heart.ledger, "mark_sent", marked)
        try:
            yield due
        finally:
            other.execute("ROLLBACK")
            other.close()

    async def test_is_waited_for_and_nothing_else_waits_with_it(self, heart, monkeypatch):
        with self.another_writer(heart, monkeypatch) as due:
            making = asyncio.ensure_future(heart.make())
            await asyncio.wait_for(due.wait(), 5)
            await asyncio.sleep(0.05)  # the loop goes on
            assert heart.server.keys == []
        assert (await making).state == "delivered"

    async def test_comes_before_an_interrupt_and_then_the_job_goes_on(self, heart, monkeypatch):
        with self.another_writer(heart, monkeypatch) as due:
            making = asyncio.ensure_future(heart.make())
            await asyncio.wait_for(due.wait(), 5)
            making.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await making
        assert (await heart.make()).state == "delivered"
        assert len(heart.server.keys) == 1

    async def test_that_cannot_be_made_after_an_interrupt_leaves_nothing(self, heart, monkeypatch):
        started, release = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def full(*args: Any, **kwargs: Any) -> Job:
            loop.call_soon_threadsafe(started.set)
            release.wait(5)
            raise errors.StorageError("said", said="the disk is full")

        monkeypatch.setattr(heart.ledger, "mark_sent", full)
        making = asyncio.ensure_future(heart.make())
        await asyncio.wait_for(started.wait(), 5)
        making.cancel()
        await asyncio.sleep(0)
        release.set()
        await asyncio.wait([making])
        await asyncio.sleep(0.1)
        assert heart.server.keys == []
        assert not any(job.sent_at for job in heart.ledger.jobs())


class TestALostAnswer:
    async def test_is_unknown_and_never_sent_again_by_itself(self, heart):
        heart.server.answers = [LOST]
        for _ in range(3):
            error = await error_of(heart)
            assert isinstance(error, errors.SubmissionUnknown)
            assert error.money == "unclear"
        assert heart.row.state == "unknown"
        assert len(heart.server.keys) == 1

    async def test_is_quoted_in_the_row_without_keys(self, heart):
        lost = errors.SubmissionUnknown("no job")
        lost.status, lost.body = 504, b'{"message": "job abc runs on", "key": "Bearer sk-abcdefghijkl"}'
        heart.server.answers = [lost]
        error = await error_of(heart)
        assert "job abc runs on" in heart.row.answer
        assert "HTTP 504" in heart.row.answer
        assert "sk-abcdefghijkl" not in heart.row.answer
        assert "job abc runs on" in error.message

    async def test_that_the_user_gives_up_is_sent_again_with_the_same_idempotency_key(self, heart):
        heart.server.answers = [LOST, QUEUED]
        await error_of(heart)
        heart.ledger.forget(heart.row)
        await heart.make()
        first, second = heart.server.keys
        assert first == second

    async def test_where_jobs_cost_nothing_is_made_anew_at_once_and_once(self, tmp_path):
        heart = Heart(tmp_path, server=Scripted(paid=False))
        heart.server.answers = [LOST, QUEUED]
        assert (await heart.make()).state == "delivered"
        assert len(heart.server.keys) == 2
        heart.server.answers = [LOST]
        error = await error_of(heart, request=replace(REQUEST, prompt="a dog"), prints=("v2:b",))
        assert isinstance(error, errors.SubmissionUnknown)
        assert error.money == ""
        assert len(heart.server.keys) == 4
        heart.close()


class TestARefusal:
    async def test_frees_the_request_and_says_so(self, heart):
        heart.server.answers = [errors.RequestRejected("no"), QUEUED]
        error = await error_of(heart)
        assert error.money == "refused"
        assert heart.row.state == "failed"
        assert (await heart.make()).state == "delivered"

    async def test_of_a_busy_server_is_sent_again_by_the_next_run_with_the_same_key(self, heart):
        heart.server.answers = [errors.RateLimited("busy"), QUEUED]
        await error_of(heart)
        await heart.make()
        assert len(set(heart.server.keys)) == 1
        assert len(heart.server.keys) == 2

    async def test_that_was_explicit_is_another_request_the_next_time(self, heart):
        heart.server.answers = [errors.QuotaExceeded("empty"), QUEUED]
        await error_of(heart)
        await heart.make()
        assert len(set(heart.server.keys)) == 2

    async def test_before_anything_was_sent_says_that_nothing_was(self, heart):
        async def submit(*_: object) -> Snapshot:
            raise errors.NetworkError("no connection")

        heart.server.submit = submit
        assert (await error_of(heart)).money == "nothing_sent"


class TestAServerThatDoesNotKnowTheJob:
    async def test_leaves_it_missing_and_live_and_nothing_is_paid_anew(self, heart):
        heart.server.reads = [NOT_FOUND]
        error = await error_of(heart)
        assert isinstance(error, errors.JobNotFound)
        assert error.money == "missing"
        assert heart.row.state == "missing"
        assert heart.clock.time - heart.row.submitted_at >= 120
        for _ in range(2):
            assert isinstance(await error_of(heart), errors.JobNotFound)
        assert len(heart.server.keys) == 1

    async def test_and_finds_it_again_gives_it_to_the_next_run_for_free(self, heart):
        heart.server.reads = [NOT_FOUND]
        await error_of(heart)
        heart.server.reads = [DONE]
        assert (await heart.make()).state == "delivered"
        assert len(heart.server.keys) == 1

    async def test_is_asked_only_a_moment_when_the_job_was_missing_before(self, heart):
        heart.server.reads = [NOT_FOUND]
        await error_of(heart)
        before, asked = heart.clock.time, len(heart.server.asked)
        await error_of(heart)
        assert len(heart.server.asked) - asked == 2
        assert heart.clock.time - before < 60

    async def test_and_costs_nothing_has_it_made_anew(self, tmp_path):
        heart = Heart(tmp_path, server=Scripted(paid=False))
        heart.server.answers = [QUEUED, replace(QUEUED, remote_id="r2")]
        heart.server.reads = [
            NOT_FOUND,
            NOT_FOUND,
            NOT_FOUND,
            replace(DONE, remote_id="r2"),
        ]  # asked for once more before it is made anew
        assert (await heart.make()).state == "delivered"
        assert len(heart.server.keys) == 2
        heart.close()

    async def test_as_a_gateway_without_the_route_says_nothing_and_is_waited_for(self, heart):
        heart.server.reads = [*[errors.BadResponse("no Route matched")] * 9, DONE]
        assert (await heart.make()).state == "delivered"


class TestAServerThatFailsEveryRead:
    async def test_is_left_after_a_while_and_the_row_stays_live(self, heart):
        heart.server.reads = [errors.ServerError("down")]
        error = await error_of(heart)
        assert isinstance(error, errors.ServerError)
        assert error.money == "paid"
        assert heart.row.state == "queued"
        heart.server.reads = [DONE]
        assert (await heart.make()).state == "delivered"
        assert len(heart.server.keys) == 1


@pytest.mark.parametrize("kind", [errors.AuthError, errors.QuotaExceeded, errors.ChallengePage])
async def test_trouble_with_the_account_while_polling_never_says_that_nothing_was_charged(heart, kind):
    heart.server.reads = [kind("no")]
    error = await error_of(heart)
    assert type(error) is kind
    assert error.money == "paid"
    assert "nothing was charged" not in str(error)
    assert f"`sora-video resume {heart.row.job_id}`" in str(error)
    assert heart.row.state == "queued"


class TestAnIdThatIsAnotherRowS:
    async def test_in_the_answer_to_a_submission_is_not_ours(self, heart):
        await heart.make()
        error = await error_of(heart, request=replace(REQUEST, prompt="a dog"), prints=("v2:b",))
        assert isinstance(error, errors.SubmissionUnknown)
        assert heart.row.state == "unknown"
        assert heart.row.remote_id is None
        assert len(heart.server.keys) == 2

    async def test_in_the_answer_to_a_poll_is_not_about_ours(self, heart):
        await heart.make()
        heart.server.answers = [Snapshot(State.QUEUED, "r2")]
        other = Snapshot(State.FAILED, "r1", failure=Failure("not ours"))
        heart.server.reads = [other, replace(DONE, remote_id="r1"), replace(DONE, remote_id="r2")]
        done = await heart.make(replace(REQUEST, prompt="a dog"), prints=("v2:b",))
        assert done.remote_id == "r2"
        assert heart.server.asked[-3:] == ["r2", "r2", "r2"]


class TestAFailureThatNobodySaw:
    async def fail_unseen(self, heart: Heart) -> None:
        heart.server.reads = [FAILED]
        job = heart.ledger.claim(
            REQUEST, fingerprint="v2:a", profile="p", place=HERE, owner="dead", destination=_out(heart)
        )
        heart.ledger.mark_sent(job.job_id, owner="dead")
        job = heart.ledger.record_submitted(job.job_id, QUEUED, owner="dead")
        with pytest.raises(errors.SoraError):
            await heart.jobs.join(
                [job.fingerprint], heart.connection, lambda run: run.resume(job), lambda told: None, unseen=True
            )

    async def test_is_told_once_by_the_next_process_before_it_pays(self, heart):
        await self.fail_unseen(heart)
        later = heart.again()
        later.server.answers = [replace(QUEUED, remote_id="r2")]
        later.server.reads = [FAILED, replace(DONE, remote_id="r2")]
        error = await error_of(later)
        assert isinstance(error, errors.JobFailed)
        assert "a review said no" in error.message
        assert error.money == "failed"
        assert later.server.keys == []
        assert (await later.make()).state == "delivered"
        assert len(later.server.keys) == 1
        later.close()


class TestBeforeARequestIsPaidAnew:
    async def end(self, heart: Heart, state: str) -> Job:
        """An earlier job of the request that has an id and is over, whoever said so."""
        heart.server.reads = [errors.AuthError("stop here")]
        await error_of(heart)
        if state == "forgotten":
            heart.ledger.forget(heart.row)
        else:
            heart.ledger.record_over(heart.row.job_id, state, "whoever said so", "JobNotFound", owner=ANYONE)
        heart.server.asked.clear()
        return heart.row

    @pytest.mark.parametrize("state", ["failed", "canceled", "forgotten"])
    async def test_every_earlier_job_is_asked_for_once_and_collected_if_it_is_there(self, heart, state):
        earlier = await self.end(heart, state)
        heart.server.reads = [DONE]
        assert (await heart.make()).job_id == earlier.job_id
        assert len(heart.server.keys) == 1

    @pytest.mark.parametrize("told", [NOT_FOUND, FAILED, errors.ServerError("down")])
    async def test_one_that_is_not_there_is_left_and_asked_for_no_more_than_once(self, heart, told):
        earlier = await self.end(heart, "failed")
        heart.server.answers = [Snapshot(State.QUEUED, "r2")]
        heart.server.reads = [told, replace(DONE, remote_id="r2")]
        assert (await heart.make()).job_id != earlier.job_id
        assert heart.server.asked == ["r1", "r2"]
        assert len(heart.server.keys) == 2

    async def test_one_that_the_user_forgot_because_it_never_ends_is_not_waited_for(self, heart):
        earlier = await self.end(heart, "forgotten")
        heart.server.answers = [Snapshot(State.QUEUED, "r2")]
        heart.server.reads = [QUEUED, replace(DONE, remote_id="r2")]
        assert (await heart.make()).job_id != earlier.job_id

    async def test_one_that_was_delivered_and_forgotten_is_made_anew_as_the_user_wants(self, heart):
        earlier = await heart.make()
        heart.ledger.forget(heart.row)
        heart.server.answers = [Snapshot(State.QUEUED, "r2")]
        heart.server.reads = [replace(DONE, remote_id="r2")]
        assert (await heart.make()).job_id != earlier.job_id
        assert heart.server.asked[-1] == "r2"


class TestAClaimThatIsGone:
    async def test_because_it_was_forgotten_while_it_waited_for_a_slot_is_not_sent(self, tmp_path):
        heart = Heart(tmp_path, server=Scripted(max_jobs=1))
        heart.server.reads = [QUEUED]
        running = asyncio.create_task(heart.make(replace(REQUEST, prompt="first"), prints=("v2:first",)))
        while not heart.server.keys:
            await asyncio.sleep(0)
        waiting = asyncio.create_task(heart.make())
        while "waiting for a free slot" not in {told.stage for told in heart.told}:
            await asyncio.sleep(0)
        (row,) = (job for job in heart.ledger.jobs() if job.fingerprint == "v2:a")
        heart.ledger.forget(row)
        with pytest.raises(errors.JobFailed, match="forgotten") as caught:
            await waiting
        assert caught.value.money == "nothing_sent"
        assert len(heart.server.keys) == 1
        running.cancel()
        await heart.jobs.aclose()
        heart.close()

    async def test_because_another_host_took_it_is_not_sent(self, heart):
        """Two hosts whose clocks and leases do not agree: each thinks that the other is dead."""
        sent, others = heart.server.submit, Ledger(heart.folder, heart.clock)
        others.owner  # noqa: B018 (begins its lease)

        async def submit(http: object, request: object, attempt: object) -> Snapshot:
            with sqlite3.connect(heart.ledger.name) as db:
                db.execute("UPDATE jobs SET owner = ?", (others.owner.id,))
            return await sent(http, request, attempt)

        heart.server.submit = submit
        task = asyncio.create_task(heart.make())
        while not any(job.owner == others.owner.id for job in heart.ledger.jobs()):
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert heart.server.keys == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await heart.jobs.aclose()
        others.close()


class TestAJobThatWasMadeElsewhere:
    OTHERS: ClassVar = {
        "another key": replace(HERE, account="account-2"),
        "another address": replace(HERE, origin="https://other.example:443"),
        "another protocol": replace(HERE, provider="newapi"),
    }

    @pytest.mark.parametrize("other", OTHERS)
    @pytest.mark.parametrize("answer", ["unknown", "queued"])
    async def test_is_not_asked_for_delivered_or_ruled_out_here_and_it_is_said_where(self, heart, other, answer):
        heart.server.answers = [LOST] if answer == "unknown" else [QUEUED]
        heart.server.reads = [errors.AuthError("stop here")]
        await error_of(heart)
        asked = len(heart.server.asked)
        heart.place = self.OTHERS[other]
        error = await error_of(heart)
        assert isinstance(error, errors.ProfileError)
        assert "https://relay.example:443" in error.message
        assert error.money == ("unclear" if answer == "unknown" else "paid")
        assert (len(heart.server.keys), len(heart.server.asked)) == (1, asked)
        heart.place, heart.server.reads = HERE, [DONE]
        if answer == "queued":
            assert (await heart.make()).state == "delivered"

    async def test_by_another_protocol_whose_wire_differs_is_not_paid_for_a_second_time(self, heart):
        heart.server.reads = [errors.AuthError("stop here")]
        first = await error_of(heart)
        heart.place = self.OTHERS["another protocol"]
        error = await error_of(heart, prints=("v2:of another wire",))
        assert isinstance(error, errors.ProfileError)
        assert (error.job_id, error.money) == (first.job_id, "paid")
        assert len(heart.server.keys) == 1
        assert len(heart.ledger.jobs()) == 1

    async def test_and_is_delivered_is_given_out(self, heart):
        await heart.make()
        heart.place = self.OTHERS["another key"]
        assert (await heart.make()).state == "delivered"
        assert len(heart.server.keys) == 1

    async def test_and_was_not_sent_yet_is_claimed_anew_for_here(self, heart):
        elsewhere = self.OTHERS["another address"]
        heart.ledger.claim(
            REQUEST, fingerprint="v2:a", profile="p", place=elsewhere, owner="dead", destination=_out(heart)
        )
        done = await heart.make()
        assert done.place == HERE
        assert len(heart.server.keys) == 1


async def test_a_request_of_an_earlier_recipe_keeps_its_job(heart):
    made = await heart.make(prints=("v1:old",))
    again = await heart.make(prints=("v2:new", "v1:old"))
    assert again.job_id == made.job_id
    assert again.fingerprint == "v2:new"
    heart.server.answers, heart.server.reads = [replace(QUEUED, remote_id="r2")], [replace(DONE, remote_id="r2")]
    await heart.make(prints=("v2:other", "v1:old"))  # the wire has changed since
    assert len(heart.server.keys) == 2
