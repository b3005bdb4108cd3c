"""The peer of the connection decides where a link may lead: not its name, and not what the name said before."""

from __future__ import annotations

import socket
from functools import partial

import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core.errors import BadResponse
from sora_core.models import Effect
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http
from sora_core.transport.reach import Reach
from sora_core.urls import is_inside, is_private

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1",
    "::127.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b:1::7f00:1", "fec0::1", "192.0.0.8",
    "3fff::1", "5f00::1",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "::8.8.8.8"]


@pytest.mark.parametrize("address", INSIDE)
def test_a_public_server_cannot_point_there_under_any_name(address):
    assert is_inside(address)
    reach = Reach("https://relay.example", ["https://relay.example"])
    reach.connected("relay.example", 443, "8.8.8.8")
    for host in ("cdn.example", "relay.example.evil.example", "relay.example"):
        with pytest.raises(BadResponse, match="inside"):
            reach.connected(host, 443, address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_it_can_point_out_of_the_network(address):
    assert not is_inside(address)
    Reach("https://relay.example", ["https://relay.example"]).connected("cdn.example", 443, address)


def test_a_server_of_the_users_own_network_may_name_others_in_there():
    reach = Reach("http://box.lan:8000", ["http://box.lan:8000"])
    with pytest.raises(BadResponse):
        reach.connected("files.lan", 80, "192.168.1.6")
    reach.connected("box.lan", 8000, "192.168.1.5")
    reach.connected("files.lan", 80, "192.168.1.6")
    Reach("http://192.168.1.5:8000", ["http://192.168.1.5:8000"]).connected("files.lan", 80, "192.168.1.6")


def test_a_name_that_led_inside_first_is_not_trusted_when_it_leads_outside():
    reach = Reach("https://relay.example", ["https://relay.example"])
    reach.connected("relay.example", 443, "10.0.0.1")
    reach.connected("relay.example", 443, "8.8.8.8")
    with pytest.raises(BadResponse, match="inside"):
        reach.settled("http://169.254.169.254/latest/meta-data")
    for host in ("cdn.example", "relay.example"):
        with pytest.raises(BadResponse, match="inside"):
            reach.connected(host, 443, "10.0.0.1")


def test_what_the_user_named_may_be_anywhere():
    reach = Reach("https://relay.example", ["https://relay.example", "http://parse.lan:5000"])
    reach.connected("parse.lan", 5000, "192.168.1.7")
    with pytest.raises(BadResponse):
        reach.connected("parse.lan", 5001, "192.168.1.7")


def test_a_proxy_that_stands_in_for_every_name_does_not_cut_off_the_links():
    reach = Reach("https://relay.example", ["https://relay.example"])
    reach.connected("cdn.example", 443, "198.18.0.7")
    with pytest.raises(BadResponse):
        reach.settled("https://198.18.0.7/v.mp4")


@pytest.mark.parametrize("answers", [1, 2], ids=["at once", "by a redirect"])
async def test_a_name_that_leads_inside_gets_no_byte(monkeypatch, answers):
    resolve = socket.getaddrinfo

    def rebound(host, port, *rest, **more):
        name = host.decode() if isinstance(host, bytes) else host
        return resolve("127.0.0.1" if name.endswith(".example") else host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    async with Server(reply(200, b"secret of the network")) as inside:
        http = Http("https://relay.example", judge=partial(normalize.error_of, provider="p"), clock=FakeClock(),
                    plain_links=True)  # fmt: skip
        with pytest.raises(BadResponse, match="inside"):
            await http.send(Call("GET", f"http://cdn.example:{inside.port}/v", Effect.READ, timeout=5), attempts=1)
        await http.aclose()
    assert inside.requests == []
    assert inside.bytes_seen == 0


LINKS = {
    "http://cdn.example/v.mp4?sig=1": "https://cdn.example/v.mp4?sig=1",
    "http://cdn.example:80/v.mp4": "https://cdn.example/v.mp4",
    "https://cdn.example/v.mp4": "https://cdn.example/v.mp4",
    "http://relay.example:9/named": "http://relay.example:9/named",
}


@pytest.mark.parametrize("link", LINKS)
def test_plain_http_in_a_link_of_a_server_of_https_is_a_downgrade(link):
    named = ["https://relay.example", "http://relay.example:9"]
    assert Reach("https://relay.example", named).settled(link) == LINKS[link]
    assert Reach("https://relay.example", named, plain_links=True).settled(link) == link
    with pytest.raises(BadResponse, match="plain http"):
        Reach("https://relay.example", named).settled("http://cdn.example:8080/v.mp4")


@pytest.mark.parametrize(
    "url",
    ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://[::ffff:7f00:1]/", "http://100.64.1.1/"],
)
def test_spellings_of_inside_addresses_are_known(url):
    assert is_private(url)
    with pytest.raises(BadResponse):
        Reach("https://relay.example", ["https://relay.example"]).settled(url)
