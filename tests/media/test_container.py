"""What is told of a file without decoding it, and tags written into it without touching its pictures."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from _clips import beeps, scene, turn, write_clip

from sora_core.errors import MediaError
from sora_core.media import container
from sora_core.media.container import contents, embed_metadata, has_content_credentials, missing_bytes, sniff
from sora_core.media.video import decode, probe

C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
FTYP = struct.pack(">I", 16) + b"ftypisom" + bytes(4)
VP9 = {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}, "sound_codec": "libopus", "sound_rate": 48000}


def box(kind: bytes, content: bytes = b"", *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (FTYP, "mp4"),
        (struct.pack(">I", 20) + b"ftypqt  ", "mov"),
        (box(b"moov", bytes(20)), "mov"),
        (box(b"mdat", bytes(20), wide=True), "mov"),
        (box(b"wide") + box(b"mdat"), "mov"),
        (box(b"free", bytes(8)), "mp4"),
        (box(b"styp", bytes(8)), "mp4"),
        (b"\x1a\x45\xdf\xa3" + bytes(20), "webm"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska", "mkv"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"GIF89a" + bytes(20), "gif"),
        (b"GIF87a" + bytes(20), "gif"),
        (b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\x02" + bytes(20), "webp"),
        (b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\x10" + bytes(20), None),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(20), None),
        (b"RIFF\0\0\0\0WAVEfmt " + bytes(20), None),
        ((b"G" + bytes(187)) * 3, "ts"),
        ((bytes(4) + b"G" + bytes(187)) * 3, "ts"),
        (b"G" + bytes(187), None),
        (b"Good morning. " * 40, None),
        (b"", None),
        (b"ftyp", None),
        (b"<!DOCTYPE html>", None),
        (b'{"error": "moov"}', None),
        (b"\x89PNG\r\n\x1a\n" + bytes(8), None),
        (struct.pack(">I", 24) + b"ftypavif", None),
        (struct.pack(">I", 24) + b"ftypheic", None),
        (struct.pack(">I", 24) + b"ftypM4A ", None),
        (b"\0\0\0\0moov" + bytes(8), None),
    ],
)
def test_the_first_bytes_tell_the_kind(head, kind):
    assert sniff(head) == kind


@pytest.mark.parametrize(
    ("content", "carries"),
    [
        (FTYP + box(b"uuid", C2PA + bytes(100)) + box(b"moov"), True),
        (FTYP + box(b"moov", bytes(50)) + box(b"mdat", bytes(5000), wide=True) + box(b"uuid", C2PA), True),
        (FTYP + box(b"mdat", bytes(99)) + box(b"uuid", C2PA, wide=True), True),
        (FTYP + box(b"jumb", box(b"jumd", bytes(16) + b"c2pa\0")), True),
        (FTYP + box(b"uuid", bytes(16)) + box(b"moov"), False),
        (FTYP + box(b"mdat", C2PA + box(b"uuid", C2PA)), False),
        (FTYP + box(b"moov", box(b"uuid", C2PA)), False),
        (FTYP + struct.pack(">I4s", 0, b"mdat") + box(b"uuid", C2PA), False),
        (FTYP + struct.pack(">I4s", 3, b"junk") + box(b"uuid", C2PA), False),
        (FTYP + struct.pack(">I4sQ", 1, b"mdat", 2**62), False),
        (FTYP + box(b"uuid", C2PA)[:14], False),
        (b"<html>" + C2PA, False),
        (b"", False),
    ],
)
def test_content_credentials_are_found_in_their_box_only(tmp_path, content, carries):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert has_content_credentials(path) is carries


def test_the_pictures_are_not_read_to_find_credentials(tmp_path):
    path = tmp_path / "clip.mp4"
    size = 40 * 2**30  # a sparse file
    with path.open("wb") as stream:
        stream.write(FTYP + struct.pack(">I4sQ", 1, b"mdat", size))
        stream.seek(len(FTYP) + size)
        stream.write(box(b"uuid", C2PA))
    assert has_content_credentials(path)


@pytest.mark.parametrize(("name", "options"), [("clip.mp4", {}), ("clip.webm", VP9)], ids=["mp4", "webm"])
def test_missing_bytes_are_counted(tmp_path, name, options):
    clip = write_clip(tmp_path / name, [scene(64, 48, index) for index in range(5)], **options)
    assert missing_bytes(clip) == 0
    if name.endswith("mp4"):  # its index comes last: cut within the pictures
        clip.write_bytes(clip.read_bytes()[:300])
        assert missing_bytes(clip) > 0
    else:
        clip.write_bytes(clip.read_bytes()[:-7])
        assert missing_bytes(clip) == 7


def packets(path: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.stream.index, packet.pts, packet.dts, bytes(packet)) for packet in container.demux()]


def tags(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


GRAPH = {
    "prompt": {"1": {"class_type": "X", "inputs": {"text": "a 红 kite"}}},
    "workflow": {"nodes": [1, 2]},
    "n": "text",
}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {"sound": beeps(1.0, rate=48000), "sound_rate": 48000}),
        ("clip.mov", {}),
        ("clip.webm", {"sound": beeps(1.0, rate=48000), **VP9}),
        ("clip.mkv", {"sound": beeps(1.0), "sound_codec": "aac"}),
    ],
    ids=["mp4", "mov", "webm", "matroska"],
)
def test_tags_are_written_and_the_pictures_are_the_same(tmp_path, name, options):
    source = write_clip(tmp_path / name, [scene(64, 48, index) for index in range(10)], matrix=1, **options)
    target = tmp_path / "copy.part"  # the name says nothing about the kind
    before = source.read_bytes()
    embed_metadata(source, target, GRAPH)
    found = tags(target)
    assert json.loads(found["prompt"]) == GRAPH["prompt"]
    assert json.loads(found["workflow"]) == GRAPH["workflow"]
    assert found["n"] == "text"
    assert sniff(target.read_bytes()[:64]) == sniff(before[:64])
    assert [packet[3] for packet in packets(target)] == [packet[3] for packet in packets(source)]
    one, two = decode(source), decode(target)
    assert np.array_equal(one.frames.numpy(), two.frames.numpy())
    assert np.allclose(one.waveform.numpy(), two.waveform.numpy(), atol=1e-6)
    assert probe(source) == probe(target)
    assert source.read_bytes() == before


B_FRAMES = {"codec": "libx264", "options": {"bf": "3", "b-adapt": "0"}}


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.mov"])
def test_pictures_that_are_shown_in_another_order_are_all_copied(tmp_path, name):
    """Matroska keeps no decoding times; packets without one are packets all the same."""
    source = write_clip(tmp_path / name, [scene(64, 48, index) for index in range(30)], sound=beeps(3.0), **B_FRAMES)
    embed_metadata(source, tmp_path / "copy", GRAPH)
    one, other = contents(source), contents(tmp_path / "copy")
    assert [(each.packets, each.sha256) for each in one] == [(each.packets, each.sha256) for each in other]
    assert one[0].packets == 30
    assert np.array_equal(decode(source).frames.numpy(), decode(tmp_path / "copy").frames.numpy())


SPOILING = {
    "a packet is lost": lambda packet, seen: None if packet.stream.type == "video" and seen == 3 else packet,
    "a packet is another": lambda packet, seen: av.Packet(bytes(packet.size)) if seen == 3 else packet,
    "a time is another": lambda packet, seen: late(packet) if seen == 6 else packet,
}


def late(packet: av.Packet) -> av.Packet:
    packet.pts += 10
    return packet


@pytest.mark.parametrize("case", SPOILING)
def test_a_copy_that_differs_in_anything_is_none(tmp_path, monkeypatch, case):
    """Whatever a library of another day does to the packets: the copy is read again."""
    source = write_clip(tmp_path / "clip.mkv", [scene(64, 48, index) for index in range(10)])

    def copy(original, target):
        twins = {stream.index: target.add_stream_from_template(stream, opaque=True) for stream in original.streams}
        for seen, packet in enumerate(original.demux()):
            if packet.size:
                facts = packet.pts, packet.dts, packet.time_base, packet.stream.index
                changed = SPOILING[case](packet, seen)
                if changed is not None:
                    if changed is not packet:
                        changed.pts, changed.dts, changed.time_base, _ = facts
                    changed.stream = twins[facts[3]]
                    target.mux(changed)

    monkeypatch.setattr(container, "_copy_streams", copy)
    with pytest.raises(MediaError, match="does not contain"):
        embed_metadata(source, tmp_path / "copy.mkv", GRAPH)
    assert not (tmp_path / "copy.mkv").exists()


def test_a_stream_that_cannot_be_copied_makes_no_copy(tmp_path):
    """Chapters of text, time codes, attachments: rather no workflow than a file with less in it."""
    source = tmp_path / "clip.mkv"
    write_clip(source, [scene(64, 48, index) for index in range(5)])
    with_data = tmp_path / "data.mp4"
    with av.open(str(source)) as original, av.open(str(with_data), "w") as made:
        twin = made.add_stream_from_template(original.streams.video[0], opaque=True)
        try:
            data = made.add_data_stream("bin_data")
        except ValueError:
            pytest.skip("a PyAV as old as this writes no streams of data")
        data.time_base = original.streams.video[0].time_base
        for packet in original.demux(original.streams.video[0]):
            if packet.size:
                note = av.Packet(b"note")
                note.pts = note.dts = packet.pts
                note.stream, note.time_base = data, packet.time_base
                packet.stream = twin
                made.mux(packet)
                made.mux(note)
    if len(contents(with_data)) < 2:
        pytest.skip("this FFmpeg writes no such stream")
    with pytest.raises(MediaError):
        embed_metadata(with_data, tmp_path / "copy.mp4", GRAPH)
    assert not (tmp_path / "copy.mp4").exists()


@pytest.mark.parametrize(("name", "codec"), [("clip.ts", "libx264"), ("clip.avi", "mpeg4")])
def test_a_container_without_a_place_for_it_is_left_alone(tmp_path, name, codec):
    source = write_clip(tmp_path / name, [scene(64, 48)] * 3, codec=codec)
    before = source.read_bytes()
    with pytest.raises(MediaError, match="no place"):
        embed_metadata(source, tmp_path / "copy", GRAPH)
    assert source.read_bytes() == before


@pytest.mark.parametrize("text", ["half \ud83d", "an end\0 in it", "x" * 200_000], ids=["surrogate", "nul", "long"])
def test_tags_hold_what_they_can_of_any_text(tmp_path, text):
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)] * 3)
    embed_metadata(source, tmp_path / "copy.mp4", {"prompt": text})
    assert tags(tmp_path / "copy.mp4")["prompt"] == text.replace("\ud83d", "?").replace("\0", "")


def test_the_index_comes_first_so_that_browsers_start_at_once(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)] * 3)
    embed_metadata(source, tmp_path / "copy.mp4", GRAPH)
    data = (tmp_path / "copy.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_files_own_tags_stay_and_are_overlaid(tmp_path):
    own = {"title": "ours", "comment": "stays", "prompt": "old"}
    flags = {"movflags": "use_metadata_tags"}
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)] * 3, tags=own, container=flags)
    embed_metadata(source, tmp_path / "copy.mp4", {"prompt": {"new": 1}})
    found = tags(tmp_path / "copy.mp4")
    assert (found["title"], found["comment"], found["prompt"]) == ("ours", "stays", '{"new": 1}')


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_clip_stays_turned(tmp_path, degrees):
    source = turn(write_clip(tmp_path / "clip.mp4", [scene(64, 48)] * 3), degrees)
    embed_metadata(source, tmp_path / "copy.mp4", GRAPH)
    assert np.array_equal(decode(source).frames.numpy(), decode(tmp_path / "copy.mp4").frames.numpy())


def test_sound_that_starts_late_still_does(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)] * 10, sound=beeps(0.5), sound_from=0.5)
    embed_metadata(source, tmp_path / "copy.mp4", GRAPH)
    heard = decode(tmp_path / "copy.mp4").waveform.numpy()
    assert np.allclose(heard, decode(source).waveform.numpy(), atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"<html></html>", FTYP + bytes(200)], ids=["empty", "page", "no index"])
def test_no_target_is_left_of_what_is_no_video(tmp_path, content):
    source = tmp_path / "clip.mp4"
    source.write_bytes(content)
    with pytest.raises(MediaError):
        embed_metadata(source, tmp_path / "copy.mp4", GRAPH)
    assert not (tmp_path / "copy.mp4").exists()


def test_a_copy_that_breaks_off_leaves_no_target(tmp_path):
    source = write_clip(
        tmp_path / "clip.mp4", [scene(64, 48, index) for index in range(10)], container={"movflags": "faststart"}
    )
    source.write_bytes(source.read_bytes()[:-5000])
    with pytest.raises(MediaError):
        embed_metadata(source, tmp_path / "copy.mp4", GRAPH)
    assert not (tmp_path / "copy.mp4").exists()


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes"], ids=["set", "object", "bytes"])
def test_what_json_cannot_say_is_refused(tmp_path, value):
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)])
    with pytest.raises(MediaError, match="JSON"):
        embed_metadata(source, tmp_path / "copy.mp4", {"prompt": value})
    assert not (tmp_path / "copy.mp4").exists()


def test_a_folder_that_cannot_be_written_is_a_media_error(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)])
    with pytest.raises(MediaError):
        embed_metadata(source, tmp_path / "absent" / "copy.mp4", GRAPH)


def test_a_file_is_never_copied_onto_itself(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", [scene(64, 48)])
    before = source.read_bytes()
    with pytest.raises(MediaError, match="onto itself"):
        embed_metadata(source, tmp_path / "." / "clip.mp4", GRAPH)
    assert source.read_bytes() == before
