"""What the doctor tells apart, against a real gateway, real sockets and a real TLS port; and that it only reads."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _gateway import GatewayProcess
from _listener import Listener
from _server import Request, Server, refused_port, reply
from _tls import tls_in

from sora_core.doctor import Finding, examine
from sora_core.engine import Engine
from sora_core.profiles.profiles import Profile
from sora_core.providers.openai.detection import dialect_of
from sora_core.transport import Reply

KEY = "doctor-key-77aa"
BASES = {
    "vllm-omni": "/openai~vllm-omni/v1",
    "sglang": "/openai~sglang/v1",
    "tensorrt-llm": "/openai~tensorrt-llm/v1",
    "litellm": "/openai~litellm/v1",
    "new-api": "/openai~new-api/v1",
    "aquiles": "/openai~aquiles/v1",
    "azure": "/openai~azure/openai/v1",
    "localai": "/openai~localai",
    "dynamo": "/openai~dynamo/v1",
    "openrouter": "/openai~openrouter/api/v1",
}
RELAYS: dict[str, tuple[str, str, dict[str, Any]]] = {  # provider, where it is, what the profile says besides
    "skyriff": ("skyriff", "/skyriff/v1", {"model": ""}),
    "skyriff, chat": ("skyriff", "/skyriff/v1", {"model": "", "dialect": "chat"}),
    "apiyi": ("apiyi", "/apiyi/v1", {"auth": "raw", "model": ""}),
    "shenma": ("shenma", "/shenma", {"model": ""}),
    "shenma, bare": ("shenma", "/shenma~bare", {"model": ""}),
    "newapi": ("newapi", "/newapi", {"model": ""}),
    "newapi, chat": ("newapi", "/newapi", {"model": "", "dialect": "chat"}),
    "newapi, generic": ("newapi", "/newapi", {"dialect": "generic"}),
}
OWN_FORM = ("tensorrt-llm", "localai", "dynamo", "openrouter")
PAGE = "<!doctype html><html><title>A shop</title></html>"
CHALLENGE = reply(403, "<!DOCTYPE html><title>Just a moment...</title>", {"cf-mitigated": "challenge"})


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with GatewayProcess(speed=40, key=KEY) as gateway:
        yield gateway


@pytest.fixture
def engine(tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("DOCTOR_KEY", KEY)
    monkeypatch.setenv("WRONG_KEY", "wrong-key-1234")
    engine = Engine(tmp_path / "home")
    yield engine
    engine.close()


def findings(engine: Engine, base_url: str, **settings: Any) -> dict[str, Finding]:
    profile = Profile("sick", **{"base_url": base_url, "key_env": "DOCTOR_KEY", "model": "wan", **settings})
    engine.profiles.add(profile)  # also one that cannot work
    engine.credentials.trust.allow(profile)
    return {finding.check: finding for finding in examine(engine, "sick")}


def failure(found: dict[str, Finding]) -> Finding:
    (failed,) = [finding for finding in found.values() if finding.ok is False]
    assert failed.error
    assert KEY not in f"{failed.detail} {failed.error}"
    return failed


async def seen_by_doctor(engine: Engine, server: Server, **settings: Any) -> dict[str, Finding]:
    found = await asyncio.to_thread(findings, engine, server.url, **settings)
    assert {request.method for request in server.requests} <= {"GET"}
    # LiteLLM's /health makes a video, which is charged
    assert not [request.target for request in server.requests if "health" in request.target]
    return found


@pytest.fixture
def only_reads(gateway: GatewayProcess) -> Iterator[None]:
    before = gateway.stats()
    yield
    after = gateway.stats()
    assert after["charges"] == before["charges"]
    made = {name for name in after["requests"] if name.rpartition(".")[2] in ("create", "remix", "delete", "sync")}
    assert not made


@pytest.mark.usefixtures("only_reads")
class TestAtTheGateway:
    def test_a_profile_that_works_is_all_well(self, engine: Engine, gateway: GatewayProcess) -> None:
        found = findings(engine, gateway.openai)
        assert {name: finding.ok for name, finding in found.items()} == dict.fromkeys(
            ("profile", "key", "server", "models", "quota"), True
        )
        assert "its list shows 0 jobs" in found["server"].detail
        assert "sora-2" in found["models"].detail
        assert found["quota"].detail == "1000 USD left"

    def test_the_preview_needs_no_setting_up(self, engine: Engine) -> None:
        assert [finding.check for finding in examine(engine, "preview") if not finding.ok] == []

    @pytest.mark.parametrize("name", BASES)
    def test_a_server_is_known_by_its_signs_when_the_profile_says_what_it_is(
        self, name: str, engine: Engine, gateway: GatewayProcess
    ) -> None:
        auth = "api-key" if name == "azure" else "bearer"
        found = findings(engine, gateway.url + BASES[name], dialect=name, auth=auth)
        assert not [finding for finding in found.values() if finding.ok is False]
        assert found["server"].ok is True
        if name != "azure":  # known by its host
            assert found["dialect"].ok is True

    @pytest.mark.parametrize("name", sorted(set(BASES) - {"azure", "localai"}))
    def test_a_server_is_named_when_the_profile_does_not(
        self, name: str, engine: Engine, gateway: GatewayProcess
    ) -> None:
        found = findings(engine, gateway.url + BASES[name])
        assert f'dialect = "{name}"' in found["dialect"].detail
        # where the usual form cannot work, that is a failure
        assert found["dialect"].ok is (False if name in OWN_FORM else None)

    def test_a_server_with_pages_of_its_own_is_found_by_them(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.url + BASES["localai"]))
        assert 'dialect = "localai"' in failed.error.fix

    @pytest.mark.parametrize("case", RELAYS)
    def test_every_protocol_is_found_where_it_is(self, case: str, engine: Engine, gateway: GatewayProcess) -> None:
        provider, path, says = RELAYS[case]
        well = findings(engine, gateway.url + path, provider=provider, **says)
        assert [finding for finding in well.values() if finding.ok is False] == []
        assert well["server"].ok is True

    @pytest.mark.parametrize("case", RELAYS)
    def test_every_protocol_is_missed_where_it_is_not(self, case: str, engine: Engine, gateway: GatewayProcess) -> None:
        provider, _, says = RELAYS[case]
        failed = failure(findings(engine, gateway.url + "/_gateway/astray", provider=provider, **says))
        assert (failed.check, failed.error.exit_code) == ("server", 2)

    @pytest.mark.parametrize("case", RELAYS)
    def test_every_protocol_tells_a_wrong_key(self, case: str, engine: Engine, gateway: GatewayProcess) -> None:
        provider, path, says = RELAYS[case]
        failed = failure(findings(engine, gateway.url + path, provider=provider, **says, key_env="WRONG_KEY"))
        assert (failed.check, failed.error.exit_code) == ("server", 3)
        assert "wrong-key-1234" not in f"{failed.detail} {failed.error}"

    # skyriff and apiyi answer at the very addresses of openai: no GET tells them apart
    @pytest.mark.parametrize("case", [case for case in RELAYS if case.startswith(("shenma", "newapi"))])
    def test_every_protocol_is_named_to_a_profile_that_says_another(
        self, case: str, engine: Engine, gateway: GatewayProcess
    ) -> None:
        provider, path, _ = RELAYS[case]
        failed = failure(findings(engine, gateway.url + path, auth="bearer"))
        assert failed.error.exit_code == 2
        assert f'provider = "{provider}"' in failed.error.fix

    def test_a_wrong_path_fails_and_the_right_one_is_named(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.url + "/openai/v1/chat"))
        assert failed.error.exit_code == 2
        assert f'base_url = "{gateway.url}/openai"' in failed.error.fix

    def test_a_wrong_protocol_fails_and_the_right_one_is_named(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.url + "/shenma"))
        assert failed.error.exit_code == 2
        assert 'provider = "shenma"' in failed.error.fix

    def test_a_wrong_key_is_told_without_showing_it(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.openai, key_env="WRONG_KEY"))
        assert (failed.check, failed.error.exit_code) == ("server", 3)
        assert "wrong-key-1234" not in str(failed.error)

    def test_a_key_in_the_wrong_header_is_told_which_one_is_right(
        self, engine: Engine, gateway: GatewayProcess
    ) -> None:
        failed = failure(findings(engine, gateway.url + BASES["azure"], dialect="azure"))
        assert failed.error.exit_code == 3
        assert 'auth = "api-key"' in failed.error.fix

    def test_a_key_that_is_not_sent_is_asked_for(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.openai, auth="none"))
        assert failed.error.exit_code == 3
        assert "wants a key" in failed.error.fix

    def test_a_key_that_is_missing_is_told_before_anything_is_asked(
        self, engine: Engine, gateway: GatewayProcess
    ) -> None:
        failed = failure(findings(engine, gateway.openai, key_env="NO_SUCH_VARIABLE"))
        assert (failed.check, failed.error.exit_code) == ("key", 3)

    def test_a_dialect_that_does_not_exist_is_told(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.openai, dialect="klingon"))
        assert (failed.check, failed.error.exit_code) == ("profile", 2)


class TestStrangeServers:
    async def test_a_web_page_is_no_api(self, engine: Engine) -> None:
        async with Server(reply(200, PAGE)) as server:
            failed = failure(await seen_by_doctor(engine, server))
        assert failed.error.exit_code == 2
        assert "web page" in failed.detail

    async def test_a_page_for_people_with_404_is_no_api_either(self, engine: Engine) -> None:
        async with Server(reply(404, PAGE)) as server:
            assert "web page" in failure(await seen_by_doctor(engine, server)).detail

    async def test_404_in_json_everywhere_is_a_wrong_path(self, engine: Engine) -> None:
        async with Server(reply(404, {"detail": "Not Found"})) as server:
            failed = failure(await seen_by_doctor(engine, server))
            assert len(server.requests) < 50
        assert failed.error.exit_code == 2
        assert "base_url" in failed.error.fix

    async def test_a_server_that_repeats_the_path_is_seen_through(self, engine: Engine) -> None:
        async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(reply(404, {"error": {"message": f"Invalid URL (GET {request.target})"}}))

        async with Server(answer) as server:
            assert failure(await seen_by_doctor(engine, server)).error.exit_code == 2

    async def test_a_login_page_is_told(self, engine: Engine) -> None:
        async with Server(reply(302, b"", {"location": "/login"})) as server:
            failed = failure(await asyncio.to_thread(findings, engine, server.url))
        assert "login page" in failed.detail

    async def test_a_key_at_which_the_server_breaks_is_not_said_to_be_taken(self, engine: Engine) -> None:
        async def litellm(request: Request, writer: asyncio.StreamWriter) -> None:
            bearer = request.headers.get("authorization", "").startswith("Bearer ")
            refused = {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}}
            writer.write(reply(400, refused) if bearer else reply(500, b"Internal Server Error"))
            await writer.drain()

        async with Server(litellm) as server:
            failed = failure(await asyncio.to_thread(findings, engine, server.url))
        assert failed.error.exit_code == 3
        assert "auth =" not in str(failed.error)

    async def test_a_challenge_is_no_wrong_key(self, engine: Engine) -> None:
        async with Server(CHALLENGE) as server:
            failed = failure(await seen_by_doctor(engine, server))
        assert failed.error.kind == "ChallengePage"

    async def test_a_broken_server_is_told_as_such(self, engine: Engine) -> None:
        async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
            found = "doctor" not in request.target
            writer.write(reply(500, {"detail": "out of memory"}) if found else reply(404, {"detail": "Not Found"}))

        async with Server(answer) as server:
            failed = failure(await seen_by_doctor(engine, server))
        assert failed.error.exit_code == 6
        assert "out of memory" in failed.detail

    async def test_an_empty_account_is_a_failure(self, engine: Engine) -> None:
        async with Server(reply(402, {"error": {"code": "insufficient_quota", "message": "broke"}})) as server:
            assert failure(await seen_by_doctor(engine, server)).error.exit_code == 3

    async def test_a_server_that_shows_the_key_it_refuses_is_not_quoted(self, engine: Engine) -> None:
        async with Server(reply(401, {"error": {"message": f"bad key {KEY}"}})) as server:
            assert "bad key ***" in failure(await seen_by_doctor(engine, server)).detail

    async def test_a_key_that_is_wanted_without_bearer_is_told(self, engine: Engine) -> None:
        async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
            good = request.headers.get("authorization") == KEY
            writer.write(reply(200, {"data": []}) if good else reply(401, {"error": {"message": "no"}}))

        async with Server(answer) as server:
            assert 'auth = "raw"' in failure(await seen_by_doctor(engine, server)).error.fix


class TestTheWayThere:
    def test_a_name_that_no_one_knows(self, engine: Engine) -> None:
        failed = failure(findings(engine, "https://no-such-host.invalid/v1"))
        assert failed.error.exit_code == 6
        assert "DNS" in failed.detail

    def test_a_port_where_no_one_listens(self, engine: Engine) -> None:
        port = refused_port()
        failed = failure(findings(engine, f"http://127.0.0.1:{port}"))
        assert failed.error.exit_code == 6
        assert f"Nothing listens on port {port}" in failed.detail

    def test_a_proxy_where_no_one_listens(self, engine: Engine, gateway: GatewayProcess) -> None:
        proxy = f"http://127.0.0.1:{refused_port()}"
        failed = failure(findings(engine, gateway.openai, proxy=proxy))
        assert failed.error.exit_code == 6
        assert f"The proxy {proxy} that the profile names cannot be reached" in failed.detail

    def test_a_proxy_of_the_environment_is_named_too(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{refused_port()}")
        assert "HTTPS_PROXY" in failure(findings(engine, "https://relay.invalid/v1")).detail

    @pytest.mark.parametrize(("status", "words"), [(407, "user name"), (502, "perhaps from the proxy")])
    async def test_a_proxy_that_answers_itself(self, status: int, words: str, engine: Engine) -> None:
        async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(reply(status if "doctor" not in request.target or status == 407 else 404, "proxy says no"))

        async with Server(answer) as proxy:
            found = await asyncio.to_thread(findings, engine, "http://127.0.0.1:9/v1", proxy=proxy.url)
        failed = failure(found)
        assert failed.error.exit_code == 6
        assert words in failed.detail

    def test_plain_http_on_the_port_that_is_asked_for_https(self, engine: Engine, gateway: GatewayProcess) -> None:
        failed = failure(findings(engine, gateway.openai.replace("http:", "https:")))
        assert failed.error.exit_code == 6
        assert "speaks plain http" in failed.detail
        assert gateway.url in failed.error.fix

    async def test_https_on_the_port_that_is_asked_for_plain_http(self, engine: Engine, tls: ssl.SSLContext) -> None:
        async with _tls_server(tls) as port:
            failed = failure(await asyncio.to_thread(findings, engine, f"http://127.0.0.1:{port}"))
        assert failed.error.exit_code == 6
        assert f"https://127.0.0.1:{port}" in failed.error.fix

    async def test_a_certificate_that_no_one_signed(self, engine: Engine, tls: ssl.SSLContext) -> None:
        async with _tls_server(tls) as port:
            failed = failure(await asyncio.to_thread(findings, engine, f"https://127.0.0.1:{port}"))
        assert failed.error.exit_code == 6
        assert "self-signed" in failed.detail
        assert "SSL_CERT_FILE" in failed.error.fix


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return tls_in(tmp_path_factory.mktemp("tls")).server


class _tls_server:
    """A port that speaks TLS, and 404 behind it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    async def __aenter__(self) -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply(404, {}, {"connection": "close"}))

        self._listener = Listener(answer)
        await self._listener.open(tls=self._context)
        return self._listener.port

    async def __aexit__(self, *reason: object) -> None:
        await self._listener.close()


