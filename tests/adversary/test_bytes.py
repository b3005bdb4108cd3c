"""The bytes side of the adversary: whatever a server does to the file, it is whole or told, and paid once."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from adversary import bytes_habits as habits
from adversary.bytes_buyer import bought
from adversary.bytes_clips import made
from adversary.bytes_server import Habit
from sora_core.errors import BadResponse, MediaError, ServiceError, SoraError
from sora_core.media import download

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("whole"), movflags="faststart")


WHOLE: dict[str, Callable[[bytes], Habit]] = {
    "torn in the middle": habits.torn_in_the_middle,
    "torn without a tag": habits.torn_without_a_tag,
    "torn without a length": habits.torn_without_a_length,
    "torn in a chunk": habits.torn_in_a_chunk,
    "torn all the time": habits.torn_all_the_time,
    "packed": habits.packed,
    "packed without a length": habits.packed_without_a_length,
    "packed and torn": habits.packed_and_torn,
    "packed on the second half only": habits.packed_on_the_second_half_only,
    "a part that nobody asked for": habits.part_that_nobody_asked_for,
    "parts only": habits.parts_only,
    "parts only, with a tag": lambda whole: habits.parts_only(whole, '"one"'),
    "a part from another place": habits.part_from_another_place,
    "a part behind a hole": habits.part_behind_a_hole,
    "a part that does not say which": habits.part_that_does_not_say_which,
    "a part of another file": habits.part_of_another_file,
    "the whole for a range": habits.whole_for_a_range,
    "no such range": habits.no_such_range,
    "called a page": habits.as_type("text/html"),
    "called JSON": habits.as_type("application/json"),
    "behind a link: video_url": habits.behind(lambda link: {"status": "completed", "video_url": link}),
    "behind a link: video.url": habits.behind(lambda link: {"id": "video_1", "video": {"url": link}}),
    "behind a link: output_url": habits.behind(lambda link: {"output_url": link}),
    "behind a link: data[0].url": habits.behind(lambda link: {"code": "success", "data": [{"url": link}]}),
    "behind a link: relative": habits.behind(lambda link: {"url": "/v1/files/a.mp4"}),
    "behind a link, torn": habits.behind_and_torn,
    "inside: b64_json": habits.inside(lambda text: {"data": [{"b64_json": text}]}),
    "inside: a data URI": habits.inside(lambda text: {"url": f"data:video/mp4;base64,{text}"}),
    "a page at first": habits.page_at_first,
    "a page in the middle": habits.page_in_the_middle,
    "hollow, once": habits.spoiled_once(habits.hollow),
    "garbled, once": habits.spoiled_once(habits.garbled),
    "longer than it says": habits.longer_than_it_says,
    "shorter than it says": habits.shorter_than_it_says,
    "empty at first": habits.empty,
}


@pytest.mark.parametrize("case", WHOLE)
def test_the_file_arrives_whole(case: str, tmp_path: Path, whole: bytes) -> None:
    with bought(tmp_path, whole, WHOLE[case](whole)) as (buyer, server):
        delivery = buyer.buy()
        assert delivery.path.read_bytes() == whole
        assert sorted(path.suffix for path in buyer.out.iterdir()) == [".json", ".mp4"]  # and nothing is left over
        assert len(server.charges) == 1


TOLD: dict[str, tuple[Callable[[bytes], Habit], type[SoraError], str]] = {
    "packed in two layers": (habits.packed_in_two_layers, BadResponse, "'gzip, gzip'"),
    "packed in another way": (habits.packed_in_another_way, BadResponse, "'br'"),
    "a drip": (habits.drip, ServiceError, "download|broke"),
    "another file each time": (habits.other_file_each_time, ServiceError, "download|broke"),
    "a link to itself": (habits.link_to_itself, MediaError, "from one address to the next"),
    "a link to the next": (habits.link_to_the_next, MediaError, "from one address to the next"),
    "redirects": (habits.redirects, ServiceError, "redirects more than"),
    "hollow": (habits.spoiled(habits.hollow), MediaError, "kept as"),
    "garbled": (habits.spoiled(habits.garbled), MediaError, "kept as"),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_cannot_be_had_is_told_soon_and_collected_once_it_can(case: str, tmp_path: Path, whole: bytes) -> None:
    habit, kind, words = TOLD[case]
    with bought(tmp_path, whole, habit(whole)) as (buyer, server):
        with pytest.raises(kind, match=words):
            buyer.buy()
        assert len(server.asked) < 60
        assert not list(buyer.out.glob("sora_*"))
        server.habit = habits.honest(whole)
        assert buyer.buy().path.read_bytes() == whole
        assert len(server.charges) == 1
        assert not buyer.kept()


@pytest.mark.parametrize("spoil", [habits.hollow, habits.garbled])
def test_bytes_that_are_no_sound_file_are_kept(spoil: Callable[[bytes], bytes], tmp_path: Path, whole: bytes) -> None:
    with bought(tmp_path, whole, habits.spoiled(spoil)(whole)) as (buyer, server):
        with pytest.raises(MediaError) as caught:
            buyer.buy()
        (kept,) = buyer.kept()
        assert kept.read_bytes() == spoil(whole)
        assert str(kept) in caught.value.message
        assert len(server.asked) == 2  # the same bytes twice are what the server has


def test_a_body_without_end_is_ended(tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "UNSIZED_LIMIT_BYTES", 20 * 2**20)
    with bought(tmp_path, whole, habits.without_end(whole)) as (buyer, _):
        with pytest.raises(MediaError, match="without coming to an end"):
            buyer.buy()
        assert sum(path.stat().st_size for path in buyer.out.iterdir()) < 2**20


OTHERS = {
    "mov": {"form": "mov"},
    "mkv": {"form": "matroska"},
    "webm": {"form": "webm", "codec": "libvpx"},
    "ts": {"form": "mpegts"},
    "avi": {"form": "avi", "codec": "mpeg4"},
    "gif": {"form": "gif", "codec": "gif"},
    "flv": {"form": "flv", "codec": "flv"},
    "ogv": {"form": "ogg", "codec": "libvpx"},
    "mpg": {"form": "mpeg", "codec": "mpeg2video"},
    "wmv": {"form": "asf", "codec": "wmv2"},
}


@pytest.mark.parametrize("suffix", OTHERS)
def test_another_container_is_kept_and_named_by_what_it_is(suffix: str, tmp_path: Path) -> None:
    other = made(tmp_path, **OTHERS[suffix])
    with bought(tmp_path, other, habits.honest(other)) as (buyer, server):
        delivery = buyer.buy()
        assert delivery.path.suffix == f".{suffix}"
        assert delivery.path.read_bytes() == other
        assert (delivery.width, delivery.height) == (320, 192)
        assert delivery.fps == pytest.approx(10, abs=0.5)
        assert len(server.charges) == 1


def test_an_animated_webp_is_kept_too(tmp_path: Path) -> None:
    from PIL import Image

    memory = io.BytesIO()
    frames = [Image.new("RGB", (64, 48), (number * 40, 0, 0)) for number in range(5)]
    frames[0].save(memory, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    with bought(tmp_path, memory.getvalue(), habits.honest(memory.getvalue())) as (buyer, _):
        delivery = buyer.buy()
        assert delivery.path.suffix == ".webp"
        assert (delivery.width, delivery.height, delivery.fps, delivery.seconds) == (64, 48, 10, 0.5)
