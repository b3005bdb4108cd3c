"""What the user says about a job on record: the server is asked before anything is written, and believed after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _heart import DONE, HERE, QUEUED, REQUEST, Heart

from sora_core import errors
from sora_core.jobs import by_hand
from sora_core.ledger.row import ANYONE, Job
from sora_core.models import Failure, Snapshot, State

NOT_FOUND = errors.JobNotFound("Video not found")
RUNNING = Snapshot(State.RUNNING, "r1")
CANCELED = Snapshot(State.CANCELED, "r1")
FAILED = Snapshot(State.FAILED, "r1", failure=Failure("the model fell over"))


@pytest.fixture
def heart(tmp_path: Path) -> Iterator[Heart]:
    heart = Heart(tmp_path)
    yield heart
    heart.close()


async def submitted(heart: Heart) -> Job:
    """A job that is followed by nobody."""
    heart.server.reads = [errors.AuthError("stop here")]
    with pytest.raises(errors.AuthError):
        await heart.make()
    heart.server.asked.clear()
    return heart.row


async def lost(heart: Heart) -> Job:
    heart.server.answers = [errors.SubmissionUnknown("lost")]
    with pytest.raises(errors.SubmissionUnknown):
        await heart.make()
    return heart.row


class TestCanceling:
    async def cancel(self, heart: Heart, *reads: object) -> Job:
        heart.server.reads = list(reads)
        return await by_hand.canceled(heart.row, heart.connection, heart.ledger)

    async def test_is_done_when_the_server_s_answer_says_so(self, heart):
        await submitted(heart)
        assert (await self.cancel(heart, RUNNING)).state == "canceled"

    async def test_is_done_when_the_server_says_so_afterwards(self, heart):
        await submitted(heart)
        heart.server.cancels = [False]
        assert (await self.cancel(heart, RUNNING, CANCELED)).state == "canceled"

    async def test_is_done_when_a_job_that_was_there_took_it_and_is_gone(self, heart):
        """vLLM-Omni has no word for it."""
        await submitted(heart)
        heart.server.cancels = [False]
        assert (await self.cancel(heart, RUNNING, NOT_FOUND)).state == "canceled"

    async def test_that_met_404_looks_again_and_says_nothing_of_success(self, heart):
        await submitted(heart)
        heart.server.cancels = [NOT_FOUND]
        with pytest.raises(errors.NotReady, match="still goes on") as caught:
            await self.cancel(heart, RUNNING)
        assert caught.value.money == "paid"
        assert heart.row.state == "queued"

    async def test_that_met_404_before_and_after_leaves_the_job_missing(self, heart):
        await submitted(heart)
        heart.server.cancels = [NOT_FOUND]
        with pytest.raises(errors.JobNotFound) as caught:
            await self.cancel(heart, NOT_FOUND)
        assert caught.value.money == "missing"
        assert heart.row.state == "missing"

    async def test_of_a_job_that_is_done_is_refused_before_it_is_asked_for(self, heart):
        await submitted(heart)
        heart.server.cancels = [AssertionError("it would delete the result")]
        with pytest.raises(errors.InvalidRequest, match="is done"):
            await self.cancel(heart, DONE)
        assert not heart.row.over

    async def test_of_a_job_that_failed_meanwhile_tells_how(self, heart):
        await submitted(heart)
        with pytest.raises(errors.JobFailed, match="fell over") as caught:
            await self.cancel(heart, FAILED)
        assert caught.value.money == "failed"
        assert heart.row.state == "failed"

    async def test_of_a_job_that_nobody_has_an_id_of_says_what_can_be_done(self, heart):
        await lost(heart)
        with pytest.raises(errors.Unsupported, match="no remote id") as caught:
            await self.cancel(heart, RUNNING)
        assert caught.value.money == "unclear"

    async def test_elsewhere_is_refused(self, heart):
        await submitted(heart)
        heart.place = replace(HERE, account="account-2")
        with pytest.raises(errors.ProfileError, match="a different key"):
            await self.cancel(heart, RUNNING)
        assert heart.server.asked == []


class TestTakingUp:
    async def take_up(self, heart: Heart, *reads: object, moved: bool = False) -> Job:
        heart.server.reads = list(reads)
        return await by_hand.taken_up(heart.row, heart.connection, heart.ledger, moved=moved)

    async def over(self, heart: Heart, state: str) -> None:
        await submitted(heart)
        if state == "forgotten":
            heart.ledger.forget(heart.row)
        else:
            heart.ledger.record_over(heart.row.job_id, state, "whoever said so", "JobFailed", owner=ANYONE)

    @pytest.mark.parametrize("state", ["failed", "canceled", "forgotten"])
    @pytest.mark.parametrize("told", [RUNNING, DONE])
    async def test_a_job_that_is_over_here_and_not_at_the_server_goes_on(self, heart, state, told):
        await self.over(heart, state)
        job = await self.take_up(heart, told)
        assert job.state == "queued"
        heart.server.reads = [DONE]
        assert (await heart.resume(job)).state == "delivered"
        assert len(heart.server.keys) == 1

    @pytest.mark.parametrize(("told", "kind"), [(FAILED, errors.JobFailed), (NOT_FOUND, errors.JobNotFound)])
    async def test_a_job_that_is_over_there_too_stays_as_it_is(self, heart, told, kind):
        await self.over(heart, "failed")
        with pytest.raises(kind) as caught:
            await self.take_up(heart, told)
        assert caught.value.money == "failed"
        assert heart.row.error == "whoever said so"

    async def test_a_forgotten_job_goes_on_beside_the_one_that_was_paid_since(self, heart):
        await self.over(heart, "forgotten")
        heart.server.answers = [replace(QUEUED, remote_id="r2")]
        heart.server.reads = [NOT_FOUND, errors.AuthError("stop here")]
        with pytest.raises(errors.AuthError):
            await heart.make()
        forgotten = heart.ledger.jobs()[1]
        heart.server.reads = [DONE]
        job = await by_hand.taken_up(forgotten, heart.connection, heart.ledger, moved=False)
        assert (await heart.resume(job)).remote_id == "r1"
        assert heart.row.remote_id == "r2"
        assert not heart.row.over

    async def test_a_job_of_another_key_is_only_asked_for_on_the_user_s_word(self, heart):
        await submitted(heart)
        heart.place = replace(HERE, account="account-2")
        with pytest.raises(errors.ProfileError, match="a different key"):
            await self.take_up(heart, DONE)
        assert heart.server.asked == []
        job = await self.take_up(heart, DONE, moved=True)
        assert job.place == heart.place
        assert (await heart.resume(job)).state == "delivered"

    async def test_a_word_that_the_server_does_not_confirm_moves_nothing(self, heart):
        await submitted(heart)
        heart.place = replace(HERE, account="account-2")
        with pytest.raises(errors.JobNotFound):
            await self.take_up(heart, NOT_FOUND, moved=True)
        assert heart.row.place == HERE


class TestNaming:
    async def name(self, heart: Heart, remote_id: str, *reads: object) -> Job:
        heart.server.reads = list(reads)
        return await by_hand.named(heart.row, remote_id, heart.connection, heart.ledger)

    async def test_a_lost_submission_records_the_id_and_it_is_collected(self, heart):
        await lost(heart)
        job = await self.name(heart, "r1", RUNNING)
        assert (job.remote_id, job.state) == ("r1", "queued")
        heart.server.reads = [DONE]
        assert (await heart.make()).state == "delivered"

    async def test_with_an_id_that_the_server_does_not_know_records_nothing(self, heart):
        await lost(heart)
        with pytest.raises(errors.InvalidRequest, match="knows no job 'r7'"):
            await self.name(heart, "r7", NOT_FOUND)
        assert (heart.row.state, heart.row.remote_id) == ("unknown", None)

    async def test_while_the_server_cannot_be_asked_records_nothing(self, heart):
        await lost(heart)
        with pytest.raises(errors.ServerError):
            await self.name(heart, "r1", errors.ServerError("down"))
        assert heart.row.remote_id is None

    async def test_again_corrects_an_earlier_word(self, heart):
        await lost(heart)
        await self.name(heart, "r7", RUNNING)
        assert (await self.name(heart, "r1", RUNNING)).remote_id == "r1"

    async def test_with_the_id_of_another_job_is_refused(self, heart):
        await submitted(heart)
        heart.server.answers = [errors.SubmissionUnknown("lost")]
        with pytest.raises(errors.SubmissionUnknown):
            await heart.make(replace(REQUEST, prompt="a dog"), prints=("v2:b",))
        with pytest.raises(errors.InvalidRequest, match="remote id of job"):
            await self.name(heart, "r1", RUNNING)

    @pytest.mark.parametrize("text", ["", "delivered"])
    async def test_of_nothing_or_of_a_delivered_job_is_refused(self, heart, text):
        await heart.make() if text else await lost(heart)
        with pytest.raises(errors.InvalidRequest):
            await self.name(heart, "r2" if text else "", RUNNING)
