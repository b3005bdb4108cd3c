"""Whatever stands in profiles.toml: it is read, or it is our error; a password in it is shown nowhere."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from _command import Command
from hypothesis import given
from hypothesis import strategies as st

from sora_core.connections.describing import described
from sora_core.connections.editing import check, exported
from sora_core.errors import SoraError
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.redaction import redact

ODD = {
    "deep": b"[profiles.a]\nextra = " + b"[" * 5000,
    "deep tables": b"[profiles.a" + b".x" * 5000 + b"]\n",
    "deep inline": b"[profiles.a]\nextra = " + b"{a = " * 5000,
    "large number": b"[profiles.a]\nmax_jobs = " + b"9" * 5000,
    "large whole number": b'[profiles.a]\nbase_url = "http://127.0.0.1"\nmax_jobs = ' + b"9" * 400,
    "large number in hex": b'[profiles.a]\nbase_url = "http://127.0.0.1"\nmax_jobs = 0x' + b"f" * 5000,
    "large number in extra": b'[profiles.a]\nbase_url = "http://127.0.0.1"\nextra.a.b = [0o' + b"7" * 9000 + b"]",
    "large float": b"[profiles.a]\npoll_seconds = 1e999999",
    "not a number": b"[profiles.a]\npoll_seconds = nan",
    "nul": b'[profiles.a]\nmodel = "\0"',
    "no utf-8": b'[profiles.a]\nmodel = "\xff"',
    "utf-16": '[profiles.a]\nmodel = "x"'.encode("utf-16"),
    "a list": b"profiles = []",
    "a list of tables": b"[[profiles]]\nname = 1",
    "a date": b"[profiles.a]\nextra = {a = 2020-01-01}",
    "prices of nothing": b"[profiles.a]\nprices = 5",
    "prices of lists": b"[profiles.a]\nprices = [[]]",
    "no host": b'[profiles.a]\nbase_url = "http://"',
    "half a host": b'[profiles.a]\nbase_url = "http://[::1"',
    "port": b'[profiles.a]\nbase_url = "http://a:99999"',
    "proxy": b'[profiles.a]\nbase_url = "https://a.example"\nproxy = "http://[::1"',
    "parse": b'[profiles.a]\nprovider = "sora_web"\nbase_url = "https://a.example"\n[profiles.a.extra]\nparse_url = "http://["',
}


def read_all(home: Path) -> None:
    profiles, keys = Profiles(home, {}), Credentials(home, {})
    for name, profile in profiles.all().items():
        described(profile, keys)
        repr(profile)
        profiles.find(name)
    exported(profiles)


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_files(tmp_path, data):
    (tmp_path / "profiles.toml").write_bytes(data)
    with contextlib.suppress(SoraError):
        read_all(tmp_path)


SIGNS = ". [ ] = { } \" ' , 1 1e9 true - http:// a # inf nan".split(" ")
LINES = ["\n", "\x7f", "\u2028", "[profiles.a]\n", 'base_url = "http://127.0.0.1:1"\n', "profiles"]
WORDS = st.sampled_from([*Profile.__dataclass_fields__, *SIGNS, *LINES])


@given(st.one_of(st.binary(), st.text().map(str.encode), st.lists(WORDS).map(lambda words: "".join(words).encode())))
def test_any_file(tmp_path, data):
    (tmp_path / "profiles.toml").write_bytes(data)
    with contextlib.suppress(SoraError):
        read_all(tmp_path)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)


@given(model=TEXTS, key=TEXTS, value=TEXTS)
def test_what_is_written_is_read_again(tmp_path, model, key, value):
    """Line separators of Unicode, DEL, quotes, brackets: all are a part of the text that they stand in."""
    (tmp_path / "profiles.toml").unlink(missing_ok=True)
    profiles = Profiles(tmp_path, {})
    first = Profile("first", base_url="https://a.example", model=model, extra={key: value})
    second = Profile("second", base_url="https://b.example", model=f"\u2028[profiles.first]\n\x7f{model}")
    profiles.add(first)
    profiles.add(second)
    assert Profiles(tmp_path, {}).written() == {"first": first, "second": second}
    profiles.remove("first")
    assert Profiles(tmp_path, {}).written() == {"second": second}


def test_what_no_file_can_hold_is_refused(tmp_path):
    profiles = Profiles(tmp_path, {})
    with pytest.raises(SoraError):
        profiles.add(Profile("p", base_url="https://a.example", model="\ud800"))
    assert profiles.written() == {}


PASSWORD = "hunter2-Passw0rd"
BY_HAND = f"""
[profiles.a]
base_url = "https://user:{PASSWORD}@relay.example/v1"
[profiles.b]
base_url = "https://relay.example/v1"
proxy = "http://user:{PASSWORD}@proxy.example:3128"
[profiles.c]
base_url = "https://relay.example/v1?token={PASSWORD}"
[profiles.d]
provider = "sora_web"
base_url = "https://relay.example"
[profiles.d.extra]
parse_url = "https://user:{PASSWORD}@parse.example"
[profiles.e]
provider = "sora_web"
base_url = "https://relay.example"
[profiles.e.extra]
sentinel_proxy = "http://user:{PASSWORD}@proxy.example:1"
[profiles.f]
base_url = "https://user:{PASSWORD}@[::1/"
"""


def test_a_password_in_an_address_is_refused_and_shown_nowhere(tmp_path):
    command = Command(tmp_path, A_KEY="some-key-of-mine")
    command.home.mkdir()
    (command.home / "profiles.toml").write_text(BY_HAND)
    shown = [command("profiles", "list"), command("profiles", "list", "--json")]
    for name in "abcdef":
        done = command("generate", "a cat", "--profile", name)
        assert done.code != 0
        shown += [done, command("doctor", name)]
    profiles, keys = Profiles(command.home, {}), Credentials(command.home, {})
    texts = [done.out + done.err for done in shown]
    texts += [json.dumps([described(each, keys) for each in profiles.all().values()]), repr(profiles.all())]
    texts += [exported(profiles)]
    assert not [text for text in texts if PASSWORD in text]
    assert redact(BY_HAND).count(PASSWORD) == 0


LOGINS = {
    "whole": f"https://user:{PASSWORD}@h.example/v1",
    "no scheme": f"user:{PASSWORD}@h.example:3128",
    "half a scheme": f"//user:{PASSWORD}@h.example",
    "one slash": f"https:/user:{PASSWORD}@h.example",
    "no slash": f"https:user:{PASSWORD}@h.example",
    "backslashes": f"https:\\\\\\\\user:{PASSWORD}@h.example",
    "a slash in the password": f"https://user:1/{PASSWORD}@h.example/v1",
    "a question mark in it": f"https://user:1?{PASSWORD}@h.example/v1",
    "a hash in it": f"https://user:1#{PASSWORD}@h.example/v1",
    "a space in it": f"https://user:1 {PASSWORD}@h.example/v1",
    "a wide sign": f"https://user:{PASSWORD}\uff20h.example",
    "a wide sign and no scheme": f"user:{PASSWORD}\uff20h.example",
    "two": f"https://user:{PASSWORD}@h.example@h.example",
    "no user": f"https://{PASSWORD}@h.example",
}
PLACES = {
    "base_url": 'base_url = "{}"',
    "proxy": 'base_url = "https://a.example"\nproxy = "{}"',
    "a server": 'servers = ["https://a.example", "{}"]',
    **{
        name: f'provider = "sora_web"\nbase_url = "https://a.example"\n[profiles.a.extra]\n{name} = "{{}}"'
        for name in ("parse_url", "session_url", "sentinel_proxy")
    },
    "native_url": 'provider = "newapi"\ndialect = "chat"\nbase_url = "https://a.example"\nextra.native_url = "{}"',
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("address", LOGINS.values(), ids=LOGINS)
def test_however_a_password_is_written_it_is_refused_and_not_shown(tmp_path, place, address):
    (tmp_path / "profiles.toml").write_text(f"[profiles.a]\n{place.format(address)}\n", "utf-8")
    profiles, keys = Profiles(tmp_path, {}), Credentials(tmp_path, {})
    profile = profiles.get_as_written("a")
    with pytest.raises(SoraError) as caught:
        check(profile)
    shown = [repr(profile), json.dumps(described(profile, keys)), exported(profiles), str(caught.value)]
    assert not [text for text in shown if PASSWORD in text]
