"""profiles.toml: edited by hand and by command, never damaged, never holding a secret."""

from __future__ import annotations

import os
import stat

import pytest

from sora_core.errors import InputError, InvalidRequest, ProfileError
from sora_core.profiles.profiles import ENV, PREVIEW, Profile, Profiles

BY_HAND = """\
# my servers, do not touch

[profiles.home]   # the box under the desk
provider = "openai"
base_url = 'http://127.0.0.1:8000/v1'   # local
auth = "none"
poll_seconds = 1.5

# the relay: 10 a minute
[profiles."relay.2"]
base_url = "https://relay.example/v1"
"""


@pytest.fixture
def profiles(tmp_path):
    return Profiles(tmp_path, {})


def write(profiles: Profiles, text: str | bytes) -> None:
    profiles.path.write_bytes(text if isinstance(text, bytes) else text.encode())


class TestReading:
    def test_the_preview_is_always_there_and_first(self, profiles):
        assert profiles.names() == [PREVIEW]
        assert profiles.get(PREVIEW).embedded

    def test_what_is_written_by_hand_is_understood(self, profiles):
        write(profiles, BY_HAND)
        assert profiles.names() == [PREVIEW, "home", "relay.2"]
        home = profiles.get("home")
        assert (home.base_url, home.auth, home.poll_seconds) == ("http://127.0.0.1:8000/v1", "none", 1.5)

    def test_every_field_can_be_written(self, profiles):
        write(
            profiles,
            '[profiles.p]\nprovider = "openai"\nbase_url = "http://10.0.0.9:8000"\nauth = "raw"\nkey_env = "K"\n'
            'proxy = "socks5://127.0.0.1:1080"\nrequests_per_minute = 10\nmax_jobs = 2\npoll_seconds = 3\n'
            'dialect = "openai"\nmodel = "m"\nallow_http = true\n[profiles.p.extra]\nfps = 24\nhd = true\nname = "x"\n',
        )
        profile = profiles.get("p")
        assert (profile.requests_per_minute, profile.max_jobs, profile.poll_seconds) == (10, 2, 3)
        assert profile.extra == {"fps": "24", "hd": "true", "name": "x"}

    def test_a_changed_file_is_read_again(self, profiles):
        write(profiles, BY_HAND)
        assert "new" not in profiles.names()
        write(profiles, BY_HAND + '[profiles.new]\nbase_url = "https://x.example"\n')
        assert "new" in profiles.names()
        profiles.path.unlink()
        assert profiles.names() == [PREVIEW]

    def test_an_unknown_name_is_refused_naming_the_known(self, profiles):
        write(profiles, BY_HAND)
        with pytest.raises(ProfileError, match=r"preview, home, relay\.2"):
            profiles.get("nope")

    def test_a_byte_order_mark_of_an_editor_does_no_harm(self, profiles):
        write(profiles, b"\xef\xbb\xbf" + BY_HAND.encode())
        assert "home" in profiles.names()


