"""A ledger in PostgreSQL: its address is a secret, many may come first, and a server that goes comes back."""

from __future__ import annotations

import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from _clock import FakeClock
from _command import Command
from _ledgers import InPostgres, new_database, server
from _postgres import MISSING, PostgresServer, programs

from sora_core.clock import SystemClock
from sora_core.errors import LedgerAway, ProfileError, StorageError
from sora_core.ledger.copying import move
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.opening import address, open_ledger
from sora_core.ledger.postgres import Postgres
from sora_core.ledger.row import DELIVERED, SUBMITTING, Job, Place
from sora_core.models import Character, Destination, Operation, Secret, Snapshot, State
from sora_core.requests.kinds import VideoRequest

pytestmark = pytest.mark.skipif(programs() is None, reason=MISSING)
PLACE = Place("openai", "https://relay.example:443", "account")


def claim(ledger: Ledger, fingerprint: str = "v2:a", owner: str = "me") -> Job:
    return ledger.claim(
        VideoRequest(Operation.TEXT_TO_VIDEO, "a cat 🐈", model="sora-2", seconds=4),
        fingerprint=fingerprint,
        profile="p",
        place=PLACE,
        owner=owner,
        destination=Destination(Path("out"), metadata={"workflow": {"猫": 1}}),
    )


def delivered(ledger: Ledger, number: int) -> Job:
    job = ledger.mark_sent(claim(ledger, f"v2:{number}").job_id, owner="me")
    ledger.record_submitted(job.job_id, Snapshot(State.QUEUED, f"video_{number}"), owner="me")
    ledger.record_plan(job.job_id, Path(f"{number}.mp4"), "abc", 5 * 2**30, owner="me")
    return ledger.record_delivered(job.job_id, width=1, height=1, fps=29.97, duration=4.004, owner="me")


@pytest.fixture
def url():
    return Secret(server().url(new_database()))


@pytest.fixture
def own_server():
    """One that a test may kill."""
    started = PostgresServer()
    yield started
    started.close()


class TestTheAddress:
    def test_comes_from_the_environment_or_the_variable_that_the_user_names(self):
        environ = {"SORA_LEDGER": "postgresql://one/a", "STUDIO": "postgres://two/b"}
        assert address(environ=environ).reveal() == "postgresql://one/a"
        assert address("STUDIO", environ).reveal() == "postgres://two/b"
        assert not address(environ={})

    @pytest.mark.parametrize("value", ["mysql://host/db", "host/db", "postgresql://", "postgresql://h:99999/x"])
    def test_that_is_none_is_refused_without_being_shown(self, value):
        with pytest.raises(ProfileError, match="SORA_LEDGER") as caught:
            address(environ={"SORA_LEDGER": f"{value}?password=hush"})
        assert "hush" not in str(caught.value)

    def test_that_is_named_and_not_there_is_refused(self):
        with pytest.raises(ProfileError, match="STUDIO"):
            address("STUDIO", {"SORA_LEDGER": "postgresql://one/a"})

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda url: url.replace("@127.0.0.1", "x@127.0.0.1"),  # another password
            lambda url: url.rsplit("/", 1)[0] + "/no_such_database",
            lambda url: url.replace("127.0.0.1", "no-such-host.invalid"),
            lambda url: url.rsplit(":", 1)[0] + ":1/postgres",
            lambda url: url + "?no_such_option=1",
            lambda url: url + "?sslmode=" + PostgresServer.PASSWORD.replace("/", "%2F"),
        ],
    )
    def test_never_shows_its_password(self, url, wrong, caplog):
        caplog.set_level(logging.DEBUG)
        with pytest.raises(StorageError) as caught:
            Postgres(Secret(wrong(url.reveal())))
        shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(caught.value)
        for secret in (PostgresServer.PASSWORD, PostgresServer.PASSWORD.replace("/", "%2F")):
            assert secret not in shown
        assert "postgresql://" in str(caught.value)

    def test_is_shown_without_its_password_by_an_open_ledger(self, url):
        database = Postgres(url)
        assert database.name == url.reveal().replace(f":{PostgresServer.PASSWORD.replace('/', '%2F')}@", "@")
        assert PostgresServer.PASSWORD not in repr(vars(database))
        database.close()


def test_tables_are_made_by_whoever_comes_first(url):
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: Postgres(url), range(8)))
    ledgers = [Ledger(Path(), SystemClock(), each) for each in opened]
    assert {claim(each, owner=str(number)).owner for number, each in enumerate(ledgers)} == {"0"}
    for each in ledgers:
        each.close()


def test_tables_of_a_newer_version_are_refused(url):
    database = Postgres(url)
    with database.change() as db:
        db.execute("UPDATE version SET number = 999")
    database.close()
    with pytest.raises(StorageError, match="newer version"):
        Postgres(url)


def test_a_database_that_cannot_keep_every_text_is_refused():
    import psycopg

    with psycopg.connect(server().url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE narrow ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StorageError, match="UTF8"):
        Postgres(Secret(server().url("narrow")))


