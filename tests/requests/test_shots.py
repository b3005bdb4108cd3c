"""The text form of a storyboard's shots."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_core.errors import InvalidRequest, Unsupported
from sora_core.models import Shot
from sora_core.requests.shots import (
    as_prompt,
    format_script,
    parse_script,
    parse_shot,
    script_from_json,
    script_to_json,
    shot_of,
)


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


@pytest.mark.parametrize(
    "line",
    [
        "[5s] two", "[5s]two", "5s: two", "5s：two", "【5s】two", "［5s］two", "1. [5s] two", "2) 5s: two",
        "- [5s] two", "• 5s: two", "（2）【5s】 two", "\u200b[5s] two", "\ufeff[5s] two",
    ],
)  # fmt: skip
def test_a_line_that_begins_a_shot_in_any_of_these_ways_does_so_after_another_one(line):
    assert parse_script(f"[4s] one\n{line}") == (Shot("one", 4.0), Shot("two", 5.0))


@pytest.mark.parametrize(
    "line",
    [
        "5s two", "5 s two", "5s - two", "5s", "5秒 two", "5秒：two", "【5秒】two", "(5s) two", "（5秒）two",
        "{5s} two", "<5s> two", "[5] two", "[5 sec] two", "5 seconds two", "5 min: two", "[0:05] two",
        "[0:00-0:05] two",
        "【00:00～00:05】two", "0:00-0:05 two", "00:00 → 00:05: two", "0-5s two", "0 to 5s: two", "[5s - 8s] two",
        "1. 5 sec: two", "- (5s) two", "Shot 2: two", "shot #2 two", "Scene 2 - two", "镜头2：two", "第二镜 two",
        "\u200b5s two", "+ [5s] two", "→ 5s two", "> [5s] two", "| 5s | two |", "**[5s]** two", "**5s** two",
        "`[5s]` two",
        '"[5s] two"', "a) [5s] two", "①[5s] two", "T+5s two", "@5s two", "5ｓ two", "５s two", "Cut 2: two",
        "Shot two: two", "[shot 2, 5s] two", "[duration 5s] two", "duration: 5s two", "时长：5秒 two",
        "five seconds: two",
        "[five seconds] two",
        '5": two', "5'': two", "two (5s)", "two [5s].", "two（5秒）",
    ],
)  # fmt: skip
def test_a_line_that_looks_as_if_it_began_a_shot_is_not_paid_as_a_part_of_the_one_before(line):
    with pytest.raises(InvalidRequest, match="Line 2 of the script"):
        parse_script(f"[4s] one\n{line}")


SCRIPT = """\
# Morning

[5s] a door opens
  3.5s: rain on a window,
    seen from inside
