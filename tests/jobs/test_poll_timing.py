"""When to ask again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_core.jobs.poll_timing import LONGEST_SECONDS, SPARSE_SECONDS, Rhythm, expected_seconds

seconds = st.floats(0, 1e5)


def polls(rhythm: Rhythm, until: float) -> list[float]:
    times, elapsed = [], 0.0
    while elapsed < until:
        elapsed += rhythm.delay(elapsed)
        times.append(elapsed)
    return times


class TestWithoutHistory:
    def test_it_begins_at_the_profile_s_interval_and_slows_down(self):
        rhythm = Rhythm(2.0)
        delays = [rhythm.delay(elapsed) for elapsed in (0, 60, 600, 6000)]
        assert delays[0] == 2.0
        assert delays == sorted(delays)
        assert delays[-1] == SPARSE_SECONDS

    def test_a_slow_profile_stays_as_slow_as_it_says(self):
        assert Rhythm(45.0).delay(0) == 45.0
        assert Rhythm(45.0).delay(6000) == 45.0


class TestWithHistory:
    def test_it_asks_rarely_before_the_expected_end_and_often_around_it(self):
        times = polls(Rhythm(2.0, 120.0), 140)
        before = [time for time in times if time < 0.8 * 120]
        around = [time for time in times if 0.9 * 120 <= time <= 1.1 * 120]
        assert len(before) <= 12
        assert len(around) >= 10

    def test_it_is_cheaper_than_asking_at_the_same_interval(self):
        assert len(polls(Rhythm(2.0, 300.0), 300)) < 300 / 2.0 / 2

    def test_the_end_is_noticed_within_two_intervals(self):
        times = polls(Rhythm(2.0, 100.0), 110)
        assert min(time - 100 for time in times if time >= 100) <= 4.0

    def test_a_job_that_is_overdue_is_asked_for_less_and_less(self):
        rhythm = Rhythm(2.0, 100.0)
        assert rhythm.delay(120) == 2.0
        assert 2.0 < rhythm.delay(400) <= rhythm.delay(4000) == SPARSE_SECONDS


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
        rhythm = Rhythm(2.0)
        assert [rhythm.delay(0, failures=count) for count in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]

    def test_of_a_fast_profile_wait_a_second_at_least(self):
        assert Rhythm(0.1).delay(0, failures=1) == 1.0


class TestWhatIsLeft:
    def test_is_what_history_says(self):
        assert Rhythm(2.0, 100.0).remaining(30.0) == 70.0

    def test_is_reckoned_from_the_percentage_otherwise(self):
        assert Rhythm(2.0).remaining(30.0, 25.0) == 90.0
        assert Rhythm(2.0, 100.0).remaining(120.0, 80.0) == 30.0

    @pytest.mark.parametrize("percent", [None, 0.0, 1.0, 100.0])
    def test_is_not_known_without_either(self, percent):
        assert Rhythm(2.0).remaining(30.0, percent) is None


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    base=st.floats(0.05, 600),
    expected=st.none() | st.floats(0.01, 1e5),
    elapsed=seconds,
    hint=st.none() | seconds,
    failures=st.integers(0, 50),
)
def test_every_wait_is_above_zero_and_bounded(base, expected, elapsed, hint, failures):
    delay = Rhythm(base, expected).delay(elapsed, hint=hint, failures=failures)
    assert 0 < delay <= max(base, 2 * LONGEST_SECONDS)


def test_the_usual_length_is_the_median():
    assert expected_seconds([]) is None
    assert expected_seconds([30.0]) == 30.0
    assert expected_seconds([30.0, 40.0, 5000.0]) == 40.0
