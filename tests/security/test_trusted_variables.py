"""A profile that was pasted may name any variable of this machine; none is sent without the user's word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sora_core.connections import editing
from sora_core.engine import Engine
from sora_core.errors import ProfileError
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.profiles import Profile, Profiles

ENVIRON = {"AWS_SECRET_ACCESS_KEY": "aws-secret-value-123", "RELAY_KEY": "relay-key-value-123"}
PASTED = Profile("pasted", base_url="https://evil.example/v1", key_env="AWS_SECRET_ACCESS_KEY")
WAYS = {
    "key": PASTED,
    "parse token": replace(
        PASTED,
        auth="none",
        key_env="",
        extra={"parse_url": "https://evil.example", "parse_token_env": "AWS_SECRET_ACCESS_KEY"},
    ),
    "drafts token": replace(PASTED, auth="none", key_env="", extra={"drafts_token_env": "AWS_SECRET_ACCESS_KEY"}),
    "this machine": replace(PASTED, base_url="http://127.0.0.1:8000/v1"),
}


@pytest.mark.parametrize("profile", WAYS.values(), ids=WAYS)
def test_it_is_not_sent_and_the_error_says_what_to_do(tmp_path, profile):
    keys = Credentials(tmp_path, ENVIRON)
    with pytest.raises(ProfileError, match="AWS_SECRET_ACCESS_KEY") as caught:
        keys.get(profile)
    said = str(caught.value)
    assert "profiles trust pasted" in said
    assert "SORA_TRUSTED_KEYS=AWS_SECRET_ACCESS_KEY@" in said
    assert "aws-secret-value-123" not in said
    keys.trust.allow(profile)
    keys.get(profile)


def test_what_is_allowed_is_one_variable_for_one_server(tmp_path):
    keys = Credentials(tmp_path, ENVIRON)
    own = Profile("own", base_url="https://relay.example/v1", key_env="RELAY_KEY")
    keys.trust.allow(own)
    keys.trust.allow(replace(own, base_url="http://127.0.0.1:8000"))
    assert (
        keys.get(replace(own, name="twin", base_url="https://relay.example:443/v2")).reveal() == "relay-key-value-123"
    )
    for other in (
        replace(own, base_url="https://evil.example"),
        replace(own, base_url="http://relay.example", allow_http=True),
        replace(own, key_env="AWS_SECRET_ACCESS_KEY"),
        replace(own, extra={"session_url": "https://evil.example/s"}),
        replace(own, base_url="http://127.0.0.1:8000", proxy="http://evil.example:3128"),
        replace(own, servers=("https://relay.example", "http://127.0.0.1:8000"), proxy="http://evil.example:3128"),
    ):
        with pytest.raises(ProfileError, match="nobody has allowed"):
            keys.get(other)
        assert keys.source(other) == "missing"


def test_a_parse_token_for_plain_http_is_not_read_by_a_proxy_that_is_named_afterwards(tmp_path):
    extra = {"parse_url": "http://127.0.0.1:5000", "parse_token_env": "RELAY_KEY"}
    own, keys = replace(PASTED, auth="none", key_env="", extra=extra), Credentials(tmp_path, ENVIRON)
    keys.trust.allow(own)
    keys.get(own)
    with pytest.raises(ProfileError, match=r"RELAY_KEY@http://127\.0\.0\.1:5000,RELAY_KEY@http://evil\.example:3128"):
        keys.get(replace(own, proxy="http://evil.example:3128"))


def test_whoever_sets_the_environment_of_a_container_says_it_there(tmp_path):
    said = {"SORA_TRUSTED_KEYS": "OTHER@https://x.example, RELAY_KEY@https://relay.example"}
    keys = Credentials(tmp_path, {**ENVIRON, **said})
    assert keys.get(Profile("own", base_url="https://relay.example/v1", key_env="RELAY_KEY"))
    for profile in (PASTED, Profile("p", base_url="https://relay.example.evil.example", key_env="RELAY_KEY")):
        with pytest.raises(ProfileError):
            keys.get(profile)


def test_the_profile_of_the_environment_needs_no_word(tmp_path):
    environ = {"SORA_BASE_URL": "https://relay.example/v1", "SORA_API_KEY": "key-of-the-environment"}
    profile = Profiles(tmp_path, environ).get("env")
    assert Credentials(tmp_path, environ).get(profile).reveal() == "key-of-the-environment"


def test_a_profile_of_the_file_cannot_pass_for_it(tmp_path):
    (tmp_path / "profiles.toml").write_text(
        '[profiles.env]\nbase_url = "https://evil.example"\nkey_env = "RELAY_KEY"\n'
    )
    with pytest.raises(ProfileError):
        Profiles(tmp_path, ENVIRON).get("env")


def test_the_users_own_command_is_the_permission(tmp_path, monkeypatch, no_settings):
    monkeypatch.setenv("RELAY_KEY", "relay-key-value-123")
    engine = Engine(tmp_path)
    engine.add_profile(Profile("own", base_url="https://relay.example/v1", key_env="RELAY_KEY"))
    assert engine.credentials.source(engine.profiles.get("own")) == "environment"
    engine.edit_profile("own", {"base_url": "https://other.example"})
    assert engine.profiles.get("own").key_env == ""
    engine.edit_profile("own", {"key_env": "RELAY_KEY"})
    assert engine.credentials.source(engine.profiles.get("own")) == "environment"
    engine.close()


def test_importing_a_profile_is_none_and_saving_it_again_is_none(tmp_path, monkeypatch, no_settings):
    monkeypatch.setenv("SORA_MINE", "relay-key-value-123")
    engine = Engine(tmp_path)
    editing.imported(engine.profiles, '[profiles.p]\nbase_url = "https://evil.example"\nkey_env = "SORA_MINE"\n')
    assert engine.credentials.source(engine.profiles.get("p")) == "missing"
    engine.edit_profile("p", {"key_env": "SORA_MINE", "max_jobs": 2})
    with pytest.raises(ProfileError):
        engine.credentials.get(engine.profiles.get("p"))
    engine.close()


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"allowed": 5}', b'{"allowed": {"A": 5}}', b"\xff", b"[" * 100_000])
def test_a_spoiled_file_allows_nothing(tmp_path, data):
    (tmp_path / "trusted.json").write_bytes(data)
    with pytest.raises(ProfileError):
        Credentials(tmp_path, ENVIRON).get(PASTED)
