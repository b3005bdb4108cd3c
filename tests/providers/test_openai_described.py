"""What servers say of their own fields, read off recordings of real ones: what is refused by it, and what never is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from _descriptions import description_of

from sora_core.errors import InvalidRequest, Unsupported
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.models import Operation, Setting
from sora_core.profiles.profiles import Profile
from sora_core.providers.openai import OpenAI
from sora_core.providers.openai.dialects import DIALECTS
from sora_core.providers.openai.settings import NEVER
from sora_core.requests.described import DescribedBody
from sora_core.requests.kinds import VideoRequest
from sora_core.requests.settings import settings_of

DAY = "2026-11-26"
AT = "http://gpu.example:8000/v1"
SILENT = ("aquiles", "dynamo", "xinference")  # they read their bodies themselves


def profile(dialect: str = "", **settings: Any) -> Profile:
    return Profile("gpu", **{"base_url": AT, "model": "m", "dialect": dialect, **settings})


def told(document: Any, dialect: str = "", **settings: Any) -> OpenAI:
    """A provider that knows what the document says."""
    made = profile(dialect, **settings)
    body = OpenAI(made).described(document, DAY)
    assert body
    return OpenAI(replace(made, described=(body,)))


def asked(provider: OpenAI, said: dict[str, Any]) -> VideoRequest:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", seconds=4, settings=settings_of(said))
    return provider.prepared(request)


def refusal(provider: OpenAI, said: dict[str, Any]) -> str:
    with pytest.raises((InvalidRequest, Unsupported)) as caught:
        asked(provider, said)
    return str(caught.value)


def fastapi(properties: dict[str, Any], *, media: str = "multipart/form-data", **schema: Any) -> dict[str, Any]:
    body = {"type": "object", "properties": {"prompt": {"type": "string"}, **properties}, **schema}
    return {
        "openapi": "3.1.0",
        "info": {"title": "FastAPI", "version": "1"},
        "paths": {"/v1/videos": {"post": {"requestBody": {"content": {media: {"schema": body}}}}}},
    }


class TestRealServers:
    @pytest.mark.parametrize("dialect", ["", "vllm-omni"])
    def test_a_name_that_vllm_omni_has_not_is_refused_with_the_nearest(self, dialect):
        provider = told(description_of("vllm-omni"), dialect)
        assert "did you mean 'num_inference_steps'" in refusal(provider, {"num_inference_step": 30})
        assert asked(provider, {"steps": 30, "lora": "a:0.5", "sound": True, "extra_params.x": {"y": 1}})

    def test_its_limits_and_types_are_held_to(self):
        provider = told(description_of("vllm-omni"))
        assert "≥ 1" in refusal(provider, {"fps": 0.5})
        assert "> 0" in refusal(provider, {"frame_interpolation_scale": 0})
        assert "1 … 10" in refusal(provider, {"num_outputs_per_prompt": 11})
        assert "whole number" in refusal(provider, {"width": "wide"})
        assert "true or false" in refusal(provider, {"return_stage_metrics": "maybe"})
        assert DAY in refusal(provider, {"fps": 0.5})

    @pytest.mark.parametrize("server", ["sglang", "fastvideo"])
    def test_what_takes_any_name_inside_of_extra_body_is_asked_for_types_alone(self, server):
        provider = told(description_of(server))
        assert asked(provider, {"a_field_of_one_model": 1})
        assert "whole number" in refusal(provider, {"seed": "many"})

    def test_a_form_says_nothing_of_a_server_that_is_sent_json(self):
        assert OpenAI(profile("dynamo")).described(description_of("sglang"), DAY) is None

    def test_the_form_of_sglang_speaks_for_the_json_that_it_takes_in_its_place(self):
        """As its two models of a request agree: all but the seed, of which JSON takes several."""
        document = description_of("sglang")
        form = document["components"]["schemas"]["Body_create_video_v1_videos_post"]["properties"]
        newer = {"of_a_newer_release": {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]}}
        form = {**form, **newer}
        document = {**document, "components": {"schemas": {"Body_create_video_v1_videos_post": {"properties": form}}}}
        assert "of_a_newer_release" in refusal(OpenAI(profile("sglang")), {"of_a_newer_release": 3})
        provider = told(document, "sglang")
        assert asked(provider, {"of_a_newer_release": 3, "extra_params": {"a": 1}, "diffusers_kwargs": {"b": 2}})
        assert "≥ 2" in refusal(provider, {"of_a_newer_release": 1})
        assert "server_schema" in refusal(provider, {"of_a_newer_release": "many"})
        assert "whole number" in refusal(told(document, "sglang", extra={"width": "wide"}), {})
        assert asked(told(document, "sglang", extra={"seed": "[1, 2]", "whatever": "1"}), {})

    def test_what_fastvideo_has_in_json_alone_stays(self):
        assert asked(told(description_of("fastvideo"), "fastvideo"), {"guidance_2": 3, "true_cfg_scale": 1})

    def test_localai_says_it_in_swagger(self):
        provider = told(description_of("localai"), "localai", base_url="http://gpu.example:8080")
        assert asked(provider, {"steps": 30, "params": {"a": "b"}})
        assert "whole number" in refusal(told(description_of("localai"), "localai", extra={"seed": "many"}), {})
        assert "'stepps'" in refusal(told(description_of("localai"), "localai", extra={"stepps": "3"}), {})

    @pytest.mark.parametrize("server", SILENT)
    def test_a_server_that_reads_its_body_itself_tells_nothing(self, server):
        dialects = (server, "")
        assert [OpenAI(profile(each)).described(description_of(server), DAY) for each in dialects] == [None, None]

    def test_a_body_without_so_much_as_a_prompt_tells_nothing(self):
        """LiteLLM 1.108.7 names one field of its form and reads the others itself."""
        document = fastapi({"input_reference": {"type": "string", "contentMediaType": "application/octet-stream"}})
        del document["paths"]["/v1/videos"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"][
            "properties"
        ]["prompt"]
        assert OpenAI(profile()).described(document, DAY) is None

    @pytest.mark.parametrize("server", ["vllm-omni", "sglang", "fastvideo", "localai"])
    def test_the_table_and_the_server_agree(self, server):
        """Each name of the table is a field, of the same type, and its limits lie within the server's."""
        dialect = DIALECTS[server]
        body = OpenAI(profile(server)).described(description_of(server), DAY)
        assert body
        for name, setting in dialect.can.settings.items():
            wire = "generate_sound" if setting.kind == "sound" else setting.field or name
            if wire in dialect.json_alone:
                assert wire not in body.fields
                continue
            if server == "sglang" and setting.kind in ("string", "object"):
                continue  # its form has text in their place, or nothing
            assert _agrees(setting, body, wire), (name, setting, body.fields[wire])

    def test_what_vllm_omni_has_beside_the_table_is_no_setting(self):
        body = OpenAI(profile("vllm-omni")).described(description_of("vllm-omni"), DAY)
        assert body
        table = {setting.field or name for name, setting in DIALECTS["vllm-omni"].can.settings.items()}
        assert {name for name, each in body.fields.items() if each.kind != "file"} - table - {"lora"} <= NEVER


