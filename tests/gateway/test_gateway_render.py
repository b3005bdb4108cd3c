"""Movies are drawn and then decoded; what is asserted is what a viewer sees and hears."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, features

from sora_core.gateway.animatic import Animatic, Segment
from sora_core.gateway.render import fonts, movie
from sora_core.gateway.render import frames as render_frames
from sora_core.gateway.render.card import Layout, _notes, common_lines, draw_card
from sora_core.gateway.render.fonts import Typeface
from sora_core.gateway.render.frames import Painter
from sora_core.gateway.render.palette import SHOT_TINTS, background, palette_of
from sora_core.gateway.render.picture import load
from sora_core.gateway.render.planes import Planes, yuv_of
from sora_core.gateway.render.text import Ink, clean

SHOTS = Animatic("x", 2, 320, 180, shots=(Segment("a red fox", 0.8), Segment("a grey wolf", 1.2)))


def draw(animatic: Animatic, folder: Path, name: str = "movie.mp4") -> Path:
    path = folder / name
    movie.render(animatic, path)
    return path


def frames_of(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def sound_of(path: Path) -> tuple[Any, int]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
        return samples, stream.rate


def card_of(animatic: Animatic, scene: int = 0) -> Any:
    layout = Layout(animatic.width, animatic.height, over_image=animatic.image is not None)
    layout = replace(layout, common_lines=len(common_lines(animatic, layout)))
    card = draw_card(animatic, animatic.scenes[scene], layout, palette_of(animatic.style, animatic.seed))
    return np.asarray(card).astype(int)


def encoded(size: tuple[int, int] = (60, 40), mode: str = "RGB", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 200 if mode in ("L", "P") else (10, 200, 30, 255)[: len(mode)]).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("width", "height", "seconds", "fps"),
    [(320, 180, 2, 24), (180, 320, 1, 30), (64, 64, 1, 24), (64, 2048, 0.5, 24), (2048, 64, 0.5, 24), (98, 66, 3, 24)],
)
def test_a_movie_has_the_size_rate_and_exact_length(
    tmp_path: Path, width: int, height: int, seconds: float, fps: int
) -> None:
    path = draw(Animatic("a fox in the snow", seconds, width, height, fps=fps), tmp_path)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", width, height)
        assert video.average_rate == fps
        assert video.frames == sum(1 for _ in container.decode(video)) == round(seconds * fps)
        assert video.duration * video.time_base == Fraction(round(seconds * fps), fps)
        assert (audio.codec_context.name, audio.rate, audio.layout.name) == ("aac", 48_000, "stereo")
        assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=1024 / 48_000)


def test_a_movie_starts_with_its_index(tmp_path: Path) -> None:
    data = draw(SHOTS, tmp_path).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_movie_says_that_its_colours_are_bt709_in_limited_range(tmp_path: Path) -> None:
    with av.open(str(draw(SHOTS, tmp_path))) as container:
        context = container.streams.video[0].codec_context
        next(container.decode(video=0))
        described = (context.pix_fmt, context.color_range, context.colorspace)
        assert (*described, context.color_primaries, context.color_trc) == ("yuv420p", 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("color", "yuv"),
    [  # ITU-R BT.709 in 8 bits
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_colours_are_converted_with_bt709(color: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    assert yuv_of(color) == yuv
    planes = Planes.of(Image.new("RGB", (320, 300), color))
    for plane, value in zip((planes.y, planes.u, planes.v), yuv, strict=True):
        assert plane.getextrema() == (value, value)


def test_a_reference_image_keeps_its_colour(tmp_path: Path) -> None:
    path = draw(Animatic("x", 0.5, 320, 180, image=encoded((320, 180))), tmp_path)
    with av.open(str(path)) as container:
        planes = next(container.decode(video=0)).to_ndarray()
    assert abs(int(planes[70, 160]) - yuv_of((10, 200, 30))[0]) <= 3


def test_equal_animatics_give_equal_files(tmp_path: Path) -> None:
    animatic = replace(SHOTS, image=encoded(), style="noir", seed=3)
    hashes = {hashlib.sha256(draw(animatic, tmp_path, f"{n}.mp4").read_bytes()).hexdigest() for n in range(2)}
    assert len(hashes) == 1


def test_every_cut_clicks_and_the_rest_is_quiet(tmp_path: Path) -> None:
    samples, rate = sound_of(draw(SHOTS, tmp_path))

    def loudness(start: float, stop: float) -> float:
        return float(np.sqrt(np.mean(samples[:, round(start * rate) : round(stop * rate)] ** 2)))

    cut = SHOTS.scenes[1].first / SHOTS.fps
    for click in (0.0, cut):
        assert loudness(click, click + 0.05) > 0.05
    for begin, end in ((0.2, cut - 0.05), (cut + 0.2, 1.95)):
        assert loudness(begin, end) < 0.001


def test_the_click_is_a_tone_of_about_1_khz(tmp_path: Path) -> None:
    samples, rate = sound_of(draw(SHOTS, tmp_path))
    spectrum = np.abs(np.fft.rfft(samples[0, : rate // 10]))
    assert np.argmax(spectrum) * 10 == pytest.approx(1000, abs=60)


def test_the_picture_changes_at_a_cut_and_only_the_clock_moves_within_a_shot(tmp_path: Path) -> None:
    frames = frames_of(draw(SHOTS, tmp_path))
    cut = SHOTS.scenes[1].first
    text = slice(40, 140)  # rows above the progress bar
    within = np.abs(frames[cut - 1][text] - frames[cut - 8][text]).max()
    across = np.abs(frames[cut][text] - frames[cut - 1][text]).max()
    assert within < 40 < 120 < across
    assert np.abs(frames[cut - 1][150:] - frames[cut - 8][150:]).max() > 80


def test_shots_are_told_apart_by_their_tint_and_a_cut_by_a_frame_around_it(tmp_path: Path) -> None:
    shots = tuple(Segment("the same words", 0.5) for _ in range(SHOT_TINTS + 1))
    animatic = Animatic("x", len(shots) / 2, 320, 180, shots=shots)
    frames = frames_of(draw(animatic, tmp_path))
    tints = [frames[scene.stop - 1][60:80, 4:12].mean(axis=(0, 1)) for scene in animatic.scenes]
    for before, after in pairwise(tints):
        assert np.abs(before - after).max() > 12, tints
    assert np.abs(tints[0] - tints[SHOT_TINTS]).max() < 4
    for number, scene in enumerate(animatic.scenes):
        begins, goes_on = frames[scene.first], frames[scene.stop - 1]
        framed = [np.abs(begins[row, 100:200] - goes_on[row, 100:200]).mean() > 60 for row in (0, -1)]
        assert framed == [number > 0] * 2, scene


def test_the_prompt_of_the_whole_storyboard_is_on_every_card() -> None:
    plain = Animatic("x", 2, 640, 360, shots=SHOTS.shots)
    common = replace(plain, common="grain, winter light")
    for scene in (0, 1):
        rows = np.abs(card_of(common, scene) - card_of(plain, scene)).max(axis=(1, 2))
        assert rows[50:100].max() > 100
    assert card_of(replace(common, width=64, height=64))[..., 3].max() == 255  # too small a frame for it


@pytest.mark.parametrize("image", [None, encoded((640, 480))], ids=["without a picture", "with one"])
@pytest.mark.parametrize(
    ("words", "turned"),
    [("camera pans left", "camera pans right"), ("tilt up", "tilt down"), ("zoom in", "zoom out"), ("推近", "拉远")],
)
def test_the_picture_moves_with_the_words_and_back_with_the_opposite(
    tmp_path: Path, image: bytes | None, words: str, turned: str
) -> None:
    """Seen where no text is: what the one begins with, the other ends with."""
    image = image and _checks()
    there, back = (
        frames_of(draw(Animatic(text, 1, 320, 180, image=image), tmp_path, f"{number}.mp4"))
        for number, text in enumerate((words, turned))
    )
    free = (slice(28, 60), slice(150, 310))  # neither header nor text
    way = np.abs(there[0][free] - there[-1][free]).mean()
    assert way > 1.5
    assert np.abs(there[0][free] - back[-1][free]).mean() < way / 2
    assert np.abs(there[-1][free] - back[0][free]).mean() < way / 2


def _checks() -> bytes:
    picture = Image.effect_noise((64, 48), 90).resize((640, 480)).convert("RGB")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_every_shot_shows_its_own_picture(tmp_path: Path) -> None:
    red, green = (io.BytesIO(), io.BytesIO())
    Image.new("RGB", (320, 180), (200, 20, 20)).save(red, "PNG")
    Image.new("RGB", (320, 180), (20, 200, 20)).save(green, "PNG")
    shots = (Segment("a", 1, red.getvalue()), Segment("b", 1))
    animatic = Animatic("x", 2, 320, 180, shots=shots, image=green.getvalue())
    frames = frames_of(draw(animatic, tmp_path))
    first, second = (frames[index][70:85, 20:200].mean(axis=(0, 1)) for index in (12, 40))
    assert first[0] > first[1] + 60
    assert second[1] > second[0] + 60


def test_shots_of_one_tint_share_one_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred shots took minutes on a busy machine when each drew its own."""
    drawn = []

    def counted(palette: Any, width: int, height: int) -> Image.Image:
        drawn.append(palette)
        return background(palette, width, height)

    monkeypatch.setattr(render_frames, "background", counted)
    shots = tuple(Segment("a fox", 1) for _ in range(100))
    assert list(Painter(Animatic("x", 2, 320, 180, shots=shots)).frames())
    assert len(drawn) == SHOT_TINTS


