"""Every fault over a real connection, and what the books say of it."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from gateway_caller import SMALL, Caller

VIDEOS = "/openai/v1/videos"


async def test_a_status_is_answered_as_often_as_it_says_and_nothing_is_charged(
    http: httpx.AsyncClient, caller: Caller
) -> None:
    await caller.faults({"on": "create", "do": "status", "status": 503, "times": 2, "headers": {"Retry-After": "7"}})
    replies = [await http.post(VIDEOS, data=SMALL) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert replies[0].headers["retry-after"] == "7"
    assert replies[0].json()["error"]["type"] == "server_error"
    stats = await caller.stats()
    assert (stats["charges"], stats["requests"], stats["faulted"]) == (
        1,
        {"openai.create": 3},
        {"openai.create": 2},
    )


@pytest.mark.parametrize(
    ("body", "text"), [({"code": "busy"}, '{"code": "busy"}'), ("busy", "busy"), ([], "[]"), ("", "")]
)
async def test_a_status_has_the_body_that_it_was_given(
    http: httpx.AsyncClient, caller: Caller, body: object, text: str
) -> None:
    await caller.faults({"on": "any", "do": "status", "status": 429, "body": body})
    reply = await http.get(VIDEOS)
    assert (reply.status_code, reply.text) == (429, text)


async def test_a_status_after_the_deed_hides_a_job_that_was_accepted(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.faults({"on": "create", "do": "status", "status": 504, "when": "after"})
    assert (await http.post(VIDEOS, data=SMALL)).status_code == 504
    assert (await caller.stats())["charges"] == 1


@pytest.mark.parametrize(("when", "charges"), [("before", 0), ("after", 1)])
async def test_a_drop_breaks_the_connection_before_or_after_the_job_is_accepted(
    http: httpx.AsyncClient, caller: Caller, when: str, charges: int
) -> None:
    await caller.faults({"on": "create", "do": "drop", "when": when})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await http.post(VIDEOS, data=SMALL, headers={"Idempotency-Key": "k1"})
    stats = await caller.stats()
    assert stats["charges"] == charges
    assert [job["idempotency_key"] for job in stats["jobs"]] == ["k1"] * charges
    assert stats["requests"] == {"openai.create": 1}


async def test_a_delay_holds_the_answer_back(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.faults({"on": "list", "do": "delay", "seconds": 0.3})
    began = time.monotonic()
    await http.get(VIDEOS)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("after", "charges"), [(False, 0), (True, 1)])
async def test_a_delay_is_before_or_after_the_acceptance(
    http: httpx.AsyncClient, caller: Caller, after: bool, charges: int
) -> None:
    await caller.faults({"on": "create", "do": "delay", "seconds": 5, "after": after})
    with pytest.raises(httpx.ReadTimeout):
        await http.post(VIDEOS, data=SMALL, timeout=0.5)
    assert (await caller.stats())["charges"] == charges


async def test_a_truncated_download_can_be_continued(http: httpx.AsyncClient, caller: Caller) -> None:
    video = await caller.completed()
    whole = (await caller.content(video["id"])).content
    await caller.faults({"on": "content", "do": "truncate", "bytes": 1000})
    received = bytearray()
    async with http.stream("GET", f"{VIDEOS}/{video['id']}/content") as reply:
        assert int(reply.headers["content-length"]) == len(whole)
        with pytest.raises(httpx.RemoteProtocolError):
            await _receive(reply, received)
    assert received == whole[:1000]
    rest = await caller.content(video["id"], **{"range": "bytes=1000-", "if-range": reply.headers["etag"]})
    assert (rest.status_code, bytes(received) + rest.content) == (206, whole)


async def _receive(reply: httpx.Response, received: bytearray) -> None:
    async for chunk in reply.aiter_raw():
        received += chunk


async def test_a_slow_download_takes_its_time_and_is_whole(caller: Caller) -> None:
    video = await caller.completed()
    whole = (await caller.content(video["id"])).content
    await caller.faults({"on": "content", "do": "slow", "bytes_per_second": len(whole) * 2})
    began = time.monotonic()
    assert (await caller.content(video["id"])).content == whole
    assert time.monotonic() - began > 0.25


async def test_a_corrupt_download_is_not_a_video(caller: Caller) -> None:
    video = await caller.completed()
    await caller.faults({"on": "content", "do": "corrupt", "bytes": 500})
    reply = await caller.content(video["id"])
    assert (reply.status_code, reply.headers["content-type"], len(reply.content)) == (200, "video/mp4", 500)
    assert reply.content[4:8] != b"ftyp"
    assert (await caller.content(video["id"])).content[4:8] == b"ftyp"


@pytest.mark.parametrize("status", [404, 410])
async def test_an_expired_link_works_the_next_time(caller: Caller, status: int) -> None:
    video = await caller.completed()
    await caller.faults({"on": "content", "do": "expire", "status": status})
    assert [(await caller.content(video["id"])).status_code for _ in range(2)] == [status, 200]


@pytest.mark.parametrize("kind", ["html", "bytes", "json"])
async def test_garbage_is_answered_with_200(http: httpx.AsyncClient, caller: Caller, kind: str) -> None:
    await caller.faults({"on": "retrieve", "do": "garbage", "kind": kind})
    video = await caller.create()
    reply = await http.get(f"{VIDEOS}/{video['id']}")
    assert reply.status_code == 200
    with pytest.raises(ValueError):
        reply.json()
    assert (reply.headers["content-type"].startswith("text/html")) == (kind == "html")


async def test_a_redirect_loop_leads_to_itself(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.faults({"on": "list", "do": "redirect_loop", "times": None})
    reply = await http.get(VIDEOS, params={"limit": 3})
    assert (reply.status_code, reply.headers["location"]) == (302, f"{VIDEOS}?limit=3")
    with pytest.raises(httpx.TooManyRedirects):
        await http.get(VIDEOS, follow_redirects=True)


async def test_a_stuck_job_never_ends_and_the_next_one_does(caller: Caller) -> None:
    await caller.faults({"on": "create", "do": "stuck"})
    stuck = await caller.create()
    assert (await caller.completed())["progress"] == 100
    await asyncio.sleep(0.1)
    video = await caller.read(stuck["id"])
    assert (video["status"], video["progress"]) == ("in_progress", 99)
    assert (await caller.content(stuck["id"])).status_code == 404


async def test_a_job_that_is_stuck_for_a_while_finishes_after_it(caller: Caller) -> None:
    await caller.faults({"on": "create", "do": "stuck", "seconds": 0.5})
    stuck = await caller.create()
    await asyncio.sleep(0.2)
    assert (await caller.read(stuck["id"]))["status"] == "in_progress"
    assert (await caller.ended(stuck["id"]))["progress"] == 100


async def test_a_failed_job_says_why_and_has_no_content(caller: Caller) -> None:
    await caller.faults({"on": "create", "do": "fail", "code": "moderation_blocked", "message": "Not this."})
    video = await caller.ended((await caller.create())["id"])
    assert (video["status"], video["error"]) == ("failed", {"code": "moderation_blocked", "message": "Not this."})
    reply = await caller.content(video["id"])
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "moderation_blocked")
    assert (await caller.stats())["charges"] == 1


async def test_faults_wait_their_turn(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.faults(
        {"on": "list", "do": "status", "status": 500, "skip": 1},
        {"on": "any", "do": "status", "status": 502, "times": 2},
    )
    codes = [(await http.get(VIDEOS)).status_code for _ in range(4)]
    assert codes == [502, 500, 502, 200]


async def test_chance_is_repeatable(http: httpx.AsyncClient, caller: Caller) -> None:
    rule = {"on": "list", "do": "status", "status": 500, "times": None, "probability": 0.5}
    runs = []
    for _ in range(2):
        await caller.faults(rule, seed=4)
        runs.append([(await http.get(VIDEOS)).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


async def test_faults_can_be_seen_and_cleared(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.faults({"on": "list", "do": "delay", "seconds": 0.0, "times": None}, seed=3)
    await http.get(VIDEOS)
    shown = (await http.get("/_gateway/faults")).json()
    assert shown["seed"] == 3
    assert shown["faults"] == [
        {
            "on": "list",
            "do": "delay",
            "skip": 0,
            "times": None,
            "probability": 1.0,
            "seconds": 0.0,
            "when": "before",
            "seen": 1,
            "fired": 1,
        }
    ]
    assert (await http.delete("/_gateway/faults")).json() == {"seed": None, "faults": []}


async def test_wrong_faults_are_refused_and_the_old_ones_stay(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.faults({"on": "list", "do": "status", "status": 500})
    reply = await http.post("/_gateway/faults", json={"faults": [{"on": "list", "do": "explode"}]})
    assert reply.status_code == 400
    assert "explode" in reply.json()["error"]
    assert (await http.get(VIDEOS)).status_code == 500


async def test_a_remix_can_be_hit_too(http: httpx.AsyncClient, caller: Caller) -> None:
    source = await caller.completed()
    await caller.faults({"on": "remix", "do": "drop", "when": "after"})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await http.post(f"{VIDEOS}/{source['id']}/remix", json={"prompt": "again"})
    stats = await caller.stats()
    assert (stats["charges"], stats["jobs"][1]["remix_of"]) == (2, source["id"])
    movie = await caller.content((await caller.ended(stats["jobs"][1]["id"]))["id"])
    assert movie.content[4:8] == b"ftyp"
