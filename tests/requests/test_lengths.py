"""Length as models count it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sora_core.errors import InvalidRequest
from sora_core.models import Operation
from sora_core.profiles.profiles import Profile
from sora_core.providers import Provider, provider_for
from sora_core.requests.kinds import VideoRequest
from sora_core.requests.lengths import Frames, frames_of
from sora_core.requests.settings import settings_of


def speaker(dialect: str = "sglang", model: str = "Wan-AI/Wan2.2-T2V-A14B-Diffusers") -> Provider:
    return provider_for(Profile("gpu", base_url="http://gpu.example/v1", model=model, dialect=dialect))


def asked(provider: Provider, seconds: int = 0, **said: Any) -> VideoRequest:
    return provider.prepared(VideoRequest(Operation.TEXT_TO_VIDEO, "a", seconds=seconds, settings=settings_of(said)))


@pytest.mark.parametrize(
    ("model", "frames"),
    [
        ("Wan-AI/Wan2.2-I2V-A14B-Diffusers", Frames(4, 1)),
        ("Lightricks/LTX-2", Frames(8, 1)),
        ("MiniMaxAI/MiniMax-H3", Frames(17, 5)),
        ("hunyuanvideo-community/HunyuanVideo", Frames(4, 1)),
        ("sora-2", None),
    ],
)
def test_models_are_known_by_their_names(model, frames):
    assert frames_of(model) == frames


@pytest.mark.parametrize(
    ("model", "wanted", "nearest"),
    [
        ("wan2.2", 80, "77 or 81"),
        ("wan2.2", 3, "1 or 5"),
        ("minimax-h3", 100, "90 or 107"),
        ("ltx-2", 100, "97 or 105"),
    ],
)
def test_frames_that_a_model_does_not_make_are_refused_with_the_nearest(model, wanted, nearest):
    with pytest.raises(InvalidRequest, match=nearest):
        asked(speaker(model=model), num_frames=wanted)


@pytest.mark.parametrize("wanted", [81, 80, 77])
def test_frames_and_seconds_that_agree_as_the_model_counts_are_sent(wanted):
    provider = speaker(model="wan2.2" if wanted != 80 else "another")
    assert provider.encode_submit(asked(provider, 5, num_frames=wanted, fps=16)).json["num_frames"] == wanted


def test_frames_that_are_not_the_seconds_are_refused():
    with pytest.raises(InvalidRequest, match=r"121 frames at 24 per second are 5\.04 seconds, not 8"):
        asked(speaker(), 8, num_frames=121)


def test_both_without_a_rate_are_refused_where_the_rate_is_the_models():
    with pytest.raises(InvalidRequest, match="Give fps too"):
        asked(speaker("vllm-omni"), 5, num_frames=121)


def test_what_will_be_made_is_told():
    provider = speaker()
    assert provider.remark(asked(provider, num_frames=81, fps=16)) == "81 frames at 16 fps: 5.06 s"
    assert provider.remark(asked(provider, 5, fps=16)) == "81 frames at 16 fps: 5.06 s"  # 80 is rounded by the server
    assert provider.remark(asked(provider, 5)) == ""


def test_a_model_of_the_request_goes_before_the_profiles():
    provider = speaker()
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a", settings=settings_of({"num_frames": 97}))
    assert provider.prepared(replace(request, model="ltx-2"))
    with pytest.raises(InvalidRequest):
        provider.prepared(replace(request, model="minimax-h3"))