class TestADamagedFile:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('[profiles.a]\nbase_url = "x"\nauth = \n', "line 3"),
            ("[profiles.a\n", "line 1"),
            ('[profiles.a]\n[profiles.b]\n[profiles.a]\nbase_url = "x"\n', "line 3"),
            (b"\xff\xfe broken", "profiles.toml"),
            ('profiles = "x"\n', "profiles"),
            ("[profile.a]\n", "profile"),
            ("[profiles]\na = 1\n", "profiles.a"),
            ("[profiles.a]\nbase_ulr = 'x'\n", "base_ulr"),
            ("[profiles.a]\nmax_jobs = '3'\n", "max_jobs"),
            ("[profiles.a]\nmax_jobs = true\n", "max_jobs"),
            ("[profiles.a]\nmax_jobs = 1.5\n", "max_jobs"),
            ("[profiles.a]\nallow_http = 'yes'\n", "allow_http"),
            ("[profiles.a]\nbase_url = 1\n", "base_url"),
            ("[profiles.a]\nextra = 'x'\n", "extra"),
            ("[profiles.a.extra]\nday = 2026-01-01\n", "profiles.a"),
            ("[profiles.preview]\nbase_url = 'x'\n", "preview"),
            ("[profiles.env]\nbase_url = 'x'\n", "env"),
            ("[profiles.'../up']\nbase_url = 'x'\n", "up"),
        ],
        ids=str,
    )
    def test_says_where_and_is_never_overwritten(self, profiles, text, says):
        write(profiles, text)
        before = profiles.path.read_bytes()
        with pytest.raises(ProfileError) as caught:
            profiles.all()
        assert says in caught.value.message
        assert "profiles.toml" in caught.value.message
        with pytest.raises(InputError):
            profiles.add(Profile("new", base_url="https://relay.example"))
        assert profiles.path.read_bytes() == before

    @pytest.mark.parametrize(
        "text", ["[profiles.a\n", b"\xff\xfe", "[profiles.a]\nx = 1\n", "[profiles.a.extra]\nd = 2026-01-01\n"]
    )
    def test_leaves_the_preview_to_choose_and_says_so_when_it_is_used(self, profiles, text):
        write(profiles, text)
        assert profiles.names() == [PREVIEW]
        with pytest.raises(ProfileError, match=r"profiles\.toml"):
            profiles.get(PREVIEW)

    def test_leaves_the_profile_of_the_environment_too(self, tmp_path):
        profiles = Profiles(tmp_path, {"SORA_BASE_URL": "http://127.0.0.1:8000"})
        write(profiles, "[profiles.a\n")
        assert profiles.names() == [PREVIEW, ENV]

    def test_a_folder_that_is_none_leaves_the_preview(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        assert Profiles(tmp_path / "file", {}).names() == [PREVIEW]

    def test_a_folder_in_its_place_leaves_the_preview(self, profiles):
        profiles.path.mkdir()
        assert profiles.names() == [PREVIEW]


class TestAddingAndRemoving:
    NEW = Profile(
        "new",
        base_url="https://新.example/v1",
        auth="raw",
        key_env="K",
        requests_per_minute=10,
        poll_seconds=2.5,
        model='say "hi" \\ 你好',
        extra={"size up": "x", "fps": "24"},
    )

    def test_gives_back_what_was_added(self, profiles):
        profiles.add(self.NEW)
        assert profiles.get("new") == self.NEW

    @pytest.mark.parametrize(
        "text",
        [BY_HAND, BY_HAND.rstrip("\n"), BY_HAND.replace("\n", "\r\n"), "# only a comment"],
        ids=["", "no end", "CRLF", "comment"],
    )
    def test_leaves_every_other_byte_as_it_was(self, profiles, text):
        write(profiles, text)
        before = profiles.path.read_bytes()
        profiles.add(self.NEW)
        assert profiles.path.read_bytes().startswith(before)
        profiles.remove("new")
        assert profiles.path.read_bytes().rstrip() == before.rstrip()

    def test_of_one_written_by_hand_takes_its_table_and_nothing_else(self, profiles):
        write(profiles, BY_HAND)
        profiles.remove("home")
        text = profiles.path.read_text("utf-8")
        assert text.startswith("# my servers, do not touch\n")
        assert text.endswith('[profiles."relay.2"]\nbase_url = "https://relay.example/v1"\n')
        assert profiles.names() == [PREVIEW, "relay.2"]

    def test_keeps_the_comment_above_the_next_one(self, profiles):
        write(profiles, BY_HAND)
        profiles.remove("home")
        assert "# the relay: 10 a minute\n" in profiles.path.read_text("utf-8")

    @pytest.mark.parametrize("name", ["relay.2", "home"])
    def test_takes_the_extra_table_along(self, profiles, name):
        key = f'"{name}"' if "." in name else name
        write(profiles, BY_HAND + f"[profiles.{key}.extra]\nfps = 24\n")
        profiles.remove(name)
        assert name not in profiles.names()
        assert "fps" not in profiles.path.read_text("utf-8")

    def test_does_not_take_one_whose_name_begins_alike(self, profiles):
        for name in ("a", "ab", "a-b", "a.b"):
            profiles.add(Profile(name, base_url="https://relay.example"))
        profiles.remove("a")
        assert profiles.names() == [PREVIEW, "ab", "a-b", "a.b"]

    @pytest.mark.parametrize(
        "text", ["[profiles]\na = {base_url = 'https://x.example'}\n", "profiles.a.base_url = 'https://x.example'\n"]
    )
    def test_of_a_form_that_is_not_its_own_is_left_to_the_hand(self, profiles, text):
        write(profiles, text)
        with pytest.raises(ProfileError, match="hand"):
            profiles.remove("a")
        assert profiles.path.read_text("utf-8") == text

    def test_of_one_that_is_not_there_says_so(self, profiles):
        with pytest.raises(ProfileError, match="nope"):
            profiles.remove("nope")

    def test_of_a_name_that_exists_is_refused(self, profiles):
        profiles.add(self.NEW)
        with pytest.raises(InvalidRequest, match="already"):
            profiles.add(self.NEW)

    @pytest.mark.parametrize("name", ["", "preview", "env", "a b", "a/b", "../a", "猫", "-a", "a" * 65, 'a"b'])
    def test_of_a_name_that_is_none_is_refused(self, profiles, name):
        with pytest.raises(InputError):
            profiles.add(Profile(name, base_url="https://relay.example"))
        assert not profiles.path.exists()

    @pytest.mark.parametrize("url", ["nonsense", "https://xn--zzzzzz--.example/v1", "https://ab--\u0338.example/v1"])
    def test_of_one_that_cannot_work_is_refused(self, profiles, url):
        with pytest.raises(ProfileError, match="is not the address of a server"):
            profiles.add(Profile("p", base_url=url))
        assert not profiles.path.exists()

    def test_below_what_is_no_folder_is_bad_input(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InputError):
            Profiles(tmp_path / "file" / "home", {}).add(self.NEW)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
    def test_leaves_the_file_to_its_owner(self, profiles):
        profiles.add(self.NEW)
        assert stat.S_IMODE(profiles.path.stat().st_mode) == 0o600
        assert {each.name for each in profiles.path.parent.iterdir()} == {"profiles.toml", ".profiles.toml.lock"}


class TestChecking:
    @pytest.mark.parametrize(
        "url",
        [
            "https://relay.example",
            "https://relay.example:8443/v1",
            "http://127.0.0.1:8000",
            "http://localhost:8000/v1",
            "http://[::1]:8000/v1",
        ],
    )
    def test_takes(self, url):
        Profile("p", base_url=url).check()

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "relay.example",
            "relay.example/v1",
            "ftp://relay.example",
            "file:///etc/passwd",
            "https://",
            "https:///v1",
            "http://[::1",
            "https://relay.example:port/v1",
            "https://relay.example:99999/v1",
            "https://user:password@relay.example/v1",
            "https://user@relay.example/v1",
            "https://relay.example/v1?api_key=hunter2",
            "https://relay.example/v1#x",
        ],
    )
    def test_refuses_what_is_no_address_of_a_server(self, url):
        with pytest.raises(ProfileError, match="'p'"):
            Profile("p", base_url=url).check()

    @pytest.mark.parametrize(
        "url",
        ["http://relay.example", "http://10.0.0.9:8000", "http://127.evil.example", "http://localhost.evil.example"],
    )
    def test_refuses_plain_http_to_a_host_that_is_not_local(self, url):
        with pytest.raises(ProfileError, match="allow_http"):
            Profile("p", base_url=url).check()
        Profile("p", base_url=url, allow_http=True).check()

    @pytest.mark.parametrize("proxy", ["http://user:pw@proxy.example:3128", "socks5://me@proxy.example"])
    def test_refuses_a_password_in_the_proxy(self, proxy):
        with pytest.raises(ProfileError, match="secret"):
            Profile("p", base_url="https://relay.example", proxy=proxy).check()

    @pytest.mark.parametrize("proxy", ["ftp://proxy.example:21", "http://[::1", "nonsense", "http://"])
    def test_refuses_a_proxy_that_is_none(self, proxy):
        with pytest.raises(ProfileError):
            Profile("p", base_url="https://relay.example", proxy=proxy).check()

    @pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "socks5://127.0.0.1:1080", "https://proxy.example"])
    def test_takes_a_proxy(self, proxy):
        Profile("p", base_url="https://relay.example", proxy=proxy).check()

    @pytest.mark.parametrize("auth", ["bearer", "raw", "api-key", "none"])
    def test_takes_the_ways_to_send_a_key(self, auth):
        Profile("p", base_url="https://relay.example", auth=auth).check()

    def test_refuses_another_way_naming_the_known(self):
        with pytest.raises(ProfileError, match="bearer, raw, api-key, none"):
            Profile("p", base_url="https://relay.example", auth="basic").check()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("requests_per_minute", -1),
            ("max_jobs", -1),
            ("poll_seconds", -0.5),
            ("poll_seconds", float("nan")),
            ("poll_seconds", float("inf")),
        ],
    )
    def test_refuses_a_number_that_makes_no_sense(self, name, value):
        with pytest.raises(ProfileError, match=name):
            Profile("p", base_url="https://relay.example", **{name: value}).check()

    def test_happens_when_a_profile_is_used(self, profiles):
        write(profiles, "[profiles.p]\nbase_url = 'http://relay.example'\n")
        assert "p" in profiles.names()
        with pytest.raises(ProfileError, match="allow_http"):
            profiles.get("p")


