"""Keys: found where they are, sealed where they are stored, shown nowhere."""

from __future__ import annotations

import base64
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sora_core.errors import InputError, InvalidRequest, ProfileError, StorageError
from sora_core.models import Secret
from sora_core.profiles.credentials import Credentials, authorization
from sora_core.profiles.profiles import PREVIEW_PROFILE, Profile

KEY = "sk-abcdefghijklmnopqrstuvwxyz"
PROFILE = Profile("relay", base_url="https://relay.example", key_env="RELAY_KEY")


@pytest.fixture
def keys(tmp_path):
    return Credentials(tmp_path, {})


class TestWhereAKeyComesFrom:
    def test_the_environment_goes_first(self, tmp_path):
        keys = Credentials(tmp_path, {"RELAY_KEY": f" {KEY}\n"})
        keys.trust.allow(PROFILE)
        keys.set(PROFILE, "from-the-store")
        assert keys.get(PROFILE).reveal() == KEY
        assert keys.source(PROFILE) == "environment"

    def test_the_store_goes_second(self, keys):
        keys.set(PROFILE, KEY)
        assert keys.get(PROFILE).reveal() == KEY
        assert keys.source(PROFILE) == "store"

    @pytest.mark.parametrize("environ", [{}, {"RELAY_KEY": ""}, {"RELAY_KEY": "  "}])
    def test_a_missing_one_says_what_to_do(self, tmp_path, environ):
        keys = Credentials(tmp_path, environ)
        with pytest.raises(ProfileError) as caught:
            keys.get(PROFILE)
        text = str(caught.value)
        assert all(word in text for word in ("relay", "RELAY_KEY", "sora-video profiles key relay", "preview"))
        assert keys.source(PROFILE) == "missing"

    def test_none_is_needed_where_none_is_wanted(self, keys):
        profile = Profile("local", base_url="http://127.0.0.1:8000", auth="none")
        assert not keys.get(profile)
        assert keys.source(profile) == "none needed"
        assert keys.source(PREVIEW_PROFILE) == "none needed"


class TestTheStore:
    def test_is_read_by_the_next_process(self, keys, tmp_path):
        keys.set(PROFILE, KEY)
        keys.set(Profile("other", base_url="https://other.example"), "another-key")
        assert Credentials(tmp_path, {}).get(PROFILE).reveal() == KEY

    def test_keeps_the_newest_key(self, keys):
        keys.set(PROFILE, "old-key")
        keys.set(PROFILE, KEY)
        assert keys.get(PROFILE).reveal() == KEY

    def test_forgets_a_key(self, keys):
        keys.set(PROFILE, KEY)
        assert keys.delete("relay") is True
        assert keys.delete("relay") is False
        assert keys.source(PROFILE) == "missing"

    def test_holds_no_key_that_can_be_read(self, keys, tmp_path):
        keys.set(PROFILE, KEY)
        everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        for form in (KEY.encode(), base64.b64encode(KEY.encode()), KEY.encode().hex().encode(), KEY[3:].encode()):
            assert form not in everything

    def test_seals_the_same_key_differently_each_time(self, keys, tmp_path):
        keys.set(replace(PROFILE, name="a"), KEY)
        keys.set(replace(PROFILE, name="b"), KEY)
        sealed = json.loads((tmp_path / "credentials.json").read_text())["keys"]
        assert sealed["a"] != sealed["b"]

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
    def test_is_for_its_owner_only(self, tmp_path):
        before = os.umask(0)
        try:
            Credentials(tmp_path / "home", {}).set(PROFILE, KEY)
        finally:
            os.umask(before)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").iterdir()}
        names = ("credentials.json", "credentials.key", ".credentials.json.lock")
        assert modes == dict.fromkeys(names, 0o600)
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700

    @pytest.mark.parametrize("text", [f"{KEY}\n", f"  {KEY}  ", f"\t{KEY}\r\n"])
    def test_takes_what_a_paste_brings_along(self, keys, text):
        keys.set(PROFILE, text)
        assert keys.get(PROFILE).reveal() == KEY

    @pytest.mark.parametrize(
        "text", ["", "  \n", "two words", "ключ", "sk-密钥", "sk-\u200babc", "a\nb", "a\x00b", "\ufeffsk-a"]
    )
    def test_refuses_what_is_no_key(self, keys, tmp_path, text):
        with pytest.raises(InvalidRequest):
            keys.set(PROFILE, text)
        assert list(tmp_path.iterdir()) == []

    def test_refuses_a_variable_that_holds_no_key(self, tmp_path):
        with pytest.raises(InputError):
            Credentials(tmp_path, {"RELAY_KEY": "sk-密钥"}).get(PROFILE)

    def test_below_what_is_no_folder_is_a_storage_error(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StorageError):
            Credentials(tmp_path / "file" / "home", {}).set(PROFILE, KEY)


