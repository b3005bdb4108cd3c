"""What a run will cost, and what was spent: by the prices that the user has entered."""

from __future__ import annotations

import json
import time
from typing import Any

from ...sora_core.errors import InvalidRequest
from ...sora_core.ledger.costs import facts
from ...sora_core.ledger.ledger import DAY_SECONDS
from ...sora_core.models import Operation
from ...sora_core.profiles.prices import Cost
from ...sora_core.requests.kinds import (
    ORIENTATIONS,
    QUALITIES,
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)
from ...sora_core.requests.settings import Settings, settings_of
from .._engine import engine, has_ledger
from .._settings import told_by
from .._widgets import MAX_TAKES
from ._asked import Asked

_OPERATIONS = tuple(each.value for each in Operation)
_OF_A_VIDEO = (Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD)
_OF_A_SOURCE = (Operation.REMIX, Operation.EDIT, Operation.EXTEND)
# nobody enters prices of these; they are free where everything is
_WITHOUT_PRICES: dict[Operation, Request] = {
    Operation.CREATE_CHARACTER: CharacterRequest(),
    Operation.CLEAN_LINK: CleanLinkRequest(),
    Operation.ENHANCE_PROMPT: PromptRequest(""),
}
_DAYS = 30
_MOST_SETTINGS = 4000  # characters


def estimate(asked: Asked) -> Any:
    """Of a node as its widgets stand; `null` is unknown."""
    asked.only("profile", "operation", "model", "seconds", "orientation", "quality", "size", "takes", "settings")
    profile = asked.text("profile", most=64)
    takes = asked.number("takes", least=1, most=MAX_TAKES, default=1) or 1
    each = engine().estimate(_request(asked), profile)
    together = Cost(None if each.millionths is None else each.millionths * takes, each.currency)
    return {
        "each": each.amount,
        "amount": together.amount,
        "currency": each.currency,
        "text": str(together),
        "paid": engine().capabilities(profile).paid,
    }


def _request(asked: Asked) -> Request:
    operation = Operation(asked.choice("operation", _OPERATIONS, "text_to_video"))
    seconds = asked.number("seconds", least=0, most=3600, default=0) or 0
    orientation = asked.choice("orientation", ("", *ORIENTATIONS), "")
    quality = asked.choice("quality", ("", *QUALITIES), "")
    settings = _settings(asked)
    if operation in _WITHOUT_PRICES:
        return _WITHOUT_PRICES[operation]
    named: dict[str, Any] = {
        "model": asked.text("model", most=200, default=""),
        "size": asked.text("size", most=20, default=""),
    }
    if operation in _OF_A_SOURCE:
        shape: dict[str, Any] = {"orientation": orientation, "quality": quality, "settings": settings, **named}
        return RemixRequest("", seconds=seconds, operation=operation, **shape)
    shape = {"orientation": orientation or ORIENTATIONS[0], "quality": quality or QUALITIES[0], **named}
    if operation is Operation.IMAGE:
        return PictureRequest("", **shape)
    return VideoRequest(operation, "", seconds=seconds, settings=settings, **shape)


def _settings(asked: Asked) -> Settings:
    """What Sora Settings nodes say, one over the other: a JSON list of the inputs of each."""
    text = asked.text("settings", most=_MOST_SETTINGS, default="[]")
    try:
        nodes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("route_not_json") from error
    is_list = isinstance(nodes, list) and all(isinstance(each, dict) for each in nodes)
    said = told_by(nodes) if is_list else None
    if said is None:
        raise InvalidRequest("route_not_an_object", field="settings")
    return settings_of(said)


def by_day(asked: Asked) -> Any:
    """Sums by day, profile and currency, the newest day first; amounts are text."""
    asked.only("days", "profile")
    days = asked.number("days", least=1, most=3660, default=_DAYS) or _DAYS
    profile = asked.text("profile", most=64, default="") or None
    if not has_ledger():
        return []
    return [facts(each) for each in engine().ledger.costs.by_day(time.time() - days * DAY_SECONDS, profile)]
