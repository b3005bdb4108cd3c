"""Where a request may go: redirects, links that servers hand out, and what never goes along."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from _server import Server, refused_port, reply

from sora_core.errors import BadResponse, ServiceError, SoraError
from sora_core.models import Effect
from sora_core.transport import Call, Http
from sora_core.urls import bare_url, is_local, is_private, origin

OK = reply(200, {"id": "video_1", "status": "queued"})
READ = Call("GET", "/videos/1", Effect.READ, timeout=5)
CHARGE = Call("POST", "/videos", Effect.CHARGE, form={"prompt": "a cat"}, timeout=5)
NONSENSE = [
    "http://[::1",
    "http://host:99999/v",
    "https://cdn.example/a\tb",
    "javascript:alert(1)",
    "http://",
    "https://xn--zzzzzz--.example/v",
]


async def _error(http: Http, call: Call, **options: object) -> SoraError:
    with pytest.raises(SoraError) as caught:
        await http.send(call, **options)
    return caught.value


LOCAL = [
    "http://127.0.0.1:8000",
    "http://127.9.8.7/v1",
    "http://localhost:8000/v1",
    "http://LOCALHOST",
    "http://comfy.localhost",
    "http://[::1]:8000/v1",
]
REMOTE = [
    "http://127.evil.example/v1",
    "http://127.0.0.1.evil.example/v1",
    "http://localhost.evil.example",
    "http://evil.example/127.0.0.1",
    "http://127.0.0.1@evil.example/v1",
    "http://evil.example?localhost",
    "http://10.0.0.1",
    "http://192.168.1.5:8000",
    "http://[2606:4700::1111]/",
    "https://relay.example/v1",
]


@pytest.mark.parametrize("url", LOCAL)
def test_this_machine_is_known_by_its_address(url):
    assert is_local(url)
    assert is_private(url)


@pytest.mark.parametrize("url", REMOTE)
def test_what_only_looks_like_this_machine_is_not(url):
    assert not is_local(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1",
        "http://172.16.3.4",
        "http://192.168.1.5:8000",
        "http://169.254.169.254/latest",
        "http://0.0.0.0:8188",
        "http://[fe80::1]/",
        "http://[fd12::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::]/",
        # other ways to write 127.0.0.1 that the resolver takes
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost./",
        "http://127。0。0。1/",
    ],
)
def test_an_address_inside_a_network_is_private(url):
    assert is_private(url)


@pytest.mark.parametrize(
    "url", ["https://relay.example", "http://8.8.8.8", "http://[2606:4700::1111]/", "http://10.example"]
)
def test_an_address_of_the_internet_is_not_private(url):
    assert not is_private(url)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://relay.example", "https://relay.example:443/v1", True),
        ("http://relay.example", "http://RELAY.example:80/v1?x", True),
        ("http://relay.example", "https://relay.example", False),
        ("https://relay.example", "https://relay.example:8443", False),
        ("https://relay.example", "https://relay.example.evil.example", False),
        ("https://relay.example", "https://relay.example@evil.example", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one, other, same):
    assert (origin(one) == origin(other)) is same


def test_a_bare_url_shows_no_user_query_or_fragment():
    assert bare_url("https://me:pw@relay.example:8443/v1/videos?sig=x#y") == "https://relay.example:8443/v1/videos"
    assert bare_url("http://[::1]:8000/v1?x") == "http://[::1]:8000/v1"


class TestRedirects:
    async def test_of_a_read_are_followed(self, connect):
        async with Server(OK) as files, Server(reply(307, headers={"location": f"{files.url}/v.mp4"})) as api:
            assert (await connect(api.url).send(READ)).ok
            assert files.requests[0].target == "/v.mp4"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_keep_the_key_on_the_same_origin(self, connect, key, status):
        async with Server(reply(status, headers={"location": "/moved"}), OK) as api:
            assert (await connect(api.url).send(READ)).ok
            assert [request.target for request in api.requests] == ["/videos/1", "/moved"]
            assert api.requests[1].headers["authorization"] == f"Bearer {key}"

    async def test_never_carry_the_key_to_another_port(self, connect, key):
        async with Server(OK) as files, Server(reply(302, headers={"location": files.url + "/v"})) as api:
            await connect(api.url).send(READ)
            assert "authorization" in api.requests[0].headers
            assert "authorization" not in files.requests[0].headers
            assert key not in str(files.requests[0])

    async def test_never_carry_cookies_to_another_port(self, connect):
        headers = {"set-cookie": "session=hunter2; Path=/"}
        async with Server(OK) as files:
            async with Server(reply(302, headers={**headers, "location": files.url + "/v"})) as api:
                await connect(api.url).send(READ)
            assert "cookie" not in files.requests[0].headers

    async def test_a_link_elsewhere_gets_no_key(self, connect):
        async with Server(OK) as files, Server(OK) as api:
            await connect(api.url).send(Call("GET", files.url + "/v.mp4", Effect.READ))
            assert "authorization" not in files.requests[0].headers

    @pytest.mark.parametrize(
        "target",
        [
            "/v.mp4?se=2026-01-01&sig=a%2Fb%2Bc%3D&x=1+2",
            "/v%20a.mp4?sig=AbC%2fdE%2B",
            "/v.mp4?flag&empty=&tilde=~a",
        ],
    )
    async def test_keep_the_query_byte_for_byte(self, connect, target):
        async with Server(OK) as files:
            async with Server(reply(307, headers={"location": files.url + target})) as api:
                await connect(api.url).send(READ)
                await connect(api.url).send(Call("GET", files.url + target, Effect.READ))
            assert [request.target for request in files.requests] == [target, target]

    async def test_do_not_carry_the_first_query_on(self, connect):
        listing = replace(READ, path="/videos", query={"limit": "100"})
        async with Server(OK) as files:
            async with Server(reply(307, headers={"location": files.url + "/v?sig=a%2Fb"})) as api:
                await connect(api.url).send(listing)
            assert files.requests[0].target == "/v?sig=a%2Fb"

    async def test_end_after_five(self, connect):
        async with Server(reply(302, headers={"location": "/again"})) as api:
            error = await _error(connect(api.url), READ)
            assert len(api.requests) == 6
        assert type(error) is BadResponse

    async def test_to_a_login_page_are_refused(self, connect):
        async with Server(reply(302, headers={"location": "/login?next=%2F"}), OK) as api:
            error = await _error(connect(api.url), READ)
            assert len(api.requests) == 1
        assert type(error) is BadResponse
        assert "login" in error.message

    async def test_of_a_charge_are_not_followed(self, connect):
        async with Server(OK) as other, Server(reply(307, headers={"location": f"{other.url}/videos"})) as api:
            error = await _error(connect(api.url), CHARGE)
            assert other.requests == []
            assert len(api.requests) == 1
        assert isinstance(error, ServiceError)

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://files.example/v.mp4", "javascript:alert(1)"])
    async def test_to_what_is_no_web_address_are_refused(self, connect, location):
        async with Server(reply(302, headers={"location": location})) as api:
            error = await _error(connect(api.url), READ)
        assert type(error) is BadResponse

    async def test_from_https_to_http_are_refused(self, connect):
        import httpx

        http = connect("https://relay.example/v1")
        response = httpx.Response(
            302, headers={"location": "http://relay.example/v"}, request=httpx.Request("GET", "https://relay.example/v")
        )
        with pytest.raises(BadResponse):
            http._redirect(response)

    @pytest.mark.parametrize("call", [READ, CHARGE], ids=lambda call: call.effect.value)
    @pytest.mark.parametrize("location", NONSENSE)
    async def test_to_nonsense_are_an_error_of_the_tree(self, connect, location, call):
        async with Server(reply(302, headers={"location": location})) as api:
            assert isinstance(await _error(connect(api.url), call, attempts=1), SoraError)
            assert len(api.requests) == 1


@pytest.mark.parametrize(
    "link",
    [
        "http://[::1",
        "http://cdn.example:99999/v.mp4",
        "http://cdn.example:port/v.mp4",
        "http:///v.mp4",
        "https://cdn.example/a\nb.mp4",
        "https://cdn\t.example/v.mp4",
        "https://" + "a" * 70 + ".example/v.mp4",
    ],
)
async def test_a_link_that_is_none_is_an_error_of_the_tree(connect, link):
    async with Server(OK) as api:
        http = connect(api.url)
        assert isinstance(await _error(http, Call("GET", link, Effect.READ), attempts=1), SoraError)
        with pytest.raises(SoraError):
            async with http.stream(Call("GET", link, Effect.READ)):
                pass


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:8188/system_stats",
        "http://localhost:8188/",
        "http://10.0.0.7/v.mp4",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/v",
        "http://[fd00::1]/v",
    ],
)
async def test_a_public_server_cannot_point_us_into_this_network(connect, link):
    http = connect("https://relay.example/v1")
    error = await _error(http, Call("GET", link, Effect.READ), attempts=1)
    assert type(error) is BadResponse
    assert "not followed" in error.message


class TestSecrets:
    @pytest.mark.parametrize("body", [{"error": {"message": "Incorrect API key: KEY"}}, "no such key: KEY"], ids=repr)
    async def test_that_the_server_echoes_stay_out_of_errors(self, connect, key, body):
        async with Server(reply(401, json.dumps(body).replace("KEY", key))) as server:
            error = await _error(connect(server.url), READ)
        assert key not in str(error)
        assert key not in repr(error)

    async def test_in_the_url_stay_out_of_network_errors(self, connect, key):
        link = f"http://127.0.0.1:{refused_port()}/v.mp4?sig=topsecretsignature&token=abc"
        error = await _error(connect("http://127.0.0.1:1/v1"), Call("GET", link, Effect.READ), attempts=1)
        assert "topsecretsignature" not in str(error)
        assert key not in str(error)

    async def test_stay_out_of_the_repr_of_a_reply(self, connect, key):
        async with Server(reply(200, f"the key is {key}")) as server:
            assert key not in repr(await connect(server.url).send(READ))
