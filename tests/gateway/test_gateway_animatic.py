"""Timelines and storyboards, without drawing any."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from sora_core.gateway.animatic import Animatic, Segment, shots_of_prompt

PLAIN = Animatic("a fox", 10, 64, 64)


def test_without_shots_the_prompt_is_the_only_one() -> None:
    assert [tuple(scene) for scene in PLAIN.scenes] == [(1, "a fox", 0.0, 10.0, 0, 240)]


def test_shots_follow_each_other_without_gaps() -> None:
    animatic = replace(PLAIN, shots=(("a", 3), ("b", 4.5), ("c", 2.5)))
    assert [tuple(scene) for scene in animatic.scenes] == [
        (1, "a", 0.0, 3.0, 0, 72),
        (2, "b", 3.0, 7.5, 72, 180),
        (3, "c", 7.5, 10.0, 180, 240),
    ]


@pytest.mark.parametrize("lengths", [(1, 1), (30, 10), (0.1, 0.2, 0.3), (1 / 3,) * 3])
def test_shots_are_stretched_to_the_clip(lengths: tuple[float, ...]) -> None:
    scenes = replace(PLAIN, shots=tuple(("x", length) for length in lengths)).scenes
    assert (scenes[0].first, scenes[-1].stop, scenes[-1].end) == (0, 240, 10.0)
    for before, after in pairwise(scenes):
        assert before.stop == after.first
    for scene, length in zip(scenes, lengths, strict=True):
        assert scene.end - scene.start == pytest.approx(10 * length / sum(lengths))


def test_a_shot_too_short_for_a_frame_is_left_out() -> None:
    scenes = replace(PLAIN, shots=(("a", 5), ("blink", 0.001), ("b", 5))).scenes
    assert [(scene.number, scene.text) for scene in scenes] == [(1, "a"), (3, "b")]
    assert scenes[-1].stop == 240


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a cat"},
        {"seconds": 11},
        {"width": 66},
        {"height": 66},
        {"fps": 30},
        {"shots": (("a", 1),)},
        {"image": b"x"},
        {"style": "noir"},
        {"seed": 1},
        {"label": "Remix"},
        {"negative_prompt": "blur"},
    ],
)
def test_the_digest_tells_animatics_apart(change: dict[str, object]) -> None:
    assert replace(PLAIN, **change).digest != PLAIN.digest  # type: ignore[arg-type]


def test_the_digest_of_equal_animatics_is_equal_and_takes_any_text() -> None:
    odd = replace(PLAIN, prompt="\ud800 \x00 😀")
    assert odd.digest == replace(PLAIN, prompt="\ud800 \x00 😀").digest
    assert Animatic("a fox", 10.0, 64, 64).digest == PLAIN.digest


@pytest.mark.parametrize("change", [{"width": 65}, {"height": 0}, {"seconds": 0}, {"shots": (("a", 0),)}])
def test_what_cannot_be_drawn_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(PLAIN, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "shots"),
    [
        ("a fox in the snow", ()),
        ("Shot 1: not a storyboard", ()),
        ("Shot 1:\nduration: 5sec\nScene: a fox", (Segment("a fox", 5.0),)),
        (
            "Shot 1:\nduration: 5.0sec\nScene: a fox\nin snow\n\nShot 2:\nduration: 2.5sec\nScene: 一只猫",
            (Segment("a fox\nin snow", 5.0), Segment("一只猫", 2.5)),
        ),
        (
            "current timeline:\nShot 1:\nduration: 1sec\nScene: a\n\nShot 2:\nduration: 2sec\nScene: b\n\n"
            "instructions:\nkeep it calm",
            (Segment("a", 1.0), Segment("b", 2.0)),
        ),
        ("shot 1:\r\nDuration: 3 seconds\r\nscene: a", (Segment("a", 3.0),)),
        ("Shot 1:\nduration: 0sec\nScene: a", ()),
    ],
)
def test_storyboards_written_as_text_are_read(prompt: str, shots: tuple[Segment, ...]) -> None:
    assert shots_of_prompt(prompt) == shots


def test_reading_a_long_prompt_takes_no_time() -> None:
    assert shots_of_prompt("Shot 1:\n" * 4000 + " duration: " * 3000) == ()
