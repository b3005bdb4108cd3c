"""Where each server's settings go: its form, its JSON, `nvext`, or `kwargs`; and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sora_core.errors import InvalidRequest, Unsupported
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.models import Operation, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import Provider, provider_for
from sora_core.providers.openai.dialects import DIALECTS
from sora_core.requests.kinds import RemixRequest, VideoRequest
from sora_core.requests.settings import settings_of
from sora_core.transport import Call

PNG = Upload(b"png", "image/png", "reference.png")
CLOSED = ("openai", "azure", "aquiles")
OPEN = ("", "litellm", "new-api", "aihubmix", "openrouter")
TABLES = [name for name, dialect in DIALECTS.items() if dialect.can.settings]


def speaker(dialect: str, provider: str = "openai", **settings: Any) -> Provider:
    facts = {"provider": provider, "base_url": "https://gpu.example/v1", "model": "wan", "dialect": dialect}
    return provider_for(Profile("gpu", **{**facts, **settings}))


def asked(provider: Provider, said: dict[str, Any], **facts: Any) -> VideoRequest:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat", seconds=4, settings=settings_of(said))
    return provider.prepared(replace(request, **facts))


def sent(dialect: str, said: dict[str, Any], *, extra: dict[str, str] | None = None, **facts: Any) -> Call:
    provider = speaker(dialect, extra=extra or {})
    return provider.encode_submit(asked(provider, said, **facts))


SAID = {"steps": 30, "guidance": 3.5, "fps": 16}


@pytest.mark.parametrize("dialect", ["vllm-omni", "fastvideo", ""])
def test_in_a_form_they_are_text(dialect):
    form = sent(dialect, SAID).form
    assert form is not None
    assert (form["num_inference_steps"], form["guidance_scale"], form["fps"]) == ("30", "3.5", "16")


@pytest.mark.parametrize("dialect", ["sglang", "tensorrt-llm"])
def test_in_json_they_are_numbers(dialect):
    body = sent(dialect, SAID).json
    assert (body["num_inference_steps"], body["guidance_scale"], body["fps"]) == (30, 3.5, 16)


def test_dynamo_has_them_in_its_own_block():
    assert sent("dynamo", SAID).json["nvext"] == {
        "num_inference_steps": 30, "guidance_scale": 3.5, "fps": 16, "seed": 0,
    }  # fmt: skip


def test_xinference_hands_them_to_the_model_with_what_else_is_written():
    kwargs = json.loads(sent("xinference", {**SAID, "cfg_rescale": 0.7}).json["kwargs"])
    assert {name: kwargs[name] for name in ("num_inference_steps", "guidance_scale", "fps", "cfg_rescale")} == {
        "num_inference_steps": 30, "guidance_scale": 3.5, "fps": 16, "cfg_rescale": 0.7,
    }  # fmt: skip
    assert kwargs["num_frames"] == 65


@pytest.mark.parametrize("name", ["n", "num_outputs_per_prompt"])
@pytest.mark.parametrize("extra", [{}, {"n": "2"}], ids=["", "over the profile's"])
def test_how_many_xinference_is_to_make_stands_where_its_route_reads_it(name, extra):
    provider = speaker("xinference", extra=extra)
    request = asked(provider, {name: 3})
    body = provider.encode_submit(request).json
    assert body["n"] == 3
    assert not {"n", "num_outputs_per_prompt"} & json.loads(body["kwargs"]).keys()
    assert provider.outputs_of(request) == 3


def test_what_xinference_is_to_avoid_goes_to_the_model_but_where_its_route_reads_it():
    call = sent("xinference", {}, negative_prompt="rain")
    assert ("negative_prompt" in call.json, json.loads(call.json["kwargs"])["negative_prompt"]) == (False, "rain")
    form = sent("xinference", {}, negative_prompt="rain", operation=Operation.IMAGE_TO_VIDEO, images=(PNG,)).form
    assert (form["negative_prompt"], "negative_prompt" in json.loads(form["kwargs"])) == ("rain", False)


def test_localai_calls_them_by_other_names():
    body = sent("localai", SAID).json
    assert (body["step"], body["cfg_scale"], body["fps"], body["num_frames"]) == (30, 3.5, 16, 65)


def test_vllm_omni_gets_lora_and_sound_in_its_own_shape():
    form = sent("vllm-omni", {"lora": "loras/style.safetensors:0.8", "sound": 2.5, "extra_params.x": 1}).form
    assert form is not None
    assert json.loads(form["lora"]) == {"name": "style", "path": "loras/style.safetensors", "scale": 0.8}
    assert (form["generate_sound"], form["sound_duration"]) == ("true", "2.5")
    assert json.loads(form["extra_params"]) == {"x": 1}


def test_they_go_over_what_the_profile_adds():
    extra = {"num_inference_steps": "50", "guidance_scale": "9", "extra_params": '{"x": 1, "y": 2}'}
    form = sent("vllm-omni", {"steps": 30, "extra_params.x": 7}, extra=extra).form
    assert form is not None
    assert (form["num_inference_steps"], form["guidance_scale"]) == ("30", "9")
    assert json.loads(form["extra_params"]) == {"x": 7, "y": 2}


def test_a_length_in_frames_is_sent_without_one_in_seconds():
    form = sent("vllm-omni", {"num_frames": 81}, seconds=0).form
    assert form is not None
    assert form["num_frames"] == "81"
    assert "seconds" not in form


class TestFastVideo:
    """Its form has no place for two of its fields, its JSON has."""

    def test_is_asked_in_json_for_what_its_form_does_not_have(self):
        call = sent("fastvideo", {"guidance_2": 3})
        assert call.json["guidance_scale_2"] == 3

    def test_then_takes_an_image_as_text(self):
        call = sent("fastvideo", {"guidance_2": 3}, operation=Operation.IMAGE_TO_VIDEO, images=(PNG,))
        assert not call.files
        assert call.json["reference_url"] == "data:image/png;base64,cG5n"

    def test_else_gets_a_form_with_a_file(self):
        call = sent("fastvideo", {"steps": 3}, operation=Operation.IMAGE_TO_VIDEO, images=(PNG,))
        assert call.form is not None
        assert [name for name, _ in call.files] == ["input_reference"]


class TestRefused:
    @pytest.mark.parametrize("dialect", CLOSED)
    def test_where_the_protocol_has_none(self, dialect):
        with pytest.raises(Unsupported, match="takes no settings"):
            asked(speaker(dialect), {"steps": 3})

    @pytest.mark.parametrize(
        ("provider", "dialect", "facts"),
        [
            ("apiyi", "", {"seconds": 10}),
            ("shenma", "", {"seconds": 10}),
            ("newapi", "", {"seconds": 10}),
        ],
    )
    def test_where_a_relay_has_none(self, provider, dialect, facts):
        with pytest.raises(Unsupported, match="takes no settings"):
            asked(speaker(dialect, provider, model=""), {"steps": 3}, **facts)

    @pytest.mark.parametrize(("provider", "has"), [("skyriff", "rendition"), ("sora_web", "audio_caption")])
    def test_where_a_relay_has_others(self, provider, has):
        with pytest.raises(Unsupported, match=rf"has no setting 'steps'. It has: .*{has}"):
            asked(speaker("", provider, model=""), {"steps": 3}, seconds=10)

    @pytest.mark.parametrize("dialect", [name for name in TABLES if not DIALECTS[name].can.any_setting])
    def test_a_name_that_the_server_has_not_with_those_that_it_has(self, dialect):
        with pytest.raises(Unsupported, match=r"did you mean 'steps'.*num_frames"):
            asked(speaker(dialect), {"stepss": 3})

    def test_two_loras_where_one_is_taken(self):
        with pytest.raises(Unsupported, match="up to 1 LoRA"):
            asked(speaker("vllm-omni"), {"lora": ["a", "b"]})

    @pytest.mark.parametrize("dialect", ["sglang", "fastvideo", "dynamo", "tensorrt-llm", "localai"])
    def test_a_lora_where_no_request_can_name_one(self, dialect):
        with pytest.raises(Unsupported, match="lora"):
            asked(speaker(dialect), {"lora": "a"})

    @pytest.mark.parametrize("name", ["prompt", "seconds", "size", "model"])
    def test_what_has_an_input_of_its_own(self, name):
        provider = speaker("")
        with pytest.raises(InvalidRequest, match="input of its own"):
            provider.encode_submit(asked(provider, {name: "4"}))

    def test_an_image_by_a_field_where_there_is_one_by_its_input(self):
        provider = speaker("sglang")
        link = ("https://cdn.example/a.png",)
        request = asked(provider, {}, operation=Operation.IMAGE_TO_VIDEO, image_urls=link)
        with pytest.raises(Unsupported):
            asked(provider, {"reference_url": "x"})
        assert provider.encode_submit(request).json["reference_url"] == link[0]

    def test_in_a_remix_of_a_relay_that_takes_none(self):
        provider = speaker("generic", "newapi")
        with pytest.raises(Unsupported, match="no settings"):
            provider.prepared(RemixRequest("again", "task_1", settings=settings_of({"steps": 3})))


class TestUnknownServer:
    @pytest.mark.parametrize("dialect", OPEN)
    def test_gets_what_was_written_and_that_is_told(self, dialect):
        provider = speaker(dialect)
        request = asked(provider, {"steps": 30, "cfg": 3})
        call = provider.encode_submit(request)
        body = call.json or call.form
        assert (str(body["num_inference_steps"]), str(body["cfg"])) == ("30", "3")
        assert "steps, cfg" in provider.remark(request)

    def test_of_a_relays_task_form_too(self):
        provider = speaker("generic", "newapi")
        assert provider.encode_submit(asked(provider, {"steps": 30, "cfg": 3})).json["cfg"] == 3

    def test_a_known_one_is_not_remarked_on(self):
        assert speaker("sglang").remark(asked(speaker("sglang"), {"steps": 30})) == ""


@pytest.mark.parametrize("dialect", ["vllm-omni", "sglang", "dynamo", "xinference", ""])
def test_other_settings_are_another_claim(dialect):
    provider = speaker(dialect)
    names = [fingerprints_of(asked(provider, said), provider)[0] for said in ({}, {"steps": 3}, {"steps": 4})]
    assert len(set(names)) == 3
    spelled = fingerprints_of(asked(provider, {"num_inference_steps": 3}), provider)[0]
    assert spelled == names[1]
