"""Several videos in the one answer of a synchronous server: all are delivered in order, charged once, and kept."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from adversary import bytes_habits as habits
from adversary.bytes_buyer import Buyer
from adversary.bytes_clips import made
from adversary.bytes_server import BytesServer

from sora_core.errors import SoraError
from sora_core.jobs import deliver
from sora_core.ledger.ledger import Ledger
from sora_core.ledger.row import ANYONE
from sora_core.models import Destination

pytestmark = pytest.mark.usefixtures("no_settings")
SIZES = {"in memory": 0, "on the disk": 3 * 2**20}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("whole"), movflags="faststart")


def numbered(whole: bytes, number: int, size: int = 0) -> bytes:
    """A clip that is told from the others by a box that nobody reads."""
    return whole + (9 + size).to_bytes(4, "big") + b"free" + bytes([number]) + os.urandom(size)


@pytest.fixture
def buyer(tmp_path: Path) -> Iterator[Callable[[list[bytes]], Buyer]]:
    opened: list[Buyer] = []
    servers: list[BytesServer] = []

    def answered_with(clips: list[bytes]) -> Buyer:
        server = BytesServer(clips[0], habits.honest(clips[0]))
        data = [{"url": None, "b64_json": base64.b64encode(clip).decode()} for clip in clips]
        server.answer = lambda asked, line: line.json({"created": 1, "data": data})  # Xinference's VideoList
        servers.append(server)
        opened.append(Buyer(tmp_path, server, dialect="xinference", paid=True))
        return opened[-1]

    yield answered_with
    for each in opened:
        each.engine.close()
    for server in servers:
        assert len(server.charges) == 1
        server.close()


def files(buyer: Buyer, destination: Destination | None = None) -> list[bytes]:
    delivery = buyer.buy(destination)
    return [path.read_bytes() for path in (delivery.path, *delivery.further)]


@pytest.mark.parametrize("size", SIZES)
def test_all_are_delivered_in_their_order(size: str, whole: bytes, buyer: Callable[[list[bytes]], Buyer]) -> None:
    clips = [numbered(whole, number, SIZES[size]) for number in range(3)]
    own = buyer(clips)
    assert files(own) == clips
    assert sorted(path.suffix for path in own.out.iterdir()) == [".json"] * 3 + [".mp4"] * 3
    assert files(own) == clips
    assert own.buy().reused


@pytest.mark.parametrize("is_unknown", [False, True], ids=["it is being submitted", "it is unknown"])
def test_what_came_is_collected_when_the_row_could_not_tell_of_it(
    is_unknown: bool, whole: bytes, buyer: Callable[[list[bytes]], Buyer], monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [numbered(whole, number) for number in range(3)]
    own = buyer(clips)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "record_part", _full)
        with pytest.raises(SoraError):
            own.buy()
    job = own.engine.ledger.jobs()[0]
    assert {path.name for path in own.out.iterdir()} == {f".{job.job_id}{number}.part" for number in ("", "-1", "-2")}
    if is_unknown:
        own.engine.ledger.record_unknown(job.job_id, "nobody knows", owner=ANYONE)
    assert files(own) == clips


def test_another_folder_gets_all_of_them(
    tmp_path: Path, whole: bytes, buyer: Callable[[list[bytes]], Buyer], monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [numbered(whole, number) for number in range(3)]
    own = buyer(clips)
    with monkeypatch.context() as patched:
        patched.setattr(deliver.placing, "place", _full)
        with pytest.raises(SoraError):
            own.buy()
    assert files(own, Destination(tmp_path / "elsewhere")) == clips
    assert list(own.out.iterdir()) == []


def _full(*args: object, **kwargs: object) -> Path:
    raise deliver.StorageError("media.cannot_written", parent="out", reason="no space left")


def test_a_disk_that_is_full_for_a_moment_loses_none_of_them(
    whole: bytes, buyer: Callable[[list[bytes]], Buyer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken already when it broke off is not looked for again."""
    clips = [numbered(whole, number, SIZES["on the disk"]) for number in range(3)]
    own = buyer(clips)
    tried: list[str] = []
    take = deliver.placing.take_part

    def once_full(part: Path, file: Path) -> None:
        tried.append(part.name)
        if len(tried) == 2:
            _full()
        take(part, file)

    monkeypatch.setattr(deliver.placing, "take_part", once_full)
    assert files(own) == clips
    assert len(tried) == 4
