"""How a server is to make a video: what may be said, and what a server takes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sora_core.errors import InvalidRequest, Unsupported
from sora_core.models import Capabilities, Operation, Setting
from sora_core.requests.kinds import RemixRequest, VideoRequest, facts
from sora_core.requests.settings import (
    Lora,
    Settings,
    combined,
    on_the_wire,
    pair_of,
    settings_of,
    settings_of_lines,
    settings_of_pairs,
    unknown_to,
)

OPEN = Capabilities(operations=frozenset(), seconds=(4,), sizes=(), size_for={}, any_setting=True)
KNOWN = replace(
    OPEN,
    any_setting=False,
    settings={
        "steps": Setting("integer", 1, 200, field="num_inference_steps"),
        "guidance": Setting("number", 0, 20, field="guidance_scale"),
        "fps": Setting("number", 1),
        "lora": Setting("lora", high=1),
        "flow_shift": Setting("number"),
        "quality": Setting("string", choices=("lossless", "high")),
        "interpolate": Setting("boolean"),
        "extra_params": Setting("object"),
    },
)
NONE = replace(KNOWN, settings={})


def refusal(settings: Any, can: Capabilities = KNOWN) -> InvalidRequest | Unsupported:
    with pytest.raises((InvalidRequest, Unsupported)) as caught:
        on_the_wire(settings_of(settings), can, "gpu")
    return caught.value


class TestWhatIsSaid:
    def test_goes_through_json_and_back(self):
        said = settings_of({"steps": 30, "guidance": 0, "lora": ["a:0.5", {"name": "b"}], "sound": 2.5, "x.y": [1]})
        assert settings_of(json.loads(json.dumps(said.plain()))) == said
        assert said.lora == (Lora("a", 0.5), Lora("b", 1.0))

    def test_what_is_not_set_is_left_out(self):
        assert settings_of({}).plain() == {}
        assert not settings_of({})
        assert settings_of({"sound": False})  # off is something that is said

    @pytest.mark.parametrize("name", ["num_inference_steps", "steps"])
    def test_a_servers_own_word_is_the_same_setting(self, name):
        assert settings_of({name: 30}) == Settings(steps=30)

    @pytest.mark.parametrize(
        "given",
        [
            {"steps": 30, "num_inference_steps": 30},
            {"steps": 30, "more": {"steps": 31}},
        ],
    )
    def test_one_that_is_given_twice_is_refused(self, given):
        with pytest.raises(InvalidRequest, match="twice"):
            settings_of(given)

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ({"steps": 0}, "steps"),
            ({"steps": 2.5}, "steps"),
            ({"steps": True}, "steps"),
            ({"guidance": "much"}, "guidance"),
            ({"guidance": float("nan")}, "guidance"),
            ({"fps": 0}, "fps"),
            ({"num_frames": -1}, "num_frames"),
            ({"lora": [""]}, "LoRA"),
            ({"lora": {"name": "a", "weight": 1}}, "LoRA"),
            ({"lora": {"name": "a", "scale": "x"}}, "lora a"),
            ({"sound": -1}, "sound"),
            ({"sound": "loud"}, "sound"),
            ({"a b": 1}, "a b"),
            ({"a..b": 1}, "a..b"),
            ({7: 1}, "7"),
            ({"x": float("inf")}, "x"),
            ({"more": 3}, "more"),
            ([1], "names with values"),
        ],
    )
    def test_nonsense_is_refused_by_name(self, given, names):
        with pytest.raises(InvalidRequest) as caught:
            settings_of(given)
        assert names in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "lora"),
        [
            ("a:0.8", Lora("a", 0.8)),
            ("a", Lora("a")),
            (r"C:\loras\a.safetensors", Lora(r"C:\loras\a.safetensors")),
            (r"C:\loras\a.safetensors:-0.5", Lora(r"C:\loras\a.safetensors", -0.5)),
            ("org/a:1", Lora("org/a", 1.0)),
        ],
    )
    def test_a_lora_is_a_name_and_a_strength(self, text, lora):
        assert settings_of({"lora": text}).lora == (lora,)

    def test_pairs_of_text_are_typed_and_loras_add_up(self):
        pairs = map(pair_of, ["steps=30", "lora=a:0.5", "lora = b", "x = true", "y = high", 'z={"k": 1}'])
        said = settings_of_pairs(pairs)
        assert said.lora == (Lora("a", 0.5), Lora("b"))
        assert dict(said.more) == {"x": True, "y": "high", "z": {"k": 1}}

    @pytest.mark.parametrize("line", ["steps", "=3", "steps ="])
    def test_a_line_that_is_no_pair_is_told(self, line):
        with pytest.raises(InvalidRequest, match="NAME = VALUE"):
            pair_of(line)

    def test_lines_have_comments_and_empty_ones(self):
        assert settings_of_lines("# of Wan\n\nboundary_ratio = 0.9\n").more == (("boundary_ratio", 0.9),)

    def test_of_two_the_second_counts_and_loras_are_chained(self):
        first = settings_of({"steps": 30, "guidance": 4, "lora": "a", "x": 1})
        both = combined(first, settings_of({"steps": 20, "lora": "b", "x": 2, "y": 3}))
        assert both == settings_of({"steps": 20, "guidance": 4, "lora": ["a", "b"], "x": 2, "y": 3})

    @pytest.mark.parametrize("kind", [VideoRequest, RemixRequest])
    def test_they_are_among_the_facts_that_are_kept_of_a_request(self, kind):
        said = settings_of({"steps": 30, "lora": "a"})
        request = VideoRequest(Operation.TEXT_TO_VIDEO, "a", settings=said) if kind is VideoRequest else kind("a", "s")
        kept = facts(replace(request, settings=said))["settings"]
        assert json.loads(json.dumps(kept)) == {"steps": 30, "lora": [{"name": "a", "scale": 1.0}]}


class TestWhatAServerTakes:
    def test_has_its_own_names_and_types(self):
        said = settings_of({"steps": 30, "fps": 16, "interpolate": "on", "quality": "high", "extra_params.a": 1})
        assert on_the_wire(said, KNOWN, "gpu") == {
            "num_inference_steps": 30,
            "fps": 16,
            "interpolate": True,
            "quality": "high",
            "extra_params": {"a": 1},
        }

    def test_a_wrong_name_is_refused_with_those_that_there_are_and_what_may_be_meant(self):
        error = refusal({"guidence": 3})
        assert isinstance(error, Unsupported)
        assert "did you mean 'guidance'" in error.message
        assert "interpolate" in error.message

    def test_a_wrong_name_like_the_servers_own_word_suggests_that(self):
        assert "did you mean 'num_inference_steps'" in refusal({"num_inferense_steps": 3}).message

    def test_a_name_like_none_is_refused_with_those_that_there_are(self):
        error = refusal({"zzz": 3})
        assert "did you mean" not in error.message
        assert "flow_shift" in error.message

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"steps": 201}, "1 … 200"),
            ({"guidance": 20.5}, "0 … 20"),
            ({"fps": 0.5}, "≥ 1"),
            ({"quality": "low"}, "lossless, high"),
            ({"interpolate": "perhaps"}, "true or false"),
            ({"interpolate": 1}, "true or false"),
            ({"extra_params": 3}, "JSON object"),
            ({"lora": ["a", "b"]}, "up to 1 LoRA"),
        ],
    )
    def test_a_value_beyond_its_limits_is_refused_with_them(self, given, words):
        assert words in refusal(given).message

    def test_one_that_takes_none_says_so(self):
        assert "takes no settings" in refusal({"steps": 3}, NONE).message

    def test_an_unknown_one_gets_what_was_written_in_the_usual_words(self):
        said = settings_of({"steps": 30, "stepps": 3, "a.b": 1, "a.c": 2})
        assert on_the_wire(said, OPEN, "relay") == {"num_inference_steps": 30, "stepps": 3, "a": {"b": 1, "c": 2}}
        assert unknown_to(said, OPEN) == ["steps", "a.b", "a.c", "stepps"]

    def test_of_a_known_one_nothing_is_unknown_but_the_insides_of_objects(self):
        assert unknown_to(settings_of({"steps": 30, "extra_params.x": 1}), KNOWN) == []

    @pytest.mark.parametrize("given", [{"a": 1, "a.b": 2}, {"steps": 3, "more": {"num_inference_steps.x": 1}}])
    def test_one_inside_of_what_is_no_object_is_refused(self, given):
        with pytest.raises(InvalidRequest):
            on_the_wire(settings_of(given), OPEN, "relay")
