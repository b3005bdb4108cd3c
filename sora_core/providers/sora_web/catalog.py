"""The protocol's facts as data (chapter 9 of its document): models, lengths, sizes, styles. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...errors import Unsupported
from ...models import GenerationRequest, Operation

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


def settled(request: GenerationRequest, own: str) -> GenerationRequest:
    """The request with a model, and its facts. ``own`` is the profile's model. Raises Unsupported."""
    fitting: dict[Operation, Iterable[str]] = {Operation.IMAGE: PICTURES, Operation.ENHANCE_PROMPT: PROMPTS}
    named = request.model or (own if own in fitting.get(request.operation, CLIPS) else "")
    if request.operation is Operation.IMAGE:
        return _picture(request, named)
    if request.operation is Operation.ENHANCE_PROMPT:
        return _prompt(request, named)
    if request.style and request.style not in STYLES:
        raise Unsupported(f"There is no style '{request.style}'; allowed: {', '.join(STYLES)}.")
    return _clip(request, named)


def _clip(request: GenerationRequest, named: str) -> GenerationRequest:
    if named and named not in CLIPS:
        raise Unsupported(f"The model {named} makes no videos; those that do: {', '.join(CLIPS)}.")
    seconds = request.seconds or (CLIPS[named].seconds if named else DEFAULT_SECONDS)
    family = "sora2pro-hd" if request.quality == "hd" else "sora2"
    name = named or f"{family}-{request.orientation}-{seconds}s"
    if name not in CLIPS:
        fitting = sorted({clip.seconds for clip in CLIPS.values() if clip.quality == request.quality})
        raise Unsupported(
            f"No model makes a {request.orientation} video of {seconds} seconds in {request.quality} quality; "
            f"in that quality there are {', '.join(map(str, fitting))} seconds, landscape or portrait."
        )
    clip = CLIPS[name]
    # landscape and standard are also what is set when nothing is wished for, so they contradict nothing
    wishes = (
        ("seconds", seconds, clip.seconds),
        ("orientation", request.orientation, clip.orientation if request.orientation != "landscape" else "landscape"),
        ("quality", request.quality, clip.quality if request.quality != "standard" else "standard"),
    )
    for wish, wanted, given in wishes:
        if wanted != given:
            raise Unsupported(
                f"The model {name} makes {clip}; {wish} {wanted} contradicts it. "
                "Leave the model empty, and one that fits is chosen."
            )
    return replace(request, model=name, seconds=clip.seconds, orientation=clip.orientation, quality=clip.quality)


def _picture(request: GenerationRequest, named: str) -> GenerationRequest:
    for wish in ("style", "characters"):
        if getattr(request, wish):
            raise Unsupported(f"A picture has no place for {wish} here; leave it empty.")
    by_size = {f"{width}x{height}": name for name, (width, height) in PICTURES.items()}
    name = by_size[request.size]
    if named and named != name:
        raise Unsupported(f"The model {named} makes no picture of {request.size}; leave the model empty.")
    return replace(request, model=name)


def _prompt(request: GenerationRequest, named: str) -> GenerationRequest:
    level, seconds = PROMPTS.get(named, (request.expansion, request.seconds or EXPANSIONS[request.expansion]))
    if (request.expansion, request.seconds or seconds) != (level, seconds):
        raise Unsupported(f"The model {named} expands a prompt to {level} for {seconds} seconds; leave it empty.")
    if seconds not in EXPANSION_SECONDS:
        allowed = ", ".join(map(str, EXPANSION_SECONDS))
        raise Unsupported(f"A prompt can be written for {allowed} seconds, not for {seconds}.")
    return replace(request, seconds=seconds, model=named if named in PROMPTS else "")
