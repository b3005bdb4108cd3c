"""What a profile cannot do is refused before anything is sent, naming what it can do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sora_core.conformance.asking import request_of
from sora_core.errors import InvalidRequest, Unsupported
from sora_core.models import Capabilities, ClipForm, Field, ImageForm, Operation, Shot, SizeRange, Upload
from sora_core.requests.checks import check_part, picture_size, resolve, with_defaults
from sora_core.requests.kinds import CharacterRequest, Request, VideoRequest

CAN = Capabilities(
    operations=frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD, Operation.REMIX)),
    seconds=(4, 8, 12),
    sizes=("1280x720", "720x1280", "1792x1024"),
    size_for={
        ("landscape", "standard"): "1280x720",
        ("portrait", "standard"): "720x1280",
        ("landscape", "hd"): "1792x1024",
    },
    default_seconds=4,
    models=("sora-2", "sora-2-pro"),
    prompt_limit=2000,
    fields=frozenset((Field.STYLE,)),
    image_limit=1,
    image_bytes_limit=1000,
)
REQUEST = VideoRequest(Operation.TEXT_TO_VIDEO, "a cat")
IMAGE = Upload(b"png", "image/png", "reference.png")


def resolved(
    can: Capabilities = CAN, operation: Operation = Operation.TEXT_TO_VIDEO, prompt: str = "a cat", **facts: object
) -> Request:
    return with_defaults(resolve(request_of(operation, prompt, **facts), can, "relay"), can, "relay")


class TestDefaults:
    def test_are_filled_in(self):
        request = resolved()
        assert (request.seconds, request.size) == (4, "1280x720")

    def test_may_be_left_to_the_server(self):
        assert resolved(replace(CAN, default_seconds=None)).seconds == 0

    @pytest.mark.parametrize(
        ("orientation", "quality", "size"),
        [(*pair, size) for pair, size in CAN.size_for.items()],
    )
    def test_follow_orientation_and_quality(self, orientation, quality, size):
        assert resolved(orientation=orientation, quality=quality).size == size

    def test_give_way_to_what_is_asked_for(self):
        request = resolved(seconds=8, size="1792x1024", model=" sora-2-pro ")
        assert (request.seconds, request.size, request.model) == (8, "1792x1024", "sora-2-pro")

    def test_of_a_storyboard_are_the_length_of_its_shots(self):
        shots = (Shot("a", 5.5), Shot("b", 2.5))
        assert resolved(operation=Operation.STORYBOARD, shots=shots).seconds == 8

    def test_of_a_remix_are_those_of_its_source(self):
        request = resolved(operation=Operation.REMIX, source_id="video_1")
        assert (request.seconds, request.size) == (0, "")

    def test_leave_an_equal_request_equal(self):
        assert resolved(**vars(resolved())) == resolved()

    @pytest.mark.parametrize("size", ["1280X720", " 1280x720 ", "1280×720", "1280*720"])
    def test_take_a_size_however_it_is_written(self, size):
        assert resolved(size=size).size == "1280x720"


REFUSED = {
    "an empty prompt": ({"prompt": ""}, InvalidRequest, "prompt is empty"),
    "a blank prompt": ({"prompt": " \n\t"}, InvalidRequest, "prompt is empty"),
    "a prompt that is too long": ({"prompt": "x" * 2001}, InvalidRequest, "up to 2000"),
    "a length": ({"seconds": 5}, Unsupported, "4, 8, 12 seconds"),
    "a negative length": ({"seconds": -4}, Unsupported, "4, 8, 12 seconds"),
    "a size": ({"size": "640x480"}, Unsupported, "1280x720, 720x1280, 1792x1024"),
    "no size at all": ({"size": "big"}, Unsupported, "1280x720"),
    "an orientation it has no size for": ({"orientation": "square"}, Unsupported, "landscape standard"),
    "an orientation that is none": ({"orientation": "diagonal"}, InvalidRequest, "landscape, portrait, square"),
    "a quality it has no size for": ({"orientation": "portrait", "quality": "hd"}, Unsupported, "portrait standard"),
    "a quality that is none": ({"quality": "8k"}, InvalidRequest, "standard, hd"),
    "a model": ({"model": "veo"}, Unsupported, "sora-2, sora-2-pro"),
    "a field it has no place for": ({"negative_prompt": "rain"}, Unsupported, "style"),
    "characters": ({"characters": ("ana",)}, Unsupported, "characters"),
    "too many images": (
        {"operation": Operation.IMAGE_TO_VIDEO, "images": (IMAGE, IMAGE)},
        Unsupported,
        "1 reference image",
    ),
    "an image that is too large": (
        {"operation": Operation.IMAGE_TO_VIDEO, "images": (Upload(b"x" * 1001, "image/png", "big.png"),)},
        Unsupported,
        "big.png",
    ),
    "an image that is missing": ({"operation": Operation.IMAGE_TO_VIDEO}, InvalidRequest, "needs an image"),
    "a source that is missing": ({"operation": Operation.REMIX}, InvalidRequest, "job it starts from"),
    "shots that add up to nothing it makes": (
        {"operation": Operation.STORYBOARD, "shots": (Shot("a", 5.0),)},
        Unsupported,
        "4, 8, 12 seconds",
    ),
    "shots that are endless": (
        {"operation": Operation.STORYBOARD, "shots": (Shot("a", float("inf")),)},
        Unsupported,
        "4, 8, 12 seconds",
    ),
}


@pytest.mark.parametrize(("changes", "kind", "says"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(changes, kind, says):
    with pytest.raises(kind) as caught:
        resolved(**changes)
    assert says in caught.value.message


def test_an_operation_that_it_cannot_do_is_refused_naming_those_it_can():
    can = replace(CAN, operations=frozenset((Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO)))
    with pytest.raises(Unsupported) as caught:
        resolved(can, operation=Operation.REMIX, source_id="x")
    assert caught.value.message == "Profile 'relay' cannot do remix; it can do image to video, text to video."


def test_a_storyboard_needs_no_prompt_beside_its_shots():
    assert resolved(operation=Operation.STORYBOARD, prompt="", shots=(Shot("a", 4.0),)).seconds == 4


def test_the_limit_of_a_prompt_counts_the_shots_where_they_are_written_into_it():
    board = {"operation": Operation.STORYBOARD, "prompt": "x" * 1500, "shots": (Shot("a" * 450, 4.0),)}
    with pytest.raises(InvalidRequest, match="The prompt with the shots written out has 2014 characters"):
        resolved(**board)
    assert resolved(replace(CAN, fields=frozenset((Field.SHOTS,))), **board).seconds == 4


def test_a_profile_without_a_list_of_models_takes_any():
    assert resolved(replace(CAN, models=()), model="anything").model == "anything"


def test_ranges_are_told_as_ranges():
    can = replace(CAN, seconds=range(1, 61), sizes=SizeRange(64, 2048))
    with pytest.raises(Unsupported, match="whole seconds from 1 to 60"):
        resolved(can, seconds=61)
    with pytest.raises(Unsupported, match="from 64 to 2048"):
        resolved(can, size="8000x8000")


@pytest.mark.parametrize("side", ["１２８０x７２０", "²x²"])
def test_digits_that_no_server_reads_are_no_size(side):
    with pytest.raises(Unsupported):
        resolved(replace(CAN, sizes=SizeRange(1, 2048, 1)), size=side)


def test_every_refusal_names_the_profile():
    for changes, kind, _ in REFUSED.values():
        if kind is Unsupported and "big.png" not in str(changes):
            with pytest.raises(Unsupported, match="'relay'"):
                resolved(**changes)


@pytest.mark.parametrize(
    ("lengths", "total"),
    [((3.3, 3.3, 1.4), 8), ((0.1,) * 40, 4), ((4.0001, 3.9999), 8)],
    ids=["tenths", "many", "fine"],
)
def test_fractions_of_seconds_add_up_as_a_person_adds_them(lengths, total):
    shots = tuple(Shot("a", seconds) for seconds in lengths)
    assert resolved(operation=Operation.STORYBOARD, shots=shots).seconds == total


def test_a_sum_with_a_fraction_is_named_in_full():
    with pytest.raises(Unsupported, match=r"add up to 7\.75 seconds; profile 'relay' makes 4, 8, 12 seconds\."):
        resolved(operation=Operation.STORYBOARD, shots=(Shot("a", 4.0), Shot("b", 3.75)))


def test_shots_and_a_length_must_agree():
    shots = (Shot("a", 4.0), Shot("b", 4.0))
    assert resolved(operation=Operation.STORYBOARD, shots=shots, seconds=8).seconds == 8
    with pytest.raises(InvalidRequest, match="add up to 8 seconds, but the request asks for 12"):
        resolved(operation=Operation.STORYBOARD, shots=shots, seconds=12)


def test_images_that_are_not_encoded_yet_count_as_images():
    request = replace(REQUEST, operation=Operation.IMAGE_TO_VIDEO)
    assert resolve(request, CAN, "relay", images_to_come=1) == request
    with pytest.raises(Unsupported, match=r"takes 1 reference image\(s\), not 2"):
        resolve(request, CAN, "relay", images_to_come=2)
    with pytest.raises(Unsupported, match="takes no image files"):
        resolve(request, replace(CAN, image_forms=frozenset(("url",))), "relay", images_to_come=1)
    both = replace(request, image_urls=("https://a.example/b.png",))
    both_forms = replace(CAN, image_forms=frozenset(ImageForm))
    with pytest.raises(Unsupported, match=r"takes 1 reference image\(s\), not 2"):
        resolve(both, both_forms, "relay", images_to_come=1)
    assert resolve(both, replace(both_forms, image_limit=2), "relay", images_to_come=1) == both


@pytest.mark.parametrize(
    ("size", "orientation", "pixels"),
    [
        ("1792x1024", "landscape", (1792, 1024)),
        ("", "landscape", (1280, 720)),
        ("", "portrait", (720, 1280)),
        ("", "square", (720, 720)),
    ],
)
def test_a_reference_gets_the_size_of_the_video_or_the_shape_of_its_orientation(size, orientation, pixels):
    assert picture_size(replace(REQUEST, size=size, orientation=orientation)) == pixels


@pytest.mark.parametrize(
    ("start", "end", "length", "says"),
    [
        (0, 3, None, ""),
        (1.2, 2.2, 2.2, ""),
        (7, 10, 9.98, ""),  # a clip may be a frame shorter than it is said to be
        (-1, 1, None, "start at 0 or later"),
        (0, 0.9, None, "1 to 3 seconds long"),
        (2, 5.1, None, "goes from 2 to 5.1 s"),
        (3, 1, None, "1 to 3 seconds long"),
        (9, 11, 10.0, "the clip is only 10.00 s long"),
        (float("nan"), 2, None, "1 to 3 seconds long"),
    ],
)
def test_the_part_of_a_clip_that_shows_a_character_is_short_and_inside_of_it(start, end, length, says):
    if not says:
        check_part(start, end, CAN, "relay", length)
        return
    with pytest.raises(InvalidRequest) as caught:
        check_part(start, end, CAN, "relay", length)
    assert says in caught.value.message


PICTURES = replace(CAN, operations=CAN.operations | {Operation.IMAGE, Operation.ENHANCE_PROMPT})


class TestPictures:
    def test_have_the_sizes_of_videos_where_the_profile_says_no_other(self):
        request = resolved(PICTURES, operation=Operation.IMAGE)
        assert request.size == "1280x720"

    def test_have_sizes_of_their_own_where_it_does(self):
        can = replace(PICTURES, picture_sizes=SizeRange(64, 128), picture_size_for={("square", "standard"): "96x96"})
        assert resolved(can, operation=Operation.IMAGE, orientation="square").size == "96x96"
        assert resolved(can, operation=Operation.IMAGE, size="64x128").size == "64x128"
        with pytest.raises(Unsupported, match="cannot make landscape pictures in standard quality; allowed: square"):
            resolved(can, operation=Operation.IMAGE)
        with pytest.raises(Unsupported, match="each side from 64 to 128"):
            resolved(can, operation=Operation.IMAGE, size="1280x720")

    @pytest.mark.parametrize(("limit", "says"), [(0, "from text alone"), (1, "takes 1 reference image")])
    def test_start_from_as_many_pictures_as_the_profile_takes(self, limit, says):
        can = replace(PICTURES, picture_references=limit, image_limit=4)
        resolved(can, operation=Operation.IMAGE, images=(IMAGE,) * limit)
        with pytest.raises(Unsupported, match=says):
            resolved(can, operation=Operation.IMAGE, images=(IMAGE,) * (limit + 1))

    def test_need_a_prompt(self):
        with pytest.raises(InvalidRequest, match="what the picture should show"):
            resolved(PICTURES, operation=Operation.IMAGE, prompt=" ")


class TestBetterPrompts:
    @pytest.mark.parametrize("level", ["short", "medium", "long"])
    def test_have_a_level_and_any_length(self, level):
        request = resolved(PICTURES, operation=Operation.ENHANCE_PROMPT, expansion=level, seconds=7)
        assert (request.expansion, request.seconds) == (level, 7)

    def test_of_another_level_are_refused(self):
        with pytest.raises(InvalidRequest, match="short, medium, long"):
            resolved(PICTURES, operation=Operation.ENHANCE_PROMPT, expansion="")


class TestClips:
    CAN = replace(
        CAN,
        operations=frozenset((Operation.CREATE_CHARACTER,)),
        clip_forms=frozenset((ClipForm.FILE, ClipForm.URL)),
        clip_bytes_limit=2**20,
    )
    CLIP = Upload(b"0" * 2**20, "video/mp4", "clip.mp4")

    def make(self, can: Capabilities = CAN, **source: object) -> Request:
        return resolve(CharacterRequest(**source), can, "relay")

    def test_are_taken_up_to_the_limit(self):
        assert self.make(clip=self.CLIP).clip == self.CLIP
        with pytest.raises(Unsupported, match="takes up to 1 MiB"):
            self.make(clip=replace(self.CLIP, data=self.CLIP.data + b"0"))

    def test_are_refused_where_the_profile_takes_none(self):
        with pytest.raises(
            Unsupported, match=r"cannot make a character from the clip itself \(video\); give its address"
        ):
            self.make(replace(self.CAN, clip_forms=frozenset((ClipForm.URL,))), clip=self.CLIP)
        with pytest.raises(Unsupported, match="cannot make a character from a finished job"):
            self.make(source_id="video_1")

    @pytest.mark.parametrize("address", ["file:///c.mp4", "c.mp4"])
    def test_have_an_address_that_the_server_can_reach(self, address):
        with pytest.raises(InvalidRequest, match="not the address of a clip"):
            self.make(source_url=address)

    @pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 3), (1, 3), (0.3, 1.3), (0.4, 3.4), (1.1, 4.1), (2.2, 3.2)])
    def test_of_one_to_three_seconds_make_a_character(self, start, end):
        check_part(start, end, self.CAN, "relay")

    @pytest.mark.parametrize(
        ("start", "end"), [(0, 0), (0, 0.9), (0, 3.1), (3, 1), (-1, 1), (0, float("nan")), (float("nan"), 2)]
    )
    def test_of_another_length_are_refused_saying_what_is_allowed(self, start, end):
        with pytest.raises(InvalidRequest, match="1 to 3 seconds"):
            check_part(start, end, self.CAN, "relay")

    def test_are_held_to_the_profiles_own_length(self):
        with pytest.raises(InvalidRequest, match="2 to 4 seconds"):
            check_part(0, 1.5, replace(self.CAN, clip_seconds=(2.0, 4.0)), "relay")

    @pytest.mark.parametrize("sources", [{}, {"clip": CLIP, "source_id": "v"}, {"source_url": "u", "source_id": "v"}])
    def test_are_the_one_source_of_a_character(self, sources):
        with pytest.raises(InvalidRequest, match="one clip"):
            self.make(**sources)


def test_a_size_is_refused_in_words_where_a_profile_has_only_shapes():
    can = replace(CAN, sizes=(), size_for={("landscape", "standard"): "", ("portrait", "hd"): ""})
    with pytest.raises(Unsupported) as caught:
        resolved(can, size="1280x720")
    assert "takes no size in pixels" in caught.value.message
    assert "landscape standard, portrait hd" in caught.value.message
