"""The Sora web protocol down to the socket: where requests go, through which proxy, with which token."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from _clock import FakeClock
from _listener import Listener, relay
from _server import Request, Server, reply

from sora_core.doctor import examine
from sora_core.engine import Engine
from sora_core.errors import AuthError, Interrupted, ProfileError, SoraError, StorageError
from sora_core.models import Destination, Operation, Quota
from sora_core.profiles.credentials import Credentials, tokens_path
from sora_core.profiles.profiles import Profile
from sora_core.profiles.tokens import TokenStore
from sora_core.requests.kinds import CleanLinkRequest, VideoRequest

NAMED = ("home.test", "backend.test", "session.test", "oauth.test", "sentinel.test")
POST = "s_690d100857248191b679e6de12db840e"
PARSE_TOKEN = "hunter2-of-the-parse-service"
GIVEN = "a-refresh-token-of-the-user"


def token(number: int, life: float = 3600.0) -> str:
    now = time.time()
    claims = json.dumps({"iat": now, "exp": now + life, "jti": number}).encode()
    return f"eyJhbGciOiJub25lIn0.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.sig{number}"


class Site:
    """All addresses of one server, told apart by their paths; remembers what came in."""

    def __init__(self) -> None:
        self.server = Server(self._answer)
        self.life = 3600.0
        self.refreshes: list[str] = []
        self.refresh_seconds = 0.0
        self.repeats = False  # says which access token it refuses
        self.link = "http://home.test/files/a.mp4"
        self.parsed: tuple[int, Any] = (200, {"download_link": self.link})
        self.on_read: Any = lambda: None
        self.refuses: tuple[int, Any] | None = None
        self.ended: set[str] = set()  # access tokens that are refused

    @property
    def hosts(self) -> set[str]:
        return {request.headers["host"].partition(":")[0] for request in self.server.requests}

    def at(self, part: str) -> list[Request]:
        return [request for request in self.server.requests if part in request.target]

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.target.partition("?")[0]
        said = self._said(path, request)
        await asyncio.sleep(self.refresh_seconds if path.endswith("/oauth/token") else 0)
        writer.write(reply(*said))
        await writer.drain()

    def _said(self, path: str, request: Request) -> tuple[int, Any]:
        if path.endswith("/oauth/token"):
            self.refreshes.append(request.json["refresh_token"])
            if self.refuses:
                return self.refuses
            number = len(self.refreshes)
            return 200, {"access_token": token(number, self.life), "refresh_token": f"rotated-{number}"}
        if path.endswith("/api/auth/session"):
            return 200, {"accessToken": token(0, self.life)}
        if path.endswith("/sentinel/req"):
            return 200, {"token": "c", "proofofwork": {"required": True, "seed": "s", "difficulty": "0fffff"}}
        if self.repeats:
            return 401, {"error": {"message": f"no such token {request.headers['authorization']}"}}
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.ended:
            return 401, {"error": {"code": "token_expired", "message": "It has expired."}}
        if path.endswith("/nf/check"):
            self.on_read()
            return 200, {"rate_limit_and_credit_balance": {"estimated_num_videos_remaining": 3}}
        if path.endswith("/nf/create"):
            return 200, {"id": "task_1"}
        if path.endswith("/project_y/post"):
            return 200, {"post": {"id": POST}}
        if path.endswith(f"/project_y/post/{POST}"):
            return 200, {}
        if path.endswith("/get-sora-link"):
            return self.parsed
        if path.endswith("/nf/pending/v2"):
            return 200, []
        if path.endswith("/drafts"):
            return 200, {"items": [{"id": "gen_1", "task_id": "task_1", "url": self.link}]}
        return 404, {"error": {"message": "nothing is here"}}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SORA_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WEB_KEY", GIVEN)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with site.server:
        yield site


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(tmp_path / "home", clock=FakeClock())
    yield engine
    await asyncio.to_thread(engine.close)


def add(engine: Engine, url: str, **facts: Any) -> Profile:
    given = {"provider": "sora_web", "key_env": "WEB_KEY", "allow_http": True, "poll_seconds": 0.05, **facts}
    profile = Profile("web", base_url=url, **given)
    engine.add_profile(profile)
    return profile


async def quota(engine: Engine) -> Quota:
    return await asyncio.wrap_future(engine.quota("web").future)


async def make(engine: Engine, folder: Path) -> Any:
    request = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
    handle = engine.generate(request, "web", Destination(folder), lambda progress: None)
    return await asyncio.wrap_future(handle.future)


@pytest.mark.parametrize("link", ["http://home.test/files/a.mp4", "https://videos.openai.com/a.mp4"])
async def test_nothing_is_sent_to_a_host_that_the_profile_does_not_name(site, engine, tmp_path, monkeypatch, link):
    asked: set[str] = set()
    resolve = socket.getaddrinfo

    def recording(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        asked.add(host.decode() if isinstance(host, bytes) else host)
        return resolve("127.0.0.1", port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", recording)
    port = site.server.port
    home, backend, session, oauth, sentinel = (f"http://{host}:{port}" for host in NAMED)
    extra = {
        "backend_url": f"{backend}/backend",
        "session_url": f"{session}/api/auth/session",
        "oauth_url": f"{oauth}/oauth/token",
        "sentinel_url": f"{sentinel}/sentinel/req",
    }
    site.link = link.replace(".test/", f".test:{port}/")
    add(engine, home, extra=extra)
    with pytest.raises(SoraError):  # what is at the link is no video
        await make(engine, tmp_path)
    assert site.at("/nf/create")
    assert asked <= set(NAMED)
    assert {"backend.test", "oauth.test", "sentinel.test"} <= asked
    for request in site.server.requests:
        host = request.headers["host"].partition(":")[0]
        assert ("authorization" in request.headers) == (host == "backend.test")
        assert (GIVEN.encode() in request.body) == (host == "oauth.test")


class TestTokens:
    async def test_a_rotated_token_is_on_the_disk_before_anything_else_is_asked(self, site, engine):
        profile = add(engine, site.server.url)
        token_store, seen = TokenStore(Credentials(engine.home), profile), []
        site.on_read = lambda: seen.append(token_store.kept()["refresh"])
        await asyncio.gather(*(quota(engine) for _ in range(8)))
        assert seen == ["rotated-1"] * 8
        assert site.refreshes == [GIVEN]

    async def test_a_refusal_that_reaches_many_leads_to_one_refresh(self, site, engine):
        add(engine, site.server.url)
        await quota(engine)
        site.ended.add(site.at("/nf/check")[0].headers["authorization"].removeprefix("Bearer "))
        await asyncio.gather(*(quota(engine) for _ in range(8)))
        assert site.refreshes == [GIVEN, "rotated-1"]

    async def test_one_that_ends_soon_is_made_anew_before(self, site, engine):
        site.life = 0.3
        add(engine, site.server.url)
        await quota(engine)
        await asyncio.sleep(0.35)
        await quota(engine)
        assert site.refreshes == [GIVEN, "rotated-1"]

    async def test_another_key_of_the_user_wins_over_what_was_made_of_the_old_one(self, site, engine, monkeypatch):
        add(engine, site.server.url)
        await quota(engine)
        monkeypatch.setenv("WEB_KEY", "another-one")
        await quota(engine)
        assert site.refreshes == [GIVEN, "another-one"]

    async def test_the_next_start_goes_on_with_what_is_on_the_disk(self, site, engine):
        add(engine, site.server.url)
        await quota(engine)
        other = Engine(engine.home)
        await quota(other)
        await asyncio.to_thread(other.close)
        assert site.refreshes == [GIVEN]

    async def test_one_that_cannot_be_kept_is_not_used_and_not_lost(self, site, engine):
        add(engine, site.server.url)
        path = tokens_path(engine.home, "web")
        in_the_way = path.with_name(f".{path.name}.lock")
        in_the_way.mkdir(parents=True)
        with pytest.raises(StorageError, match="must be on the disk"):
            await quota(engine)
        assert site.at("/nf/check") == []
        in_the_way.rmdir()
        assert (await quota(engine)).remaining == 3
        assert site.refreshes == [GIVEN]

    @pytest.mark.parametrize("how", ["interrupted", "closed"])
    async def test_a_renewal_that_has_begun_is_not_lost_by_whoever_stops_waiting(self, site, engine, how):
        add(engine, site.server.url)
        site.refresh_seconds = 0.3
        handle = engine.quota("web")
        while not site.refreshes:
            await asyncio.sleep(0.01)
        if how == "interrupted":
            handle.abandon()
            with pytest.raises(Interrupted):
                await asyncio.wrap_future(handle.future)
        else:
            await asyncio.to_thread(engine.close)
        await quota(engine)
        assert site.refreshes == [GIVEN]

    async def test_removing_the_profile_forgets_it_all(self, site, engine):
        profile = add(engine, site.server.url)
        await quota(engine)
        engine.credentials.delete("web")
        assert TokenStore(engine.credentials, profile).kept() == {}

    async def test_a_session_token_goes_into_the_cookie_and_nowhere_else(self, site, engine, monkeypatch):
        monkeypatch.setenv("WEB_KEY", "sess-abcdef123456")
        add(engine, site.server.url)
        await quota(engine)
        (session,) = site.at("/api/auth/session")
        assert session.headers["cookie"] == "__Secure-next-auth.session-token=sess-abcdef123456"
        assert "authorization" not in session.headers
        assert all("cookie" not in request.headers for request in site.at("/backend/"))

    async def test_an_access_token_that_has_ended_says_since_when(self, site, engine, monkeypatch):
        ended = token(9, life=-60)
        monkeypatch.setenv("WEB_KEY", ended)
        site.ended.add(ended)
        add(engine, site.server.url)
        with pytest.raises(AuthError, match="ends at 20") as caught:
            await quota(engine)
        assert ended not in str(caught.value)

    async def test_a_server_that_repeats_the_token_it_refuses_does_not_make_it_known(self, site, engine):
        add(engine, site.server.url)
        site.refuses = 400, {"error": "invalid_grant", "error_description": f"{GIVEN} is spent"}
        with pytest.raises(AuthError, match="is spent") as caught:
            await quota(engine)
        assert GIVEN not in str(caught.value)
        assert "client_id" in caught.value.fix

    async def test_the_doctor_shows_no_access_token_that_a_server_repeats(self, site, engine):
        add(engine, site.server.url)
        site.repeats = True
        told = await asyncio.to_thread(lambda: " ".join(map(str, examine(engine, "web"))))
        assert "no such token Bearer ***" in told
        assert "eyJ" not in told

    async def test_who_the_client_is_stays_the_same_in_every_process(self, site, engine):
        add(engine, site.server.url)
        await quota(engine)
        other = Engine(engine.home)
        await quota(other)
        await asyncio.to_thread(other.close)
        said = {(each.headers["oai-device-id"], each.headers["user-agent"]) for each in site.at("/nf/check")}
        assert len(said) == 1


class TestPostsWithoutALink:
    """The parse service is asked while the post is there; whatever it says, the post is taken back."""

    async def clean(self, engine: Engine, site: Site, folder: Path) -> str:
        extra = {"parse_url": f"{site.server.url}/parse", "parse_token_env": "PARSE_TOKEN"}
        add(engine, site.server.url, extra=extra)
        request = CleanLinkRequest(source_id="gen_1")
        handle = engine.generate(request, "web", Destination(folder), lambda progress: None)
        with pytest.raises(SoraError) as caught:  # there is no file behind the link
            await asyncio.wrap_future(handle.future)
        return str(caught.value)

    def steps(self, site: Site) -> list[str]:
        marks = {"post": "publish", POST: "delete", "get-sora-link": "parse"}
        ends = [request.target.rpartition("/")[2] for request in site.server.requests]
        return [marks[end] for end in ends if end in marks]

    async def test_the_link_is_found_before_the_post_goes(self, site, engine, tmp_path, monkeypatch):
        monkeypatch.setenv("PARSE_TOKEN", PARSE_TOKEN)
        site.parsed = 200, {"download_link": f"{site.server.url}/clean.mp4"}
        await self.clean(engine, site, tmp_path)
        assert self.steps(site)[:3] == ["publish", "parse", "delete"]
        assert site.at("/clean.mp4")
        (asked, *_) = site.at("/get-sora-link")
        assert asked.json == {"url": f"{site.server.url}/p/{POST}", "token": PARSE_TOKEN}
        assert "authorization" not in asked.headers

    @pytest.mark.parametrize("status", [200, 400, 401, 404])
    async def test_the_post_goes_even_when_no_link_is_found(self, site, engine, tmp_path, monkeypatch, status):
        monkeypatch.setenv("PARSE_TOKEN", PARSE_TOKEN)
        site.parsed = status, {"error": f"no such thing for {PARSE_TOKEN}"}
        told = await self.clean(engine, site, tmp_path)
        steps = self.steps(site)
        assert steps.count("publish") == 1
        assert "delete" in steps
        assert PARSE_TOKEN not in told

    async def test_no_token_where_one_is_promised_is_told_before_anything_is_sent(self, site, engine, tmp_path):
        told = await self.clean(engine, site, tmp_path)
        assert "PARSE_TOKEN" in told
        assert site.server.requests == []


class TestProxies:
    """The name of the server is known to no one: what arrives came through the proxy that it arrived at."""

    async def went(self, engine: Engine, folder: Path, sites: dict[str, Site]) -> dict[str, list[str]]:
        with pytest.raises(SoraError):
            await make(engine, folder)
        found = {}
        for name, proxy in sites.items():
            targets = [request.target for request in proxy.server.requests]
            assert all(target.startswith("http://far.test/") for target in targets)
            kinds = [("sentinel" if "sentinel" in target else "api") for target in targets]
            found[name] = sorted(set(kinds))
        return found

    @pytest.mark.parametrize(
        ("given", "api"),
        [
            (("profile", "all", "sentinel"), "profile"),
            (("all", "sentinel"), "all"),
            (("profile", "sentinel"), "profile"),
        ],
        ids=["profile before all", "all without one of the profile", "profile alone"],
    )
    async def test_the_proxies_have_the_precedence_of_the_document(self, engine, tmp_path, monkeypatch, given, api):
        sites = {name: Site() for name in given}
        for each in sites.values():
            each.link = "http://far.test/a.mp4"
            await each.server.__aenter__()
        urls = {name: each.server.url for name, each in sites.items()}
        if "all" in urls:
            monkeypatch.setenv("SORA_PROXY", urls["all"].replace("://", "://user:pass-word@"))
        extra = {"sentinel_proxy": urls["sentinel"]}
        add(engine, "http://far.test", proxy=urls.get("profile", ""), extra=extra)
        try:
            went = await self.went(engine, tmp_path, sites)
        finally:
            for each in sites.values():
                await each.server.__aexit__()
        assert went.pop("sentinel") == ["sentinel"]
        assert went.pop(api) == ["api"]
        assert all(kinds == [] for kinds in went.values())
        if api == "all":
            login = base64.b64encode(b"user:pass-word").decode()
            assert sites["all"].server.requests[0].headers["proxy-authorization"] == f"Basic {login}"

    async def test_a_profile_may_name_the_variable_that_holds_its_proxy(self, site, engine, monkeypatch):
        monkeypatch.setenv("MY_PROXY", site.server.url.replace("://", "://user:pass-word@"))
        add(engine, "http://far.test", proxy_env="MY_PROXY")
        assert (await quota(engine)).remaining == 3
        assert site.server.requests[-1].target == "http://far.test/backend/nf/check"

    async def test_a_socks_proxy_does_as_well(self, site, engine):
        async with Listener(lambda reader, writer: _socks(reader, writer, site.server.port)) as proxy:
            add(engine, "http://far.test", proxy=f"socks5://127.0.0.1:{proxy.port}")
            assert (await quota(engine)).remaining == 3

    async def test_what_is_no_proxy_is_told_without_what_stands_there(self, engine, monkeypatch):
        monkeypatch.setenv("SORA_PROXY", "hunter2-is-no-proxy")
        add(engine, "http://far.test")
        with pytest.raises(ProfileError, match="SORA_PROXY") as caught:
            await quota(engine)
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("url", ["http://user:password@127.0.0.1:1", "nonsense"])
    async def test_a_password_has_no_place_in_the_profile(self, engine, url):
        with pytest.raises(ProfileError, match="sentinel_proxy"):
            add(engine, "http://far.test", extra={"sentinel_proxy": url})


async def _socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """SOCKS5 without a password, to one server whatever is asked for."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    *_, kind = await reader.readexactly(4)
    length = (await reader.readexactly(1))[0] if kind == 3 else 4
    await reader.readexactly(length + 2)
    writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
    await relay(reader, writer, port)
