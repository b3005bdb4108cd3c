"""Prices as a user writes them, and what they make of a request. What is not known is said to be unknown."""

from __future__ import annotations

import pytest

from sora_core.connections.costs import estimate
from sora_core.errors import ProfileError
from sora_core.models import Operation
from sora_core.profiles.prices import Cost, amount_of, parse_prices
from sora_core.profiles.profiles import Profile, profile_of, toml_of
from sora_core.requests.kinds import CleanLinkRequest, PictureRequest, PromptRequest, RemixRequest, VideoRequest

OPENAI = ("sora-2 0.10/second", "sora-2-pro 0.30/second", "sora-2-pro hd 0.50/s", "0.04/image")


def relay(*prices: str, **settings: object) -> Profile:
    settings = {"base_url": "https://relay.example/v1", "currency": "USD", "paid": True, **settings}
    return Profile("relay", prices=prices, **settings)  # type: ignore[arg-type]


def video(**facts: object) -> VideoRequest:
    return VideoRequest(Operation.TEXT_TO_VIDEO, "", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "cost"),
    [
        ({"model": "sora-2", "seconds": 8}, "0.80 USD"),
        ({"model": "sora-2"}, "0.40 USD"),  # the profile's default of 4 seconds
        ({"model": "sora-2-pro", "seconds": 12}, "3.60 USD"),
        ({"model": "sora-2-pro", "seconds": 12, "quality": "hd"}, "6.00 USD"),
        ({"seconds": 8}, "unknown"),  # the server picks the model
        ({"model": "sora-3", "seconds": 8}, "unknown"),
    ],
)
def test_a_video_costs_its_seconds_at_the_price_of_its_model_and_quality(facts, cost):
    assert str(estimate(video(**facts), relay(*OPENAI))) == cost


def test_the_most_particular_prices_hold_and_equals_add_up():
    profile = relay("1/clip", "0.1/second", "veo* 0.4/clip", "veo-3 2/clip", "veo-3 0.25/second")
    assert str(estimate(video(seconds=8, model="x"), profile)) == "1.80 USD"
    assert str(estimate(video(seconds=8, model="veo-2"), profile)) == "0.40 USD"
    assert str(estimate(video(seconds=8, model="veo-3"), profile)) == "4.00 USD"
    assert str(estimate(video(seconds=8), profile)) == "1.80 USD"


def test_a_size_named_by_hand_is_priced_by_the_quality_that_it_is_or_not_at_all():
    profile = relay("0.3/second", "hd 0.5/second", dialect="preview")
    assert str(estimate(video(seconds=2, size="1280x720"), profile)) == "0.60 USD"
    assert str(estimate(video(seconds=2, size="1920x1080"), profile)) == "1.00 USD"
    assert str(estimate(video(seconds=2, size="640x360"), profile)) == "unknown"
    sized = relay("0.3/second", "640x360 0.1/second", dialect="preview")
    assert str(estimate(video(seconds=2, size="640x360"), sized)) == "0.20 USD"


def test_a_remix_is_unknown_where_its_source_decides():
    assert str(estimate(RemixRequest("", seconds=8, model="m"), relay("0.1/second"))) == "0.80 USD"
    assert str(estimate(RemixRequest("", model="m"), relay("0.1/second"))) == "unknown"
    assert str(estimate(RemixRequest("", model="m"), relay("0.5/clip"))) == "0.50 USD"
    assert str(estimate(RemixRequest("", model="m", seconds=8), relay("0.1/second", "hd 0.2/second"))) == "unknown"


def test_pictures_have_prices_of_their_own_and_the_rest_has_none():
    profile = relay(*OPENAI, "1/clip")
    assert str(estimate(PictureRequest("", model="gpt-image-1"), profile)) == "0.04 USD"
    assert str(estimate(PictureRequest("", model="x"), relay("1/clip"))) == "unknown"
    assert str(estimate(PromptRequest("x"), profile)) == "unknown"
    assert str(estimate(CleanLinkRequest("x"), profile)) == "unknown"


def test_what_costs_nothing_is_free_and_without_prices_it_is_unknown():
    assert str(estimate(video(), relay(*OPENAI, paid=False))) == "free"
    assert estimate(video(seconds=8), relay()) == Cost(None, "USD")


@pytest.mark.parametrize(
    "line",
    ["", "sora-2", "0.10", "0.10/minute", "-1/second", "1e3/clip", "0.1234567/s", "a b 1/s", "hd hd 1/s", "NaN/s"],
)
def test_what_is_no_price_is_refused_with_how_one_is_written(line):
    with pytest.raises(ProfileError, match="is not a price") as refused:
        relay(line).check()
    assert "0.10/second" in refused.value.fix


def test_the_same_price_twice_is_refused():
    with pytest.raises(ProfileError, match="given twice"):
        relay("sora-2 1/s", "sora-2 2/second").check()


def test_amounts_are_exact_and_written_with_two_places_at_the_least():
    assert [amount_of(each) for each in (0, 600_000, 2_500, 1_234_567_890_000)] == [
        "0.00",
        "0.60",
        "0.0025",
        "1234567.89",
    ]
    (price,) = parse_prices(["0.1/second"], "x")
    assert amount_of(price.millionths * 3) == "0.30"


def test_the_file_keeps_them():
    profile = relay(*OPENAI, max_cost_per_day=12.5)
    text = toml_of(profile)
    assert 'prices = ["sora-2 0.10/second", "sora-2-pro 0.30/second", "sora-2-pro hd 0.50/s", "0.04/image"]' in text
    assert "max_cost_per_day = 12.5" in text
    with pytest.raises(ProfileError, match="prices"):
        profile_of("x", {"prices": [1]})