def _agrees(setting: Setting, body: DescribedBody, wire: str) -> bool:
    said = body.fields[wire]
    if setting.kind in ("object", "lora", "sound") and body.is_form:
        return said.kind in ("string", "boolean")  # as JSON in a text
    lows = [each for each in (said.low, said.above) if each is not None]
    within = all(setting.low is not None and setting.low >= low for low in lows)
    return said.kind == setting.kind and within and (said.high is None or (setting.high or 1e9) <= said.high)


class TestWhatIsNeverRefused:
    @pytest.mark.parametrize(
        "schema",
        [{"additionalProperties": True}, {"additionalProperties": {}}, {"additionalProperties": {"type": "string"}}],
    )
    def test_a_name_where_others_are_taken(self, schema):
        extra = schema["additionalProperties"] or {"x-any": 1}
        assert asked(told(fastapi({}, additionalProperties=extra)), {"anything": 1})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "auto"),
            ({"type": ["integer", "string", "null"]}, "auto"),
            ({"$ref": "https://elsewhere.example/schema.json"}, 1),
            ({"$ref": "#/nowhere"}, {"x": 1}),
            ({"allOf": [{"type": "integer"}, {"maximum": 3}]}, "auto"),
            ({"type": "strange"}, 1),
            ("junk", 1),
            ({"type": "string"}, 5),  # text in a form
            ({"type": "array", "items": {"type": "string"}}, "a"),
            ({"type": "integer"}, "30"),
            ({"type": "number", "maximum": "many"}, 1000),
            ({"type": "boolean"}, "on"),
        ],
    )
    def test_a_value_that_the_server_may_take(self, field, value):
        assert asked(told(fastapi({"x": field})), {"x": value})

    def test_anything_once_the_profile_says_so(self):
        provider = told(fastapi({}), extra={"server_schema": "ignore"})
        request = asked(provider, {"anything": 1})
        assert "server_schema" not in (provider.encode_submit(request).form or {})

    @pytest.mark.parametrize(
        "document",
        [
            None, [], {}, {"paths": 3}, {"paths": {"/v1/videos": {"post": None}}},
            {**fastapi({}), "servers": [{"url": "https://other.example/v1"}]},
            {**fastapi({}), "host": "other.example"},
            {"paths": {"/v2/videos": fastapi({})["paths"]["/v1/videos"]}},
        ],
    )  # fmt: skip
    def test_a_description_of_nothing_or_of_another_server_is_none(self, document):
        assert OpenAI(profile()).described(document, DAY) is None

    def test_references_in_circles_end(self):
        document = fastapi({"x": {"$ref": "#/components/schemas/X"}})
        document["components"] = {"schemas": {"X": {"anyOf": [{"$ref": "#/components/schemas/X"}, {"type": "null"}]}}}
        assert asked(told(document), {"x": "anything"})


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ({"$ref": "#/components/schemas/Mode"}, "slow", "fast, sharp"),
            ({"anyOf": [{"$ref": "#/components/schemas/Mode"}, {"type": "null"}]}, "slow", "fast, sharp"),
            ({"allOf": [{"$ref": "#/components/schemas/Mode"}], "default": "fast"}, "slow", "fast, sharp"),
            ({"const": 3}, 4, "3"),
            ({"type": "number", "exclusiveMaximum": 1}, 1, "< 1"),
            ({"type": "number", "maximum": 1, "exclusiveMaximum": True}, 1, "< 1"),  # OpenAPI 3.0
            ({"type": ["integer", "null"], "minimum": 2}, 1, "≥ 2"),
            ({"type": "integer"}, 1.5, "whole number"),
            ({"type": "integer"}, True, "whole number"),
        ],
    )
    def test_a_value_that_the_server_says_it_does_not_take(self, field, value, why):
        document = fastapi({"x": field})
        document["components"] = {"schemas": {"Mode": {"type": "string", "enum": ["fast", "sharp"]}}}
        assert why in refusal(told(document), {"x": value})

    def test_the_insides_of_what_is_a_number(self):
        assert "whole number" in refusal(told(fastapi({"x": {"type": "integer"}})), {"x.y": 1})

    def test_in_json_also_a_number_for_a_text(self):
        document = fastapi({"x": {"type": "string"}}, media="application/json")
        assert "text" in refusal(told(document, "aihubmix"), {"x": 5})

    def test_what_the_profile_adds_to_every_request(self):
        assert "did you mean 'steps_per_frame'" in refusal(
            told(fastapi({"steps_per_frame": {"type": "integer"}}), extra={"step_per_frame": "3"}), {}
        )

    def test_what_one_of_several_servers_does_not_take(self):
        provider = told(fastapi({"x": {"type": "integer"}}))
        (first,) = provider.profile.described
        (second,) = told(fastapi({"y": {"type": "integer"}})).profile.described
        both = OpenAI(replace(provider.profile, described=(first, second)))
        assert "'x'" in refusal(both, {"x": 1})


