"""Whole files under names of their own: names that the disk takes, workflows in them, and never a bad line's half."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import pytest
from _clips import scene, write_clip

from sora_core.errors import InvalidRequest, MediaError, SoraError, StorageError
from sora_core.media import placing
from sora_core.media.kind import VIDEO as VIDEO_KIND
from sora_core.models import Destination

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(2**20)


class TestNames:
    def test_count_as_comfyui_does(self, tmp_path):
        destination = Destination(tmp_path, "sora")
        assert placing.next_path(destination, ".mp4").name == "sora_00001_.mp4"
        assert placing.next_path(destination, ".mp4").name == "sora_00002_.mp4"
        (tmp_path / "sora_00041_.png").touch()
        assert placing.next_path(destination, ".mp4").name == "sora_00042_.mp4"

    def test_do_not_count_other_stems(self, tmp_path):
        for name in ("sora2_00009_.mp4", "my_sora_00009_.mp4", "sora_x_00009_.mp4", "sora_00009_.mp4.part", "sora.mp4"):
            (tmp_path / name).touch()
        (tmp_path / "sora_00009_.mp4.part").unlink()
        assert placing.next_path(Destination(tmp_path, "sora"), ".mp4").name == "sora_00001_.mp4"

    @pytest.mark.parametrize("stem", ["a.b", "a[1]", "a+b", "猫", "(x)"])
    def test_may_hold_any_sign(self, tmp_path, stem):
        placing.next_path(Destination(tmp_path, stem), ".mp4")
        assert placing.next_path(Destination(tmp_path, stem), ".mp4").name == f"{stem}_00002_.mp4"

    def test_are_announced_before_they_are_taken(self, tmp_path):
        """A crash in between leaves no empty file that nobody knows."""
        announced: list[tuple[str, bool]] = []
        path = placing.next_path(
            Destination(tmp_path, "s"), ".mp4", lambda path: announced.append((path.name, path.exists()))
        )
        assert announced == [(path.name, False)]

    def test_that_someone_takes_at_the_last_moment_are_left_to_him(self, tmp_path):
        def snatch(path: Path) -> None:
            if path.name == "s_00001_.mp4":
                path.write_bytes(b"someone's work")

        assert placing.next_path(Destination(tmp_path, "s"), ".mp4", snatch).name == "s_00002_.mp4"
        assert (tmp_path / "s_00001_.mp4").read_bytes() == b"someone's work"

    def test_are_unique_among_threads(self, tmp_path):
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: placing.next_path(Destination(tmp_path, "s"), ".mp4"), range(40)))
        assert len(set(made)) == 40

    @pytest.mark.parametrize("stem", ["x" * 300, "\u89c6" * 90, "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 20])
    def test_are_cut_by_bytes_where_the_disk_takes_no_more(self, tmp_path, stem):
        first, second = (placing.next_path(Destination(tmp_path, stem), ".webm") for _ in range(2))
        assert len(first.name.encode()) <= 255
        assert stem.startswith(first.name.removesuffix("_00001_.webm"))
        assert not first.name.removesuffix("_00001_.webm").endswith("\u200d")
        assert second.name.endswith("_00002_.webm")
        placing.write_sidecar(first, {"job_id": "job_" + "1" * 20})
        assert first.with_suffix(".json").is_file()

    def test_given_by_hand_are_taken_as_they_are(self, tmp_path):
        exact = tmp_path / "mine.mp4"
        assert placing.next_path(Destination(tmp_path, "s", exact=exact), ".mp4") == exact

    def test_of_parts_are_hidden_and_of_the_job(self, tmp_path):
        assert placing.part_path(tmp_path, "job_1").name.startswith(".")
        assert "job_1" in placing.part_path(tmp_path, "job_1").name


class TestTheDestination:
    def test_is_made_and_left_clean(self, tmp_path):
        placing.check_destination(Destination(tmp_path / "a" / "b"))
        assert list((tmp_path / "a" / "b").iterdir()) == []

    def test_below_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StorageError, match="file"):
            placing.check_destination(Destination(tmp_path / "file" / "out"))

    def test_of_a_file_that_exists_is_refused(self, tmp_path):
        exact = tmp_path / "mine.mp4"
        exact.touch()
        with pytest.raises(InvalidRequest, match=r"mine\.mp4"):
            placing.check_destination(Destination(tmp_path, exact=exact))

    @pytest.mark.parametrize(
        "stem",
        ["a\0b", "half \ud83d", "../above", "a/b", "..", "."],
        ids=["nul", "surrogate", "up", "down", "dots", "dot"],
    )
    def test_with_a_name_that_cannot_be_is_refused(self, tmp_path, stem):
        with pytest.raises(InvalidRequest):
            placing.check_destination(Destination(tmp_path / "out", stem))
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("folder", ["a\0b", "half \ud83d", "x" * 300], ids=["nul", "surrogate", "too long"])
    def test_in_a_folder_that_cannot_be_is_refused(self, tmp_path, folder):
        with pytest.raises((InvalidRequest, StorageError)):
            placing.check_destination(Destination(tmp_path / folder))

    @pytest.mark.parametrize("name", ["x" * 252 + ".mp4", "\u89c6" * 84 + ".mp4"])
    def test_of_an_exact_name_that_is_too_long_is_refused(self, tmp_path, name):
        with pytest.raises(StorageError, match="cannot be written"):
            placing.check_destination(Destination(tmp_path, exact=tmp_path / name))
        assert list(tmp_path.iterdir()) == []

    def test_of_a_link_to_nowhere_is_refused(self, tmp_path):
        exact = tmp_path / "mine.mp4"
        try:
            exact.symlink_to(tmp_path / "nowhere")
        except OSError:
            pytest.skip("no links here")
        with pytest.raises(InvalidRequest, match=r"mine\.mp4"):
            placing.check_destination(Destination(tmp_path, exact=exact))

    def test_of_a_folder_that_is_a_link_to_nowhere_is_refused(self, tmp_path):
        try:
            (tmp_path / "out").symlink_to(tmp_path / "nowhere" / "deep")
        except OSError:
            pytest.skip("no links here")
        with pytest.raises(StorageError):
            placing.check_destination(Destination(tmp_path / "out"))

    def test_is_tried_under_its_real_name(self, tmp_path, monkeypatch):
        """With the counter and the longest suffix, and with those of the bytes on their way."""
        tried: list[str] = []
        monkeypatch.setattr(placing, "_try_name", lambda path: tried.append(path.name))
        placing.check_destination(Destination(tmp_path, "x" * 300))
        final = placing.next_path(Destination(tmp_path, "x" * 300), placing.LONGEST_SUFFIX)
        part = placing.part_path(tmp_path, "job_" + "1" * 20)
        assert [len(name) for name in tried] == [len(final.name), len(part.with_suffix(".tagged.part").name)]

    def test_on_a_full_disk_is_refused(self, tmp_path, monkeypatch):
        usage = shutil.disk_usage(tmp_path)._replace(free=placing.FREE_BYTES_NEEDED - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(StorageError, match="MiB"):
            placing.check_destination(Destination(tmp_path))


class TestIntact:
    def test_is_a_file_with_the_same_bytes(self, tmp_path):
        path = tmp_path / "v.mp4"
        path.write_bytes(VIDEO)
        facts = {"size": len(VIDEO), "sha256": hashlib.sha256(VIDEO).hexdigest()}
        assert placing.sha256_of(path) == facts["sha256"]
        assert placing.is_intact(str(path), **facts)
        path.write_bytes(VIDEO[:-1] + b"x")
        assert not placing.is_intact(str(path), **facts) or VIDEO.endswith(b"x")
        path.unlink()
        assert not placing.is_intact(str(path), **facts)
        assert not placing.is_intact(None, **facts)
        assert not placing.is_intact(str(tmp_path), **facts)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", [scene(64, 48, index) for index in range(10)])


@pytest.fixture
def part(tmp_path, clip):
    path = tmp_path / ".job_1.part"
    shutil.copy(clip, path)
    return path


def _tags(path: Path) -> dict[str, str]:
    with av.open(str(path)) as video:
        return dict(video.metadata)


def place(part, destination, plan=lambda *_: None, planned=None) -> Path:
    return placing.place(part, destination, planned=planned, plan=plan)


class TestPlacing:
    def test_moves_the_part_under_its_name(self, tmp_path, part, clip):
        plans: list[tuple[Path, str, int, bool]] = []
        path = place(
            part,
            Destination(tmp_path, "sora"),
            lambda path, sha256, size: plans.append((path, sha256, size, path.exists() and path.stat().st_size > 0)),
        )
        assert path == tmp_path / "sora_00001_.mp4"
        assert path.read_bytes() == clip.read_bytes()
        assert plans == [(path, placing.sha256_of(path), path.stat().st_size, False)]
        assert list(tmp_path.iterdir()) == [path]

    def test_fills_the_name_that_an_earlier_try_had_taken(self, tmp_path, part):
        taken = placing.next_path(Destination(tmp_path, "sora"), ".mp4")
        assert place(part, Destination(tmp_path, "sora"), planned=str(taken)) == taken
        assert list(tmp_path.iterdir()) == [taken]

    def test_takes_the_planned_name_that_an_earlier_try_did_not_get_to(self, tmp_path, part):
        planned = tmp_path / "sora_00001_.mp4"
        assert place(part, Destination(tmp_path, "sora"), planned=str(planned)) == planned

    def test_leaves_a_planned_name_that_someone_has_filled(self, tmp_path, part):
        taken = tmp_path / "sora_00001_.mp4"
        taken.write_bytes(b"someone's work")
        assert place(part, Destination(tmp_path, "sora"), planned=str(taken)).name == "sora_00002_.mp4"
        assert taken.read_bytes() == b"someone's work"

    def test_embeds_the_workflow(self, tmp_path, part):
        metadata = {"prompt": {"1": {"class_type": "猫"}}, "workflow": {"nodes": []}}
        path = place(part, Destination(tmp_path, "sora", metadata=metadata))
        assert json.loads(_tags(path)["prompt"]) == metadata["prompt"]
        assert json.loads(_tags(path)["workflow"]) == metadata["workflow"]
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        "failure", [MediaError("no"), OSError(28, "No space left on device")], ids=["media", "a full disk"]
    )
    def test_without_the_workflow_where_it_cannot_be_embedded(self, tmp_path, part, clip, failure):
        def embed(source: Path, target: Path, metadata: object) -> None:
            target.write_bytes(b"a piece")
            raise failure

        kind = replace(VIDEO_KIND, embed=embed)
        plan = lambda *_: None  # noqa: E731
        path = placing.place(part, Destination(tmp_path, "s", metadata={"a": 1}), planned=None, plan=plan, kind=kind)
        assert path.read_bytes() == clip.read_bytes()
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("value", ["half \ud83d", "nul \0", {"half": "\ud83d"}, object()])
    def test_whatever_the_workflow_holds(self, tmp_path, part, value):
        assert place(part, Destination(tmp_path, "s", metadata={"workflow": value})).is_file()

    def test_hashes_what_is_placed(self, tmp_path, part):
        plans: list[tuple[Path, str, int]] = []
        path = place(part, Destination(tmp_path, "s", metadata={"a": 1}), lambda *plan: plans.append(plan))
        assert plans == [(path, placing.sha256_of(path), path.stat().st_size)]

    def test_keeps_content_credentials_byte_for_byte(self, tmp_path, part):
        store = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"c2pa store"
        signed = part.read_bytes() + (8 + len(store)).to_bytes(4, "big") + b"uuid" + store
        part.write_bytes(signed)
        path = place(part, Destination(tmp_path, "s", metadata={"prompt": {}}))
        assert path.read_bytes() == signed

    def test_names_a_webm_as_such(self, tmp_path):
        part = write_clip(
            tmp_path / ".job_1.webm", [scene(64, 48)], codec="libvpx-vp9", options={"cpu-used": "8"}
        ).rename(tmp_path / ".job_1.part")
        assert place(part, Destination(tmp_path, "s")).suffix == ".webm"

    @pytest.mark.parametrize("data", [b"<html>", b""], ids=["a page", "nothing"])
    def test_refuses_what_is_no_video_and_leaves_it(self, tmp_path, part, data):
        part.write_bytes(data)
        with pytest.raises(MediaError):
            place(part, Destination(tmp_path, "s"))
        assert list(tmp_path.iterdir()) == [part]

    def test_that_cannot_be_recorded_leaves_the_part_and_no_empty_file(self, tmp_path, part, clip):
        def full(*_: object) -> None:
            raise StorageError("The ledger is full.")

        with pytest.raises(StorageError):
            place(part, Destination(tmp_path, "s"), full)
        assert part.read_bytes() == clip.read_bytes()
        assert list(tmp_path.iterdir()) == [part]

    def test_into_a_folder_that_is_gone_makes_it(self, tmp_path, part, clip):
        assert place(part, Destination(tmp_path / "gone", "s")).read_bytes() == clip.read_bytes()

    def test_into_a_folder_that_cannot_be_made_names_the_way_out_and_keeps_the_part(self, tmp_path, part):
        (tmp_path / "file").touch()
        with pytest.raises(StorageError) as caught:
            place(part, Destination(tmp_path / "file" / "out", "s"))
        assert "resume JOB --out" in str(caught.value)
        assert part.exists()

    def test_under_an_exact_name_takes_no_file_that_has_come_up_meanwhile(self, tmp_path, part):
        """Between the check and the delivery lies half an hour, and the file there is someone's."""
        exact = tmp_path / "mine.mp4"
        exact.write_bytes(b"someone's work")
        with pytest.raises(SoraError):
            place(part, Destination(tmp_path, exact=exact))
        assert exact.read_bytes() == b"someone's work"
        assert part.exists()


