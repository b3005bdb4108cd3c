"""The values that travel: frozen, silent about secrets, and a fingerprint that means one payment."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_core import models
from sora_core.models import Operation, Secret, SizeRange, State, Upload, parse_size
from sora_core.requests.kinds import VideoRequest

REQUEST = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
IMAGE = Upload(b"png", "image/png", "reference.png")


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