def test_the_progress_bar_runs_from_left_to_right(tmp_path: Path) -> None:
    layout = Layout(320, 180)
    left, top, right, bottom = layout.bar
    row = (top + bottom) // 2
    frames = frames_of(draw(replace(SHOTS, shots=()), tmp_path))
    end = [frame[row, right - 6] for frame in frames]
    middle = [frame[row, (left + right) // 2] for frame in frames]
    assert np.abs(end[0] - end[40]).max() < 20 < np.abs(end[0] - end[-1]).max()
    assert np.abs(middle[0] - middle[20]).max() < 20 < np.abs(middle[0] - middle[30]).max()


def test_a_reference_image_moves_slowly(tmp_path: Path) -> None:
    image = Image.effect_noise((400, 300), 90).resize((1600, 1200))
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG")
    frames = frames_of(draw(Animatic("x", 2, 320, 180, image=file.getvalue()), tmp_path))
    middle = slice(50, 90)
    step = np.abs(frames[11][middle] - frames[10][middle]).mean()
    way = np.abs(frames[40][middle] - frames[10][middle]).mean()
    assert way > 5
    assert step < way / 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("红色的狐狸在雪地里奔跑", "蓝色的鲸鱼在大海里游泳"),
        ("赤い狐が雪の中を走る", "青い鯨が海を泳ぐ夜だ"),
        ("빨간 여우가 눈 속을 달린다", "파란 고래가 바다를 헤엄친다"),
        ("a red fox in the snow", "a big cat on the roof"),
    ],
)
def test_two_prompts_of_a_language_look_different(one: str, other: str) -> None:
    if Typeface(language="zh").source_of(one[0]) is None:
        pytest.skip("no font on this machine has these glyphs")
    first, second = (card_of(Animatic(text, 1, 640, 360)) for text in (one, other))
    assert (np.abs(first - second).max(axis=2) > 100).sum() > 500


