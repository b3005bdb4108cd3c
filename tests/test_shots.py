"""The text form of a storyboard's shots."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_core.errors import InvalidRequest
from sora_core.models import Shot
from sora_core.shots import parse_shot


@pytest.mark.parametrize(
    ("line", "shot"),
    [
        ("[5s] a door opens", Shot("a door opens", 5.0)),
        ("5s: a door opens", Shot("a door opens", 5.0)),
        ("5s：一扇门打开", Shot("一扇门打开", 5.0)),
        ("[2.5s]a door", Shot("a door", 2.5)),
        ("  [ 5 s ]  a door  ", Shot("a door", 5.0)),
        ("5s: note: it rains", Shot("note: it rains", 5.0)),
        ("[5s] [wide] a door", Shot("[wide] a door", 5.0)),
        ("[5s] two\nlines", Shot("two\nlines", 5.0)),
    ],
)
def test_a_shot_is_its_length_and_what_it_shows(line, shot):
    assert parse_shot(line) == shot


@pytest.mark.parametrize(
    "line", ["", "a door opens", "[5s]", "[5s]   ", "5s:", "[0s] a door", "[-1s] a door", "[s] a", "[5] a door", "5 a"]
)
def test_what_is_no_shot_says_how_to_write_one(line):
    with pytest.raises(InvalidRequest, match="5s"):
        parse_shot(line)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("[]5.0s:：x \n٣²"), max_size=15) | st.just("[" + "9" * 5000 + "s] x"))
def test_no_text_breaks_it(line):
    try:
        shot = parse_shot(line)
    except InvalidRequest:
        return
    assert shot.text
    assert shot.seconds > 0
