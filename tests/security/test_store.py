"""The store: a key belongs to a server, no writer loses another's key, and what protects the master key can change."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sora_core.errors import ProfileError, SoraError, StorageError
from sora_core.files import changing as files
from sora_core.files.changing import changing
from sora_core.files.home import open_private, write_private
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.master import seal
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.profiles.tokens import TokenStore

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-of-no-known-shape-0001"
RELAY = Profile("relay", base_url="https://relay.example/v1")
MOVED = [
    {"base_url": "https://evil.example/v1"},
    {"base_url": "http://relay.example/v1", "allow_http": True},
    {"base_url": "https://relay.example:8443/v1"},
    {"base_url": "https://relay.example.evil.example/v1"},
    {"extra": {"session_url": "https://evil.example/api/auth/session"}},
    {"extra": {"oauth_url": "https://evil.example/oauth/token"}},
    {"extra": {"backend_url": "https://evil.example/backend"}},
]
SAME = [
    {"base_url": "https://relay.example:443"},
    {"base_url": "https://RELAY.example/v2"},
    {"extra": {"session_url": "https://relay.example/session"}},
    {"extra": {"parse_url": "https://parse.example"}},
    {"max_jobs": 3},
]


@pytest.mark.parametrize("changes", MOVED, ids=str)
def test_a_stored_key_is_not_sent_to_another_server(tmp_path, changes):
    keys = Credentials(tmp_path, {})
    keys.set(RELAY, KEY)
    moved = replace(RELAY, **changes)
    with pytest.raises(ProfileError, match=r"relay\.example") as caught:
        keys.get(moved)
    assert "profiles key relay" in caught.value.fix
    assert keys.source(moved) == "missing"
    keys.set(moved, "another-key-of-its-own")
    assert keys.get(moved).reveal() == "another-key-of-its-own"


@pytest.mark.parametrize("proxy", ["http://evil.example:3128", "socks5://evil.example", "https://evil.example"])
def test_a_key_for_plain_http_is_not_read_by_a_proxy_that_is_named_afterwards(tmp_path, proxy):
    box, keys = Profile("box", base_url="http://127.0.0.1:8000/v1"), Credentials(tmp_path, {})
    keys.set(box, KEY)
    with pytest.raises(ProfileError, match=r"evil\.example"):
        keys.get(replace(box, proxy=proxy))
    keys.set(replace(box, proxy=proxy), KEY)
    assert keys.get(replace(box, proxy=proxy)).reveal() == KEY
    assert keys.get(box).reveal() == KEY
    keys.set(RELAY, KEY)  # of https it sees nothing
    assert keys.get(replace(RELAY, proxy=proxy)).reveal() == KEY


@pytest.mark.parametrize("changes", SAME, ids=str)
def test_it_is_sent_where_it_belongs(tmp_path, changes):
    keys = Credentials(tmp_path, {})
    keys.set(RELAY, KEY)
    assert keys.get(replace(RELAY, **changes)).reveal() == KEY
    assert keys.source(replace(RELAY, **changes)) == "store"


def test_a_key_of_an_earlier_version_belongs_to_the_server_that_it_is_used_for_first(tmp_path):
    keys = Credentials(tmp_path, {})
    keys.seal("x", "x")  # makes the master key
    old = {"version": 1, "keys": {"relay": keys.seal("relay", KEY)}}
    (tmp_path / "credentials.json").write_text(json.dumps(old))
    assert keys.get(RELAY).reveal() == KEY
    with pytest.raises(ProfileError):
        Credentials(tmp_path, {}).get(replace(RELAY, base_url="https://evil.example"))


def test_a_master_key_of_an_earlier_version_opens_what_it_sealed(tmp_path):
    import base64

    master = os.urandom(32)
    (tmp_path / "credentials.key").write_bytes(base64.b64encode(master))
    old = {"keys": {"relay": seal(master, b"relay", KEY.encode())}}
    (tmp_path / "credentials.json").write_text(json.dumps(old))
    assert Credentials(tmp_path, {}).get(RELAY).reveal() == KEY


def test_tokens_of_an_earlier_version_are_taken_over_and_bound(tmp_path):
    keys = Credentials(tmp_path, {})
    keys.set(RELAY, KEY)
    store = TokenStore(keys, RELAY)
    store.keep({"access": "a", "refresh": "rotated"})
    (path,) = (tmp_path / "tokens").glob("*.sealed")
    record = keys.unseal(*path.read_text().rsplit("\n", 1))
    path.write_text(keys.seal("tokens of relay", record))
    assert store.kept()["refresh"] == "rotated"
    assert path.read_text().startswith("tokens of relay for https://relay.example:443\n")


WRITER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.profiles.trust import Trust
home, me = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
for number in range(6):
    profile = Profile(f"p-{{me}}-{{number}}", base_url=f"https://p{{number}}.example", key_env=f"VAR_{{me}}_{{number}}")
    Profiles(home, {{}}).add(profile)
    Credentials(home, {{}}).set(profile, f"key-of-{{me}}-{{number}}")
    Trust(home, {{}}).allow(profile)
"""


