"""Profiles that are changed keep what is theirs, and only that."""

from __future__ import annotations

import pytest

from sora_core.connections import editing
from sora_core.errors import InvalidRequest, ProfileError
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.profiles.tokens import TokenStore

TEXT = """\
# mine
[profiles.first]
provider = "openai"
base_url = "http://127.0.0.1:1/v1"   # the box

# the second one
[profiles.second]
provider = "openai"
base_url = "https://relay.example/v1"
"""


@pytest.fixture
def profiles(tmp_path):
    (tmp_path / "profiles.toml").write_text(TEXT)
    return Profiles(tmp_path, {})


@pytest.fixture
def credentials(tmp_path):
    return Credentials(tmp_path, {})


def test_an_edit_leaves_every_other_line_of_the_file_as_it_is(profiles, credentials):
    editing.edit(profiles, credentials, "first", {"max_jobs": 2})
    text = profiles.path.read_text()
    assert text.startswith("# mine\n[profiles.first]\n")
    assert "max_jobs = 2\n" in text
    assert text.endswith(TEXT[TEXT.index("# the second one") :])
    assert profiles.get("first").max_jobs == 2


def test_a_renamed_profile_keeps_its_key_its_tokens_and_its_identity(profiles, credentials):
    credentials.set(profiles.get("first"), "key-1")
    TokenStore(credentials, profiles.get("first")).keep({"refresh": "rotated"})
    new = editing.edit(profiles, credentials, "first", {}, new_name="third")
    assert new.identity == "first"
    assert credentials.get(new).reveal() == "key-1"
    assert TokenStore(credentials, new).kept() == {"refresh": "rotated"}
    again = editing.edit(profiles, credentials, "third", {}, new_name="fourth")
    assert again.identity == "first"
    assert list(profiles.written()) == ["fourth", "second"]


def test_a_new_profile_of_an_old_name_has_an_identity_of_its_own(profiles, credentials):
    editing.edit(profiles, credentials, "first", {}, new_name="third")
    editing.add(profiles, Profile("first", base_url="http://127.0.0.1:2/v1"))
    assert profiles.get("first").identity == "first#2"
    assert profiles.get("third").identity == "first"


def test_another_server_gets_neither_the_stored_key_nor_that_of_the_environment(profiles, credentials):
    editing.edit(profiles, credentials, "first", {"key_env": "SORA_MINE"})
    credentials.set(profiles.get("first"), "key-1")
    moved = editing.edit(profiles, credentials, "first", {"base_url": "http://127.0.0.1:2/v1"})
    assert (credentials.source(moved), moved.key_env) == ("missing", "")
    same = editing.edit(profiles, credentials, "second", {"base_url": "https://relay.example:443/v2"})
    assert same.base_url.endswith("/v2")


@pytest.mark.parametrize(
    ("changes", "new_name"),
    [
        ({"base_url": "nonsense"}, ""),
        ({"max_jobs": "2"}, ""),
        ({"known_as": "second"}, ""),
        ({"provider": "none"}, ""),
        ({}, "second"),
        ({}, "preview"),
        ({}, "no name"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(profiles, credentials, changes, new_name):
    credentials.set(profiles.get("first"), "key-1")
    with pytest.raises((InvalidRequest, ProfileError)):
        editing.edit(profiles, credentials, "first", changes, new_name=new_name)
    assert profiles.path.read_text() == TEXT
    assert credentials.source(profiles.get("first")) == "store"


def test_an_export_is_imported_elsewhere_without_keys(profiles, credentials, tmp_path):
    credentials.set(profiles.get("first"), "key-1")
    editing.edit(profiles, credentials, "first", {"extra": {"group": "vip"}}, new_name="renamed")
    exported = editing.exported(profiles)
    assert "key-1" not in exported
    assert "known_as" not in exported
    elsewhere = Profiles(tmp_path / "elsewhere", {})
    assert editing.imported(elsewhere, exported) == ["renamed", "second"]
    assert elsewhere.get("renamed").extra == {"group": "vip"}
    with pytest.raises(InvalidRequest):
        editing.imported(elsewhere, exported)


def test_two_profiles_of_one_identity_are_refused_by_the_file(profiles):
    profiles.path.write_text(TEXT + 'known_as = "first"\n')
    with pytest.raises(ProfileError, match="known as 'first'"):
        profiles.all()
