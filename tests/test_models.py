"""The values that travel: frozen, silent about secrets, and a fingerprint that means one payment."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_core import models
from sora_core.models import (
    Character,
    GenerationRequest,
    Operation,
    Secret,
    Shot,
    SizeRange,
    State,
    Upload,
    parse_size,
)

REQUEST = GenerationRequest(Operation.TEXT_TO_VIDEO, "a cat")
IMAGE = Upload(b"png", "image/png", "reference.png")
CHANGES = {
    "operation": Operation.REMIX,
    "prompt": "a dog",
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
    "image_url": "https://example.com/a.png",
    "shots": (Shot("a door", 5.0),),
    "source_id": "video_1",
    "source_url": "https://example.com/p/1",
    "start": 1.0,
    "end": 3.0,
    "clip": Upload(b"clip", "video/mp4", "clip.mp4"),
    "expansion": "medium",
}


def fingerprint(request: GenerationRequest, provider: str = "openai", profile: str = "p") -> str:
    return request.fingerprint(provider=provider, profile=profile)


class TestAFingerprint:
    def test_is_tagged_and_of_a_fixed_recipe(self):
        """This very text is in the ledgers of users: another recipe needs another tag."""
        assert (
            fingerprint(REQUEST)
            == "v1:"
            + hashlib.sha256(
                b'{"characters":[],"image_url":"","images":[],"model":"","negative_prompt":"",'
                b'"operation":"text_to_video","orientation":"landscape","part":[0.0,0.0],"profile":"p",'
                b'"prompt":"a cat","provider":"openai","quality":"standard","seconds":0,"seed":0,"shots":[],"size":"",'
                b'"source_id":"","source_url":"","style":""}'
            ).hexdigest()
        )

    def test_covers_every_field(self):
        names = {each.name for each in dataclasses.fields(GenerationRequest)}
        assert set(CHANGES) == names - {"characters"}  # the names; what they stand for is the cast

    @pytest.mark.parametrize("name", CHANGES)
    def test_changes_with(self, name):
        assert fingerprint(dataclasses.replace(REQUEST, **{name: CHANGES[name]})) != fingerprint(REQUEST)

    def test_changes_with_provider_and_profile(self):
        assert len({fingerprint(REQUEST), fingerprint(REQUEST, "newapi"), fingerprint(REQUEST, profile="q")}) == 3

    def test_knows_an_image_by_its_bytes_alone(self):
        same = Upload(b"png", "image/x-png", "other.png")
        other = Upload(b"PNG", "image/png", "reference.png")
        one, two, three = (dataclasses.replace(REQUEST, images=(each,)) for each in (IMAGE, same, other))
        assert fingerprint(one) == fingerprint(two)
        assert fingerprint(one) != fingerprint(three)

    def test_does_not_mix_neighbouring_fields(self):
        one = dataclasses.replace(REQUEST, negative_prompt="x", style="")
        other = dataclasses.replace(REQUEST, negative_prompt="", style="x")
        assert fingerprint(one) != fingerprint(other)

    def test_is_the_same_for_shots_that_are_equal(self):
        first, second = (dataclasses.replace(REQUEST, shots=(Shot("a", length),)) for length in (5, 5.0))
        assert first == second
        assert fingerprint(first) == fingerprint(second)

    def test_takes_any_text(self):
        assert fingerprint(dataclasses.replace(REQUEST, prompt="猫 🐈 half \ud83d \0")).startswith("v1:")


@pytest.mark.parametrize("kind", [each for _, each in inspect.getmembers(models, dataclasses.is_dataclass)])
def test_every_value_is_frozen(kind):
    assert kind.__dataclass_params__.frozen


def test_bytes_and_secrets_stay_out_of_reprs():
    assert "hunter2" not in repr(Secret("hunter2")) + str(Secret("hunter2"))
    assert "png" not in repr(Upload(b"the png bytes", "x", "y"))


def test_an_upload_is_known_by_its_hash():
    assert IMAGE.sha256 == hashlib.sha256(b"png").hexdigest()


@pytest.mark.parametrize("state", State)
def test_a_state_is_terminal_when_the_job_has_ended(state):
    assert state.terminal is (state.value in ("succeeded", "failed", "canceled"))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1280x720", (1280, 720)),
        ("720X1280", (720, 1280)),
        ("", None),
        ("1280", None),
        ("1280x", None),
        ("x720", None),
        ("1280x720x3", None),
        ("-1x720", None),
        ("1280 x 720", None),
        ("12.5x7", None),
        ("ax b", None),
    ],
)
def test_a_size_is_two_numbers(text, size):
    assert parse_size(text) == size


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("0123456789xX×²٣. -"), max_size=12) | st.just("9" * 5000 + "x720"))
def test_no_text_breaks_the_reading_of_a_size(text):
    size = parse_size(text)
    assert size is None or all(isinstance(side, int) for side in size)
    assert (text in SizeRange(64, 4096)) in (True, False)


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ("1280x720", True),
        ("64x4096", True),
        ("63x64", False),
        ("4098x64", False),
        ("65x64", False),
        ("0x0", False),
        ("", False),
        (None, False),
        (1280, False),
    ],
)
def test_a_range_of_sizes(size, fits):
    assert (size in SizeRange(64, 4096)) is fits