def _sealed(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "credentials.json").read_text())


class TestTampering:
    """Whatever was done to the files, the answer is an error that helps, never a wrong key."""

    def _spoil_text(self, tmp_path):
        document = _sealed(tmp_path)
        raw = bytearray(base64.b64decode(document["keys"]["relay"]["sealed"]))
        raw[-1] ^= 1
        document["keys"]["relay"]["sealed"] = base64.b64encode(raw).decode()
        (tmp_path / "credentials.json").write_text(json.dumps(document))

    def _swap_names(self, tmp_path):
        document = _sealed(tmp_path)
        document["keys"]["relay"] = document["keys"]["other"]
        (tmp_path / "credentials.json").write_text(json.dumps(document))

    def _move(self, tmp_path):
        document = _sealed(tmp_path)
        document["keys"]["relay"]["origin"] = "https://evil.example:443"
        (tmp_path / "credentials.json").write_text(json.dumps(document))

    def _unbind(self, tmp_path):
        """As an old version wrote it, to pass it off as a key of no server."""
        document = _sealed(tmp_path)
        document["keys"]["relay"] = document["keys"]["relay"]["sealed"]
        (tmp_path / "credentials.json").write_text(json.dumps(document))

    def _cut(self, tmp_path):
        document = _sealed(tmp_path)
        document["keys"]["relay"]["sealed"] = document["keys"]["relay"]["sealed"][:8]
        (tmp_path / "credentials.json").write_text(json.dumps(document))

    def _no_base64(self, tmp_path):
        document = _sealed(tmp_path)
        document["keys"]["relay"] = "!!!"
        (tmp_path / "credentials.json").write_text(json.dumps(document))

    def _other_key(self, tmp_path):
        (tmp_path / "credentials.key").write_bytes(base64.b64encode(b"x" * 32))

    def _short_key(self, tmp_path):
        (tmp_path / "credentials.key").write_bytes(b"eA==")

    def _no_key(self, tmp_path):
        (tmp_path / "credentials.key").unlink()

    def _binary_key(self, tmp_path):
        (tmp_path / "credentials.key").write_bytes(b"\xff\xfe\x00")

    def _garbage(self, tmp_path):
        (tmp_path / "credentials.json").write_bytes(b"\xff{")

    def _other_json(self, tmp_path):
        (tmp_path / "credentials.json").write_text("[1, 2]")

    def _no_keys(self, tmp_path):
        (tmp_path / "credentials.json").write_text('{"keys": null}')

    WAYS = (
        _spoil_text,
        _swap_names,
        _move,
        _unbind,
        _cut,
        _no_base64,
        _other_key,
        _short_key,
        _no_key,
        _binary_key,
        _garbage,
        _other_json,
        _no_keys,
    )

    @pytest.fixture(params=WAYS, ids=lambda way: way.__name__.strip("_"))
    def spoiled(self, request, keys, tmp_path):
        keys.set(PROFILE, KEY)
        keys.set(Profile("other", base_url="https://other.example"), "another-key")
        request.param(self, tmp_path)
        return Credentials(tmp_path, {})

    def test_is_told_when_the_key_is_read(self, spoiled):
        with pytest.raises(ProfileError) as caught:
            spoiled.get(PROFILE)
        assert caught.value.fix
        assert KEY not in str(caught.value)

    def test_is_an_error_of_the_tree_or_mended_when_a_key_is_stored(self, spoiled):
        try:
            spoiled.set(PROFILE, "a-new-key")
        except InputError:
            return
        assert spoiled.get(PROFILE).reveal() == "a-new-key"

    def test_a_damaged_store_is_not_overwritten(self, keys, tmp_path):
        keys.set(PROFILE, KEY)
        (tmp_path / "credentials.json").write_bytes(b"{damaged")
        with pytest.raises(ProfileError):
            keys.set(PROFILE, "a-new-key")
        assert (tmp_path / "credentials.json").read_bytes() == b"{damaged"


