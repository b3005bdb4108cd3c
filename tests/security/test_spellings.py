"""A key that a server repeats is taken out of texts however it is spelled, and links lose what signs them."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import pytest
from _clock import FakeClock
from _server import Server, reply
from hypothesis import given
from hypothesis import strategies as st

from sora_core.errors import ProfileError, SoraError
from sora_core.models import Effect, Secret
from sora_core.providers._answers import normalize
from sora_core.redaction import hide, know, redact
from sora_core.secret_words import SIGNING
from sora_core.transport import Call, Http

KEY = "Zq7/k+Vb&9=xW<t1>m~R4u.pL0-eY2"
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": json.dumps,
    "json, slashes escaped": lambda key: json.dumps(key).replace("/", "\\/"),
    "json, all escaped": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "json in json": lambda key: json.dumps(json.dumps({"key": key}).replace("&", "\\u0026")),
    "python": lambda key: "".join(f"\\x{ord(char):02x}" for char in key),
    "percent": partial(quote, safe=""),
    "percent, all of it": lambda key: "".join(f"%{ord(char):02x}" for char in key),
    "percent of percent": lambda key: quote(quote(key, safe=""), safe=""),
    "html": html.escape,
    "html, numbers": lambda key: "".join(f"&#{ord(char)};" for char in key),
    "html, hex": lambda key: "".join(f"&#x{ord(char):X};" for char in key),
    "html, names": lambda key: key.replace("/", "&sol;").replace("+", "&plus;").replace("&9", "&amp;9"),
    "html of percent": lambda key: html.escape(quote(key, safe="")).replace("%", "&#37;"),
    "upper": str.upper,
    "lower": str.lower,
    "html, numbers without their ends": lambda key: "".join(f"&#{ord(char)}" for char in key),
    "octal": lambda key: "".join(f"\\{ord(char):03o}" for char in key),
    "eight digits": lambda key: "".join(f"\\U{ord(char):08x}" for char in key),
    "braces": lambda key: "".join(f"\\u{{{ord(char):x}}}" for char in key),
    "hex": lambda key: key.encode().hex(),
    "HEX": lambda key: key.encode().hex().upper(),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 of a pair": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "base64 of another pair": lambda key: base64.b64encode(f"me:{key}:x".encode()).decode(),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(f"k={key}".encode()).decode(),
    "cut at its end": lambda key: key[:24],
    "cut at its beginning": lambda key: key[6:],
    "over lines": lambda key: "\n ".join(key[at : at + 8] for at in range(0, len(key), 8)),
    "percent of base64": lambda key: quote(base64.b64encode(key.encode()).decode(), safe=""),
}
LONG = KEY + "".join(f"{number:x}" for number in range(40))


def leaves_of(key: str, text: str) -> list[str]:
    """What of the key can be read in the text: pieces of 12 characters, in any of the plain spellings."""
    readings = (text, html.unescape(text), text.encode().decode("unicode_escape", "replace"))
    return [key[at : at + 12] for at in range(len(key) - 11) if any(key[at : at + 12] in each for each in readings)]


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("key", [KEY, LONG], ids=["key", "long key"])
def test_a_known_key_is_hidden_in_every_spelling(spell, key):
    know(key)
    told = redact(f"The key {spell(key)} was refused.")
    assert spell(key)[4:-4] not in told
    assert leaves_of(key, told) == []
    assert told.startswith("The key ")
    assert told.endswith(" was refused.")


@pytest.mark.parametrize(
    "write", [str, json.dumps, lambda text: quote(text, safe="")], ids=["plain", "json", "percent"]
)
@pytest.mark.parametrize("before", ["", "a", "user:"])
def test_base64_over_lines_is_hidden_in_each_of_them(write, before):
    lines = base64.encodebytes(f"{before}{LONG}{LONG}".encode()).decode()
    told = "".join(html.unescape(redact(write(lines), [LONG + LONG])).replace("\\n", "").replace("%0A", "").split())
    whole = "".join(lines.split())
    assert [at for at in range(8, len(whole) - 20) if whole[at : at + 12] in told] == []


@given(st.lists(st.sampled_from(sorted(SPELLINGS)[:0] + [*SPELLINGS][:15]), min_size=len(KEY), max_size=len(KEY)))
def test_spellings_may_change_within_the_key(ways):
    single = {"json", "json, slashes escaped", "json in json", "html of percent"}
    mixed = "".join(char if way in single else SPELLINGS[way](char) for char, way in zip(KEY, ways, strict=True))
    assert mixed[:12] not in hide(f"<{mixed}>", [KEY]) or mixed[:12] == "***"
    assert hide(f"<{mixed}>", [KEY]).startswith("<***")


@given(st.text())
def test_other_text_stays_as_it_is(text):
    assert hide(text, ["no-one-writes-this-key"]) == text


def test_one_outlet_every_error_passes_it():
    Secret(KEY)
    error = ProfileError("profiles.cannot_read", path="profiles.toml", reason=f"<{html.escape(KEY)}>")
    assert KEY not in str(error) + repr(error) + error.message
    assert leaves_of(KEY, html.unescape(str(error) + repr(error))) == []


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
async def test_a_server_that_repeats_the_key_is_not_quoted_with_it(spell):
    body = '{"error": {"message": "no such key: %s"}}' % spell(KEY).replace("\\", "\\\\").replace('"', '\\"')  # noqa: UP031
    async with Server(reply(401, body, headers={"x-refused": spell(KEY)})) as server:
        auth = {"authorization": Secret(f"Bearer {KEY}")}
        http = Http(server.url, judge=partial(normalize.error_of, provider="p"), clock=FakeClock(), auth=auth)
        with pytest.raises(SoraError) as caught:
            await http.send(Call("GET", "/a", Effect.READ, timeout=5))
        await http.aclose()
    assert leaves_of(KEY, str(caught.value)) == []


SIGNATURE = "0123abcDEF"
LINKS = {
    "query": "https://cdn.example/v.mp4?{name}={value}&x=1",
    "second": "https://cdn.example/v.mp4?x=1&{name}={value}",
    "html": "https://cdn.example/v.mp4?x=1&amp;{name}={value}&amp;y=2",
    "json": "https:\\/\\/cdn.example\\/v.mp4?x=1\\u0026{name}={value}\\u0026y=2",
    "fragment": "https://cdn.example/v.mp4#{name}={value}",
    "link in a link": "https://cdn.example/go?to=https%3A%2F%2Fo.example%2Fv%3Fx%3D1%26{name}%3D{value}%26y%3D2",
    "semicolon": "https://cdn.example/v.mp4?x=1;{name}={value}",
}


@pytest.mark.parametrize("form", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("name", sorted(SIGNING))
def test_links_lose_what_signs_them(name, form):
    for spelled in (name, name.upper(), name.title()):
        assert SIGNATURE not in redact(form.format(name=spelled, value=SIGNATURE))


def test_what_has_the_shape_of_a_signature_is_one():
    for value in ("d41d8cd98f00b204e9800998ecf8427e", "vjbyPxybdZaNmGa%2ByT272YEAiv4%3D", "Zm9vYmFyLXNlY3JldC12YWx1ZQ"):
        assert value not in redact(f"https://cdn.example/v.mp4?unheard_of={value}")
    plain = "https://cdn.example/v.mp4?id=video_68f6140d88a8&job=7d444840-9dc0-11d1-b245-5ffdce74fad2&size=1280x720"
    assert redact(plain) == plain


@pytest.mark.parametrize(
    "text",
    [
        'body {"access_token": "hunter2x", "n": 1}',
        "body {'client_secret': 'hunter2x'}",
        'body "{\\"refresh_token\\": \\"hunter2x\\"}"',
        "Set-Cookie: sid=hunter2x; HttpOnly",
        "Cookie: a=b; __Secure-next-auth.session-token=hunter2x",
        "x-api-key: hunter2x-hunter2x",
        "https://hunter2x@relay.example/v1",
        "https://:hunter2x@relay.example/v1",
        "https://me:p@hunter2x@relay.example/v1",
        "password=hunter2x",
        "session_token=hunter2x;",
    ],
)
def test_text_forms_of_secrets_are_known(text):
    assert "hunter2x" not in redact(text)


ATTACKS = [
    "a://",
    "Bearer ",
    "?sig=",
    "eyJ",
    "%",
    "\\u00",
    "&amp",
    "&#",
    "https://a:",
    "token=",
    '"token":"',
    "sk-",
    "=&",
]


@pytest.mark.parametrize("unit", ATTACKS)
def test_it_takes_time_in_proportion_to_the_text(unit):
    def seconds(times: int) -> float:
        text, start = unit * times, time.process_time()
        redact(text, [KEY])
        return time.process_time() - start

    seconds(100)
    few = min(seconds(20_000) for _ in range(3))
    assert min(seconds(160_000) for _ in range(2)) < 8 * 4 * max(few, 0.02)
