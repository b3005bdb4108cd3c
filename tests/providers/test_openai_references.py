"""What a video begins with, ends with or follows: in which form each server gets it, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sora_core.errors import InvalidRequest, Unsupported
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.models import Operation, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, Provider, provider_for
from sora_core.requests.kinds import VideoRequest
from sora_core.requests.references import image_bytes_limit
from sora_core.transport import Call

FIRST = Upload(b"first", "image/png", "reference.png")
LAST = Upload(b"last", "image/png", "reference.png")
CLIP = Upload(b"clip", "video/mp4", "reference.mp4")
SOUND = Upload(b"sound", "audio/wav", "reference.wav")
BOTH = {"images": (FIRST,), "last_frame": LAST}


def speaker(dialect: str, **facts: Any) -> Provider:
    return provider_for(Profile("gpu", base_url="https://gpu.example/v1", model="wan", dialect=dialect, **facts))


def asked(dialect: str, **facts: Any) -> VideoRequest:
    request = VideoRequest(Operation.IMAGE_TO_VIDEO, "a cat", seconds=4)
    return speaker(dialect).prepared(replace(request, **facts))


def sent(dialect: str, **facts: Any) -> Call:
    return speaker(dialect).encode_submit(asked(dialect, **facts))


def uri(upload: Upload) -> str:
    kinds = {FIRST: "Zmlyc3Q=", LAST: "bGFzdA==", SOUND: "c291bmQ="}
    return f"data:{upload.media_type};base64,{kinds[upload]}"


class TestFirstAndLast:
    def test_are_a_list_in_their_order_for_vllm_omni(self):
        listed = json.loads(sent("vllm-omni", **BOTH).form["image_reference"])
        assert listed == [{"image_url": uri(FIRST)}, {"image_url": uri(LAST)}]

    def test_are_files_of_their_own_names_for_xinference(self):
        call = sent("xinference", **BOTH)
        assert call.path == "/video/generations/flf"
        assert call.files == (("first_frame", FIRST), ("last_frame", LAST))

    def test_are_fields_for_localai(self):
        body = sent("localai", **BOTH).json
        assert (body["start_image"], body["end_image"]) == ("Zmlyc3Q=", "bGFzdA==")

    def test_are_frames_for_openrouter(self):
        frames = sent("openrouter", **BOTH).json["frame_images"]
        assert [each["frame_type"] for each in frames] == ["first_frame", "last_frame"]
        assert [each["image_url"]["url"] for each in frames] == [uri(FIRST), uri(LAST)]

    @pytest.mark.parametrize("dialect", ["", "openai", "sglang", "fastvideo", "dynamo", "tensorrt-llm", "aquiles"])
    def test_the_last_one_is_refused_where_there_is_no_place_for_it(self, dialect):
        with pytest.raises(Unsupported, match="last_frame"):
            asked(dialect, **BOTH)

    @pytest.mark.parametrize("provider", sorted(set(PROVIDERS) - {"openai"}))
    def test_the_last_one_is_refused_by_every_relay(self, provider):
        speaker = provider_for(Profile("relay", provider=provider, base_url="https://relay.example"))
        request = VideoRequest(Operation.IMAGE_TO_VIDEO, "a cat", images=(FIRST,), last_frame=LAST)
        with pytest.raises(Unsupported):
            speaker.prepared(request)

    @pytest.mark.parametrize("images", [(), (FIRST, FIRST)])
    def test_the_last_one_needs_one_first_one(self, images):
        with pytest.raises(InvalidRequest, match="exactly one"):
            asked("vllm-omni", images=images, last_frame=LAST, clips=(CLIP,))


class TestClipsAndSounds:
    def test_vllm_omni_gets_all_as_files_where_there_is_a_clip(self):
        call = sent("vllm-omni", images=(FIRST,), clips=(CLIP,), sounds=(SOUND,))
        assert [name for name, _ in call.files] == ["input_references"] * 3
        assert [upload for _, upload in call.files] == [FIRST, CLIP, SOUND]

    def test_vllm_omni_gets_a_sound_beside_a_picture(self):
        call = sent("vllm-omni", images=(FIRST,), sounds=(SOUND,))
        assert json.loads(call.form["audio_reference"]) == {"audio_url": uri(SOUND)}
        assert call.files == (("input_reference", FIRST),)

    def test_sglang_gets_a_clip_and_a_picture_as_files(self):
        call = sent("sglang", images=(FIRST,), clips=(CLIP,))
        assert call.files == (("input_reference", FIRST), ("video_reference", CLIP))
        assert call.form is not None

    @pytest.mark.parametrize(("facts", "word"), [({"clips": (CLIP,)}, "videos"), ({"sounds": (SOUND,)}, "sounds")])
    @pytest.mark.parametrize("dialect", ["", "openai", "fastvideo", "dynamo", "litellm"])
    def test_are_refused_where_there_is_no_place_for_them(self, dialect, facts, word):
        with pytest.raises(Unsupported, match=f"no {word}"):
            asked(dialect, images=(FIRST,), **facts)

    def test_more_than_a_server_takes_are_refused(self):
        with pytest.raises(Unsupported, match="up to 1 videos"):
            asked("sglang", clips=(CLIP, CLIP))


class TestSizeOfText:
    """What stands in a field of a form may have 1 MiB at vLLM-Omni, and several images do."""

    LARGE = replace(FIRST, data=bytes(600_000))

    def test_images_that_do_not_fit_are_refused_before_they_are_sent(self):
        with pytest.raises(Unsupported, match="one field"):
            asked("vllm-omni", images=(self.LARGE, self.LARGE))

    def test_one_image_is_a_file_and_may_be_large(self):
        assert sent("vllm-omni", images=(self.LARGE,)).files

    def test_with_a_clip_all_are_files(self):
        assert sent("vllm-omni", images=(self.LARGE, self.LARGE), clips=(CLIP,)).files

    def test_a_sound_that_does_not_fit_is_refused(self):
        with pytest.raises(Unsupported, match="Sounds"):
            asked("vllm-omni", images=(FIRST,), sounds=(replace(SOUND, data=bytes(900_000)),))

    def test_the_limit_of_each_image_is_what_fits(self):
        plain = VideoRequest(Operation.IMAGE_TO_VIDEO, "")
        can = speaker("vllm-omni").capabilities()
        each = image_bytes_limit(plain, can, 3)
        fitting = replace(FIRST, data=bytes(each))
        assert asked("vllm-omni", images=(fitting,) * 3)
        assert image_bytes_limit(plain, can, 1) == can.image_bytes_limit


@pytest.mark.parametrize("changed", [{"last_frame": FIRST}, {"images": (LAST,)}])
def test_other_pictures_are_another_claim(changed):
    provider = speaker("vllm-omni")
    one, other = (fingerprints_of(asked("vllm-omni", **facts), provider)[0] for facts in (BOTH, {**BOTH, **changed}))
    assert one != other


def test_the_same_media_encoded_otherwise_is_the_same_claim():
    provider = speaker("vllm-omni")
    again = replace(LAST, data=b"encoded by another library", made_from=LAST.sha256)
    one, other = (
        fingerprints_of(asked("vllm-omni", **{**BOTH, "last_frame": each}), provider)[0] for each in (LAST, again)
    )
    assert one == other
