"""Timelines and storyboards, without drawing any."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import pytest

from sora_core.gateway.animatic import Animatic, Segment, common_of_prompt, shots_of_prompt
from sora_core.gateway.books import Order
from sora_core.gateway.camera import move_of
from sora_core.gateway.core import _animatic

PLAIN = Animatic("a fox", 10, 64, 64)


def test_without_shots_the_prompt_is_the_only_one() -> None:
    assert [tuple(scene) for scene in PLAIN.scenes] == [(1, "a fox", 0.0, 10.0, 0, 240)]


def test_shots_follow_each_other_without_gaps() -> None:
    animatic = replace(PLAIN, shots=(Segment("a", 3), Segment("b", 4.5), Segment("c", 2.5)))
    assert [tuple(scene) for scene in animatic.scenes] == [
        (1, "a", 0.0, 3.0, 0, 72),
        (2, "b", 3.0, 7.5, 72, 180),
        (3, "c", 7.5, 10.0, 180, 240),
    ]


@pytest.mark.parametrize("lengths", [(1, 1), (30, 10), (0.1, 0.2, 0.3), (1 / 3,) * 3])
def test_shots_are_stretched_to_the_clip(lengths: tuple[float, ...]) -> None:
    scenes = replace(PLAIN, shots=tuple(Segment("x", length) for length in lengths)).scenes
    assert (scenes[0].first, scenes[-1].stop, scenes[-1].end) == (0, 240, 10.0)
    for before, after in pairwise(scenes):
        assert before.stop == after.first
    for scene, length in zip(scenes, lengths, strict=True):
        assert scene.end - scene.start == pytest.approx(10 * length / sum(lengths))


def test_a_shot_too_short_for_a_frame_is_left_out() -> None:
    scenes = replace(PLAIN, shots=(Segment("a", 5), Segment("blink", 0.001), Segment("b", 5))).scenes
    assert [(scene.number, scene.text) for scene in scenes] == [(1, "a"), (3, "b")]
    assert scenes[-1].stop == 240


CHANGES: tuple[dict[str, object], ...] = (
    {"prompt": "a cat"},
    {"seconds": 11},
    {"width": 66},
    {"height": 66},
    {"fps": 30},
    {"shots": (Segment("a", 1),)},
    {"shots": (Segment("a fox", 10, b"x"),)},
    {"common": "grain"},
    {"image": b"x"},
    {"style": "noir"},
    {"seed": 1},
    {"label": "Remix"},
    {"negative_prompt": "blur"},
)


def test_whatever_is_seen_or_heard_of_an_animatic_is_in_its_digest() -> None:
    assert {name for change in CHANGES for name in change} == {each.name for each in fields(Animatic)}
    assert [change for change in CHANGES if replace(PLAIN, **change).digest == PLAIN.digest] == []  # type: ignore[arg-type]


def test_the_digest_of_equal_animatics_is_equal_and_takes_any_text() -> None:
    odd = replace(PLAIN, prompt="\ud800 \x00 😀")
    assert odd.digest == replace(PLAIN, prompt="\ud800 \x00 😀").digest
    assert Animatic("a fox", 10.0, 64, 64).digest == PLAIN.digest


@pytest.mark.parametrize("change", [{"width": 65}, {"height": 0}, {"seconds": 0}, {"shots": (Segment("a", 0),)}])
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


@pytest.mark.parametrize(
    ("prompt", "common"),
    [
        ("Shot 1:\nduration: 5sec\nScene: a fox", ""),
        ("film grain\n\nShot 1:\nduration: 5sec\nScene: a fox\nShot 2:\nduration: 2sec\nScene: b", "film grain"),
        ("current timeline:\nShot 1:\nduration: 1sec\nScene: a\n\ninstructions:\nkeep it calm", "keep it calm"),
    ],
)
def test_what_all_shots_have_in_common_is_read(prompt: str, common: str) -> None:
    assert common_of_prompt(prompt) == common


def test_a_shot_without_a_picture_of_its_own_has_that_of_the_clip() -> None:
    animatic = replace(PLAIN, image=b"clip", shots=(Segment("a", 1, b"own"), Segment("b", 1)))
    assert [animatic.image_of(scene) for scene in animatic.scenes] == [b"own", b"clip"]


@pytest.mark.parametrize(
    ("text", "name", "way"),
    [
        ("The camera pans slowly to the left over the roofs", "pan left", (-1, 0, 0)),
        ("Panning right, a market", "pan right", (1, 0, 0)),
        ("Tracking shot, tracks him right", "track right", (1, 0, 0)),
        ("a slow pan across the valley", "pan right", (1, 0, 0)),
        ("TILT UP to the sky", "tilt up", (0, -1, 0)),
        ("crane slowly down", "crane down", (0, 1, 0)),
        ("dolly in on her face", "dolly in", (0, 0, 1)),
        ("slow dolly on the door", "dolly in", (0, 0, 1)),
        ("We push slowly into the room", "push in", (0, 0, 1)),
        ("camera zooms out", "zoom out", (0, 0, -1)),
        ("it pulls back to reveal the city", "pull out", (0, 0, -1)),
        ("镜头向左平移", "左移", (-1, 0, 0)),
        ("镜头拉远，雪山", "拉远", (0, 0, -1)),
        ("缓慢推近她的脸", "推近", (0, 0, 1)),
        ("pan left to right over the crowd", "pan right", (1, 0, 0)),
        ("the camera pans from right to left", "pan left", (-1, 0, 0)),
        ("dolly backwards from the door", "dolly out", (0, 0, -1)),
        ("The camera slowly moves to the left", "moves left", (-1, 0, 0)),
        ("the camera is gliding forward", "moves closer", (0, 0, 1)),
        ("camera moves back", "moves away", (0, 0, -1)),
        ("the camera rises over the roofs", "moves up", (0, -1, 0)),
        ("the camera slowly descends", "moves down", (0, 1, 0)),
        ("从左向右横摇", "右移", (1, 0, 0)),
        ("由右至左缓缓平移", "左移", (-1, 0, 0)),
        ("镜头缓缓升高", "上移", (0, -1, 0)),
        ("镜头向前移动", "推近", (0, 0, 1)),
        ("镜头慢慢后退", "拉远", (0, 0, -1)),
        ("镜头拉开，露出全景", "拉远", (0, 0, -1)),
    ],
)
def test_camera_words_are_read(text: str, name: str, way: tuple[int, int, int]) -> None:
    move = move_of(text)
    assert move is not None
    assert (move.name, (move.x, move.y, move.zoom)) == (name, way)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a frying pan on the stove, left alone",
        "a frying pan on the left of the table",
        "he moves left",
        "a camera on the left",
        "Peter Pan",
        "a train track",
        "a static shot",
        "zoom lens",
        "他推开门",
    ],
)
def test_a_frying_pan_is_no_movement(text: str) -> None:
    assert move_of(text) is None


def test_reading_the_camera_of_a_long_prompt_takes_no_time() -> None:
    for words in ("pan ", "dolly slowly ", "camera ", "camera moves ", "tilt a b c ", "镜头", "左向"):
        assert move_of(words * 8000) is None or words == "dolly slowly "


def test_of_a_long_id_the_beginning_is_shown() -> None:
    order = Order("openai", "a fox", "m", 64, 64, 4, remix_of="video_69271f0c8e4c8190a2b3c4d5e6f70819")
    assert _animatic(order).label == "Remix of video_69271f0c…"
    assert _animatic(replace(order, remix_of="video_1")).label == "Remix of video_1"
