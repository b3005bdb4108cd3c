"""A key that can be renewed, calls without one, and hosts to which nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest
from _clock import FakeClock
from _server import CLOSE, Server, reply

from sora_core.errors import AuthError, BadResponse, SoraError, SubmissionUnknown
from sora_core.models import Effect, Secret
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http
from sora_core.transport.retry import ATTEMPTS

EXPIRED = reply(401, {"error": {"message": "It has expired.", "code": "token_expired"}})
OK = reply(200, {"id": "1"})
READ = Call("GET", "/a", Effect.READ, timeout=5)
CHARGE = Call("POST", "/a", Effect.CHARGE, json={}, timeout=5)


class Renewable:
    """Counts up when it is told that it has ended."""

    def __init__(self) -> None:
        self.number = 1

    async def headers(self) -> Mapping[str, Secret]:
        return {"authorization": Secret(f"Bearer key-number-{self.number}")}

    async def renewed(self, error: SoraError, used: Mapping[str, Secret]) -> bool:
        if error.code != "token_expired":
            return False
        self.number += 1
        return True

    async def aclose(self) -> None:
        self.number = 0


class Broken(Renewable):
    """Whoever makes new keys says nothing that could be one."""

    async def renewed(self, error: SoraError, used: Mapping[str, Secret]) -> bool:
        raise BadResponse("That is no key.")


def connect(url: str, **more: object) -> Http:
    http = Http(url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock(), **more)
    http.keys = Renewable()
    return http


@pytest.mark.parametrize("call", [READ, CHARGE], ids=["read", "charge"])
@pytest.mark.parametrize("attempts", [1, ATTEMPTS])
async def test_a_call_that_was_refused_for_an_old_key_goes_out_once_more_with_the_new_one(call, attempts):
    refused: list[int] = []

    async def count() -> None:
        refused.append(1)

    async with Server(EXPIRED, OK) as server:
        http = connect(server.url)
        answer = await http.send(call, attempts=attempts, on_refused=count)
        await http.aclose()
        assert [each.headers["authorization"] for each in server.requests] == [
            "Bearer key-number-1",
            "Bearer key-number-2",
        ]
    assert answer.ok
    assert refused == [1]


async def test_a_new_key_that_is_refused_too_is_told():
    async with Server(EXPIRED) as server:
        http = connect(server.url)
        with pytest.raises(AuthError):
            await http.send(CHARGE)
        await http.aclose()
        assert len(server.requests) == 2


async def test_a_charge_that_was_refused_is_not_in_doubt_when_there_is_no_new_key():
    async with Server(EXPIRED) as server:
        http = connect(server.url)
        http.keys = Broken()
        with pytest.raises(BadResponse, match="no key"):
            await http.send(CHARGE)
        await http.aclose()
        assert len(server.requests) == 1


async def test_a_charge_whose_answer_is_lost_after_a_renewal_is_not_sent_again():
    async with Server(EXPIRED, CLOSE, OK) as server:
        http = connect(server.url)
        with pytest.raises(SubmissionUnknown):
            await http.send(CHARGE)
        await http.aclose()
        assert len(server.requests) == 2


async def test_a_call_without_a_key_renews_none_and_its_answer_is_left_as_it_is():
    async with Server(reply(200, {"token": "key-number-1"}), EXPIRED) as server:
        http = connect(server.url)
        assert b"key-number-1" in (await http.send(replace(READ, anonymous=True))).body
        with pytest.raises(AuthError):
            await http.send(replace(READ, anonymous=True))
        await http.aclose()
        assert all("authorization" not in each.headers for each in server.requests)


async def test_what_all_requests_say_is_said_to_the_server_alone():
    async with Server(OK) as server, Server(OK) as other:
        http = connect(server.url)
        http.headers = {"x-device": "d"}
        await http.send(READ)
        await http.send(replace(READ, path=f"{other.url}/a"))
        await http.aclose()
        assert server.requests[0].headers["x-device"] == "d"
        assert "x-device" not in other.requests[0].headers
        assert "authorization" not in other.requests[0].headers


async def test_a_door_is_the_same_server_without_the_key():
    async with Server(OK) as server:
        http = connect(server.url)
        assert http.through_proxy("") is http.through_proxy("")
        await http.through_proxy("").send(READ)
        await http.aclose()
        assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("host", ["ended.example", "a.ended.example", "ENDED.example."])
@pytest.mark.parametrize("how", ["named", "redirect"])
async def test_nothing_is_sent_to_a_host_that_is_ruled_out(host, how):
    target = f"https://{host}/a"
    async with Server(reply(302, headers={"location": target})) as server:
        http = connect(server.url, never=("ended.example",))
        with pytest.raises(BadResponse, match="ended"):
            await http.send(replace(READ, path=target) if how == "named" else READ)
        await http.aclose()
