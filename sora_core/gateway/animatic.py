"""What an animatic is, apart from how it is drawn: a frozen request and its timeline. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

MAX_SHOTS = 100

_SHOT = re.compile(
    r"^[ \t]*Shot[ \t]+\d+[ \t]*:[ \t]*\r?\n"
    r"[ \t]*duration:[ \t]*(?P<seconds>\d+(?:\.\d+)?)[ \t]*s(?:ec(?:onds?)?)?[ \t]*\r?\n"
    r"[ \t]*Scene:[ \t]*(?P<text>.*?)"
    r"(?=^[ \t]*Shot[ \t]+\d+[ \t]*:|^[ \t]*instructions:|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_LABELS = re.compile(r"^[ \t]*(?:current timeline|instructions):[ \t]*$", re.IGNORECASE | re.MULTILINE)


class Segment(NamedTuple):
    """One segment as it was asked for; ``image`` is an encoded picture of its own."""

    text: str
    seconds: float
    image: bytes | None = None


class Scene(NamedTuple):
    """One segment as it is shown: ``[start, end)`` in seconds and ``[first, stop)`` in frames."""

    number: int
    text: str
    start: float
    end: float
    first: int
    stop: int


@dataclass(frozen=True)
class Animatic:
    """One clip to draw. ``shots`` are stretched to fill ``seconds``; without shots the prompt is the only one.

    ``common`` is what is asked for in all shots, ``width`` and ``height`` are even pixels, ``image`` is an encoded
    picture, ``label`` a note such as "Remix of video_1". Equal animatics give equal files.
    """

    prompt: str
    seconds: float
    width: int
    height: int
    fps: int = 24
    shots: tuple[Segment, ...] = ()
    common: str = ""
    image: bytes | None = field(default=None, repr=False)
    style: str = ""
    seed: int = 0
    label: str = ""
    negative_prompt: str = ""

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or self.width < 2 or self.height < 2:
            raise ValueError(f"an animatic has even sides, not {self.width}x{self.height}")
        if self.frame_count < 1:
            raise ValueError(f"an animatic has at least one frame, {self.seconds} s at {self.fps} fps has none")
        if any(shot.seconds <= 0 for shot in self.shots):
            raise ValueError("every shot of an animatic takes some time")

    @property
    def frame_count(self) -> int:
        return round(self.seconds * self.fps)

    @cached_property
    def digest(self) -> str:
        """Names the content: equal for equal animatics, whatever process draws them."""
        facts = {
            "prompt": self.prompt,
            "seconds": float(self.seconds),
            "size": [self.width, self.height],
            "fps": self.fps,
            "shots": [[shot.text, float(shot.seconds), _hash(shot.image)] for shot in self.shots],
            "common": self.common,
            "image": _hash(self.image),
            "style": self.style,
            "seed": self.seed,
            "label": self.label,
            "negative_prompt": self.negative_prompt,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode("ascii")).hexdigest()

    @cached_property
    def scenes(self) -> tuple[Scene, ...]:
        """The timeline without gaps. A shot too short for a frame of its own is not shown."""
        shots = self.shots or (Segment(self.prompt, self.seconds),)
        stretch = self.seconds / sum(shot.seconds for shot in shots)
        scenes, start, first = [], 0.0, 0
        for number, shot in enumerate(shots, 1):
            last = number == len(shots)
            end = float(self.seconds) if last else start + shot.seconds * stretch
            stop = self.frame_count if last else min(round(end * self.fps), self.frame_count)
            if stop > first:
                scenes.append(Scene(number, shot.text, start, end, first, stop))
            start, first = end, stop
        return tuple(scenes)

    def image_of(self, scene: Scene) -> bytes | None:
        """The shot's own picture, else that of the clip."""
        own = self.shots[scene.number - 1].image if self.shots else None
        return self.image if own is None else own

    @property
    def shot_count(self) -> int:
        return max(len(self.shots), 1)


def shots_of_prompt(prompt: str) -> tuple[Segment, ...]:
    """The shots of a storyboard written as text; empty if the prompt is not one.

    ``Shot 1:\\nduration: 5sec\\nScene: text`` repeated, with or without ``current timeline:`` before and
    ``instructions:`` after.
    """
    found = [Segment(match["text"].strip(), float(match["seconds"])) for match in _SHOT.finditer(prompt)]
    return tuple(shot for shot in found if shot.seconds > 0)


def common_of_prompt(prompt: str) -> str:
    """What a storyboard written as text says of all its shots."""
    return _LABELS.sub("", _SHOT.sub("", prompt)).strip()


def _hash(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
