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


# a few words of the same clause between the verb and its direction; "a pan on the left" is a thing
_NEAR = r"(?:\s+(?!on\b|of\b|at\b|with\b|beside\b|is\b)\w+){0,3}?\s+"
_SIDES = {"left": -1, "right": 1}
_HEIGHTS = {"up": -1, "upward": -1, "upwards": -1, "down": 1, "downward": 1, "downwards": 1}
_PAN = re.compile(
    rf"\b(pan|track|truck)(?:s|ning|ing)?\b{_NEAR}(?:(?:left|right)\s+to\s+)?(left|right)\b", re.IGNORECASE
)
_TILT = re.compile(rf"\b(tilt|crane|pedestal)(?:s|ing)?\b{_NEAR}(up(?:wards?)?|down(?:wards?)?)\b", re.IGNORECASE)
_CLOSER = re.compile(
    r"\b(?:(dolly|dollies|dollying|push|pushes|pushing|zoom|zooms|zooming)\W+(?:slowly\W+|gently\W+)?(?:in|into|forward"
    r"|closer|towards?)|(slow|camera|crash|smooth)\W+(dolly|zoom|push)(?!\W+(?:slowly\W+|gently\W+)?(?:out|back(?:wards?)?|away)))\b",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"\b(dolly|dollies|dollying|pull|pulls|pulling|zoom|zooms|zooming)\W+(?:slowly\W+|gently\W+)?(?:out|back(?:wards?)?|away)\b",
    re.IGNORECASE,
)
_CAMERA = re.compile(
    r"\bcamera\s+(?:is\s+)?(?:\w+ly\s+)?(?:moves?|moving|glid(?:es?|ing)|slid(?:es?|ing)|drift(?:s|ing)?|fl(?:y|ies|ying)"
    r"|travel(?:s|l?ing)?|sweep(?:s|ing)?|tracks?)\s+(?:\w+ly\s+)?(?:from\s+(?:left|right)\s+to\s+)?(?:to\s+the\s+)?"
    r"(left|right|up(?:wards?)?|down(?:wards?)?|in|into|forwards?|closer|towards?|out|back(?:wards?)?|away)\b",
    re.IGNORECASE,
)
_RISES = re.compile(
    r"\bcamera\s+(?:\w+ly\s+)?(?:(rises?|rising|ascend(?:s|ing)?|lift(?:s|ing)?)|descend(?:s|ing)?|sink(?:s|ing)?)\b",
    re.IGNORECASE,
)
_ANY_PAN = re.compile(
    r"\b(?:camera|slow|quick|whip|smooth)\W+pan(?:s|ning)?\b|\bpan(?:s|ning)?\W+(?:across|over|along)\b", re.I
)
_CHINESE = (
    (re.compile("左[至到往向]右(?:缓缓|缓慢|慢慢)?(?:平移|横移|横摇|摇|移|扫)"), Move("右移", x=1)),
    (re.compile("右[至到往向]左(?:缓缓|缓慢|慢慢)?(?:平移|横移|横摇|摇|移|扫)"), Move("左移", x=-1)),
    (re.compile("(?:向左|左)(?:平移|横移|摇|移动|移)|镜头左移"), Move("左移", x=-1)),
    (re.compile("(?:向右|右)(?:平移|横移|摇|移动|移)|镜头右移"), Move("右移", x=1)),
    (re.compile("(?:向上|上)(?:摇|移|升)|镜头.{0,4}?(?:上升|升起|升高|抬起|上扬)"), Move("上移", y=-1)),
    (re.compile("(?:向下|下)(?:摇|移|降)|镜头.{0,4}?(?:下降|降下|降低)"), Move("下移", y=1)),
    (re.compile("推近|推进|推镜|推入|推轨|拉近|变焦放大|镜头.{0,4}?(?:前推|向前|前移|靠近)"), Move("推近", zoom=1)),
    (re.compile("拉远|拉镜|后拉|推远|变焦缩小|镜头.{0,4}?(?:后退|向后|后移|拉开|拉出|远离)"), Move("拉远", zoom=-1)),
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
    if found := _CAMERA.search(text):
        return _moved(found[1].lower())
    if found := _RISES.search(text):
        return _moved("up" if found[1] else "down")
    if _ANY_PAN.search(text):
        return Move("pan right", x=1)
    return next((move for pattern, move in _CHINESE if pattern.search(text)), None)


def _stem(verb: str) -> str:
    return next(stem for stem in ("dolly", "push", "pull", "zoom") if verb.lower()[:4] == stem[:4])


def _moved(way: str) -> Move:
    if way in _SIDES:
        return Move(f"moves {way}", x=_SIDES[way])
    if way in _HEIGHTS:
        return Move(f"moves {'up' if _HEIGHTS[way] < 0 else 'down'}", y=_HEIGHTS[way])
    zoom = -1 if way.startswith(("out", "back", "away")) else 1
    return Move("moves closer" if zoom > 0 else "moves away", zoom=zoom)