class TestTheEnvironment:
    def test_makes_a_profile(self, tmp_path):
        environ = {"SORA_BASE_URL": " https://relay.example/v1\n", "SORA_API_KEY": "k"}
        profile = Profiles(tmp_path, environ).get(ENV)
        assert (profile.provider, profile.base_url, profile.auth) == ("openai", "https://relay.example/v1", "bearer")
        assert profile.key_env == "SORA_API_KEY"
        assert list(tmp_path.iterdir()) == []

    def test_can_name_the_provider(self, tmp_path):
        environ = {"SORA_BASE_URL": "https://relay.example", "SORA_PROVIDER": "shenma"}
        assert Profiles(tmp_path, environ).get(ENV).provider == "shenma"

    def test_without_a_key_means_none_is_wanted_on_this_machine_only(self, tmp_path):
        assert Profiles(tmp_path, {"SORA_BASE_URL": "http://127.0.0.1:8000"}).get(ENV).auth == "none"
        assert Profiles(tmp_path, {"SORA_BASE_URL": "https://relay.example"}).get(ENV).auth == "bearer"

    @pytest.mark.parametrize("value", ["", "   "])
    def test_that_is_empty_makes_none(self, tmp_path, value):
        assert ENV not in Profiles(tmp_path, {"SORA_BASE_URL": value}).names()

    def test_is_checked_like_any_other(self, tmp_path):
        with pytest.raises(ProfileError):
            Profiles(tmp_path, {"SORA_BASE_URL": "http://relay.example", "SORA_API_KEY": "k"}).get(ENV)
