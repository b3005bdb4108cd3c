"""A job's way through time, without any of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sora_core.gateway import books
from sora_core.gateway.books import BookedJob, Books, Fate, Order
from sora_core.gateway.studio import Render
from sora_core.models import State

ORDER = Order("openai", "x", "sora-2", seconds=10, width=64, height=64)


class ManualClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return 1_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def enter(book: Books, *, drawn: bool = True, fate: Fate | None = None) -> BookedJob:
    render = Render("d", Path("d.mp4"), done_at=1_000_000.0 if drawn else None)
    return book.enter(ORDER, render=None if fate else render, fate=fate)


@pytest.mark.parametrize(
    ("speed", "at", "state", "percent", "poll_after"),
    [
        (1, 0.0, State.QUEUED, 0, 1.0),
        (1, 0.99, State.QUEUED, 0, 1.0),
        (1, 1.0, State.RUNNING, 0, 1.0),
        (1, 6.0, State.RUNNING, 50, 1.0),
        (1, 10.75, State.RUNNING, 97, 0.25),
        (1, 10.99, State.RUNNING, 99, 0.05),
        (1, 11.0, State.SUCCEEDED, 100, None),
        (10, 0.6, State.RUNNING, 50, 0.1),
        (10, 1.1, State.SUCCEEDED, 100, None),
        (50, 0.1, State.RUNNING, 40, 0.05),
    ],
)
def test_a_drawn_job_follows_the_time(
    clock: ManualClock, speed: float, at: float, state: State, percent: int, poll_after: float | None
) -> None:
    book = Books(clock, speed)
    job = enter(book)
    clock.seconds = at
    progress = book.progress(job)
    assert (progress.state, progress.percent) == (state, percent)
    assert progress.poll_after == (None if poll_after is None else pytest.approx(poll_after))


def test_the_end_waits_for_the_render(clock: ManualClock) -> None:
    book = Books(clock, 1)
    job = enter(book, drawn=False)
    clock.seconds = 500
    late = book.progress(job)
    assert (late.state, late.percent, late.poll_after) == (State.RUNNING, 99, 0.2)
    assert job.render is not None
    job.render.done_at = clock.now()
    ended = book.progress(job)
    assert (ended.state, ended.completed_at, ended.expires_at) == (State.SUCCEEDED, 1_000_500, 1_086_900)


def test_an_early_render_does_not_end_the_job_early(clock: ManualClock) -> None:
    book = Books(clock, 1)
    job = enter(book)
    clock.seconds = 40
    assert book.progress(job).completed_at == 1_000_011


def test_a_render_that_fails_fails_the_job(clock: ManualClock) -> None:
    book = Books(clock, 1)
    job = enter(book, drawn=False)
    assert job.render is not None
    job.render.error = "no codec"
    clock.seconds = 2
    progress = book.progress(job)
    assert (progress.state, progress.code, progress.message) == (State.FAILED, "render_failed", "no codec")


@pytest.mark.parametrize(("fate", "state"), [(Fate(), State.RUNNING), (Fate("bad", "Bad."), State.FAILED)])
def test_a_fate_shows_at_the_end_only(clock: ManualClock, fate: Fate, state: State) -> None:
    book = Books(clock, 1)
    job = enter(book, fate=fate)
    clock.seconds = 10.9
    assert book.progress(job).state is State.RUNNING
    clock.seconds = 11
    progress = book.progress(job)
    assert (progress.state, progress.code, progress.message) == (state, fate.code, fate.message)


def test_a_deleted_job_is_canceled_but_stays_charged(clock: ManualClock) -> None:
    book = Books(clock, 1)
    job = enter(book)
    job.deleted = True
    assert book.find(job.id) is None
    assert book.newest_first("openai") == []
    stats = book.stats()
    assert (stats["charges"], stats["jobs"][0]["status"], book.usage_cents) == (1, "canceled", 100)


def test_the_queue_is_counted_from_its_head(clock: ManualClock) -> None:
    book = Books(clock, 1)
    jobs = [enter(book) for _ in range(3)]
    assert [book.queue_position(job) for job in jobs] == [0, 1, 2]
    jobs[0].deleted = True
    assert book.queue_position(jobs[2]) == 1


def test_old_jobs_leave_the_books_and_running_ones_stay(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MAX_JOBS", 2)
    book = Books(clock, 1)
    running = enter(book, fate=Fate())
    ended = enter(book)
    clock.seconds = 20
    fresh = [enter(book), enter(book)]
    assert list(book.oldest_superfluous()) == [ended]
    assert [job.id for job in book.newest_first("openai")] == [fresh[1].id, fresh[0].id, running.id]
    assert book.charges == 4
