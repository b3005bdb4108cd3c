"""What an engine refuses before anything is sent: the checks of a request, and the server's list of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _clock import FakeClock
from _gateway import GatewayProcess

from sora_core.connections.listed import FRESH_SECONDS
from sora_core.engine import Engine
from sora_core.errors import InvalidRequest, Unsupported
from sora_core.models import Operation
from sora_core.profiles.profiles import Profile
from sora_core.requests.kinds import VideoRequest

ASKED = VideoRequest(Operation.TEXT_TO_VIDEO, "a lighthouse", seconds=4)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(gateway: GatewayProcess, tmp_path: Path, clock: FakeClock, no_settings: None) -> Iterator[Engine]:
    engine = Engine(tmp_path, clock=clock)
    engine.profiles.add(Profile("box", base_url=gateway.openai, auth="none"))
    yield engine
    engine.close()


def test_what_no_request_may_be_is_refused_without_a_look_at_the_server(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="prompt is empty"):
        engine.check(replace(ASKED, prompt=" "), "box")
    with pytest.raises(InvalidRequest, match="needs an image"):
        engine.check(replace(ASKED, operation=Operation.IMAGE_TO_VIDEO), "box")
    engine.check(replace(ASKED, operation=Operation.IMAGE_TO_VIDEO), "box", images_to_come=1)
    assert not engine.is_working


def test_a_model_is_refused_when_the_server_has_listed_others(engine: Engine, gateway: GatewayProcess) -> None:
    asked = replace(ASKED, model="sora-9")
    engine.check(asked, "box")  # nobody knows the list yet: the server will say it
    listed = engine.models("box").result(30)
    assert listed
    with pytest.raises(Unsupported, match=f"lists no model 'sora-9'.*{listed[0]}"):
        engine.check(asked, "box")
    engine.check(replace(ASKED, model=listed[0]), "box")
    assert gateway.charges == 0


def test_the_models_own_name_in_the_profile_is_the_users_word(engine: Engine) -> None:
    engine.edit_profile("box", {"model": "sora-9"})
    engine.models("box").result(30)
    engine.check(replace(ASKED, model="sora-9"), "box")


def test_an_old_list_and_that_of_another_address_refuse_nothing(engine: Engine, clock: FakeClock) -> None:
    asked = replace(ASKED, model="sora-9")
    engine.models("box").result(30)
    engine.edit_profile("box", {"max_jobs": 2})
    engine.check(asked, "box")
    engine.models("box").result(30)
    clock.advance(FRESH_SECONDS + 1)
    engine.check(asked, "box")


@pytest.mark.parametrize("dialect", ["azure", "openrouter"])
def test_a_list_that_leaves_out_some_refuses_nothing(engine: Engine, gateway: GatewayProcess, dialect: str) -> None:
    engine.profiles.add(Profile("hosted", base_url=gateway.openai, auth="none", dialect=dialect))
    engine.models("hosted").result(30)
    engine.check(replace(ASKED, model="my-deployment"), "hosted")
