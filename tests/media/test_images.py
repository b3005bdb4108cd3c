"""Images on their way up."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from sora_core.errors import InvalidRequest
from sora_core.media.images import upload_from_file


def saved(folder: Path, name: str, **options: object) -> Path:
    path = folder / name
    Image.new("RGB", (32, 24), (200, 30, 40)).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "media_type", "filename"),
    [
        ("a.png", "image/png", "reference.png"),
        ("a.jpg", "image/jpeg", "reference.jpeg"),
        ("a.webp", "image/webp", "reference.webp"),
        ("猫 photo.png", "image/png", "reference.png"),
    ],
)
def test_what_servers_read_goes_up_as_it_is(tmp_path, name, media_type, filename):
    path = saved(tmp_path, name)
    upload = upload_from_file(path)
    assert upload.data == path.read_bytes()
    assert (upload.media_type, upload.filename) == (media_type, filename)


@pytest.mark.parametrize("name", ["a.bmp", "a.gif", "a.tiff", "a.tga"])
def test_other_formats_go_up_as_png(tmp_path, name):
    upload = upload_from_file(saved(tmp_path, name))
    assert (upload.media_type, upload.filename) == ("image/png", "reference.png")
    with Image.open(io.BytesIO(upload.data)) as image:
        assert (image.format, image.size) == ("PNG", (32, 24))
        assert image.getpixel((5, 5)) == pytest.approx((200, 30, 40), abs=12)


def test_the_content_decides_and_not_the_name(tmp_path):
    path = saved(tmp_path, "a.png").rename(tmp_path / "a.jpg")
    assert upload_from_file(path).media_type == "image/png"


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x89PNG\r\n\x1a\n",
        _png(64, 64),
        _png(100_000, 100_000),
        _png(0, 0),
        b"GIF89a" + b"\xff" * 50,
        b"BM" + b"\xff" * 60,
        b"II*\x00" + b"\xff" * 60,
        b"\xff\xd8\xff\xe0" + b"\x00" * 20,
    ],
    ids=["empty", "text", "svg", "head only", "no pixels", "bomb", "no size", "gif", "bmp", "tiff", "jpeg"],
)
def test_what_is_no_image_is_refused_naming_the_file(tmp_path, data):
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"broken\.png"):
        upload_from_file(path)


def test_a_cut_image_is_refused(tmp_path):
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InvalidRequest, match=r"cut\.png"):
        upload_from_file(path)


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_a_path_without_a_file_is_refused(tmp_path, name):
    with pytest.raises(InvalidRequest):
        upload_from_file(tmp_path / name)