@pytest.mark.parametrize(
    "change", [{"style": "noir"}, {"style": "a style of my own"}, {"seed": 1}, {"style": "anime", "seed": 2}]
)
def test_style_and_seed_show(tmp_path: Path, change: dict[str, Any]) -> None:
    plain = frames_of(draw(replace(SHOTS, seconds=0.1, shots=()), tmp_path, "a.mp4"))[0]
    other = frames_of(draw(replace(SHOTS, seconds=0.1, shots=(), **change), tmp_path, "b.mp4"))[0]
    assert np.abs(plain - other).mean() > 4


@pytest.mark.parametrize("change", [{"label": "Remix of video_1"}, {"negative_prompt": "blur"}, {"style": "noir"}])
def test_notes_are_on_the_card(change: dict[str, Any]) -> None:
    plain = Animatic("x", 1, 640, 360)
    assert (card_of(plain) != card_of(replace(plain, **change))).any()


ODD_TEXTS = {
    "nothing": "",
    "blank": " \n\t ",
    "emoji": "👩‍🚀🦊 flies 🏳️‍🌈",
    "right to left": "שועל אדום רץ בשלג ثعلب أحمر",
    "controls": "a\x00b\x07c\x1b[0m\u202eevil\u2066",
    "lone surrogates": "\ud800 half \udfff",
    "private use": "\U000f1234\ue000\uffff\U0010fffe",
    "combining": "e\u0301" + "\u0301" * 500,
    "newlines": "line\n" * 400,
    "one long word": "x" * 30_000,
    "a long prompt": "word after word " * 2000,
    "a long Chinese prompt": "很长的提示词，没有空格。" * 2500,
    "spaces only inside": "a" + " " * 5000 + "b",
    "indic": "लोमड़ी สุนัขจิ้งจอก",
}


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
@pytest.mark.parametrize("size", [(640, 360), (64, 64)])
def test_no_text_is_too_odd_to_draw(text: str, size: tuple[int, int]) -> None:
    animatic = Animatic(text, 1, *size, style=text, label=text, negative_prompt=text)
    assert card_of(animatic)[..., 3].max() == 255


