"""In whatever state a paid job's row is, and whatever became of its place: its file can be had in a new one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from adversary import bytes_habits as habits
from adversary.bytes_buyer import Buyer
from adversary.bytes_clips import made
from adversary.bytes_server import Asked, BytesServer, Habit, Line

from sora_core.errors import InvalidRequest, MediaError, StorageError, SubmissionUnknown
from sora_core.ledger.row import ANYONE, DELIVERED, SUCCEEDED
from sora_core.media import placing
from sora_core.models import Delivery, Destination, Snapshot, State

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("whole"), movflags="faststart")


@dataclass
class Paid:
    """A job that was charged once, and its row."""

    buyer: Buyer
    server: BytesServer
    whole: bytes
    folder: Path
    prompt: str = "a cat"

    @property
    def ledger(self):
        return self.buyer.engine.ledger

    @property
    def job(self):
        return self.ledger.jobs()[0]

    @property
    def part(self) -> Path:
        return placing.part_path(Path(self.job.folder), self.job.job_id)


@pytest.fixture
def paid(tmp_path: Path, whole: bytes) -> Iterator[Paid]:
    """Submitted, and its file could not be had so far."""
    server = BytesServer(whole, lambda asked, line: line.json({"error": {"message": "no such file"}}, 404))
    buyer = Buyer(tmp_path, server)
    buyer.refused(Destination(buyer.out, "first"))
    server.habit = habits.honest(whole)
    yield Paid(buyer, server, whole, tmp_path)
    buyer.engine.close()
    server.close()
    for folder in tmp_path.rglob("locked"):
        folder.chmod(0o755)


# states of the row


def queued(paid: Paid) -> None:
    paid.ledger.record_snapshot(paid.job.job_id, Snapshot(State.QUEUED), owner=ANYONE)


def running(paid: Paid) -> None:
    paid.ledger.record_snapshot(paid.job.job_id, Snapshot(State.RUNNING, progress=40.0), owner=ANYONE)


def missing(paid: Paid) -> None:
    paid.ledger.record_missing(paid.job.job_id, "no such job", owner=ANYONE)


def succeeded(paid: Paid) -> None:
    paid.ledger.record_snapshot(
        paid.job.job_id, Snapshot(State.SUCCEEDED, url=f"{paid.server.url}/files/a.mp4"), owner=ANYONE
    )


def half_downloaded(paid: Paid) -> None:
    succeeded(paid)
    paid.part.write_bytes(paid.whole[: len(paid.whole) // 2])
    paid.ledger.record_part(paid.job.job_id, '"one"', owner=ANYONE)


def whole_part_only(paid: Paid) -> None:
    """The server answered with the file, and cannot be asked again."""
    paid.part.write_bytes(paid.whole)
    paid.ledger.record_snapshot(paid.job.job_id, Snapshot(State.SUCCEEDED), owner=ANYONE)
    paid.ledger.record_part(paid.job.job_id, "whole", owner=ANYONE)
    paid.server.habit = lambda asked, line: line.reset()


def name_taken(paid: Paid) -> None:
    """A crash came after the name was taken, before the file was moved there."""
    succeeded(paid)
    taken = Path(paid.job.folder) / "first_00001_.mp4"
    taken.touch()
    paid.ledger.record_plan(paid.job.job_id, taken, "0" * 64, 5, owner=ANYONE)


def file_moved_row_not(paid: Paid) -> None:
    """A crash came between the rename and the last commit."""
    succeeded(paid)
    placed = Path(paid.job.folder) / "first_00001_.mp4"
    placed.write_bytes(paid.whole)
    paid.ledger.record_plan(paid.job.job_id, placed, placing.sha256_of(placed), len(paid.whole), owner=ANYONE)


def unknown_with_its_id(paid: Paid) -> None:
    """The answer to another order was lost, and the user has found its id."""
    paid.server.charges.clear()
    paid.server.answer = lambda asked, line: line.reset()
    paid.prompt = "a dog"
    assert isinstance(paid.buyer.refused(prompt=paid.prompt), SubmissionUnknown)
    paid.server.answer = None
    paid.buyer.engine.name_remote(paid.job.job_id, "video_2").result(30)


def delivered(paid: Paid) -> None:
    succeeded(paid)
    paid.buyer.buy(Destination(Path(paid.job.folder), "first"))


def delivered_and_gone(paid: Paid) -> None:
    delivered(paid)
    Path(paid.job.path).unlink()


def delivered_and_changed(paid: Paid) -> None:
    delivered(paid)
    Path(paid.job.path).write_bytes(b"something else")


STATES = [
    queued, running, missing, succeeded, half_downloaded, whole_part_only, name_taken, file_moved_row_not,
    unknown_with_its_id,
    delivered, delivered_and_gone, delivered_and_changed,
]  # fmt: skip


# what became of the place


def still_there(paid: Paid) -> None:
    return


def folder_gone(paid: Paid) -> None:
    shutil.rmtree(paid.job.folder)


def file_in_its_place(paid: Paid) -> None:
    """As an unplugged disk: nothing can be made there any more."""
    shutil.rmtree(paid.job.folder)
    Path(paid.job.folder).write_bytes(b"")


def name_no_disk_takes(paid: Paid) -> None:
    """As rows of earlier versions have them."""
    paid.ledger.record_destination(paid.job.job_id, Destination(paid.buyer.out, "\u89c6" * 300), owner=ANYONE)
    if paid.job.state != DELIVERED:
        paid.ledger.record_plan(paid.job.job_id, paid.buyer.out / ("\u89c6" * 300), "0" * 64, 5, owner=ANYONE)


def somebodys_file(paid: Paid) -> None:
    exact = paid.buyer.out / "mine.mp4"
    exact.write_bytes(b"somebody's")
    paid.ledger.record_destination(paid.job.job_id, Destination(paid.buyer.out, "first", exact=exact), owner=ANYONE)


def dangling_link(paid: Paid) -> None:
    exact = paid.buyer.out / "linked.mp4"
    exact.symlink_to(paid.folder / "nowhere")
    paid.ledger.record_destination(paid.job.job_id, Destination(paid.buyer.out, "first", exact=exact), owner=ANYONE)


PLACES = [still_there, folder_gone, file_in_its_place, name_no_disk_takes, somebodys_file, dangling_link]


# ways to a new place


def run_with_another_prefix(paid: Paid, new: Path) -> Delivery:
    return paid.buyer.buy(Destination(new, "second"), paid.prompt)


def resume_to_a_file(paid: Paid, new: Path) -> Delivery:
    return paid.buyer.resume(Destination(new, "out", exact=new / "out.mp4"))


WAYS = [run_with_another_prefix, resume_to_a_file]


def name(value: Callable[..., object]) -> str:
    return value.__name__.replace("_", " ")


@pytest.mark.skipif(sys.platform == "win32", reason="links, and names in bytes")
@pytest.mark.parametrize("way", WAYS, ids=name)
@pytest.mark.parametrize("place", PLACES, ids=name)
@pytest.mark.parametrize("state", STATES, ids=name)
def test_a_paid_job_can_be_collected_to_a_new_place(
    state: Callable[[Paid], None],
    place: Callable[[Paid], None],
    way: Callable[[Paid, Path], Delivery],
    paid: Paid,
) -> None:
    state(paid)
    if state is whole_part_only and place in (folder_gone, file_in_its_place):
        pytest.skip("the only bytes there ever were are gone with the folder")
    place(paid)
    new = paid.folder / "new" / "place"
    delivery = way(paid, new)
    assert delivery.path.read_bytes() == paid.whole
    assert len(paid.server.charges) == 1
    assert paid.job.state == DELIVERED
    if paid.job.path != str(delivery.path) or new not in delivery.path.parents:
        # it lay in its first place all along, and that is what is handed out; the command copies it
        assert state in (delivered, file_moved_row_not)
    assert not list(paid.folder.rglob("*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="links, and names in bytes")
@pytest.mark.parametrize("place", [file_in_its_place, name_no_disk_takes, somebodys_file, dangling_link], ids=name)
def test_a_plain_resume_goes_to_the_usual_place_when_its_own_takes_nothing(
    place: Callable[[Paid], None], paid: Paid
) -> None:
    succeeded(paid)
    place(paid)
    usual = paid.folder / "usual"
    delivery = paid.buyer.resume(Destination(usual))
    assert delivery.path.read_bytes() == paid.whole
    assert delivery.path.parent == (paid.buyer.out if place is name_no_disk_takes else usual)


def test_a_plain_resume_goes_where_the_run_said(paid: Paid) -> None:
    succeeded(paid)
    assert paid.buyer.resume(Destination(paid.folder / "usual")).path.parent == paid.buyer.out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_became_read_only_is_gone_around(paid: Paid) -> None:
    succeeded(paid)
    locked = paid.folder / "locked"
    locked.mkdir(mode=0o555)
    paid.ledger.record_destination(paid.job.job_id, Destination(locked), owner=ANYONE)
    assert paid.buyer.resume(Destination(paid.folder / "usual")).path.is_file()


def test_bytes_that_can_only_be_had_from_the_old_place_are_not_given_up(paid: Paid) -> None:
    whole_part_only(paid)
    part = paid.part
    part.rename(part.with_name("aside"))
    part.mkdir()  # there, and cannot be read: as a disk that fails
    with pytest.raises(StorageError):
        paid.buyer.buy(Destination(paid.folder / "new"))
    part.rmdir()
    part.with_name("aside").rename(part)
    assert paid.job.state == SUCCEEDED
    assert paid.buyer.buy(Destination(paid.folder / "new")).path.read_bytes() == paid.whole
    assert len(paid.server.charges) == 1


def test_a_place_that_cannot_be_is_refused_and_the_job_waits(paid: Paid) -> None:
    succeeded(paid)
    for place in (
        Destination(paid.folder / "a\0b"),
        Destination(paid.folder, "half \ud83d"),
        Destination(paid.folder, "../above"),
        Destination(paid.folder, exact=paid.folder / ("x" * 300 + ".mp4")),
    ):
        with pytest.raises((InvalidRequest, StorageError)):
            paid.buyer.buy(place)
    assert paid.buyer.buy().path.is_file()


def test_the_only_copy_that_is_damaged_is_told_and_stays(paid: Paid) -> None:
    whole_part_only(paid)
    paid.part.write_bytes(habits.hollow(paid.whole))
    for _ in range(2):
        with pytest.raises(MediaError) as caught:
            paid.buyer.buy()
        assert str(paid.part) in caught.value.message
        assert paid.part.read_bytes() == habits.hollow(paid.whole)


SYNCHRONOUS = {
    "the file": lambda whole: lambda asked, line: line.send(200, whole, content_type="video/mp4"),
    "base64": habits.inside(lambda text: {"data": [{"b64_json": text}], "created": 1}),
}


@pytest.mark.parametrize("size", [0, 73 * 2**20], ids=["small", "73 MB"])
@pytest.mark.parametrize("form", SYNCHRONOUS)
def test_a_synchronous_answer_of_any_size_is_delivered(form: str, size: int, tmp_path: Path, whole: bytes) -> None:
    """A box that nobody reads makes the file as large as one likes."""
    large = whole + ((8 + size).to_bytes(4, "big") + b"free" + os.urandom(size) if size else b"")
    server = BytesServer(large, habits.honest(large))
    server.answer = SYNCHRONOUS[form](large)
    buyer = Buyer(tmp_path, server, dialect="dynamo")
    try:
        delivery = buyer.buy()
        assert delivery.path.read_bytes() == large
        assert sorted(path.suffix for path in buyer.out.iterdir()) == [".json", ".mp4"]
        assert buyer.buy().reused
        assert len(server.charges) == 1
    finally:
        buyer.engine.close()
        server.close()


def _torn(body: bytes) -> Habit:
    def answer(asked: Asked, line: Line) -> None:
        line.head(200, content_type="video/mp4", content_length=len(body) + 10)
        line.write(body)
        line.close()

    return answer


@pytest.mark.parametrize("size", [2 * 2**10, 3 * 2**20], ids=["in memory", "on the disk"])
@pytest.mark.parametrize("is_torn", [False, True], ids=["of a kind that nobody knows", "that broke off"])
def test_an_answer_that_may_be_a_file_is_kept_and_named(size: int, is_torn: bool, tmp_path: Path) -> None:
    """Nothing can be asked for again where the answer to the request is the video."""
    unknown = b"nut/multimedia container\0" + os.urandom(size)
    server = BytesServer(unknown, habits.honest(unknown))
    server.answer = _torn(unknown) if is_torn else lambda asked, line: line.send(200, unknown, content_type="video/x")
    buyer = Buyer(tmp_path, server)
    try:
        told = buyer.refused()
        (kept,) = buyer.kept()
        assert kept.read_bytes() == unknown
        assert isinstance(told, SubmissionUnknown)
        assert str(kept) in told.message
        assert "multimedia" not in told.message  # bytes are no words
        assert isinstance(buyer.refused(), SubmissionUnknown)
        assert kept.read_bytes() == unknown
        assert len(server.charges) == 1
    finally:
        buyer.engine.close()
        server.close()
