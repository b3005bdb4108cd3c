"""The protocol's facts as data (chapter 9 of its document): models, lengths, sizes, styles. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...errors import Unsupported
from ...requests.kinds import PictureRequest, PromptRequest, RemixRequest, Request, VideoRequest

ORIENTATIONS = ("landscape", "portrait")
FRAMES = {10: 300, 15: 450, 25: 750}  # seconds -> n_frames
STYLES = ("festive", "kakalaka", "news", "selfie", "handheld", "golden", "anime", "retro", "nostalgic", "comic")
EXPANSIONS = {"short": 10, "medium": 15, "long": 20}  # level -> the length that its model name has
EXPANSION_SECONDS = (10, 15, 20)
PICTURES = {"gpt-image": (360, 360), "gpt-image-landscape": (540, 360), "gpt-image-portrait": (360, 540)}
PICTURE_SIZES = {  # orientation -> size in pixels
    "square": "360x360",
    "landscape": "540x360",
    "portrait": "360x540",
}
DEFAULT_SECONDS = 10


@dataclass(frozen=True)
class Clip:
    """What the name of a video model says, and how the wire says it."""

    model: str  # sy_8 or sy_ore
    size: str  # small or large
    orientation: str
    seconds: int

    @property
    def quality(self) -> str:
        return "hd" if self.size == "large" else "standard"

    def __str__(self) -> str:
        return f"{self.orientation} video of {self.seconds} seconds in {self.quality} quality"


_FAMILIES = (("sora2", "sy_8", "small"), ("sora2pro", "sy_ore", "small"), ("sora2pro-hd", "sy_ore", "large"))
CLIPS = {
    f"{family}-{orientation}-{seconds}s": Clip(model, size, orientation, seconds)
    for family, model, size in _FAMILIES
    for seconds in FRAMES
    for orientation in ORIENTATIONS
    if not (size == "large" and seconds == 25)
}
PROMPTS = {f"prompt-enhance-{level}-{seconds}s": (level, seconds) for level, seconds in EXPANSIONS.items()}
MODELS = (*PICTURES, *CLIPS, *PROMPTS)


def settled(request: Request, own: str) -> Request:
    """The request with a model, and its facts. ``own`` is the profile's model. Raises Unsupported.

    Of a remix, orientation and quality stay "" where nobody asked for one: whoever sends it has to say that.
    """
    if isinstance(request, PictureRequest):
        return _picture(request, request.model or (own if own in PICTURES else ""))
    if isinstance(request, PromptRequest):
        return _prompt(request, request.model or (own if own in PROMPTS else ""))
    assert isinstance(request, (VideoRequest, RemixRequest))
    if request.style and request.style not in STYLES:
        raise Unsupported("sora_web.there_no_style_allowed", style=request.style, styles=", ".join(STYLES))
    return _clip(request, request.model or (own if own in CLIPS else ""))


def _clip(request: VideoRequest | RemixRequest, named: str) -> VideoRequest | RemixRequest:
    if named and named not in CLIPS:
        raise Unsupported("sora_web.model_makes_no_videos_those", named=named, clips=", ".join(CLIPS))
    wanted = Wish(request.orientation, request.quality, request.seconds)
    name = named or _fitting(wanted)
    clip = CLIPS[name]
    # landscape and standard are also what is set when nothing is wished for, so they contradict nothing
    wishes = (
        ("seconds", wanted.seconds or clip.seconds, clip.seconds),
        ("orientation", wanted.orientation, clip.orientation if wanted.orientation not in ("", "landscape") else None),
        ("quality", wanted.quality, clip.quality if wanted.quality not in ("", "standard") else None),
    )
    for wish, asked, given in wishes:
        if given is not None and asked != given:
            raise Unsupported(
                "sora_web.model_makes_contradicts_leave_model", model=name, facts=clip, name=wish, wanted=asked
            )
    as_source = isinstance(request, RemixRequest) and not named
    return replace(
        request,
        model=name,
        seconds=clip.seconds,
        orientation="" if as_source and not wanted.orientation else clip.orientation,
        quality="" if as_source and not wanted.quality else clip.quality,
    )


@dataclass(frozen=True)
class Wish:
    """What was asked for; "" and 0 where nothing was."""

    orientation: str
    quality: str
    seconds: int


def _fitting(wish: Wish) -> str:
    """The model that makes what was asked for. Raises Unsupported."""
    quality, orientation = wish.quality or "standard", wish.orientation or "landscape"
    seconds = wish.seconds or DEFAULT_SECONDS
    name = f"{'sora2pro-hd' if quality == 'hd' else 'sora2'}-{orientation}-{seconds}s"
    if name not in CLIPS:
        fitting = sorted({clip.seconds for clip in CLIPS.values() if clip.quality == quality})
        raise Unsupported(
            "sora_web.no_model_makes_video_seconds",
            orientation=orientation,
            seconds=seconds,
            quality=quality,
            str=", ".join(map(str, fitting)),
        )
    return name


def _picture(request: PictureRequest, named: str) -> PictureRequest:
    for wish in ("style", "characters"):
        if getattr(request, wish):
            raise Unsupported("sora_web.picture_has_no_place_here", wish=wish)
    by_size = {f"{width}x{height}": name for name, (width, height) in PICTURES.items()}
    # landscape is also what is set when nothing is wished for, so a name says more
    size = request.size or PICTURE_SIZES[request.orientation]
    name = named if named and not request.size and request.orientation == "landscape" else by_size[size]
    if named and named != name:
        raise Unsupported("sora_web.model_makes_no_picture_leave", named=named, size=size)
    if name not in PICTURES:
        raise Unsupported("sora_web.model_makes_no_pictures_those", name=name, pictures=", ".join(PICTURES))
    width, height = PICTURES[name]
    return replace(request, model=name, size=f"{width}x{height}")


def _prompt(request: PromptRequest, named: str) -> PromptRequest:
    level, seconds = PROMPTS.get(named, (request.expansion, request.seconds or EXPANSIONS[request.expansion]))
    if (request.expansion, request.seconds or seconds) != (level, seconds):
        raise Unsupported("sora_web.model_expands_prompt_seconds_leave", named=named, level=level, seconds=seconds)
    if seconds not in EXPANSION_SECONDS:
        allowed = ", ".join(map(str, EXPANSION_SECONDS))
        raise Unsupported("sora_web.prompt_can_written_seconds_not", allowed=allowed, seconds=seconds)
    return replace(request, seconds=seconds, model=named if named in PROMPTS else "")
