"""Jobs over HTTPS, on a line that turns a bit or breaks anywhere: in the handshake, the charge, the polls, the file."""

from __future__ import annotations

import random

import pytest
from _client import LIGHT, Client, open_client
from _tls import tls_in
from campaign.proxy import Proxy

from sora_core.errors import SoraError, SubmissionUnknown

KEY = "relay-key-1234"


class BadLine:
    """Damages one piece of what passes, the ``at``-th of a direction; or cuts the line there."""

    def __init__(self, target_port: int) -> None:
        self._asks = False
        self._left, self._cuts = 0, False
        self.proxy = Proxy(
            target_port, ask=lambda data: self._pass(data, True), answer=lambda data: self._pass(data, False)
        )

    def damage(self, *, asks: bool, at: int, cuts: bool) -> None:
        self._asks, self._left, self._cuts = asks, at, cuts

    def _pass(self, data: bytes, asks: bool) -> bytes:
        if asks != self._asks or not self._left:
            return data
        self._left -= 1
        if self._left:
            return data
        if self._cuts:
            raise ConnectionResetError
        damaged = bytearray(data)
        damaged[len(data) // 2] ^= 4
        return bytes(damaged)


@pytest.fixture(scope="module")
def tls_client(tmp_path_factory):
    tls = tls_in(tmp_path_factory.mktemp("tls"))
    with open_client(tmp_path_factory, "openai", key=KEY, profile="tls", SSL_CERT_FILE=str(tls.certificate)) as client:
        secured = Proxy(int(client.gateway.url.rpartition(":")[2]), tls=tls.server)
        line = BadLine(secured.port)
        client.add("tls", "/openai/v1", host=f"https://127.0.0.1:{line.proxy.port}", usual={"seconds": 4})
        yield client, line
        line.proxy.stop()
        secured.stop()


@pytest.mark.parametrize("seed", range(8))
def test_a_line_that_breaks_costs_one_job_at_most_and_loses_none(tls_client: tuple[Client, BadLine], seed: int) -> None:
    client, line = tls_client
    chance, before = random.Random(seed), client.gateway.charges
    line.damage(asks=chance.random() < 0.5, at=chance.randint(1, 8), cuts=chance.random() < 0.5)
    try:
        client.make(f"{LIGHT} {seed}")
    except SoraError:
        line.damage(asks=False, at=0, cuts=False)
        try:
            client.make(f"{LIGHT} {seed}")
        except SubmissionUnknown:
            # asked again only when someone says so, as the server may have taken it: this one had not
            assert client.gateway.charges == before
            return
    assert client.gateway.charges == before + 1
