"""What a run will cost, and what was spent: by the prices that the user has entered."""

from __future__ import annotations

import time
from typing import Any

from ...sora_core.ledger.costs import facts
from ...sora_core.ledger.ledger import DAY_SECONDS
from ...sora_core.models import Operation
from ...sora_core.profiles.prices import Cost
from ...sora_core.requests.checks import ORIENTATIONS, QUALITIES
from ...sora_core.requests.kinds import PictureRequest, RemixRequest, Request, VideoRequest
from .._engine import engine, has_ledger
from .._widgets import MAX_TAKES
from ._asked import Asked

_PRICED = ("text_to_video", "image_to_video", "storyboard", "remix", "image")
_DAYS = 30


def estimate(asked: Asked) -> Any:
    """Of a node as its widgets stand; `null` is unknown."""
    asked.only("profile", "operation", "model", "seconds", "orientation", "quality", "size", "takes")
    takes = asked.number("takes", least=1, most=MAX_TAKES, default=1) or 1
    each = engine().estimate(_request(asked), asked.text("profile", most=64))
    together = Cost(None if each.millionths is None else each.millionths * takes, each.currency)
    return {"each": each.amount, "amount": together.amount, "currency": each.currency, "text": str(together)}


def _request(asked: Asked) -> Request:
    operation = Operation(asked.choice("operation", _PRICED, "text_to_video"))
    seconds = asked.number("seconds", least=0, most=3600, default=0) or 0
    orientation = asked.choice("orientation", ("", *ORIENTATIONS), "")
    quality = asked.choice("quality", ("", *QUALITIES), "")
    named: dict[str, Any] = {
        "model": asked.text("model", most=200, default=""),
        "size": asked.text("size", most=20, default=""),
    }
    if operation is Operation.REMIX:
        return RemixRequest("", seconds=seconds, orientation=orientation, quality=quality, **named)
    shape: dict[str, Any] = {"orientation": orientation or ORIENTATIONS[0], "quality": quality or QUALITIES[0], **named}
    if operation is Operation.IMAGE:
        return PictureRequest("", **shape)
    return VideoRequest(operation, "", seconds=seconds, **shape)


def by_day(asked: Asked) -> Any:
    """Sums by day, profile and currency, the newest day first; amounts are text."""
    asked.only("days", "profile")
    days = asked.number("days", least=1, most=3660, default=_DAYS) or _DAYS
    profile = asked.text("profile", most=64, default="") or None
    if not has_ledger():
        return []
    return [facts(each) for each in engine().ledger.costs.by_day(time.time() - days * DAY_SECONDS, profile)]