def test_a_sidecar_stands_beside_its_video(tmp_path):
    video = tmp_path / "sora_00001_.mp4"
    placing.write_sidecar(video, {"prompt": "猫 half \ud83d", "seed": 1})
    assert json.loads((tmp_path / "sora_00001_.json").read_text("utf-8")) == {"prompt": "猫 half ?", "seed": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["sora_00001_.json"]


def test_a_sidecar_that_cannot_be_written_is_a_storage_error(tmp_path):
    """It comes after the last commit: what is raised here must be of the tree."""
    with pytest.raises(StorageError):
        placing.write_sidecar(tmp_path / "gone" / "v.mp4", {})


@pytest.mark.skipif(os.name == "nt", reason="Windows wants a right for links")
def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path):
    mine, video = tmp_path / "mine", tmp_path / "v.mp4"
    mine.write_bytes(b"mine")
    video.write_bytes(b"video")
    (tmp_path / f".sora-{os.getpid()}.tmp").symlink_to(mine)
    (tmp_path / ".sora-job_1.json.tmp").symlink_to(mine)
    placing.copy_to(video, tmp_path / "copy.mp4")
    placing.write_sidecar(video, {"job_id": "job_1"})
    assert (mine.read_bytes(), (tmp_path / "copy.mp4").read_bytes()) == (b"mine", b"video")
    assert not (tmp_path / "copy.mp4").is_symlink()
    assert json.loads((tmp_path / "v.json").read_text()) == {"job_id": "job_1"}
    assert not list(tmp_path.glob(".sora-*"))