SIGNS = {
    "the host of a relay": ("https://openrouter.ai/api/v1", {}, "openrouter"),
    "the host of another relay": ("https://api.aihubmix.com/v1", {}, "aihubmix"),
    "the host of a cloud": ("https://me.openai.azure.com/openai/v1", {}, "azure"),
    "a host that is only spelled alike": ("https://notopenrouter.ai/v1", {}, ""),
    "a header": ("https://x.example", {"/models": ({}, {"x-oneapi-request-id": "1"})}, "new-api"),
    "the owner of the models": ("http://x", {"/models": ({"data": [{"owned_by": "sglang"}]}, {})}, "sglang"),
    "a header beside the list of models": (
        "http://x",
        {"/videos": ({}, {"x-litellm-version": "1"}), "/models": ({"data": [{"owned_by": "openai"}]}, {})},
        "litellm",
    ),
    "its owner's name": ("http://x", {"/models": ({"data": [{"owned_by": "fastvideo"}]}, {})}, "fastvideo"),
    "a title": ("http://x", {"/openapi.json": ({"info": {"title": "LiteLLM API"}}, {})}, "litellm"),
    "a path": ("http://x", {"/openapi.json": ({"paths": {"/v1/videos/sync": {}}}, {})}, "vllm-omni"),
    "nothing": ("http://x", {"/models": ({"data": [{"owned_by": "me"}]}, {})}, ""),
    "nonsense": ("http://x", {"/models": ([], {}), "/openapi.json": ({"info": 5, "paths": None}, {})}, ""),
}


@pytest.mark.parametrize("case", SIGNS)
def test_a_server_is_told_by(case: str) -> None:
    url, pages, dialect = SIGNS[case]
    replies = {path: Reply(200, headers, json.dumps(body).encode(), url) for path, (body, headers) in pages.items()}
    assert dialect_of(url, replies) == dialect
