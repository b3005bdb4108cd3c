"""When to ask again."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_core.jobs.poll_timing import LONGEST_SECONDS, SPARSE_SECONDS, Expectation, Rhythm

seconds = st.floats(0, 1e5)
RUNS = 150
Delay = Callable[[float, "float | None"], float]


@dataclass(frozen=True)
class Job:
    """One to come: how long it takes in seconds, and the percentage that its server tells at a moment."""

    length: float
    percent: Callable[[float], float | None]

    def polled(self, delay: Delay) -> tuple[int, float]:
        """How many looks it took until its end was seen, and how late that was."""
        elapsed, looks, percent = 0.0, 0, None
        while elapsed < self.length:
            elapsed += delay(elapsed, percent)
            looks += 1
            percent = self.percent(elapsed)
        return looks, elapsed - self.length


def means(jobs: list[Job], delays: list[Delay]) -> tuple[float, float]:
    """Looks and delay a job, in the mean."""
    polled = [job.polled(delay) for job, delay in zip(jobs, delays, strict=True)]
    return statistics.fmean(looks for looks, _ in polled), statistics.fmean(late for _, late in polled)


def every(interval: float) -> Delay:
    return lambda elapsed, percent: interval


def lengths(chance: random.Random, median: float, spread: float, count: int) -> list[float]:
    return [median * math.exp(chance.gauss(0, spread)) for _ in range(count)]


def uneven_percentage(chance: random.Random, length: float) -> Callable[[float], float | None]:
    """Whole numbers; nothing while the job waits in a queue, and faster or slower in the beginning."""
    waits, bend = chance.uniform(0, 0.15) * length, chance.uniform(0.8, 1.25)
    return lambda elapsed: int(100 * min(1.0, max(0.0, (elapsed - waits) / (length - waits))) ** bend)


HEAPS: dict[str, Callable[[random.Random], float]] = {
    "two": lambda chance: chance.gauss(0.5, 0.03) if chance.random() < 0.5 else chance.gauss(1.5, 0.05),
    "three": lambda chance: chance.choice([0.4, 0.8, 1.6]) * math.exp(chance.gauss(0, 0.03)),
    "one, and some that wait in a queue": lambda chance: (
        chance.uniform(1.5, 4) if chance.random() < 0.1 else math.exp(chance.gauss(0, 0.06))
    ),
}


class TestInASimulation:
    """Against pollers of 5 and of 10 seconds: sooner than the one, with fewer requests than the other."""

    @pytest.mark.parametrize("median", [60, 120, 300, 600])
    @pytest.mark.parametrize("spread", [0.05, 0.1, 0.15])  # 0.15: two of three within 15 per cent
    def test_jobs_whose_kind_is_known(self, median, spread):
        chance = random.Random(f"{median} {spread}")
        jobs = [Job(length, lambda elapsed: None) for length in lengths(chance, median, spread, RUNS)]
        rhythms = [Rhythm(5.0, lengths(chance, median, spread, 20)) for _ in jobs]
        self.beats_both(jobs, [lambda elapsed, percent, rhythm=rhythm: rhythm.delay(elapsed) for rhythm in rhythms])

    @pytest.mark.parametrize("median", [60, 120, 300, 600])
    @pytest.mark.parametrize("spread", [0.25, 0.5])
    @pytest.mark.parametrize("known", [0, 20], ids=["the first of its kind", "known kind"])
    def test_jobs_whose_server_tells_how_far_they_are(self, median, spread, known):
        chance = random.Random(f"{median} {spread} {known}")
        jobs = [Job(each, uneven_percentage(chance, each)) for each in lengths(chance, median, spread, RUNS)]
        rhythms = [Rhythm(5.0, lengths(chance, median, spread, known)) for _ in jobs]
        self.beats_both(
            jobs,
            [lambda elapsed, told, rhythm=rhythm: rhythm.delay(elapsed, percent=told) for rhythm in rhythms],
        )

    @pytest.mark.parametrize("median", [60, 120, 300])
    @pytest.mark.parametrize("heaps", HEAPS)
    def test_jobs_that_take_one_of_a_few_lengths(self, median, heaps):
        chance = random.Random(f"{median} {heaps}")
        jobs = [Job(median * HEAPS[heaps](chance), lambda elapsed: None) for _ in range(RUNS)]
        rhythms = [Rhythm(5.0, [median * HEAPS[heaps](chance) for _ in range(20)]) for _ in jobs]
        delays = [lambda elapsed, percent, rhythm=rhythm: rhythm.delay(elapsed) for rhythm in rhythms]
        self.beats_both(jobs, delays, late_by=1.15)  # 20 jobs do not say exactly where the heaps are

    @pytest.mark.parametrize("spread", [0.3, 0.5])
    def test_jobs_that_are_spread_more_widely_cost_less_and_wait_little_longer_than_any_plan_could(self, spread):
        """Of one that knew the very distribution: its looks and its mean delay have at least this product."""
        chance = random.Random(f"{spread}")
        jobs = [Job(length, lambda elapsed: None) for length in lengths(chance, 120, spread, RUNS)]
        rhythms = [Rhythm(5.0, lengths(chance, 120, spread, 20)) for _ in jobs]
        delays = [lambda elapsed, percent, rhythm=rhythm: rhythm.delay(elapsed) for rhythm in rhythms]
        looks, late = means(jobs, delays)
        ten_looks, ten_late = means(jobs, [every(10.0)] * RUNS)
        assert looks < ten_looks
        assert late < 1.2 * ten_late
        assert looks * late < 1.5 * Expectation((math.log(120),), spread).difficulty ** 2 / 2

    def test_a_job_of_which_nothing_is_known_costs_no_more_than_a_ten_second_poller_in_the_end(self):
        """Nothing can find an end that may come at any time sooner than every 5 s with a look every 10 s."""
        chance = random.Random(1)
        jobs = [Job(length, lambda elapsed: None) for length in lengths(chance, 300, 0.5, RUNS)]
        rhythm = Rhythm(5.0)
        looks, late = means(jobs, [lambda elapsed, percent: rhythm.delay(elapsed)] * RUNS)
        ten_looks, ten_late = means(jobs, [every(10.0)] * RUNS)
        assert looks < ten_looks * 1.25
        assert late < ten_late * 1.1

    @staticmethod
    def beats_both(jobs: list[Job], delays: list[Delay], late_by: float = 1.0) -> None:
        looks, late = means(jobs, delays)
        _, five_late = means(jobs, [every(5.0)] * len(jobs))
        ten_looks, _ = means(jobs, [every(10.0)] * len(jobs))
        assert late < late_by * five_late
        assert looks < ten_looks


class TestAnEarlyFinisher:
    @pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
    def test_is_noticed_within_a_third_of_the_usual_time(self, share):
        rhythm = Rhythm(5.0, [60.0] * 20)
        _, late = Job(share * 60, lambda elapsed: None).polled(lambda elapsed, percent: rhythm.delay(elapsed))
        assert late <= 20.0

    def test_is_noticed_soon_near_the_expected_end(self):
        rhythm = Rhythm(5.0, [110.0, 115.0, 120.0, 120.0, 125.0, 130.0])
        for length in range(100, 140):
            _, late = Job(length, lambda elapsed: None).polled(lambda elapsed, percent: rhythm.delay(elapsed))
            assert late <= 6.0


class TestWithoutHistory:
    def test_it_begins_at_the_profile_s_interval_and_slows_down(self):
        rhythm = Rhythm(2.0)
        delays = [rhythm.delay(elapsed) for elapsed in (0, 60, 599, 6000)]
        assert delays[0] == 2.0
        assert delays == sorted(delays)
        assert delays[-1] == SPARSE_SECONDS

    def test_a_slow_profile_is_asked_half_as_often_at_the_most(self):
        assert Rhythm(45.0).delay(0) == 45.0
        assert Rhythm(45.0).delay(6000) == 90.0


class TestWithHistory:
    def test_it_asks_rarely_before_the_expected_end_and_often_around_it(self):
        rhythm = Rhythm(5.0, [120.0] * 20)
        assert rhythm.delay(0) > 20
        assert rhythm.delay(118) <= 5.0

    def test_a_job_that_is_overdue_is_asked_for_less_and_less(self):
        rhythm = Rhythm(2.0, [100.0] * 5)
        delays = [rhythm.delay(elapsed) for elapsed in (150, 250, 400, 4000)]
        assert delays == sorted(delays)
        assert delays[-1] == SPARSE_SECONDS

    def test_one_job_that_was_an_exception_does_not_move_what_is_expected(self):
        assert Rhythm(5.0, [30.0, 40.0, 5000.0]).remaining(0.0) == pytest.approx(40.0)


class TestWhatTheServerSays:
    def test_goes_before_the_plan(self):
        assert Rhythm(2.0).delay(0, hint=7.0) == 7.0
        assert Rhythm(10.0).delay(0, hint=1.0) == 1.0

    def test_is_bounded_both_ways(self):
        assert Rhythm(2.0).delay(0, hint=0.0) > 0
        assert Rhythm(2.0).delay(0, hint=86_400.0) <= 2 * LONGEST_SECONDS

    @pytest.mark.parametrize("failures", [1, 2, 10])
    def test_is_not_undercut_after_a_failure(self, failures):
        assert Rhythm(2.0).delay(0, hint=90.0, failures=failures) >= 90.0


class TestFailures:
    def test_in_a_row_double_the_wait_up_to_a_minute(self):
        rhythm = Rhythm(2.0, chance=lambda: 1.0)
        assert [rhythm.delay(0, failures=count) for count in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]

    def test_of_many_clients_do_not_bring_them_back_in_step(self):
        chance = random.Random(7)
        waits = [Rhythm(2.0, chance=chance.random).delay(0, failures=4) for _ in range(200)]
        assert 8 <= min(waits) < 9 < 15 < max(waits) <= 16
        assert len(set(waits)) == 200

    def test_of_a_fast_profile_wait_half_a_second_at_least(self):
        assert Rhythm(0.1, chance=lambda: 0.0).delay(0, failures=1) == 0.5


class TestWhatIsLeft:
    def test_is_what_history_says(self):
        assert Rhythm(2.0, [100.0]).remaining(30.0) == pytest.approx(70.0)

    def test_is_reckoned_from_the_percentage_otherwise(self):
        assert Rhythm(2.0).remaining(30.0, 25.0) == pytest.approx(90.0)
        assert Rhythm(2.0, [100.0]).remaining(120.0, 80.0) == pytest.approx(30.0)

    @pytest.mark.parametrize("percent", [None, 0.0, 1.0, 100.0])
    def test_is_not_known_without_either(self, percent):
        assert Rhythm(2.0).remaining(30.0, percent) is None


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    base=st.floats(0.05, 600),
    history=st.lists(st.floats(0.01, 1e5), max_size=20),
    elapsed=seconds,
    percent=st.none() | st.floats(0, 100),
    hint=st.none() | seconds,
    failures=st.integers(0, 5000),
)
def test_every_wait_is_above_zero_and_bounded(base, history, elapsed, percent, hint, failures):
    delay = Rhythm(base, history).delay(elapsed, percent=percent, hint=hint, failures=failures)
    assert 0 < delay <= max(2 * base, 2 * LONGEST_SECONDS)
