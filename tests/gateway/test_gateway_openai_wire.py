"""What the official client does not send, and the raw answers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from gateway_caller import SMALL, Caller

from sora_core.gateway import Gateway

SHOTS = [{"text": "wide", "seconds": 1}, {"text": "close", "seconds": 2.0}]


@pytest.mark.parametrize("root", ["/openai/v1", "/openai"])
@pytest.mark.parametrize(
    "body",
    [
        {"data": SMALL},
        {"files": {name: (None, value) for name, value in SMALL.items()}},
        {"json": SMALL},
        {"json": {**SMALL, "seconds": 1}},
        {"json": {**SMALL, "seconds": 1.0, "unheard_of": {"a": [1]}}},
    ],
    ids=["urlencoded", "multipart", "json", "json with a number", "json with a strange field"],
)
async def test_create_takes_every_encoding(http: httpx.AsyncClient, root: str, body: dict[str, object]) -> None:
    reply = await http.post(f"{root}/videos", **body)  # type: ignore[arg-type]
    video = reply.json()
    assert (reply.status_code, video["prompt"], video["seconds"], video["size"]) == (
        200,
        SMALL["prompt"],
        "1",
        "128x96",
    )


async def test_a_fresh_video_has_all_fields_of_the_protocol(caller: Caller) -> None:
    video = await caller.create()
    created_at = video.pop("created_at")
    assert isinstance(created_at, int)
    assert video.pop("id").startswith("video_")
    assert video == {
        "object": "video",
        "model": "sora-2",
        "status": "queued",
        "progress": 0,
        "completed_at": None,
        "expires_at": None,
        "error": None,
        "prompt": SMALL["prompt"],
        "seconds": "1",
        "size": "128x96",
        "remixed_from_video_id": None,
        "queue_position": 0,
    }


@pytest.mark.parametrize("as_text", [True, False], ids=["in a form", "in JSON"])
async def test_shots_set_the_length_and_stand_in_for_a_prompt(http: httpx.AsyncClient, as_text: bool) -> None:
    if as_text:
        reply = await http.post("/openai/v1/videos", data={"size": "64x64", "shots": json.dumps(SHOTS)})
    else:
        reply = await http.post("/openai/v1/videos", json={"size": "64x64", "shots": SHOTS})
    assert (reply.status_code, reply.json()["seconds"]) == (200, "3")
    assert (await Caller(http).stats())["jobs"][0]["shots"] == 2


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"prompt": None}, 400, "prompt"),
        ({"prompt": 5}, 400, "prompt"),
        ({"prompt": "  \n"}, 400, "prompt"),
        ({"seconds": True}, 400, "seconds"),
        ({"seconds": [4]}, 400, "seconds"),
        ({"seconds": float(10**30)}, 400, "seconds"),
        ({"size": 720}, 400, "size"),
        ({"seed": "many"}, 400, "seed"),
        ({"shots": "not json"}, 400, "shots"),
        ({"shots": {"text": "a"}}, 400, "shots"),
        ({"shots": [{"text": "a"}]}, 400, "shots"),
        ({"shots": [{"text": "a", "seconds": 0}]}, 400, "shots"),
        ({"shots": [{"text": "a", "seconds": "nan"}]}, 400, "shots"),
        ({"shots": [{"seconds": 1}]}, 400, "shots"),
        ({"shots": [5]}, 400, "shots"),
        ({"input_reference": {"image_url": "https://example.com/a.png"}}, 400, "input_reference"),
        ({"input_reference": {"image_url": "data:image/png;base64,!!!"}}, 400, "input_reference"),
        ({"input_reference": {"file_id": "file-1"}}, 400, "input_reference"),
    ],
)
async def test_a_wrong_json_value_is_refused(
    http: httpx.AsyncClient, caller: Caller, fields: dict[str, object], status: int, param: str
) -> None:
    reply = await http.post("/openai/v1/videos", json={**SMALL, **fields})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["type"]) == (status, param, "invalid_request_error")
    assert set(error) == {"message", "type", "param", "code"}
    assert (await caller.stats())["charges"] == 0


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"prompt", "text/plain", 415),
        (b"no boundary here", "multipart/form-data", 400),
        (b"", "", 400),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    http: httpx.AsyncClient, content: bytes, content_type: str, status: int
) -> None:
    reply = await http.post("/openai/v1/videos", content=content, headers={"content-type": content_type})
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, "invalid_request_error")


async def test_a_data_url_is_a_reference_image(http: httpx.AsyncClient, caller: Caller, picture: bytes) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    for reference in ({"image_url": url}, url):
        reply = await http.post("/openai/v1/videos", json={**SMALL, "input_reference": reference})
        assert reply.status_code == 200
    reply = await http.post("/openai/v1/videos", data={**SMALL, "input_reference[image_url]": url})
    assert reply.status_code == 200
    assert [job["has_image"] for job in (await caller.stats())["jobs"]] == [True, True, True]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/openai/v1/nowhere"), ("PATCH", "/openai/v1/videos"), ("GET", "/openai")]
)
async def test_an_unknown_address_gets_an_error_of_the_protocol(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    reply = await http.request(method, path)
    assert (reply.status_code, reply.json()["error"]["message"]) == (404, f"Invalid URL ({method} {path})")


async def test_list_refuses_wrong_questions(http: httpx.AsyncClient) -> None:
    for query, param in [("limit=0", "limit"), ("limit=101", "limit"), ("order=up", "order"), ("after=x", "after")]:
        reply = await http.get(f"/openai/v1/videos?{query}")
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param), query


async def test_the_billing_pages_count_every_second(http: httpx.AsyncClient, caller: Caller) -> None:
    await caller.create(seconds="3")
    await caller.create(seconds="2")
    subscription = (await http.get("/openai/v1/dashboard/billing/subscription")).json()
    usage = (await http.get("/openai/v1/dashboard/billing/usage")).json()
    assert (subscription["object"], subscription["hard_limit_usd"]) == ("billing_subscription", 1000.0)
    assert usage == {"object": "list", "total_usage": 50}


async def test_progress_never_goes_back_and_ends_at_100(http: httpx.AsyncClient) -> None:
    gateway = Gateway(speed=6)
    await gateway.start()
    try:
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as client:
            caller = Caller(client)
            video = await caller.create(seconds="3")
            seen, states = [video["progress"]], [video["status"]]
            while states[-1] not in ("completed", "failed"):
                await asyncio.sleep(0.02)
                video = await caller.read(video["id"])
                seen.append(video["progress"])
                states.append(video["status"])
    finally:
        await gateway.stop()
    assert list(dict.fromkeys(states)) == ["queued", "in_progress", "completed"]
    assert seen == sorted(seen)
    assert seen[-1] == 100
    assert len(set(seen)) > 2  # a busy machine sees few of them


async def test_jobs_run_side_by_side(caller: Caller) -> None:
    videos = [await caller.create(prompt=f"take {number}") for number in range(6)]
    ended = await asyncio.gather(*(caller.ended(video["id"]) for video in videos))
    assert {video["status"] for video in ended} == {"completed"}


async def test_equal_orders_give_the_same_file_and_are_both_charged(caller: Caller) -> None:
    first, second, other = [await caller.completed(seed=seed) for seed in ("1", "1", "2")]
    files = [await caller.content(video["id"]) for video in (first, second, other)]
    assert files[0].content == files[1].content != files[2].content
    assert files[0].headers["etag"] == files[1].headers["etag"] != files[2].headers["etag"]
    assert (await caller.stats())["charges"] == 3


class TestContent:
    @pytest_asyncio.fixture
    async def whole(self, caller: Caller) -> AsyncIterator[tuple[str, httpx.Response]]:
        video = await caller.completed()
        reply = await caller.content(video["id"])
        assert reply.status_code == 200
        yield video["id"], reply

    async def test_is_announced_in_full(self, whole: tuple[str, httpx.Response]) -> None:
        _, reply = whole
        assert reply.headers["content-type"] == "video/mp4"
        assert int(reply.headers["content-length"]) == len(reply.content)
        assert reply.headers["accept-ranges"] == "bytes"
        assert reply.content[4:8] == b"ftyp"

    @pytest.mark.parametrize(
        ("wanted", "first", "stop"),
        [("bytes=100-", 100, None), ("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=-5", -5, None)],
    )
    async def test_comes_in_parts(
        self, caller: Caller, whole: tuple[str, httpx.Response], wanted: str, first: int, stop: int | None
    ) -> None:
        video_id, all_of_it = whole
        reply = await caller.content(video_id, range=wanted)
        assert reply.status_code == 206
        assert reply.content == all_of_it.content[first:stop]
        start = first % len(all_of_it.content)
        end = start + len(reply.content) - 1
        assert reply.headers["content-range"] == f"bytes {start}-{end}/{len(all_of_it.content)}"

    @pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=a-b", "bytes=9-3"])
    async def test_has_no_bytes_past_its_end(
        self, caller: Caller, whole: tuple[str, httpx.Response], wanted: str
    ) -> None:
        video_id, all_of_it = whole
        reply = await caller.content(video_id, range=wanted)
        assert (reply.status_code, reply.content) == (416, b"")
        assert reply.headers["content-range"] == f"bytes */{len(all_of_it.content)}"

    async def test_continues_only_the_same_file(self, caller: Caller, whole: tuple[str, httpx.Response]) -> None:
        video_id, all_of_it = whole
        for condition, status in [
            (all_of_it.headers["etag"], 206),
            (all_of_it.headers["last-modified"], 206),
            ('"another"', 200),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ]:
            reply = await caller.content(video_id, **{"range": "bytes=50-", "if-range": condition})
            assert reply.status_code == status, condition
            assert reply.content == all_of_it.content[50 if status == 206 else 0 :]

    async def test_is_not_sent_again_to_who_has_it(self, caller: Caller, whole: tuple[str, httpx.Response]) -> None:
        video_id, all_of_it = whole
        reply = await caller.content(video_id, **{"if-none-match": all_of_it.headers["etag"]})
        assert (reply.status_code, reply.content) == (304, b"")

    async def test_can_be_asked_for_its_head(self, http: httpx.AsyncClient, whole: tuple[str, httpx.Response]) -> None:
        video_id, all_of_it = whole
        reply = await http.head(f"/openai/v1/videos/{video_id}/content")
        assert (reply.status_code, reply.content) == (200, b"")
        assert reply.headers["content-length"] == all_of_it.headers["content-length"]


async def test_a_shot_may_bring_a_picture_of_its_own(caller: Caller, picture: bytes) -> None:
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    shots = [{"text": "a fox", "seconds": 1, "image": url}, {"text": "a wolf", "seconds": 1}]
    video = await caller.completed(shots=json.dumps(shots), seconds="2")
    other = await caller.completed(shots=json.dumps([{**shots[0], "image": None}, shots[1]]), seconds="2")
    assert (await caller.content(video["id"])).content != (await caller.content(other["id"])).content


@pytest.mark.parametrize("image", ["data:image/png;base64,AAAA", "https://x.example/a.png", "nonsense"])
async def test_a_shot_with_what_is_no_picture_is_refused(http: httpx.AsyncClient, caller: Caller, image: str) -> None:
    shots = json.dumps([{"text": "a fox", "seconds": 1, "image": image}])
    reply = await http.post("/openai/v1/videos", data={**SMALL, "shots": shots})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "shots")
    assert (await caller.stats())["charges"] == 0