def test_an_odd_text_makes_it_into_a_movie(tmp_path: Path) -> None:
    path = draw(Animatic("\ud800😀\x00" + "字" * 30_000, 0.2, 128, 72), tmp_path)
    assert len(frames_of(path)) == 5


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [("a\r\nb\rc", "a\nb\nc"), ("a\x00\u200b\ufe0fb", "ab"), ("\ud83d", "\ufffd"), ("a\n\n\n\n\nb", "a\n\nb")],
)
def test_text_is_cleaned(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@pytest.mark.parametrize(
    "text", ["a short one", "a text of some more words than that, so that it takes lines", "中文每个字都可以换行" * 4]
)
def test_text_is_as_large_as_fits_and_inside_its_box(text: str) -> None:
    ink = Ink(text)
    block = ink.fit(text, 400, 120, range(8, 61))
    assert not block.truncated
    assert "".join(block.lines).replace(" ", "") == text.replace(" ", "")
    assert block.height_px <= 120
    assert all(ink.width(line, block.size_px) <= 402 for line in block.lines)
    larger = ink.fit(text, 400, 120, range(block.size_px + 1, block.size_px + 2))
    assert larger.truncated or block.size_px == 60


def test_words_stay_whole_and_ideographs_do_not_lose_their_full_stop() -> None:
    ink = Ink()
    assert all(
        set(line.split()) <= {"alpha", "beta"} for line in ink.fit("alpha beta " * 9, 150, 400, range(20, 21)).lines
    )
    lines = Ink("一").fit("一二三。" * 8, 130, 900, range(20, 21)).lines
    assert len(lines) > 2
    assert not any(line.startswith("。") for line in lines)


def test_text_that_never_fits_ends_in_an_ellipsis() -> None:
    ink = Ink()
    block = ink.fit("word " * 900, 200, 60, range(10, 21))
    assert (block.truncated, block.size_px, block.lines[-1][-1]) == (True, 10, "…")
    assert block.height_px <= 60
    assert ink.width(block.lines[-1], 10) <= 200


def test_a_glyph_that_no_font_has_is_a_box() -> None:
    picture = Image.new("L", (60, 60))
    Ink().draw(ImageDraw.Draw(picture), (10, 30), "\U000f1234", 40, 255)
    assert np.asarray(picture)[:, 10:50].max() == 255
    assert np.asarray(picture)[25:35, 20:30].max() == 0


def test_what_no_font_has_is_named_on_the_card() -> None:
    face = Typeface(sources=[None])  # Pillow's own has Latin only
    assert Ink(face=face).missing("fox लोमड़ी สุนัข 🦊 \ue000") == {"Devanagari", "Thai", "emoji and symbols", "U+E000"}
    assert Ink(face=face).missing("fox") == set()
    known, unknown = Animatic("a fox", 1, 640, 360), Animatic("a fox \ue000", 1, 640, 360)
    words = "No font on this machine has: U+E000"
    assert _notes(known, set()) == []
    assert _notes(unknown, Ink(unknown.prompt).missing(unknown.prompt)) == [words]
    assert (card_of(known) != card_of(unknown)).any()


FILES = {
    "NotoSansDevanagari[wdth,wght].ttf": "notosansdevanagari-regular.ttf",
    "NotoSansThai-VF.ttf": "notosansthai-regular.ttf",
    "NotoEmoji-VariableFont_wght.ttf": "notoemoji-regular.ttf",
    "NotoColorEmoji.ttf": "notocoloremoji.ttf",
    "Lohit-Devanagari.ttf": "lohit-devanagari.ttf",
}


def test_fonts_are_found_under_the_names_that_distributions_give_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*FILES, "Unknown[wght].ttf"):
        (tmp_path / name).touch()
    monkeypatch.setattr(fonts, "_folders", lambda: [tmp_path])
    found = fonts._installed.__wrapped__()
    assert {path.name: plain for plain, path in found.items()} == FILES


