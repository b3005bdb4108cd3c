"""Who the Sora web protocol lets in: tokens and their exchange, the gateway's key, the proof of work."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sora_web_caller import (
    ACCESS,
    IOS,
    IOS_REDIRECT,
    PICTURE,
    SENTINEL_HEADERS,
    SESSION_HEADERS,
    VIDEO,
    WEB,
    WEB_REDIRECT,
    SoraWebCaller,
    config,
    encoded,
)

from sora_core.gateway import Gateway
from sora_core.gateway.wire.sora_web._sentinel import is_solution

VECTORS = sorted(Path(__file__).resolve().parent.glob("vectors/pow_*.json"))
BOTH = ("/sora-web", "/sora-web~document")


@pytest_asyncio.fixture
async def locked() -> AsyncIterator[Callable[[str], Any]]:
    """Starts gateways with a key."""
    started: list[tuple[Gateway, httpx.AsyncClient]] = []

    async def start(key: str) -> httpx.AsyncClient:
        gateway = Gateway(speed=50, key=key)
        await gateway.start()
        client = httpx.AsyncClient(base_url=gateway.url, timeout=20, trust_env=False)
        started.append((gateway, client))
        return client

    yield start
    for gateway, client in started:
        await client.aclose()
        await gateway.stop()


async def session(http: httpx.AsyncClient, token: str, mount: str = "/sora-web", **headers: str) -> httpx.Response:
    given = {**SESSION_HEADERS, "Cookie": f"__Secure-next-auth.session-token={token}", **headers}
    return await http.get(f"{mount}/api/auth/session", headers=given)


async def refresh(http: httpx.AsyncClient, token: str, mount: str = "/sora-web", **changes: Any) -> httpx.Response:
    body = {"client_id": IOS, "grant_type": "refresh_token", "redirect_uri": IOS_REDIRECT, "refresh_token": token}
    headers = {"Accept": "application/json"}
    return await http.post(f"{mount}/oauth/token", json={**body, **changes}, headers=headers)


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.mark.parametrize("mount", BOTH)
async def test_a_session_token_becomes_the_same_access_token_each_time(http: httpx.AsyncClient, mount: str) -> None:
    first, second = [(await session(http, "sess-abc", mount)).json() for _ in range(2)]
    assert first["accessToken"] == second["accessToken"]
    assert first["accessToken"].startswith("eyJhbGciOiJ")
    assert claims(first["accessToken"])["exp"] > time.time()
    assert first["user"]["email"]
    assert first["expires"]
    me = await SoraWebCaller(http, mount, first["accessToken"]).get("/me")
    assert me["email"] == first["user"]["email"]
    assert me["username"] is None


WRONG_SESSIONS: list[tuple[str, dict[str, str], int]] = [
    ("", {}, 401),
    ("abc", {}, 401),
    ("sess-a", {"Accept": "*/*"}, 400),
    ("sess-a", {"Origin": "https://elsewhere.example"}, 400),
    ("sess-a", {"Referer": "https://elsewhere.example/"}, 400),
]


async def test_a_wrong_session_request_is_refused(http: httpx.AsyncClient) -> None:
    for token, headers, status in WRONG_SESSIONS:
        reply = await session(http, token, **headers)
        assert reply.status_code == status
        assert reply.json()["error"]["code"] == ("Unauthorized" if status == 401 else "bad_request")


@pytest.mark.parametrize("mount", BOTH)
async def test_a_refresh_token_is_good_once_and_stays_with_its_client(http: httpx.AsyncClient, mount: str) -> None:
    given = (await refresh(http, "first", mount)).json()
    assert (given["expires_in"], given["token_type"]) == (86400, "Bearer")
    assert given["refresh_token"] != "first"
    again = await refresh(http, "first", mount)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    other = await refresh(http, given["refresh_token"], mount, client_id=WEB, redirect_uri=WEB_REDIRECT)
    assert (other.status_code, other.json()["error"]) == (400, "invalid_grant")
    assert (await refresh(http, given["refresh_token"], mount)).status_code == 200
    await SoraWebCaller(http, mount, given["access_token"]).get("/me")


async def test_a_server_that_does_not_rotate_gives_the_same_refresh_token(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await refresh(http, "first", "/sora-web~unrotated")).json()["refresh_token"] == "first"


WRONG_EXCHANGES: list[tuple[dict[str, Any], int, str]] = [
    ({"client_id": "nobody"}, 401, "Unauthorized"),
    ({"redirect_uri": WEB_REDIRECT}, 400, "invalid_grant"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ({"refresh_token": None}, 400, "invalid_request"),
    ({"refresh_token": ACCESS}, 400, "invalid_grant"),
    ({"refresh_token": "sess-x"}, 400, "invalid_grant"),
]


async def test_a_wrong_exchange_is_refused(http: httpx.AsyncClient) -> None:
    for changes, status, error in WRONG_EXCHANGES:
        reply = await refresh(http, "rt", **changes)
        assert (reply.status_code, reply.json()["error"]) == (status, error)


def jwt(end: float) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "x"}, {"exp": end}))
    return ".".join([*(part.rstrip(b"=").decode() for part in parts), "sig"])


NO_ACCESS: list[tuple[str, str]] = [
    ("", "Unauthorized"),
    ("Basic x", "Unauthorized"),
    ("Bearer rt_123", "token_invalidated"),
    ("Bearer sess-1", "token_invalidated"),
    (f"Bearer {jwt(1)}", "token_expired"),
]


async def test_everything_below_backend_needs_an_access_token(http: httpx.AsyncClient) -> None:
    for authorization, code in NO_ACCESS:
        for path in ("/me", "/nf/check", "/nf/pending/v2", "/project_y/profile/drafts", "/v2/recent_tasks"):
            reply = await http.get(f"/sora-web/backend{path}", headers={"Authorization": authorization})
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, code)


async def test_tokens_of_a_brief_server_expire_and_are_renewed(http: httpx.AsyncClient) -> None:
    given = (await refresh(http, "first", "/sora-web~brief")).json()
    assert given["expires_in"] == 2
    sora = SoraWebCaller(http, "/sora-web~brief", given["access_token"])
    for _ in range(100):
        reply = await sora.call("GET", "/me", None)
        if reply.status_code == 401:
            break
        await asyncio.sleep(0.05)
    assert reply.json()["error"]["code"] == "token_expired"
    sora.access = (await refresh(http, given["refresh_token"], "/sora-web~brief")).json()["access_token"]
    await sora.get("/me")


async def test_the_key_is_a_refresh_or_session_token(locked: Callable[[str], Any]) -> None:
    http = await locked("key-1")
    given = (await refresh(http, "key-1")).json()
    following = (await refresh(http, given["refresh_token"])).json()
    by_session = (await session(http, "sess-key-1")).json()["accessToken"]
    for access in (given["access_token"], following["access_token"], by_session):
        await SoraWebCaller(http, "/sora-web", access).get("/me")
    assert (await refresh(http, "other")).json()["error"] == "invalid_grant"
    assert (await session(http, "sess-other")).status_code == 401
    reply = await SoraWebCaller(http).call("GET", "/me", 401)
    assert reply.json()["error"]["code"] == "token_invalidated"
    parsed = {"url": f"{http.base_url}/p/video_x", "token": "other"}
    assert (await http.post("/sora-web/get-sora-link", json=parsed)).status_code == 401
    assert (await http.post("/sora-web/get-sora-link", json={**parsed, "token": "key-1"})).status_code == 404


async def test_a_key_that_looks_like_an_access_token_is_one_and_links_need_none(locked: Callable[[str], Any]) -> None:
    http = await locked("eyJkey")
    draft = await SoraWebCaller(http, "/sora-web", "eyJkey").finished()
    assert (await http.get(draft["downloadable_url"])).status_code == 200
    await SoraWebCaller(http, "/sora-web", "eyJother").call("GET", "/me", 401)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_known_proofs_of_work_are_right_and_others_wrong(path: Path) -> None:
    vector = json.loads(path.read_text("utf-8"))
    seed, difficulty, solution = vector["input"]["seed"], vector["input"]["difficulty"], vector["expect"]["solution"]
    assert is_solution(solution, seed, difficulty)
    assert not is_solution(solution, seed + "x", "0" * len(difficulty))


def test_there_are_vectors() -> None:
    assert len(VECTORS) >= 3


@pytest.mark.parametrize("dialect", ["", "~document", "~steep", "~no-pow"])
async def test_a_proof_opens_one_request(http: httpx.AsyncClient, dialect: str) -> None:
    sora = SoraWebCaller(http, f"/sora-web{dialect}")
    proof = await sora.proof()
    headers = {"OpenAI-Sentinel-Token": json.dumps(proof), "OAI-Device-Id": proof["id"]}
    await sora.call("POST", "/video_gen", json=PICTURE, headers=headers)
    reply = await sora.call("POST", "/video_gen", 400, json=PICTURE, headers=headers)
    assert reply.json()["error"]["code"] == "sentinel_block"
    assert await sora.charges() == 1


async def test_a_server_can_ask_for_what_nobody_finds(http: httpx.AsyncClient) -> None:
    given = (await SoraWebCaller(http, "/sora-web~beyond").challenge()).json()
    assert len(given["proofofwork"]["difficulty"]) == 16


WRONG_PROOFS: list[dict[str, Any]] = [
    {"p": "gAAAAAB" + encoded(config()) + "~S"},
    {"p": "gAAAAAC" + encoded(config()) + "~S"},
    {"p": "gAAAAABwQ8Lk5FbGpA2NcR9dShT6gYjU7VxZ4D~S"},
    {"t": "other"},
    {"c": "other"},
    {"id": str(uuid.uuid4())},
    {"flow": "sora_init"},
    {"more": "x"},
    {"t": None},
]


PROTECTED = ("/nf/create", "/nf/create/storyboard", "/video_gen", "/project_y/post")


async def test_what_costs_something_needs_its_proof(http: httpx.AsyncClient) -> None:
    for path in PROTECTED:
        sora = SoraWebCaller(http, "/sora-web~steep")  # where a guess is no proof
        reply = await sora.call("POST", path, 400, json=VIDEO)
        assert reply.json()["error"]["code"] == "sentinel_block"
        for header in ("no json", "[]", "{}"):
            await sora.call("POST", path, 400, json=VIDEO, headers={"OpenAI-Sentinel-Token": header})
        assert await sora.charges() == 0


async def test_a_wrong_proof_is_blocked(http: httpx.AsyncClient) -> None:
    sora = SoraWebCaller(http, "/sora-web~steep")
    for change in WRONG_PROOFS:
        challenge_id, first = str(uuid.uuid4()), "gAAAAAC" + encoded(config())
        given = (await sora.challenge(id=challenge_id, p=first)).json()
        proof = {"p": "", "t": given["turnstile"]["dx"], "c": given["token"], "id": challenge_id}
        proof |= {"flow": "sora_2_create_task__auto", **change}
        headers = {"OpenAI-Sentinel-Token": json.dumps(proof), "OAI-Device-Id": challenge_id}
        reply = await sora.call("POST", "/video_gen", 400, json=PICTURE, headers=headers)
        assert reply.json()["error"]["code"] == "sentinel_block", change


WRONG_FRAMES: list[tuple[dict[str, str], str]] = [
    ({"t": "other"}, "t and id"),
    ({"id": str(uuid.uuid4())}, "t and id"),
    ({"flow": "sora_init"}, "flow"),
    ({"c": "other"}, "unknown, used or too old"),
]


async def test_a_right_proof_with_a_wrong_frame_is_blocked(http: httpx.AsyncClient) -> None:
    for change, says in WRONG_FRAMES:
        sora = SoraWebCaller(http)
        proof = {**await sora.proof(), **change}
        headers = {"OpenAI-Sentinel-Token": json.dumps(proof), "OAI-Device-Id": proof["id"]}
        reply = await sora.call("POST", "/video_gen", 400, json=PICTURE, headers=headers)
        assert says in reply.json()["error"]["message"]


DEVICES: list[tuple[str, str | None, int]] = [
    ("/sora-web", None, 400),
    ("/sora-web", str(uuid.uuid4()), 400),
    ("/sora-web~document", None, 200),
    ("/sora-web~document", str(uuid.uuid4()), 200),
    ("/sora-web~document", "mine", 400),
]


async def test_the_device_id_is_that_of_the_proof(http: httpx.AsyncClient) -> None:
    for mount, device, status in DEVICES:
        sora = SoraWebCaller(http, mount)
        headers = {"OpenAI-Sentinel-Token": json.dumps(await sora.proof())} | (
            {"OAI-Device-Id": device} if device else {}
        )
        await sora.call("POST", "/video_gen", status, json=PICTURE, headers=headers)


async def test_a_video_is_asked_for_by_a_browser(http: httpx.AsyncClient) -> None:
    sora = SoraWebCaller(http)
    proof = await sora.proof()
    headers = {"OpenAI-Sentinel-Token": json.dumps(proof), "OAI-Device-Id": proof["id"], "User-Agent": "python"}
    error = (await sora.call("POST", "/nf/create", 400, json=VIDEO, headers=headers)).json()["error"]
    assert error["param"] == "User-Agent"


WRONG_CHALLENGES: list[tuple[dict[str, Any], str]] = [
    ({"p": "gAAAAAB" + encoded(config())}, "p"),
    ({"p": "gAAAAAC" + encoded(config()[:17])}, "p"),
    ({"p": "gAAAAAC!"}, "p"),
    ({"p": "gAAAAAC" + encoded([*config()[:3], True, *config()[4:]])}, "p"),
    ({"id": "mine"}, "id"),
    ({"id": str(uuid.uuid1())}, "id"),
    ({"flow": "sora_2_create_task__auto"}, "flow"),
    ({"more": 1}, "flow"),
]


async def test_a_wrong_request_for_a_challenge_is_refused(http: httpx.AsyncClient) -> None:
    for changes, param in WRONG_CHALLENGES:
        reply = await SoraWebCaller(http).challenge(**changes)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_a_challenge_needs_all_its_headers(http: httpx.AsyncClient) -> None:
    for missing in sorted(SENTINEL_HEADERS):
        headers = {**SENTINEL_HEADERS, missing: ""}
        reply = await http.post("/sora-web/backend-api/sentinel/req", headers=headers, content="{}")
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, missing)