# a comment in between
2s：一扇门打开
[4S]
she sits down #has_waited_enough
at 10:30
"""
SHOTS = (
    Shot("a door opens", 5.0),
    Shot("rain on a window,\nseen from inside", 3.5),
    Shot("一扇门打开", 2.0),
    Shot("she sits down #has_waited_enough\nat 10:30", 4.0),
)


def test_a_script_is_its_shots_without_comments_and_blank_lines():
    assert parse_script(SCRIPT) == SHOTS


def test_a_script_may_come_from_windows():
    assert parse_script(SCRIPT.replace("\n", "\r\n")) == SHOTS


@pytest.mark.parametrize("script", ["", "  \n\n", "# nothing\n", "[]", " [ ] "])
def test_a_script_may_be_empty(script):
    assert parse_script(script) == ()


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("a door opens\n[5s] rain", "Line 1 of the script, 'a door opens'"),
        ("[5s] a door\n\n[5] a window", "Line 3 of the script, '[5] a window'"),
        ("[5s] a door\n[-2s] a window", "Line 2 of"),
        ("[5s] a door\n[2 sec] a window", "Line 2 of"),
        ("[5s] a door\n4 seconds: a window", "Line 2 of"),
        ("[5s] a door\n[1,5s] a window", "Line 2 of"),
        ("[5s] a door\n[0s] a window", "Line 2 of"),
        ("[5s] a door\n[4s]\n", "Line 2 of"),
        ("[4000s] a door", "Line 1 of"),
    ],
)
def test_a_line_that_is_no_shot_is_named(script, line):
    with pytest.raises(InvalidRequest) as refused:
        parse_script(script)
    assert line in refused.value.message
    assert "[5s] what it shows" in refused.value.message


@pytest.mark.parametrize(
    "line",
    [
        "3.5 stars: a review",
        "[5 people] enter",
        "10:30 in the morning",
        "[wide] a street",
        "5 stars",
        "five seconds later",
        "a 5s pause",
        "1. The door",
        "2 shots are heard",
        "Shots ring out",
        "8mm film",
        "5sturdy men",
        "第一次见面",
    ],
)
def test_numbers_in_a_line_are_not_taken_for_lengths(line):
    assert parse_script(f"[5s] a door\n{line}") == (Shot(f"a door\n{line}", 5.0),)


def test_a_script_may_be_written_as_json():
    assert parse_script(' [\n{"text": " a door ", "seconds": 2}, {"text": "b", "seconds": 1.5}]') == (
        Shot("a door", 2.0),
        Shot("b", 1.5),
    )


BAD_JSON = {
    "cut": ('[{"text": "a"', "looks like JSON, but is not"),
    "no list": ('{"text": "a", "seconds": 1}', "is a list"),
    "no object": ('[{"text": "a", "seconds": 1}, "b"]', "Shot 2 is not a shot"),
    "no text": ('[{"seconds": 1}]', "Shot 1 has no text"),
    "blank text": ('[{"text": " ", "seconds": 1}]', "Shot 1 has no text"),
    "no seconds": ('[{"text": "a"}]', "Shot 1 needs a value for seconds"),
    "seconds as text": ('[{"text": "a", "seconds": "5s"}]', "Shot 1 needs a value for seconds"),
    "true": ('[{"text": "a", "seconds": true}]', "Shot 1 needs a value for seconds"),
    "zero": ('[{"text": "a", "seconds": 0}]', "Shot 1 needs a value for seconds"),
    "not a number": ('[{"text": "a", "seconds": NaN}]', "Shot 1 needs a value for seconds"),
    "endless": ('[{"text": "a", "seconds": Infinity}]', "Shot 1 needs a value for seconds"),
    "more": ('[{"text": "a", "seconds": 1, "camera": "wide"}]', "'camera', which is not a field of a shot"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_json_that_is_no_storyboard_is_refused_naming_the_shot(case):
    text, words = BAD_JSON[case]
    with pytest.raises(InvalidRequest) as refused:
        script_from_json(text)
    assert words in refused.value.message


def test_an_image_of_a_shot_is_refused_and_never_dropped():
    with pytest.raises(Unsupported, match="Shot 3 has its own image"):
        shot_of({"text": "a", "seconds": 1, "image": [1, 64, 64, 3]}, 3)


def test_the_shots_of_a_script_can_be_written_down_again():
    assert format_script(SHOTS[:2]) == "[5s] a door opens\n[3.5s] rain on a window,\nseen from inside\n"


@pytest.mark.parametrize("text", ["a\n# b", "a\n\nb", "a\n[2s] b", "a\n[2] b", " a", "a\u2028b"])
def test_a_shot_that_a_script_cannot_say_is_refused_naming_json(text):
    with pytest.raises(InvalidRequest, match=r"Shot 1 has lines that a script would read differently.*JSON"):
        format_script([Shot(text, 1.0)])
    if text == text.strip():
        assert script_from_json(script_to_json([Shot(text, 1.0)])) == (Shot(text, 1.0),)


_lengths = st.floats(min_value=1e-9, max_value=3600, allow_nan=False)
_texts = st.text(min_size=1).map(str.strip).filter(bool)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.builds(Shot, _texts, _lengths), max_size=4))
def test_shots_survive_json_and_a_script_that_can_say_them(shots):
    assert script_from_json(script_to_json(shots)) == tuple(shots)
    try:
        script = format_script(shots)
    except InvalidRequest:
        return
    assert parse_script(script) == tuple(shots)


def test_a_prompt_holds_the_shots_and_what_is_said_of_them_all():
    shots = (Shot("a door", 5.0), Shot("a cat", 2.5))
    written = "Shot 1:\nduration: 5sec\nScene: a door\n\nShot 2:\nduration: 2.5sec\nScene: a cat"
    assert as_prompt(shots, "") == written
    assert as_prompt(shots, "film noir") == f"current timeline:\n{written}\n\ninstructions:\nfilm noir"
    assert as_prompt((), "film noir") == "film noir"