class TestTime:
    def test_is_the_database_s_and_not_the_worker_s(self, url, tmp_path):
        wrong = FakeClock(5.0)
        ledger = Ledger(tmp_path, wrong, Postgres(url))
        assert abs(claim(ledger).created_at - time.time()) < 60
        ledger.close()

    def test_a_lease_ends_by_it(self, tmp_path):
        store = InPostgres(tmp_path)
        here, there = store.open(), store.open()
        claim(here, owner="you")
        assert there.is_alive("you")
        store.clock.advance(15.0)
        assert not there.is_alive("you")
        store.close()

    def test_while_it_was_down_nobody_could_beat_and_nobody_is_taken_for_dead(self, own_server, tmp_path):
        url = Secret(own_server.url())
        ledgers = [Ledger(tmp_path, SystemClock(), Postgres(url)) for _ in range(2)]
        claim(ledgers[0], owner="you")
        with ledgers[0]._file.change() as db:
            db.execute("UPDATE owners SET beat_at = beat_at - 3600")
        assert ledgers[1].is_alive("you")
        ledgers[1]._file._up_since = 0.0  # as of a server that has been up for long
        assert not ledgers[1].is_alive("you")
        own_server.kill()
        own_server.start()
        time.sleep(1.0)
        with pytest.raises(LedgerAway):
            ledgers[1].is_alive("you")  # the connection is broken, and that is told once
        time.sleep(1.1)
        assert ledgers[1].is_alive("you")
        for each in ledgers:
            each.close()


class TestAServerThatIsAway:
    def test_is_told_at_once_and_used_again_when_it_is_back(self, own_server, tmp_path):
        ledger = Ledger(tmp_path, SystemClock(), Postgres(Secret(own_server.url())))
        job = claim(ledger)
        own_server.kill()
        for _ in range(20):
            began = time.monotonic()
            with pytest.raises(LedgerAway):
                ledger.mark_sent(job.job_id, owner="me")
        assert time.monotonic() - began < 0.1
        own_server.start()
        time.sleep(1.1)
        assert ledger.get(job.job_id).sent_at is None
        assert ledger.mark_sent(job.job_id, owner="me").sent_at
        ledger.close()

    def test_keeps_what_it_has_said_to_have(self, tmp_path):
        """With the disk's word: this one is started without what makes the others fast."""
        safe = PostgresServer("")
        ledger = Ledger(tmp_path, SystemClock(), Postgres(Secret(safe.url())))
        jobs = [ledger.mark_sent(claim(ledger, f"v2:{number}").job_id, owner="me") for number in range(20)]
        safe.kill()
        safe.start()
        ledger.close()
        again = Ledger(tmp_path, SystemClock(), Postgres(Secret(safe.url())))
        assert [again.get(job.job_id) for job in jobs] == jobs
        again.close()
        safe.close()


class TestMoving:
    @pytest.fixture
    def folder(self, tmp_path):
        home = tmp_path / "home"
        ledger = Ledger(home, FakeClock())
        for number in range(3):
            delivered(ledger, number)
        claim(ledger, "v2:open")
        ledger.characters.add(Character("p", "Anna", "ch_1", "anna", "https://x", 0.0, 1.5))
        ledger.account(Secret("sk-one"))
        ledger._leases.end("me")
        ledger.close()
        return home

    def test_takes_every_job_there_and_back(self, folder, url):
        home = Ledger(folder, FakeClock())
        rows, account = list(home.all_jobs()), home.account(Secret("sk-one"))
        with home._file.change() as db:
            home.outputs.keep(db, rows[0].job_id, ["https://x/b.mp4", ""])
        outputs = home.outputs.of(rows[0].job_id)
        shared = Ledger(folder, SystemClock(), Postgres(url))
        moved = move(home, shared)
        assert (moved.jobs, moved.characters) == (4, 1)
        there = list(shared.all_jobs())
        assert [replace(job, number=0, owner=None) for job in rows] == [replace(job, number=0) for job in there]
        assert shared.account(Secret("sk-one")) == account
        assert shared.workflows.get(rows[0].job_id) == {"workflow": {"猫": 1}}
        assert shared.outputs.of(rows[0].job_id) == outputs
        assert claim(shared, "v2:1").state == DELIVERED
        assert claim(shared, "v2:later").state == SUBMITTING
        shared._leases.end("me")
        assert move(shared, home).jobs == 5
        assert [job.fingerprint for job in home.all_jobs()] == ["v2:later", "v2:open", "v2:2", "v2:1", "v2:0"]
        for each in (home, shared):
            each.close()

    def test_leaves_a_ledger_that_pays_for_nothing_any_more(self, folder, url):
        home, shared = Ledger(folder, FakeClock()), Ledger(folder, SystemClock(), Postgres(url))
        move(home, shared)
        for each in (home, shared):
            each.close()
        with pytest.raises(StorageError, match="was moved to postgresql://"):
            open_ledger(folder, FakeClock(), Secret(""))

    def test_is_refused_while_somebody_is_at_work(self, folder, url):
        home, shared = Ledger(folder, FakeClock()), Ledger(folder, SystemClock(), Postgres(url))
        claim(home, "v2:new", owner="busy")
        with pytest.raises(StorageError, match="in use"):
            move(home, shared)
        assert not shared.jobs()
        for each in (home, shared):
            each.close()

    def test_makes_no_one_ledger_of_two(self, folder, url):
        home, shared = Ledger(folder, FakeClock()), Ledger(folder, SystemClock(), Postgres(url))
        delivered(shared, 9)
        shared.account(Secret("sk-one"))
        shared._leases.end("me")
        with pytest.raises(StorageError, match="cannot become one"):
            move(home, shared)
        assert [job.fingerprint for job in shared.all_jobs()] == ["v2:9"]
        for each in (home, shared):
            each.close()

    def test_by_the_command_takes_no_password_where_others_can_read_it(self, folder, url, tmp_path):
        command = Command(tmp_path / "desk", STUDIO=url.reveal())
        refused = command("ledger", "copy", str(folder), url.reveal())
        assert (refused.code, "not taken from the command line" in refused.err) == (2, True), refused.err
        done = command("ledger", "copy", str(folder), "env:STUDIO")
        assert (done.code, "4 jobs and 1 characters" in done.err) == (0, True), done.err
        assert PostgresServer.PASSWORD not in refused.err + done.err
