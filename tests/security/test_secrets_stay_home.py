"""A secret part of a call goes to the origin that the call is made to, and is in nothing that prints."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import fields, is_dataclass
from functools import partial

import pytest
from _clock import FakeClock
from _server import Server, reply

import sora_core
from sora_core.errors import AuthError, BadResponse
from sora_core.models import Effect, Secret, Snapshot, State
from sora_core.profiles.profiles import Profile
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http, Reply

SESSION = "sess-4f1d2c3b4a59687766554433"
OK = reply(200, {"id": "video_1"})


def client(url: str) -> Http:
    return Http(url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_cookie_does_not_follow_a_redirect_to_another_origin(status):
    async with Server(OK) as abroad:
        there = f"http://localhost:{abroad.port}/steal"
        async with Server(reply(status, headers={"location": there})) as home:
            http = client(home.url)
            headers = {"cookie": Secret(f"session={SESSION}"), "accept": "text/plain"}
            await http.send(Call("GET", "/session", Effect.READ, headers=headers, anonymous=True, timeout=5))
            await http.aclose()
    assert home.requests[0].headers["cookie"] == f"session={SESSION}"
    assert "cookie" not in abroad.requests[0].headers
    assert abroad.requests[0].headers["accept"] == "text/plain"
    assert SESSION not in str(abroad.requests[0])


async def test_it_goes_along_on_its_own_origin():
    async with Server(reply(302, headers={"location": "/there"}), OK) as home:
        http = client(home.url)
        await http.send(Call("GET", "/a", Effect.READ, headers={"cookie": Secret("s=12345678")}, timeout=5))
        await http.aclose()
    assert [request.headers["cookie"] for request in home.requests] == ["s=12345678"] * 2


async def test_a_body_with_a_token_is_not_sent_abroad():
    async with Server(OK) as abroad, Server(reply(307, headers={"location": f"{abroad.url}/steal"})) as home:
        http = client(home.url)
        body = {"grant": {"tokens": [Secret(SESSION)]}}
        with pytest.raises(BadResponse):
            await http.send(Call("POST", "/token", Effect.READ, json=body, timeout=5), attempts=1)
        await http.aclose()
    assert home.requests[0].json == {"grant": {"tokens": [SESSION]}}
    assert abroad.requests == []


async def test_a_secret_that_no_header_can_carry_is_refused_without_being_quoted():
    async with Server(OK) as server:
        http = client(server.url)
        with pytest.raises(AuthError) as caught:
            await http.send(Call("GET", "/a", Effect.READ, headers={"cookie": Secret(f"{SESSION}\nx: y")}))
        await http.aclose()
    assert SESSION not in str(caught.value) + repr(caught.value)
    assert server.requests == []


SIGNED = f"https://cdn.example/v.mp4?X-Amz-Signature={SESSION}"
VALUES = [
    Call("GET", SIGNED, Effect.READ, headers={"cookie": Secret(SESSION)}, json={"token": Secret(SESSION)}),
    Reply(200, {"set-cookie": SESSION}, SESSION.encode(), SIGNED),
    Snapshot(State.SUCCEEDED, url=SIGNED),
    Profile("p", base_url=f"https://user:{SESSION}@relay.example", proxy=f"http://user:{SESSION}@proxy.example:1"),
    Secret(SESSION),
    [Secret(SESSION)],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_repr_shows_one(value):
    assert SESSION not in repr(value) + str(value)


MAY_BE_SECRET = re.compile(r"(^|_)(urls?|links?|tokens?|password|cookies?|proxy|secret)$")
# of the user's own servers, where no password may be; and what the preview gateway makes up
ARE_NOT = {"Addresses", "ParseService"}


def values_of_the_client() -> list[type]:
    for module in pkgutil.walk_packages(sora_core.__path__, "sora_core."):
        if not module.name.startswith(("sora_core.conformance", "sora_core.gateway", "sora_core.__main__")):
            importlib.import_module(module.name)
    kinds, found = [object], set()
    while kinds:
        more = [each for each in type.__subclasses__(kinds.pop()) if each not in found]
        kinds += more
        found.update(more)
    return sorted(
        (each for each in found if is_dataclass(each) and each.__module__.startswith("sora_core.")),
        key=lambda each: each.__qualname__,
    )


def test_no_value_shows_a_link_that_may_be_signed():
    shown = [
        f"{kind.__name__}.{each.name}"
        for kind in values_of_the_client()
        for each in fields(kind)
        if each.repr and MAY_BE_SECRET.search(each.name) and "str" in str(each.type)
        and kind.__name__ not in ARE_NOT and kind.__dict__.get("__repr__").__qualname__.startswith("_")
    ]  # fmt: skip
    assert shown == []