def test_a_newer_server_may_have_what_the_table_has_not():
    known, document = OpenAI(profile("vllm-omni")), description_of("vllm-omni")
    with pytest.raises(Unsupported):
        asked(known, {"film_grain": 0.5})
    body = document["components"]["schemas"]["Body_create_video_v1_videos_post"]
    body["properties"]["film_grain"] = {"type": "number", "maximum": 1}
    provider = told(document, "vllm-omni")
    assert provider.encode_submit(asked(provider, {"film_grain": 0.5})).form["film_grain"] == "0.5"
    assert "≤ 1" in refusal(provider, {"film_grain": 2})
    assert "hands out one video for each job" in refusal(provider, {"num_outputs_per_prompt": 2})


@pytest.mark.parametrize(
    "said",
    [{"steps": 30, "guidance": 3.5}, {"steps": 30.0, "return_stage_metrics": "on"}, {"fps": 24.0, "lora": "a:0.5"}],
)
@pytest.mark.parametrize("dialect", ["", "vllm-omni"])
def test_reading_it_makes_no_request_another_one(said, dialect):
    """What was paid for before the doctor looked is not paid for again after it."""
    before, after = OpenAI(profile(dialect)), told(description_of("vllm-omni"), dialect)
    assert fingerprints_of(asked(before, said), before) == fingerprints_of(asked(after, said), after)


def test_what_is_in_it_is_not_said_to_be_unknown():
    before, after = OpenAI(profile()), told(description_of("vllm-omni"))
    said = {"boundary_ratio": 0.9, "steps": 30, "sound": True}
    assert "boundary_ratio" in before.remark(asked(before, said))
    assert "nobody here knows" not in after.remark(asked(after, said))


def test_frames_a_second_that_the_server_has_when_none_are_asked_for_count_for_the_length():
    said = {"num_frames": {"type": "integer"}, "fps": {"type": "integer", "default": 24}}
    provider = told(fastapi(said))
    assert asked(provider, {"num_frames": 96})
    assert "at 24 per second" in refusal(provider, {"num_frames": 9})
