"""What the relays' JSON protocols share: extra fields, the cast in the prompt, shots as text, characters."""

from __future__ import annotations

import pytest

from sora_core.errors import ProfileError
from sora_core.models import Character, Operation, Shot, Snapshot, State
from sora_core.profiles.profiles import Profile
from sora_core.providers import _relay as relay
from sora_core.requests.kinds import CharacterRequest, Request, VideoRequest

MIA = Character("p", "mia", "ch_1", username="df4c.kitten")
BO = Character("p", "Bo", "ch_2", username="bo77")
MING = Character("p", "小明", "ch_3", username="ming")


def said(prompt: str, *cast: Character, shots: tuple[Shot, ...] = ()) -> str:
    return relay.prompt_text(VideoRequest(Operation.TEXT_TO_VIDEO, prompt, cast=cast, shots=shots))


@pytest.mark.parametrize(
    ("prompt", "cast", "sent"),
    [
        ("a cat", (), "a cat"),
        ("a cat runs", (MIA,), "@df4c.kitten a cat runs"),
        ("@mia runs", (MIA,), "@df4c.kitten runs"),
        ("mia runs", (MIA,), "@df4c.kitten runs"),
        ("Mia runs", (MIA,), "@df4c.kitten runs"),
        ("a hat for mia", (MIA,), "a hat for @df4c.kitten "),
        ("mia, mia and again mia!", (MIA,), "@df4c.kitten , @df4c.kitten and again @df4c.kitten !"),
        ("@df4c.kitten runs", (MIA,), "@df4c.kitten runs"),
        ("@df4c.kitten,runs", (MIA,), "@df4c.kitten ,runs"),
        ("@mia meets another mia", (MIA,), "@df4c.kitten meets another mia"),
        ("miami, mail@mia.example", (MIA,), "@df4c.kitten miami, mail@mia.example"),
        ("Bo meets mia", (MIA, BO), "@bo77 meets @df4c.kitten "),
        ("Bob meets mia", (MIA, BO), "@bo77 Bob meets @df4c.kitten "),
        ("nobody", (MIA, BO), "@df4c.kitten @bo77 nobody"),
        ("让小明跳舞", (MING,), "让@ming 跳舞"),
        ("@kitten", (MIA,), "@df4c.kitten @kitten"),
        ("c. runs", (Character("p", "c.", "ch_4", username="a\\1"),), "@a\\1 runs"),
        ("runs", (Character("p", "x", "ch_5"),), "@ch_5 runs"),
        ("runs", (Character("p", "x", "ch_5", username="@own"),), "@own runs"),
    ],
)
def test_the_cast_is_mentioned_where_it_is_named_or_else_at_the_front(prompt, cast, sent):
    assert said(prompt, *cast) == sent


def test_shots_are_written_out_and_a_cast_that_is_not_named_joins_the_first():
    shots = (Shot("a door", 5.0), Shot("Bo comes in", 2.5))
    assert said("film noir", MIA, BO, shots=shots) == (
        "current timeline:\nShot 1:\nduration: 5sec\nScene: @df4c.kitten a door\n\n"
        "Shot 2:\nduration: 2.5sec\nScene: @bo77 comes in\n\n"
        "instructions:\nfilm noir"
    )
    assert said("", shots=shots[:1]) == "Shot 1:\nduration: 5sec\nScene: a door"


def test_extra_fields_are_sent_as_what_they_read_as_and_quotes_keep_text():
    extra = {"seed": "5", "size": '"5"', "style": "noir", "deep": '{"a": [1]}', "on": "true", "odd": "NaN", "own": "x"}
    profile = Profile("p", extra=extra)
    assert relay.extra_fields(profile, settings=("own",)) == {
        "seed": 5, "size": "5", "style": "noir", "deep": {"a": [1]}, "on": True, "odd": "NaN",
    }  # fmt: skip


@pytest.mark.parametrize(("text", "value"), [("true", True), ("Yes", True), ("0", False), (" off ", False)])
def test_a_setting_is_on_or_off(text, value):
    assert relay.flag(Profile("p", extra={"private": text}), "private") is value
    assert relay.flag(Profile("p"), "private") is None


def test_a_setting_that_is_neither_is_refused():
    with pytest.raises(ProfileError, match="private is 'maybe'; allowed: true, false"):
        relay.flag(Profile("p", extra={"private": "maybe"}), "private")


def part(**facts: object) -> Request:
    return CharacterRequest(**{"source_url": "https://a.example/c.mp4", **facts})


def test_the_part_is_written_as_the_servers_read_it():
    assert relay.character_body(part(start=1, end=3)) == {"url": "https://a.example/c.mp4", "timestamps": "1,3"}
    body = relay.character_body(part(source_url="", source_id="t1", start=0.5, end=2))
    assert body == {"from_task": "t1", "timestamps": "0.5,2"}


MADE = {"id": "ch_1", "username": "mia"}


@pytest.mark.parametrize(
    ("answer", "character"),
    [
        (MADE, MADE),
        ({**MADE, "permalink": "https://x.example", "desc": None}, {**MADE, "permalink": "https://x.example"}),
        ({"id": "char_1", "object": "character", "username": None}, {"id": "char_1"}),
        ({"id": "x", "status": "finalized", "username": "mia", "character_id": "ch_1"}, MADE),
        ({"id": "t", "state": "succeeded", "data": MADE}, MADE),
        ({"id": "t", "state": "succeeded", "data": [MADE]}, MADE),
        ({"id": "t", "state": "succeeded", "data": '{"username": "mia"}'}, {"username": "mia"}),
        ({"id": "t", "state": "succeeded", "data": {"characters": [MADE]}}, MADE),
        ({"id": "t", "state": "succeeded", "character": MADE}, MADE),
        ({"id": "t", "state": "succeeded", "data": {"id": "ch_7"}}, {"id": "ch_7"}),
        ({"code": 200, "data": {"task_id": "t", "status": "succeeded", **MADE}}, MADE),
        ({"id": "t", "state": "running", "data": MADE}, None),
        ({"id": "t", "state": "succeeded", "data": {"videos": [{"url": "https://x.example/v.mp4"}]}}, None),
        ({"id": "t", "state": "succeeded", "data": None}, None),
        ({"task_id": "t", "username": "the account"}, None),
        ({"data": []}, None),
        (["id"], None),
        (None, None),
    ],
)  # fmt: skip
def test_a_character_is_found_wherever_it_stands(answer, character):
    assert relay.finished_character(answer) == character


def test_a_success_without_a_result_goes_on():
    assert relay.still_coming(Snapshot(State.SUCCEEDED, progress=100)).state is State.RUNNING
    for made in ({"url": "https://x.example/v.mp4"}, {"media": b"v"}, {"result": MADE}):
        assert relay.still_coming(Snapshot(State.SUCCEEDED, **made)).state is State.SUCCEEDED
    assert relay.still_coming(Snapshot(State.FAILED)).state is State.FAILED
