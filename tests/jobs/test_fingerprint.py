"""Same wire, same claim; other wire, other claim."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from sora_core.conformance.asking import request_of
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.models import Capabilities, Character, ClipForm, ImageForm, Operation, Shot, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS, Provider, provider_for
from sora_core.requests.kinds import Request, VideoRequest

A, B = b"a picture" * 10, b"another" * 10


def speaker(provider: str = "openai", **settings: Any) -> Provider:
    return provider_for(Profile("p", provider=provider, base_url="https://relay.example", **settings))


def identity(provider: Provider, operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any) -> str:
    return fingerprints_of(prepared(provider, operation, **facts), provider)[0]


def prepared(provider: Provider, operation: Operation = Operation.TEXT_TO_VIDEO, **facts: Any) -> Request:
    return provider.prepared(request_of(operation, "a cat", **facts))


def picture(data: bytes = A, **facts: Any) -> Upload:
    return Upload(data, **{"media_type": "image/png", "filename": "a.png", **facts})


@pytest.mark.parametrize("named", ["openai", "apiyi"])
def test_a_size_and_the_orientation_that_stands_for_it_are_one_claim(named):
    provider = speaker(named)
    assert identity(provider, size="720x1280") == identity(provider, orientation="portrait")


def test_a_size_and_the_quality_that_stands_for_it_are_one_claim():
    assert identity(speaker(), size="1920x1080") == identity(speaker(), quality="hd")


def test_a_changed_extra_of_the_profile_is_another_claim():
    assert identity(speaker(extra={"guidance_scale": "3"})) != identity(speaker(extra={"guidance_scale": "9"}))


def test_an_extra_that_is_not_sent_is_the_same_claim():
    assert identity(speaker(extra={"timeout": "30"})) == identity(speaker(extra={"timeout": "90"}))


def test_the_profile_s_model_and_the_same_one_by_name_are_one_claim():
    assert identity(speaker(model="wan")) == identity(speaker(), model="wan")


@pytest.mark.parametrize(
    "facts",
    [{"negative_prompt": "rain"}, {"seconds": 8}, {"size": "64x64"}, {"model": "wan"}, {"seed": 1}],
    ids=str,
)
def test_another_wire_or_take_is_another_claim(facts):
    own = speaker(dialect="vllm-omni")
    assert identity(own, **facts) != identity(own)


def test_another_take_is_another_claim_where_the_protocol_knows_no_seed():
    provider = speaker("apiyi")
    assert provider.encode_submit(prepared(provider, seed=1)) == provider.encode_submit(prepared(provider, seed=2))
    assert identity(provider, seed=1) != identity(provider, seed=2)


SPEAKERS = {
    "as a file": speaker(),
    "as base64": speaker(dialect="localai", model="m"),
    "as a data URI": speaker("shenma"),
    "uploaded before": speaker("sora_web"),
}


@pytest.mark.parametrize("how", SPEAKERS)
def test_a_picture_counts_by_what_the_user_gave_and_not_by_how_it_was_encoded(how):
    def with_picture(image: Upload) -> str:
        return identity(SPEAKERS[how], Operation.IMAGE_TO_VIDEO, images=(image,))

    first = with_picture(picture(A, made_from="the same"))
    assert first == with_picture(picture(B, media_type="image/jpeg", filename="b.jpg", made_from="the same"))
    assert first != with_picture(picture(A, made_from="another"))
    assert first != identity(SPEAKERS[how])


def test_two_clean_links_are_two_claims():
    provider = speaker(extra={"parse_url": "https://parse.example"})
    one, two = (f"https://posts.example/p/s_{name}" for name in ("1", "2"))
    assert identity(provider, Operation.CLEAN_LINK, source_url=one) != identity(
        provider, Operation.CLEAN_LINK, source_url=two
    )


def test_two_names_for_a_character_are_two_claims():
    clip = Upload(A, "video/mp4", "c.mp4")
    facts = {"clip": clip, "start": 0.0, "end": 3.0}
    for provider in (speaker(dialect="openai"), speaker("sora_web")):
        made = [identity(provider, Operation.CREATE_CHARACTER, name=name, **facts) for name in ("anna", "berta")]
        assert made[0] != made[1]


def test_the_address_and_the_key_are_no_part_of_it_as_the_row_knows_where_it_was_made():
    moved = provider_for(Profile("p", base_url="https://elsewhere.example", key_env="OTHER"))
    assert identity(moved) == identity(speaker())


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_protocol_has_one_for_everything_that_it_can_do(name):
    provider = speaker(name, extra={"image_model": "m", "enhance_model": "m"} if name == "openai" else {})
    of_a_source = {Operation.CLEAN_LINK, Operation.REMIX, Operation.EDIT, Operation.EXTEND}
    operations = provider.can.operations - of_a_source
    seen = {identity(provider, operation, **_least(operation, provider.can)) for operation in operations}
    assert len(seen) == len(operations)


def _least(operation: Operation, can: Capabilities) -> dict[str, Any]:
    seconds = next(iter(can.seconds))
    if operation is Operation.STORYBOARD:
        return {"shots": (Shot("a door", seconds),)}
    if operation is Operation.IMAGE_TO_VIDEO:
        sends_files = can.image_forms & {ImageForm.FILE, ImageForm.DATA}
        return {"images": (picture(),)} if sends_files else {"image_urls": ("https://a.example/i.png",)}
    if operation is Operation.CREATE_CHARACTER:
        clip = {"clip": Upload(A, "video/mp4", "c.mp4")} if ClipForm.FILE in can.clip_forms else {}
        return clip or {"source_url": "https://a.example/c.mp4"}
    return {"expansion": "short"} if operation is Operation.ENHANCE_PROMPT else {}


def test_a_character_in_the_prompt_is_part_of_the_wire():
    provider = speaker("shenma")
    request = prepared(provider)
    assert isinstance(request, VideoRequest)
    with_anna = replace(request, cast=(Character("p", "anna", "ch_1", "anna_7"),))
    assert fingerprints_of(with_anna, provider)[0] != fingerprints_of(request, provider)[0]


def test_what_the_first_version_called_the_request_is_still_known():
    """This very text is in the ledgers of users."""
    text = (
        '{"characters":[],"image_url":"","images":[],"model":"wan","negative_prompt":"","operation":"text_to_video",'
        '"orientation":"landscape","part":[0.0,0.0],"profile":"p","prompt":"a cat","provider":"openai",'
        '"quality":"standard","seconds":4,"seed":0,"shots":[],"size":"1280x720","source_id":"","source_url":"",'
        '"style":""}'
    )
    provider = speaker(model="wan")
    assert fingerprints_of(prepared(provider), provider)[1:] == ("v1:" + sha256(text.encode()).hexdigest(),)