def test_emoji_that_are_bitmaps_are_drawn_in_the_size_of_the_text() -> None:
    place = fonts._installed().get("notocoloremoji.ttf")
    if place is None:
        pytest.skip("no font of colour bitmaps on this machine")
    ink = Ink(face=Typeface(sources=[None, (place, 0)]))
    assert ink.missing("a fox 🦊") == set()
    assert 30 < ink.width("🦊", 40) < 60
    assert ink.width("🦊 🦊", 40) < 140
    picture = Image.new("L", (120, 60))
    ink.draw(ImageDraw.Draw(picture), (10, 30), "🦊", 40, 255)
    rows, columns = np.nonzero(np.asarray(picture) > 60)
    assert rows.max() - rows.min() < 50
    assert columns.min() >= 8
    assert len(rows) > 400


@pytest.mark.skipif(not features.check_feature("raqm"), reason="nothing here shapes text")
def test_joined_emoji_are_one_picture_and_black_ones_are_seen() -> None:
    place = fonts._installed().get("notocoloremoji.ttf")
    if place is None:
        pytest.skip("no font of colour bitmaps on this machine")
    ink = Ink(face=Typeface(sources=[None, (place, 0)]))
    assert clean("👩‍🚀 a\u200d") == "👩‍🚀 a\u200d"
    assert ink.width("👩‍🚀", 40) < 60 < ink.width("👩🚀", 40)
    picture = Image.new("L", (60, 60))
    ink.draw(ImageDraw.Draw(picture), (5, 30), "🖤", 40, 255)
    assert (np.asarray(picture) > 60).sum() > 400


def test_a_joiner_is_never_a_box() -> None:
    ink = Ink(face=Typeface(sources=[None]))
    assert ink.width("a\u200db", 40) == pytest.approx(ink.width("ab", 40), abs=1)
    assert ink.missing("\u200dab\u200c") == set()


def test_a_machine_without_fonts_still_writes_latin() -> None:
    ink = Ink(face=Typeface(sources=[None]))
    dash = Image.new("L", (60, 60))
    ink.draw(ImageDraw.Draw(dash), (10, 30), "–", 40, 255)
    assert np.asarray(dash)[:25].max() == 0 < np.asarray(dash)[25:].max()
    picture = Image.new("L", (200, 60))
    ink.draw(ImageDraw.Draw(picture), (10, 30), "fox", 40, 255)
    assert np.asarray(picture)[:, 10:60].max() == 255


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "PNG"), ("RGBA", "PNG"), ("L", "PNG"), ("P", "GIF"), ("RGB", "JPEG"), ("RGB", "WEBP")]
)
@pytest.mark.parametrize("size", [(60, 40), (1, 1), (900, 10), (10, 900)])
def test_any_picture_becomes_a_backdrop(tmp_path: Path, mode: str, kind: str, size: tuple[int, int]) -> None:
    animatic = Animatic("x", 0.1, 64, 64, image=encoded(size, mode, kind))
    assert len(frames_of(draw(animatic, tmp_path))) == 2


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", encoded()[:60], encoded(kind="JPEG")[:300], b"<svg xmlns='x'/>"]
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be decoded"):
        load(data)


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="pixels"):
        load(encoded((9000, 8000), "L"))


def test_a_photo_is_shown_upright() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (40, 20)).save(file, "JPEG", exif=exif)
    assert load(file.getvalue()).size == (20, 40)


def test_a_render_that_nobody_wants_stops(tmp_path: Path) -> None:
    asked = iter([False, False, True])
    with pytest.raises(movie.Stopped):
        movie.render(replace(SHOTS, seconds=60), tmp_path / "x.mp4", stopped=lambda: next(asked))
