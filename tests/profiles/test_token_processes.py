"""Several processes with one state folder and one refresh token, which the server takes only once."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from _command import Command, until
from _gateway import GatewayProcess
from _trust import trust_all

from sora_core.errors import StorageError
from sora_core.profiles import tokens as vaults
from sora_core.profiles.credentials import Credentials
from sora_core.profiles.profiles import Profile, Profiles
from sora_core.profiles.tokens import TokenStore

TESTS = Path(__file__).resolve().parent.parent
KEY = "web-key-90b2c1"
SLOW = {"on": "token", "do": "delay"}

# says "ready", waits for a line, reads the quota, says what is left; ends when it is told to
READER = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
from sora_core.engine import Engine
engine = Engine(pathlib.Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
print(engine.quota("web").result(60).remaining, flush=True)
engine.close()
"""


@pytest.fixture
def gateway() -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(key=KEY)
    yield gateway
    gateway.stop()


@pytest.fixture
def home(tmp_path: Path, gateway: GatewayProcess) -> Path:
    url = f"{gateway.url}/sora-web"
    Profiles(tmp_path).add(Profile("web", provider="sora_web", base_url=url, key_env="WEB_REFRESH"))
    trust_all(tmp_path)
    return tmp_path


def reader(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(TESTS), str(home)],
        env={**os.environ, "WEB_REFRESH": KEY},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def test_one_process_renews_and_the_others_take_what_it_got(gateway, home):
    gateway.fault({**SLOW, "seconds": 1, "times": None})
    readers = [reader(home) for _ in range(3)]
    for each in readers:
        begin(each)
    for each in readers:
        out, _ = each.communicate(timeout=60)
        assert float(out) > 0
    assert gateway.requests(".oauth") == 1


def test_a_process_that_dies_while_it_renews_keeps_nobody_waiting(gateway, home):
    gateway.fault({**SLOW, "seconds": 600, "times": 1})
    dying, living = reader(home), reader(home)
    begin(dying)
    until(lambda: gateway.requests(".oauth") == 1)
    begin(living)
    dying.kill()
    dying.communicate()
    out, _ = living.communicate(timeout=60)
    assert float(out) > 0
    assert gateway.requests(".oauth") == 2


def test_the_doctor_renews_a_token_that_has_ended_as_every_job_does(gateway, home):
    command = Command(home, WEB_REFRESH=KEY, SORA_HOME=str(home))
    assert command("doctor", "web").code == 0
    gateway.fault({"on": "retrieve", "do": "refuse", "status": 401, "code": "token_invalidated", "times": 1})
    seen = command("doctor", "web")
    assert seen.code == 0, seen.out
    assert gateway.requests(".oauth") == 2


async def test_a_process_that_hangs_is_not_waited_for_for_ever_and_nothing_is_sent(home, monkeypatch):
    monkeypatch.setattr(vaults, "PATIENCE_SECONDS", 0.1)
    token_store = TokenStore(Credentials(home), Profiles(home).get("web"))
    async with token_store.alone():
        with pytest.raises(StorageError, match="Another process") as caught:
            async with token_store.alone():
                pytest.fail("two at once")
    assert "end it" in caught.value.fix
    async with token_store.alone():
        pass


def test_who_a_client_is_is_never_read_half_written(home):
    token_store = TokenStore(Credentials(home), Profiles(home).get("web"))
    first = token_store.device_id()
    assert token_store.device_id() == first
    assert uuid.UUID((home / "device").read_text("ascii"))
    assert [path.name for path in home.iterdir() if path.name.startswith(".device")] == []


def test_another_process_that_was_faster_says_who_the_client_is(home):
    theirs = uuid.uuid4()
    (home / "device").write_text(str(theirs), "ascii")
    vaults._appear(home / "device", b"ours")
    assert TokenStore(Credentials(home), Profiles(home).get("web")).device_id() == str(uuid.uuid5(theirs, "web"))
