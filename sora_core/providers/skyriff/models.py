"""The model names of the skyriff protocol as facts: which one makes what is asked for, what contradicts it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...errors import Unsupported
from ...requests.kinds import VideoRequest


@dataclass(frozen=True)
class Facts:
    """What a name says. ``minutes`` is the longest wait that the document names."""

    orientation: str
    seconds: int
    quality: str = "standard"
    minutes: int = 5

    @property
    def is_pro(self) -> bool:
        return self.minutes > 5

    def __str__(self) -> str:
        return f"{self.orientation} video of {self.seconds} seconds in {self.quality} quality"


MODELS = {
    "sora2-landscape": Facts("landscape", 10),
    "sora2-portrait": Facts("portrait", 10),
    "sora2-landscape-15s": Facts("landscape", 15),
    "sora2-portrait-15s": Facts("portrait", 15),
    "sora2-pro-landscape-25s": Facts("landscape", 25, minutes=30),
    "sora2-pro-portrait-25s": Facts("portrait", 25, minutes=30),
    "sora2-pro-landscape-hd-15s": Facts("landscape", 15, "hd", minutes=30),
    "sora2-pro-portrait-hd-15s": Facts("portrait", 15, "hd", minutes=30),
}
CHAT_MODELS = tuple(name for name, facts in MODELS.items() if not facts.is_pro)
SIZES = {"landscape": "1280x720", "portrait": "720x1280"}


def chosen(request: VideoRequest, among: Iterable[str]) -> str:
    """The model of these that makes what the request says. Raises Unsupported, naming the lengths there are."""
    orientation = _orientation(request)
    wanted = Facts(orientation, request.seconds or (15 if request.quality == "hd" else 10), request.quality)
    known = {name: replace(MODELS[name], minutes=wanted.minutes) for name in among}
    for name, facts in known.items():
        if facts == wanted:
            return name
    lengths = {facts.seconds for facts in known.values() if facts.quality == request.quality}
    raise Unsupported(
        "skyriff.no_model_makes_quality_there",
        wanted=wanted,
        quality=request.quality,
        str=", ".join(map(str, sorted(lengths))) or "no",
    )


def settled(request: VideoRequest, model: str) -> VideoRequest:
    """The request with the facts of the model. Raises Unsupported for a wish that contradicts them.

    Landscape and standard are also what is set when nothing is wished for, so they contradict nothing.
    """
    facts, size = MODELS[model], SIZES[MODELS[model].orientation]
    wishes = (
        ("seconds", request.seconds or facts.seconds, facts.seconds),
        ("orientation", request.orientation, facts.orientation if request.orientation != "landscape" else "landscape"),
        ("quality", request.quality, facts.quality if request.quality != "standard" else "standard"),
        ("size", request.size or size, size),
    )
    for name, wanted, given in wishes:
        if wanted != given:
            raise Unsupported(
                "skyriff.model_makes_contradicts_leave_model", model=model, facts=facts, name=name, wanted=wanted
            )
    return replace(
        request,
        model=model,
        seconds=facts.seconds,
        orientation=facts.orientation,
        quality=facts.quality,
        size=request.size or ("" if facts.is_pro else size),  # the document names no size of the pro models
    )


def _orientation(request: VideoRequest) -> str:
    """A size says more than landscape, which is also the default."""
    if request.size and request.orientation == "landscape":
        return next(orientation for orientation, size in SIZES.items() if size == request.size)
    return request.orientation
