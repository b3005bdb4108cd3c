"""Whose words are held against which charge."""

from __future__ import annotations

from adversary.books import Charge
from adversary.client import Run
from adversary.stage import spoken_of

RUN = Run(("generate", "a boat"), 4, "", "Job job_1 was forgotten.\nNothing was charged.", began=100.0, ended=110.0)


def charge(name: str, real: float) -> Charge:
    return Charge(name, "a boat", "", "", 0.0, {}, None, "/v1/videos", real=real)


def test_what_another_process_ordered_meanwhile_is_not_what_this_one_speaks_of():
    jobs = [{"job_id": "job_1", "remote_id": None}, {"job_id": "job_2", "remote_id": "video_2"}]
    assert spoken_of(RUN, [charge("video_2", 105.0)], jobs) == []


def test_its_own_job_is():
    mine = charge("video_1", 105.0)
    assert spoken_of(RUN, [mine], [{"job_id": "job_1", "remote_id": "video_1"}]) == [mine]


def test_a_charge_that_no_row_knows_is_held_against_whoever_ran():
    nobodys = charge("video_9", 105.0)
    assert spoken_of(RUN, [nobodys], [{"job_id": "job_1", "remote_id": None}]) == [nobodys]


def test_what_was_charged_before_it_began_is_known_to_it_and_what_came_after_is_not():
    before, after = charge("video_2", 99.0), charge("video_3", 111.0)
    jobs = [{"job_id": "job_2", "remote_id": "video_2"}, {"job_id": "job_3", "remote_id": "video_3"}]
    assert spoken_of(RUN, [before, after], jobs) == [before]
