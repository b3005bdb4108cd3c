"""Who may ask the gateway for what, and how much it takes in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from _gateway import GatewayProcess
from gateway_caller import SMALL, Caller

from sora_core.gateway import Gateway, core
from sora_core.gateway.animatic import MAX_SHOTS
from sora_core.gateway.forms import MAX_IMAGE_BYTES, MAX_TEXT_CHARS
from sora_core.gateway.recent import Recent

ADMIN = [("GET", "stats"), ("GET", "faults"), ("POST", "faults"), ("DELETE", "faults")]
STORYBOARD = "".join(f"Shot {number}:\nduration: 1sec\nScene: a\n\n" for number in range(MAX_SHOTS + 1))


@pytest.fixture(scope="module", params=[False, True], ids=["--key", "SORA_GATEWAY_KEY"])
def guarded(request: pytest.FixtureRequest) -> Iterator[GatewayProcess]:
    with GatewayProcess(key="k", is_hidden=request.param) as gateway:
        yield gateway


def test_the_key_of_the_command_guards_what_lies_behind_the_counter_too(guarded: GatewayProcess) -> None:
    with httpx.Client(base_url=guarded.url, trust_env=False) as http:
        for method, path in ADMIN:
            assert http.request(method, f"/_gateway/{path}").status_code == 401, (method, path)
            wrong = {"Authorization": "Bearer kk"}
            assert http.request(method, f"/_gateway/{path}", headers=wrong).status_code == 401, (method, path)
    assert guarded.stats()["charges"] == 0


async def test_faults_are_taken_as_json_only(http: httpx.AsyncClient, caller: Caller) -> None:
    """A form or a text is what a page of another site can send without being asked for leave."""
    faults = b'{"faults": [{"on": "any", "do": "drop"}]}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        reply = await http.post("/_gateway/faults", content=faults, headers={"Content-Type": kind})
        assert reply.status_code == 415, kind
    assert (await http.get("/_gateway/faults")).json()["faults"] == []
    await caller.create()


REBOUND = ["evil.example", "evil.example:80", "evil.example\\@127.0.0.1", "127.0.0.1.evil.example", "", "[", "1.2.3"]
REBOUND += ["localhost.evil.example", "127.0.0.1, evil.example"]
OWN = ["127.0.0.1", "localhost:5", "LOCALHOST", "192.168.1.7:80", "[::1]:80"]


@pytest.mark.parametrize("path", ["/_gateway/stats", "/openai/v1/videos", "/sora-web/api/auth/session", "/nowhere"])
async def test_a_foreign_name_that_points_here_is_refused_everywhere(http: httpx.AsyncClient, path: str) -> None:
    for name in REBOUND:
        assert (await http.get(path, headers={"Host": name})).status_code == 403, name
    for name in OWN:
        assert (await http.get(path, headers={"Host": name})).status_code != 403, name


async def test_the_name_that_it_listens_on_is_its_own() -> None:
    gateway = Gateway()
    await gateway.start("localhost")
    try:
        async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as http:
            assert (await http.get("/_gateway/stats")).status_code == 200
    finally:
        await gateway.stop()


TOO_MUCH = {
    "shots": ({"shots": f"[{','.join(['{}'] * (MAX_SHOTS + 1))}]"}, "shots"),
    "shots in the prompt": ({"prompt": STORYBOARD}, "prompt"),
    "a model": ({"model": "m" * (MAX_TEXT_CHARS + 1)}, "model"),
    "a style": ({"style": "s" * (MAX_TEXT_CHARS + 1)}, "style"),
}


@pytest.mark.parametrize("case", TOO_MUCH)
async def test_too_much_is_refused_and_not_charged(http: httpx.AsyncClient, caller: Caller, case: str) -> None:
    fields, param = TOO_MUCH[case]
    reply = await http.post("/openai/v1/videos", data={**SMALL, **fields})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert (await caller.stats())["charges"] == 0


DAMAGED = {
    "no part": b"--x\r\n" * 100,
    "a name that no header can have": (
        b'--x\r\ncontent-disposition: form-data; name="prompt"; filename="\x00a"\r\n\r\na\r\n--x--\r\n'
    ),
    "shots nested deeply": (
        b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na\r\n'
        b'--x\r\ncontent-disposition: form-data; name="shots"\r\n\r\n' + b"[" * 60_000 + b"\r\n--x--\r\n"
    ),
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
async def test_a_damaged_form_is_refused(http: httpx.AsyncClient, caller: Caller, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = await http.post("/openai/v1/videos", content=body, headers=headers)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert (await caller.stats())["charges"] == 0


async def test_a_picture_of_too_many_bytes_is_refused(http: httpx.AsyncClient, caller: Caller) -> None:
    files = {"input_reference": ("a.png", bytes(MAX_IMAGE_BYTES + 1), "image/png")}
    reply = await http.post("/openai/v1/videos", data=SMALL, files=files)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input_reference")
    assert (await caller.stats())["charges"] == 0


async def test_jobs_that_never_end_do_not_fill_the_books(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "MAX_ACTIVE", 3)
    monkeypatch.setattr("sora_core.gateway.books.MAX_JOBS", 0)
    await caller.faults({"on": "create", "do": "stuck", "times": None})
    for _ in range(3):
        await caller.create()
    reply = await caller.http.post("/openai/v1/videos", data=SMALL)
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "too_many_jobs")
    assert (await caller.stats())["charges"] == 3


def test_a_store_keeps_a_number_of_things_and_of_bytes() -> None:
    few, small = Recent[int](most=2), Recent[bytes](most_bytes=10)
    for number in range(4):
        few[str(number)] = number
        small[str(number)] = bytes(4)
    small["large"] = bytes(11)
    assert (list(few), list(small)) == (["2", "3"], ["large"])


async def test_a_hundred_shots_are_drawn(caller: Caller) -> None:
    shots = ",".join(f'{{"text": "shot {number}", "seconds": 0.6}}' for number in range(MAX_SHOTS))
    video = await caller.create(shots=f"[{shots}]", seconds="60", size="128x96")
    assert (await caller.ended(video["id"], within_seconds=120))["status"] == "completed"
