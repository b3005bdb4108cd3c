"""What is taken out of text before anyone reads it."""

from __future__ import annotations

import logging
from functools import partial

import httpx
import pytest
from _clock import FakeClock
from _server import Server, reply

from sora_core.models import Effect
from sora_core.providers._answers import normalize
from sora_core.transport import Call, Http
from sora_core.transport.redact import redact

SECRET = "Zm9vYmFyLXNlY3JldC12YWx1ZQ"
TEXTS = {
    "bearer": f"Authorization: Bearer {SECRET}",
    "bearer, any case": f"authorization: bEARER {SECRET}",
    "basic": f"Basic {SECRET}",
    "openai key": f"Incorrect API key provided: sk-{SECRET}.",
    "project key": f"key sk-proj-{SECRET} is wrong",
    "session token": f"sess-{SECRET}",
    "json web token": f"token eyJhbGciOiJSUzI1NiJ9.{SECRET}.{SECRET} expired",
    "azure link": f"https://blob.example/v.mp4?se=2026-01-01&sig={SECRET}&sp=r",
    "aws link": f"https://s3.example/v.mp4?X-Amz-Signature={SECRET}",
    "aws credential": f"https://s3.example/v.mp4?X-Amz-Credential={SECRET}",
    "google link": f"https://storage.example/v.mp4?x-goog-signature={SECRET}",
    "cloudfront link": f"https://cdn.example/v.mp4?Expires=1&Signature={SECRET}",
    "token in the query": f"https://relay.example/v1?token={SECRET}",
    "key in the query": f"https://relay.example/v1?api_key={SECRET}",
    "access token in the query": f"https://relay.example/v1?access_token={SECRET}",
    "user and password": f"https://user:{SECRET}@relay.example/v1",
    "password of a proxy": f"socks5://user:{SECRET}@10.0.0.1:1080",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_takes_out(text):
    assert SECRET not in redact(text)


def test_it_takes_out_the_given_secrets_wherever_they_stand():
    assert redact("the key hunter2hunter2 and (hunter2hunter2)", ["hunter2hunter2"]) == "the key *** and (***)"


@pytest.mark.parametrize("known", ["eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl", "sk-proj-0123-another-key"])
def test_it_takes_out_the_whole_of_what_begins_as_a_known_secret_does(known):
    assert redact(f"token {known[:21]}{SECRET}.{SECRET} expired", [known]) == "token *** expired"


def test_a_very_short_secret_does_not_eat_the_text():
    assert redact("a cat", ["a"]) == "a cat"


@pytest.mark.parametrize(
    "text",
    [
        "A cat on a skateboard, task-like, at risk-free speed",
        "https://relay.example/v1/videos/video_123/content",
        "HTTP 400: size must be one of 1280x720, 720x1280",
        "用户额度不足, 剩余额度: ＄-0.003902",
    ],
)
def test_plain_text_stays_as_it_is(text):
    assert redact(text) == text


def test_the_rest_of_a_link_stays_readable():
    redacted = redact(f"https://blob.example/v.mp4?se=2026-01-01&sig={SECRET}&sp=r")
    assert redacted.startswith("https://blob.example/v.mp4?se=2026-01-01&sig=")
    assert redacted.endswith("&sp=r")


async def test_no_address_of_a_request_gets_into_the_log_and_those_of_others_do(caplog):
    caplog.set_level(logging.DEBUG)
    redirect = reply(302, headers={"location": f"/b?sig={SECRET}", "set-cookie": f"session={SECRET}"})
    async with Server(redirect, reply(200, {})) as server:
        http = Http(server.url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock())
        await http.send(Call("GET", f"/a?sig={SECRET}", Effect.READ, timeout=5))
        await http.aclose()
        assert SECRET not in caplog.text
        async with httpx.AsyncClient(trust_env=False) as other:
            await other.get(f"{server.url}/of-another-pack")
    assert "/of-another-pack" in caplog.text