def test_writers_at_once_lose_nothing(tmp_path):
    """Also not the first master key, which each of them wants to make."""
    command = [sys.executable, "-c", WRITER.format(root=str(ROOT)), str(tmp_path)]
    writers = [subprocess.Popen([*command, str(me)], stdin=subprocess.PIPE, text=True) for me in range(4)]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    profiles, keys = Profiles(tmp_path, {}).written(), Credentials(tmp_path, {})
    assert len(profiles) == 24
    for name, profile in profiles.items():
        _, me, number = name.split("-")
        assert keys.get(profile).reveal() == f"key-of-{me}-{number}"
        assert not Credentials(tmp_path, {profile.key_env: "x"}).trust.missing(profile)


def test_threads_at_once_lose_nothing(tmp_path):
    import threading

    def write(number: int) -> None:
        Credentials(tmp_path, {}).set(Profile(f"p{number}", base_url="https://p.example"), f"key-number-{number}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = Credentials(tmp_path, {})
    found = [keys.get(Profile(f"p{number}", base_url="https://p.example")).reveal() for number in range(12)]
    assert found == [f"key-number-{number}" for number in range(12)]


def test_threads_that_change_a_file_for_the_first_time_lose_nothing(tmp_path):
    import threading

    def add_one(path: Path, together: threading.Barrier) -> None:
        together.wait()
        with changing(path) as file:
            file.write(file.data + b"1")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(200):
            path, together = tmp_path / str(number), threading.Barrier(4)
            threads = [threading.Thread(target=add_one, args=(path, together)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert path.read_bytes() == b"1111"
    finally:
        sys.setswitchinterval(before)


def filled(home: Path, environ: dict[str, str]) -> tuple[Credentials, TokenStore]:
    keys = Credentials(home, environ)
    keys.set(RELAY, KEY)
    store = TokenStore(keys, RELAY)
    store.keep({"access": "a", "refresh": "rotated"})
    return keys, store


class TestProtection:
    def test_a_passphrase_opens_the_store_and_nothing_else_does(self, tmp_path):
        filled(tmp_path, {"SORA_PASSPHRASE": "correct horse"})
        assert Credentials(tmp_path, {"SORA_PASSPHRASE": "correct horse"}).get(RELAY).reveal() == KEY
        for environ in ({}, {"SORA_PASSPHRASE": "wrong"}, {"SORA_PASSPHRASE": "correct horse "}):
            with pytest.raises(ProfileError, match="passphrase") as caught:
                Credentials(tmp_path, environ).get(RELAY)
            assert "correct" not in str(caught.value)
        assert not any(b"correct" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    def test_it_is_derived_by_scrypt_with_a_salt_of_its_own(self, tmp_path):
        facts = []
        for name in ("a", "b"):
            filled(tmp_path / name, {"SORA_PASSPHRASE": "correct horse"})
            facts.append(json.loads((tmp_path / name / "credentials.key").read_text()))
        assert all(each["protection"] == "passphrase" and each["n"] * each["r"] * 128 >= 32 * 2**20 for each in facts)
        assert facts[0]["salt"] != facts[1]["salt"]

    @pytest.mark.parametrize(
        "changes", [{"n": 2**40}, {"n": 2**20, "r": 64}, {"n": 0}, {"n": "x"}, {"salt": 5}, {"masters": "!"}], ids=str
    )
    def test_a_spoiled_file_is_our_error_and_takes_no_gigabytes(self, tmp_path, changes):
        filled(tmp_path, {"SORA_PASSPHRASE": "correct horse"})
        path = tmp_path / "credentials.key"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        with pytest.raises(SoraError):
            Credentials(tmp_path, {"SORA_PASSPHRASE": "correct horse"}).get(RELAY)

    def test_it_can_be_changed_back_and_forth_and_everything_opens(self, tmp_path, keyring):
        environ = {"SORA_PASSPHRASE": "correct horse"}
        keys, _ = filled(tmp_path, environ)
        for kind in ("file", "keyring", "passphrase", "", "file", ""):
            before = (tmp_path / "credentials.key").read_bytes()
            keys.renew(kind)
            assert keys.protection() == kind or not kind
            assert (tmp_path / "credentials.key").read_bytes() != before
            again = Credentials(tmp_path, environ)
            assert again.get(RELAY).reveal() == KEY
            assert TokenStore(again, RELAY).kept()["refresh"] == "rotated"
        assert len(json.loads((tmp_path / "credentials.key").read_text())["masters"].split(",")) == 1

    @pytest.mark.parametrize("writes", range(1, 5))
    def test_a_rotation_that_breaks_off_loses_nothing(self, tmp_path, monkeypatch, writes):
        keys, _ = filled(tmp_path, {})
        left = writes

        def dies(path: Path, data: bytes) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            write_private(path, data)

        monkeypatch.setattr(files, "write_private", dies)
        monkeypatch.setattr("sora_core.profiles.master.write_private", dies)
        if writes < 4:
            with pytest.raises(KeyboardInterrupt):
                keys.renew("")
        else:
            keys.renew("")
        monkeypatch.undo()
        again = Credentials(tmp_path, {})
        assert again.get(RELAY).reveal() == KEY
        assert TokenStore(again, RELAY).kept()["refresh"] == "rotated"

    def test_without_a_keyring_it_says_so(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(ProfileError, match="keyring"):
            Credentials(tmp_path, {"SORA_KEYRING": "1"}).set(RELAY, KEY)

    @pytest.mark.parametrize("error", [FileNotFoundError("no bus"), ConnectionError("gone"), KeyError("x")])
    def test_whatever_a_backend_raises_is_our_error(self, tmp_path, keyring, monkeypatch, error):
        filled(tmp_path, {"SORA_KEYRING": "1"})

        def gone(service: str, username: str) -> str:
            raise error

        monkeypatch.setattr("keyring.get_password", gone)
        with pytest.raises(ProfileError, match=type(error).__name__):
            Credentials(tmp_path, {}).get(RELAY)

    @pytest.mark.skipif(
        not (shutil.which("dbus-run-session") and shutil.which("gnome-keyring-daemon")), reason="no desktop's keyring"
    )
    def test_the_keyring_of_a_desktop(self, tmp_path):
        """GNOME's, over a bus of its own: what one process stores the next one reads, until it is locked."""
        script = tmp_path / "session.sh"
        script.write_text(DESKTOP)
        home = {"HOME": str(tmp_path / "user"), "XDG_RUNTIME_DIR": str(tmp_path), "SORA_HOME": str(tmp_path / "sora")}
        (tmp_path / "user").mkdir()
        environ = {**os.environ, **home, "PYTHONPATH": str(ROOT), "SORA_KEYRING": "1", "PYTHON": sys.executable}
        done = subprocess.run(
            ["dbus-run-session", "--", "bash", str(script)], env=environ, capture_output=True, text=True, timeout=120
        )
        assert [line for line in done.stdout.splitlines() if line.startswith("-- ")] == [
            "-- stored by the keyring", f"-- {KEY}", "-- locked: ProfileError"
        ], done.stderr  # fmt: skip

    def test_in_the_keyring_is_what_opens_the_file(self, tmp_path, keyring):
        filled(tmp_path, {"SORA_KEYRING": "1"})
        assert Credentials(tmp_path, {}).get(RELAY).reveal() == KEY
        keyring.clear()
        with pytest.raises(ProfileError, match="keyring"):
            Credentials(tmp_path, {}).get(RELAY)


DESKTOP = f"""
echo -n password | gnome-keyring-daemon --unlock --components=secrets > /dev/null
run() {{ "$PYTHON" -c "
import os, sys
from pathlib import Path
from sora_core.errors import ProfileError
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.profiles import Profile
relay, keys = Profile('relay', base_url='https://relay.example/v1'), Credentials(Path(os.environ['SORA_HOME']))
$1"; }}
run "keys.set(relay, '{KEY}'); print('-- stored by the', keys.protection())"
run "print('--', keys.get(relay).reveal())"
run "
import secretstorage
secretstorage.get_default_collection(secretstorage.dbus_init()).lock()
try:
    print('--', keys.get(relay).reveal())
except ProfileError as error:
    print('-- locked:', type(error).__name__)"
"""


@pytest.fixture
def keyring(monkeypatch) -> dict:
    """What the package `keyring` keeps, by a backend in memory."""
    import keyring
    from keyring.backend import KeyringBackend

    held: dict[tuple[str, str], str] = {}

    class InMemory(KeyringBackend):
        priority = 5

        def get_password(self, service: str, username: str) -> str | None:
            return held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            held[service, username] = password

    monkeypatch.setattr("keyring.core._keyring_backend", InMemory())
    assert isinstance(keyring.get_keyring(), InMemory)
    return held


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
class TestFiles:
    def test_a_link_in_the_place_of_a_lock_is_not_followed(self, tmp_path):
        target = tmp_path / "precious"
        target.write_bytes(b"precious")
        home = tmp_path / "home"
        home.mkdir()
        (home / ".credentials.json.lock").symlink_to(target)
        with pytest.raises(StorageError):
            Credentials(home, {}).set(RELAY, KEY)
        assert target.read_bytes() == b"precious"

    def test_every_file_is_for_its_owner_whatever_the_umask(self, tmp_path):
        before = os.umask(0)
        try:
            filled(tmp_path / "home", {})
            Profiles(tmp_path / "home", {}).add(RELAY)
            Credentials(tmp_path / "home", {}).trust.allow(replace(RELAY, key_env="RELAY_KEY"))
        finally:
            os.umask(before)
        files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert len(files) >= 8
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}

    def test_a_temporary_file_cannot_be_guessed_and_is_not_one_that_is_there(self, tmp_path, monkeypatch):
        names = set()
        real = open_private

        def spy(path: Path, flags: int) -> int:
            assert flags & os.O_EXCL
            names.add(path.name)
            return real(path, flags)

        monkeypatch.setattr("sora_core.files.home.open_private", spy)
        for _ in range(3):
            write_private(tmp_path / "file", b"x")
        assert len(names) == 3
        assert all(len(name) > 40 for name in names)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