class TestASecret:
    SECRET = Secret(KEY)

    @pytest.mark.parametrize(
        "shown",
        [
            repr(SECRET),
            str(SECRET),
            f"{SECRET}",
            f"{SECRET!r:>10}",
            str((SECRET,)),
            repr([SECRET]),
            repr({"key": SECRET}),
        ],
    )
    def test_never_shows(self, shown):
        assert KEY not in shown
        assert "***" in shown

    def test_is_true_when_there_is_one(self):
        assert Secret(KEY)
        assert not Secret("")

    def test_is_not_in_a_profile(self):
        assert KEY not in repr(PROFILE)


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ("bearer", {"authorization": f"Bearer {KEY}"}),
        ("raw", {"authorization": KEY}),
        ("api-key", {"api-key": KEY}),
        ("none", {}),
    ],
)
def test_the_header_follows_the_scheme(auth, headers):
    made = authorization(auth, Secret(KEY))
    assert {name: secret.reveal() for name, secret in made.items()} == headers
    assert KEY not in repr(made)


def test_no_key_makes_no_header():
    assert authorization("bearer", Secret("")) == {}


class TestProxies:
    FAR, NEAR = "https://far.example/v1", "http://127.0.0.1:8000/v1"
    ALL, OWN = "http://user:password@all.example:3128", "socks5://own.example:1080"

    @pytest.mark.parametrize(
        ("facts", "environ", "proxy"),
        [
            ({"base_url": FAR}, {}, ""),
            ({"base_url": FAR}, {"SORA_PROXY": ALL}, ALL),
            ({"base_url": NEAR}, {"SORA_PROXY": ALL}, ""),  # no proxy reaches this machine's loopback
            ({"base_url": NEAR, "proxy": OWN}, {"SORA_PROXY": ALL}, OWN),
            ({"base_url": FAR, "proxy": OWN, "proxy_env": "MINE"}, {"MINE": ALL}, ALL),
            ({"embedded": True}, {"SORA_PROXY": ALL}, ""),
        ],
    )
    def test_the_profiles_own_goes_before_everyones(self, tmp_path, facts, environ, proxy):
        assert Credentials(tmp_path, environ).proxy(Profile("p", **facts)).reveal() == proxy

    def test_a_variable_without_a_proxy_is_told(self, tmp_path):
        with pytest.raises(ProfileError, match="MINE"):
            Credentials(tmp_path, {}).proxy(Profile("p", base_url=self.FAR, proxy_env="MINE"))


def test_what_is_sealed_opens_with_its_own_label_alone(tmp_path):
    store = Credentials(tmp_path, {})
    sealed = store.seal("tokens of a", "secret")
    assert "secret" not in sealed
    assert store.unseal("tokens of a", sealed) == "secret"
    with pytest.raises(ValueError):
        store.unseal("tokens of b", sealed)
