"""What a shot's words say of the camera. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    """``x``, ``y``: where the camera goes, -1 to 1 (left and up are negative); ``zoom``: 1 closer, -1 away."""

    name: str
    x: int = 0
    y: int = 0
    zoom: int = 0


_NEAR = r"(?:\s+\w+){0,3}?\s+"  # a few words of the same clause between the verb and its direction
_SIDES = {"left": -1, "right": 1}
_HEIGHTS = {"up": -1, "upward": -1, "upwards": -1, "down": 1, "downward": 1, "downwards": 1}
_PAN = re.compile(rf"\b(pan|track|truck)(?:s|ning|ing)?\b{_NEAR}(left|right)\b", re.IGNORECASE)
_TILT = re.compile(rf"\b(tilt|crane|pedestal)(?:s|ing)?\b{_NEAR}(up(?:wards?)?|down(?:wards?)?)\b", re.IGNORECASE)
_CLOSER = re.compile(
    r"\b(?:(dolly|dollies|dollying|push|pushes|pushing|zoom|zooms|zooming)\W+(?:slowly\W+|gently\W+)?(?:in|into|forward"
    r"|closer|towards?)|(slow|camera|crash|smooth)\W+(dolly|zoom|push)(?!\W+(?:slowly\W+|gently\W+)?(?:out|back|away)))\b",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"\b(dolly|dollies|dollying|pull|pulls|pulling|zoom|zooms|zooming)\W+(?:slowly\W+|gently\W+)?(?:out|back|away)\b",
    re.IGNORECASE,
)
_ANY_PAN = re.compile(
    r"\b(?:camera|slow|quick|whip|smooth)\W+pan(?:s|ning)?\b|\bpan(?:s|ning)?\W+(?:across|over|along)\b", re.I
)
_CHINESE = (
    (re.compile("(?:向左|左)(?:平移|横移|摇|移动|移)|镜头左移"), Move("左移", x=-1)),
    (re.compile("(?:向右|右)(?:平移|横移|摇|移动|移)|镜头右移"), Move("右移", x=1)),
    (re.compile("(?:向上|上)(?:摇|移|升)|镜头(?:上升|升起)"), Move("上移", y=-1)),
    (re.compile("(?:向下|下)(?:摇|移|降)|镜头(?:下降|降下)"), Move("下移", y=1)),
    (re.compile("推近|推进|推镜|拉近|镜头前推"), Move("推近", zoom=1)),
    (re.compile("拉远|拉镜|后拉|推远"), Move("拉远", zoom=-1)),
)


def move_of(text: str) -> Move | None:
    """The first kind of movement that is found, or None. A frying pan is none."""
    if found := _PAN.search(text):
        verb, side = found[1].lower(), found[2].lower()
        return Move(f"{verb} {side}", x=_SIDES[side])
    if found := _TILT.search(text):
        verb, way = found[1].lower(), found[2].lower()
        return Move(f"{verb} {'up' if _HEIGHTS[way] < 0 else 'down'}", y=_HEIGHTS[way])
    if found := _AWAY.search(text):
        return Move(f"{_stem(found[1])} out", zoom=-1)
    if found := _CLOSER.search(text):
        return Move(f"{_stem(found[1] or found[3])} in", zoom=1)
    if _ANY_PAN.search(text):
        return Move("pan right", x=1)
    return next((move for pattern, move in _CHINESE if pattern.search(text)), None)


def _stem(verb: str) -> str:
    return next(stem for stem in ("dolly", "push", "pull", "zoom") if verb.lower()[:4] == stem[:4])
