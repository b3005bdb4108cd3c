"""Images on their way up."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sora_core.errors import InvalidRequest
from sora_core.jobs.fingerprint import fingerprints_of
from sora_core.media.images import FITS, ImageNeeds, Reference, references_from_tensor, upload_from_file, within_limit
from sora_core.media.png import encode_png
from sora_core.models import Operation, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import provider_for
from sora_core.requests.kinds import VideoRequest, facts


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


NEEDS = ImageNeeds(160, 90, 2**20)


def opened(reference: Reference) -> Image.Image:
    return Image.open(io.BytesIO(reference.upload.data))


def colour(*channels: float, width: int = 64, height: int = 64, count: int = 1) -> torch.Tensor:
    return torch.tensor(channels, dtype=torch.float32).expand(count, height, width, len(channels)).clone()


def thirds(width: int, height: int) -> torch.Tensor:
    """Red, green and blue side by side along the longer side."""
    image = torch.zeros(1, height, width, 3)
    along = image if width >= height else image.transpose(1, 2)
    third = along.shape[2] // 3
    for channel in range(3):
        end = None if channel == 2 else (channel + 1) * third
        along[:, :, channel * third : end, channel] = 1
    return image


@pytest.mark.parametrize(
    ("channels", "pixel"),
    [
        ((0.2, 0.4, 0.6), (51, 102, 153)),
        ((0.5,), (128, 128, 128)),
        ((1.0, 0.5, 0.0, 0.5), (128, 64, 0)),
        ((1.0, 1.0, 1.0, 0.0), (0, 0, 0)),
        ((-1.0, 0.5, 7.0), (0, 128, 255)),
        ((float("nan"), float("inf"), float("-inf")), (0, 255, 0)),
        ((1.0, 1.0, 1.0, float("nan")), (0, 0, 0)),
    ],
    ids=["rgb", "grey", "half transparent", "transparent", "out of range", "not numbers", "alpha no number"],
)
def test_a_tensor_goes_up_as_png_of_its_colours_with_alpha_on_black(channels, pixel):
    (reference,) = references_from_tensor(colour(*channels), NEEDS, "crop")
    picture = opened(reference)
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (160, 90))
    assert picture.getpixel((80, 45)) == pytest.approx(pixel, abs=1)
    assert reference.upload.media_type == "image/png"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_will_do(dtype):
    (reference,) = references_from_tensor(colour(0.5, 0.5, 0.5).to(dtype), NEEDS, "crop")
    assert opened(reference).getpixel((0, 0)) == (128, 128, 128)


def test_bytes_are_scaled():
    values = torch.arange(64 * 64 * 3, dtype=torch.int64).remainder(256).to(torch.uint8).reshape(1, 64, 64, 3)
    (reference,) = references_from_tensor(values, ImageNeeds(64, 64, 2**20), "crop")
    assert np.array_equal(np.array(opened(reference)), values[0].numpy())
    (same,) = references_from_tensor(values / 255, ImageNeeds(64, 64, 2**20), "crop")
    assert same.upload.identity == reference.upload.identity


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64, torch.bool])
def test_other_whole_numbers_are_refused_and_never_white(dtype):
    with pytest.raises(InvalidRequest, match=str(dtype).removeprefix("torch.")):
        references_from_tensor(colour(1, 0, 1).to(dtype), NEEDS, "crop")


@pytest.mark.parametrize("limit", [2**20, 3000], ids=["as it is", "too large for it"])
@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_a_grey_picture_of_16_bits_is_scaled(tmp_path, name, limit):
    values = np.linspace(0, 65535, 96 * 64).astype(np.uint16).reshape(64, 96)
    values = values + np.random.default_rng(1).integers(0, 200, values.shape, dtype=np.uint16) * (values < 60000)
    Image.fromarray(values).save(tmp_path / name)
    upload, _ = within_limit(upload_from_file(tmp_path / name), limit)
    assert len(upload.data) <= limit
    with Image.open(io.BytesIO(upload.data)) as sent:
        seen = np.array(sent).astype(float)
    if sent.mode.startswith("I"):
        assert np.array_equal(seen, values)
    else:
        assert np.abs(seen[..., 0] - values / 257).max() < (1 if sent.format == "PNG" else 40)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_picture_without_a_known_white_is_refused(tmp_path, mode):
    Image.new(mode, (64, 48), 300).save(tmp_path / "a.tiff")
    with pytest.raises(InvalidRequest, match="none is known to be white"):
        upload_from_file(tmp_path / "a.tiff")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 1), (1, 5), (67, 49), (1920, 1080)])
def test_pixels_survive_the_way_into_a_png(width, height):
    rng = np.random.default_rng(width)
    smooth = np.add.outer(np.arange(height), np.arange(width))[..., None] + np.arange(3) * 40
    for pixels in (rng.integers(0, 256, (height, width, 3), dtype=np.uint8), (smooth % 256).astype(np.uint8)):
        with Image.open(io.BytesIO(encode_png(pixels))) as picture:
            picture.load()
            assert (picture.format, picture.mode) == ("PNG", "RGB")
            assert np.array_equal(np.array(picture), pixels)


def test_a_png_is_hardly_larger_than_that_of_pillow():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[0:270, 0:480]
        grain = rng.normal(0, 2, (270, 480, 1))
        picture = np.stack([columns / 2, rows * 0.9, 120 + 90 * np.sin(columns / 50)], -1) + grain
        pixels = picture.clip(0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        assert len(encode_png(pixels)) < 1.15 * len(buffer.getvalue())


def test_a_single_picture_without_a_batch_will_do():
    assert len(references_from_tensor(colour(1, 1, 1)[0], NEEDS, "crop")) == 1


def test_every_picture_of_a_batch_goes_up_in_its_order():
    batch = torch.cat([colour(1, 0, 0), colour(0, 1, 0), colour(0, 0, 1)])
    references = references_from_tensor(batch, NEEDS, "stretch")
    assert [opened(each).getpixel((9, 9)) for each in references] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)


@pytest.mark.parametrize(
    ("size", "fit", "left", "middle", "right", "top"),
    [
        ((480, 90), "crop", GREEN, GREEN, GREEN, GREEN),
        ((480, 90), "letterbox", RED, GREEN, BLUE, BLACK),
        ((480, 90), "stretch", RED, GREEN, BLUE, GREEN),
        ((90, 480), "crop", GREEN, GREEN, GREEN, GREEN),
        ((90, 480), "letterbox", BLACK, GREEN, BLACK, RED),
        ((90, 480), "stretch", GREEN, GREEN, GREEN, RED),
        ((160, 90), "crop", RED, GREEN, BLUE, GREEN),
    ],
)
def test_an_image_is_cut_barred_or_stretched_to_the_size(size, fit, left, middle, right, top):
    (reference,) = references_from_tensor(thirds(*size), NEEDS, fit)
    picture = opened(reference)
    assert picture.size == (160, 90)
    places = [(8, 45), (80, 45), (151, 45), (80, 4)]
    assert [picture.getpixel(place) for place in places] == [left, middle, right, top]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(16, 160), (1601, 997), (17, 23), (161, 90)])
def test_whatever_the_shape_the_size_is_the_one_that_is_asked_for(size, fit):
    (reference,) = references_from_tensor(torch.ones(1, size[1], size[0], 3), NEEDS, fit)
    assert opened(reference).size == (160, 90)


def test_equal_pixels_give_equal_bytes():
    noise = torch.rand(1, 200, 300, 3, generator=torch.Generator().manual_seed(1))
    digests = {references_from_tensor(noise.clone(), NEEDS, "crop")[0].upload.sha256 for _ in range(3)}
    assert len(digests) == 1


class TestIdentity:
    """What a request is known by: the picture that the user gave, not the bytes that this library makes of it."""

    NOISE = torch.rand((1, 64, 96, 3), generator=torch.Generator().manual_seed(7))

    def identity(self, images=NOISE, needs=NEEDS, fit="crop"):
        return references_from_tensor(images, needs, fit)[0].upload.identity

    def test_is_that_of_the_pixels_whatever_the_encoding(self):
        small = replace(NEEDS, bytes_limit=20_000)
        sent = [references_from_tensor(self.NOISE, needs, "crop")[0].upload for needs in (NEEDS, small)]
        assert sent[0].media_type != sent[1].media_type
        assert sent[0].identity == sent[1].identity == self.identity((self.NOISE * 255).round() / 255)
        assert sent[0].identity not in (sent[0].sha256, sent[1].sha256)

    def test_is_another_for_other_pixels_another_size_or_another_fit(self):
        changed = self.NOISE.clone()
        changed[0, 0, 0, 0] = 1 - changed[0, 0, 0, 0].round()
        larger = replace(NEEDS, width=NEEDS.width * 2)
        identities = [
            self.identity(),
            self.identity(changed),
            self.identity(needs=larger),
            self.identity(fit="stretch"),
        ]
        assert len(set(identities)) == 4

    def test_knows_no_fit_where_nothing_is_fitted(self):
        exact = replace(NEEDS, width=96, height=64)
        assert len({self.identity(needs=exact, fit=fit) for fit in FITS}) == 1

    def test_of_a_file_is_the_hash_of_the_file(self, tmp_path):
        for name in ("a.png", "a.bmp"):
            Image.new("RGB", (64, 64), (1, 2, 3)).save(tmp_path / name)
            upload = upload_from_file(tmp_path / name)
            assert upload.identity == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()

    def test_is_what_the_fingerprint_is_made_of(self):
        made = [Upload(data, "image/png", "a.png", made_from="abc") for data in (b"one", b"two")]
        requests = [VideoRequest(Operation.IMAGE_TO_VIDEO, "x", images=(each,)) for each in made]
        assert facts(requests[0])["images"] == ["abc"]
        own = provider_for(Profile("own", base_url="https://relay.example"))
        assert len({fingerprints_of(each, own) for each in requests}) == 1


def test_what_is_too_large_as_png_goes_up_as_the_best_jpeg_that_fits_and_says_so():
    noise = torch.rand(1, 180, 320, 3, generator=torch.Generator().manual_seed(2))
    plain = references_from_tensor(noise, ImageNeeds(320, 180, 2**20), "crop")[0]
    assert plain.note == "reference 320x180, PNG 169.2 KiB"
    sizes = []
    for limit in (100_000, 60_000, 40_000):
        (reference,) = references_from_tensor(noise, ImageNeeds(320, 180, limit), "crop")
        assert len(reference.upload.data) <= limit
        assert (reference.upload.media_type, opened(reference).format) == ("image/jpeg", "JPEG")
        assert "JPEG quality" in reference.note
        assert "over the limit" in reference.note
        sizes.append(len(reference.upload.data))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


def test_what_is_too_large_even_as_jpeg_is_refused():
    noise = torch.rand(1, 180, 320, 3, generator=torch.Generator().manual_seed(3))
    with pytest.raises(InvalidRequest, match="even as a coarse JPEG"):
        references_from_tensor(noise, ImageNeeds(320, 180, 2000), "crop")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 15, 400, 3), "400x15 pixels; each side must be at least 16"),
        ((1, 100, 1001, 3), "1001x100 pixels; one side may be at most 10 times the other"),
        ((1, 1001, 100, 3), "at most 10 times"),
        ((1, 16, 16_400, 1), "no side may be longer than 16384"),
        ((0, 64, 64, 3), r"\[0, 64, 64, 3\]"),
        ((1, 64, 64, 2), r"\[1, 64, 64, 2\]"),
        ((64, 64), r"\[64, 64\]"),
    ],
)
def test_what_no_server_could_use_is_refused_naming_its_shape(shape, words):
    with pytest.raises(InvalidRequest, match=words):
        references_from_tensor(torch.zeros(*shape), NEEDS, "crop")


def test_an_unknown_fit_is_refused_naming_the_known_ones():
    with pytest.raises(InvalidRequest, match="crop, letterbox, stretch"):
        references_from_tensor(colour(1, 1, 1), NEEDS, "squeeze")


class TestAFileThatIsTooLarge:
    def noise(self, path: Path, **options: object) -> Path:
        Image.effect_noise((400, 200), 100).convert("RGB").save(path, **options)
        return path

    def test_is_encoded_anew_and_stays_the_same_request(self, tmp_path: Path) -> None:
        upload = upload_from_file(self.noise(tmp_path / "a.png"))
        smaller, note = within_limit(upload, 60_000)
        assert len(smaller.data) <= 60_000 < len(upload.data)
        assert (smaller.media_type, smaller.identity) == ("image/jpeg", upload.identity)
        assert note.startswith("JPEG quality ")
        assert Image.open(io.BytesIO(smaller.data)).size == (400, 200)

    def test_is_sent_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        upload = upload_from_file(self.noise(tmp_path / "a.jpeg", exif=exif, quality=100))
        assert Image.open(io.BytesIO(within_limit(upload, 60_000)[0].data)).size == (200, 400)

    def test_is_left_alone_when_it_is_not(self, tmp_path: Path) -> None:
        upload = upload_from_file(self.noise(tmp_path / "a.png"))
        assert within_limit(upload, len(upload.data)) == (upload, "")

    def test_is_refused_when_nothing_helps(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequest, match="even as a coarse JPEG"):
            within_limit(upload_from_file(self.noise(tmp_path / "a.png")), 1000)
