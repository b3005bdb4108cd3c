"""Pictures as they are delivered: told by their content, checked, tagged, never changed."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sora_core.errors import MediaError
from sora_core.media import placing
from sora_core.media.kind import PICTURE
from sora_core.media.picture import (
    embed_text,
    has_picture_credentials,
    picture_size,
    picture_tensor,
    pictures_tensor,
    sniff_picture,
)
from sora_core.models import Destination

METADATA = {"prompt": {"1": {"class_type": "猫"}}, "workflow": {"nodes": []}, "note": "猫"}


def encoded(form: str, size: tuple[int, int] = (32, 16)) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(stream, form)
    return stream.getvalue()


FORMS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}


def signed(form: str) -> bytes:
    """A file with a C2PA store where the format has it."""
    data, store = encoded(form), b"\0\0\0\x10jumb\0\0\0\x08c2pa store"
    if form == "PNG":
        chunk = struct.pack(">I", len(store)) + b"caBX" + store + struct.pack(">I", zlib.crc32(b"caBX" + store))
        return data[:33] + chunk + data[33:]
    if form == "JPEG":
        return data[:2] + b"\xff\xeb" + struct.pack(">H", len(store) + 4) + b"JP" + store + data[2:]
    chunk = b"C2PA" + struct.pack("<I", len(store)) + store + b"\0" * (len(store) % 2)
    whole = data[12:] + chunk
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


@pytest.mark.parametrize(("form", "suffix"), FORMS.items())
def test_a_picture_is_told_by_its_first_bytes(form, suffix, tmp_path):
    assert sniff_picture(encoded(form)[:64]) == suffix
    path = tmp_path / "p"
    path.write_bytes(encoded(form))
    assert picture_size(path) == (32, 16)


@pytest.mark.parametrize(
    "head", [b"", b"<html>", b"GIF89a" + b"\0" * 60, b"\0\0\0\x18ftypmp42" + b"\0" * 50, b"RIFFxxxxWAVE"]
)
def test_anything_else_is_none(head):
    assert sniff_picture(head) is None


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_that_breaks_off_is_refused(form, tmp_path):
    path = tmp_path / "p"
    path.write_bytes(encoded(form, (300, 300))[:-200])
    with pytest.raises(MediaError):
        picture_size(path)


@pytest.mark.parametrize("form", FORMS)
def test_content_credentials_are_seen(form, tmp_path):
    path = tmp_path / "p"
    for data, has_them in ((encoded(form), False), (signed(form), True)):
        path.write_bytes(data)
        assert has_picture_credentials(path) is has_them


class TestEmbedding:
    def test_writes_what_save_image_writes_and_changes_nothing_else(self, tmp_path):
        source, target = tmp_path / "a.png", tmp_path / "b.png"
        source.write_bytes(encoded("PNG"))
        embed_text(source, target, METADATA)
        with Image.open(target) as picture:
            assert json.loads(picture.text["prompt"]) == METADATA["prompt"]
            assert json.loads(picture.text["workflow"]) == METADATA["workflow"]
            assert picture.text["note"] == "猫"
            assert np.array_equal(np.asarray(picture), np.asarray(Image.open(source)))
        data = source.read_bytes()
        assert target.read_bytes().startswith(data[:33])
        assert target.read_bytes().endswith(data[33:])

    @pytest.mark.parametrize("form", ["JPEG", "WEBP"])
    def test_has_no_place_in_other_formats(self, form, tmp_path):
        source = tmp_path / "a"
        source.write_bytes(encoded(form))
        with pytest.raises(MediaError, match="PNG"):
            embed_text(source, tmp_path / "b", METADATA)

    def test_refuses_what_is_not_json(self, tmp_path):
        source = tmp_path / "a.png"
        source.write_bytes(encoded("PNG"))
        with pytest.raises(MediaError, match="JSON"):
            embed_text(source, tmp_path / "b", {"prompt": object()})


def place(part: Path, metadata: object = METADATA) -> Path:
    destination = Destination(part.parent, "sora", metadata=metadata)
    return placing.place(part, destination, planned=None, plan=lambda *_: None, kind=PICTURE)


class TestPlacing:
    @pytest.mark.parametrize(("form", "suffix"), FORMS.items())
    def test_names_it_by_its_content(self, form, suffix, tmp_path):
        part = tmp_path / ".job_1.part"
        part.write_bytes(encoded(form))
        path = place(part)
        assert path.name == f"sora_00001_.{suffix}"
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("form", FORMS)
    def test_keeps_content_credentials_byte_for_byte(self, form, tmp_path):
        part = tmp_path / ".job_1.part"
        part.write_bytes(signed(form))
        assert place(part).read_bytes() == signed(form)

    @pytest.mark.parametrize("data", [b"<html>", b""], ids=["a page", "nothing"])
    def test_refuses_what_is_no_picture_and_leaves_it(self, data, tmp_path):
        part = tmp_path / ".job_1.part"
        part.write_bytes(data)
        with pytest.raises(MediaError):
            place(part)
        assert list(tmp_path.iterdir()) == [part]

    def test_a_piece_of_a_picture_is_none(self, tmp_path):
        part = tmp_path / ".job_1.part"
        part.write_bytes(encoded("PNG")[:60])
        with pytest.raises(MediaError):
            PICTURE.probe(part)


def test_the_tensor_is_the_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    tensor = picture_tensor(path)
    assert tuple(tensor.shape) == (1, 16, 32, 3)
    assert str(tensor.dtype) == "torch.float32"
    assert np.array_equal((tensor[0] * 255).round().byte().numpy(), np.asarray(Image.open(path)))


def test_the_tensor_is_upright(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 16)).save(path, exif=exif)
    assert tuple(picture_tensor(path).shape) == (1, 32, 16, 3)


def test_a_grey_picture_of_16_bits_keeps_them(tmp_path):
    values = np.linspace(0, 65535, 32 * 16).astype(np.uint16).reshape(16, 32)
    Image.fromarray(values).save(tmp_path / "a.png")
    tensor = picture_tensor(tmp_path / "a.png")
    assert tuple(tensor.shape) == (1, 16, 32, 3)
    assert np.abs(tensor[0].numpy() - (values / 65535)[..., None]).max() < 1e-6


def test_a_picture_beyond_the_budget_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    need = 32 * 16 * 3 * 5
    assert picture_tensor(path, byte_budget=need).shape == (1, 16, 32, 3)
    with pytest.raises(MediaError, match=r"a\.png has 32x16 pixels and needs"):
        picture_tensor(path, byte_budget=need - 1)


def test_pictures_of_one_size_are_a_batch_in_their_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, shade, size in zip(paths, (0, 255, 51), ((32, 16), (16, 32), (32, 16)), strict=True):
        Image.new("RGB", size, (shade,) * 3).save(path)
    batch = pictures_tensor(paths)
    assert batch.shape == (2, 16, 32, 3)
    assert batch.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0, 0.2])
