"""What a request asks for, as facts: nothing is left out, and equal requests have equal facts."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from sora_core.models import Character, Operation, Shot, Upload
from sora_core.requests import kinds
from sora_core.requests.kinds import PromptRequest, RemixRequest, VideoRequest, facts
from sora_core.requests.settings import Settings

REQUEST = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
IMAGE = Upload(b"png", "image/png", "reference.png")
OTHER = {
    "settings": Settings(steps=30),  # for every field of any kind a value that is not its default
    "operation": Operation.STORYBOARD,
    "prompt": "a dog",
    "name": "ana",
    "model": "m",
    "seconds": 8,
    "orientation": "portrait",
    "quality": "hd",
    "size": "1280x720",
    "seed": 1,
    "negative_prompt": "rain",
    "style": "noir",
    "cast": (Character("p", "ana", "ch_1"),),
    "images": (IMAGE,),
    "last_frame": IMAGE,
    "clips": (IMAGE,),
    "sounds": (IMAGE,),
    "image_urls": ("https://example.com/a.png",),
    "shots": (Shot("a door", 5.0),),
    "source_id": "video_1",
    "source_url": "https://example.com/p/1",
    "start": 1.0,
    "end": 2.0,
    "clip": Upload(b"clip", "video/mp4", "clip.mp4"),
    "expansion": "long",
}
KINDS = typing.get_args(kinds.Request)


def plain(kind):
    given = {"operation": Operation.TEXT_TO_VIDEO, "prompt": "a cat"}
    return kind(**{each.name: given[each.name] for each in dataclasses.fields(kind) if each.name in given})


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, each.name) for kind in KINDS for each in dataclasses.fields(kind) if each.name != "characters"],
)
def test_every_field_is_among_them(kind, name):
    assert facts(dataclasses.replace(plain(kind), **{name: OTHER[name]})) != facts(plain(kind))


def test_the_kind_is_one_of_them():
    same_words = [REQUEST, RemixRequest("a cat"), PromptRequest("a cat")]
    assert len({facts(each)["operation"] for each in same_words}) == 3


def test_an_image_is_known_by_its_bytes_alone():
    same = Upload(b"png", "image/x-png", "other.png")
    other = Upload(b"PNG", "image/png", "reference.png")
    one, two, three = (dataclasses.replace(REQUEST, images=(each,)) for each in (IMAGE, same, other))
    assert facts(one) == facts(two)
    assert facts(one) != facts(three)


def test_neighbouring_fields_do_not_mix():
    one = dataclasses.replace(REQUEST, negative_prompt="x", style="")
    other = dataclasses.replace(REQUEST, negative_prompt="", style="x")
    assert facts(one) != facts(other)


def test_shots_that_are_equal_are_the_same():
    first, second = (dataclasses.replace(REQUEST, shots=(Shot("a", length),)) for length in (5, 5.0))
    assert first == second
    assert facts(first) == facts(second)


def test_facts_are_what_was_asked_for_and_no_more():
    asked = dataclasses.replace(REQUEST, seed=7, images=(IMAGE,), shots=(Shot("a", 5),), cast=OTHER["cast"])
    assert facts(asked) == {
        "operation": "text_to_video", "prompt": "a cat", "seed": 7, "images": [IMAGE.sha256], "shots": [["a", 5.0]],
        "characters": ["ch_1"],
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_frozen(kind):
    assert kind.__dataclass_params__.frozen
