"""What a server itself says of the body of its create route: its fields, of which type, within which limits.

It only ever refuses. What goes out is the same with it and without it: a request that was paid for stays the same one.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InvalidRequest, Unsupported
from ..models import Capabilities, Setting
from .limits import Limits
from .settings import COMMON, FLAGS, is_of, short, typed

_NUMBERS = ("integer", "number")
_FLAG_WORDS = (*FLAGS, "1", "0")
_SOUND = "generate_sound"  # what the setting sound becomes
_JSON_ALONE = ("string", "object", "list")  # in a form they are text as everything else is


Route = tuple[str, bool]  # path of a create route, and whether it takes a form (else JSON)


@dataclass(frozen=True)
class DescribedField:
    """``kind`` is integer, number, boolean, string, object, list, file, or any where the description leaves it open.

    Its limits are those of `Limits`.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    default: Any = None

    @property
    def limits(self) -> Limits:
        return Limits(self.low, self.high, self.above, self.below)

    @property
    def is_limited(self) -> bool:
        return bool(self.choices or self.limits)


@dataclass(frozen=True)
class DescribedBody:
    """Of the create route at ``path`` of the server at ``address``, as form or as JSON, read on a day (ISO).

    ``is_whole``: the server has no other fields than these.
    """

    address: str
    path: str
    is_form: bool
    is_whole: bool
    read_on: str
    fields: Mapping[str, DescribedField] = field(default_factory=dict)

    @property
    def route(self) -> Route:
        return self.path, self.is_form

    def as_json(self, *, except_for: Collection[str]) -> DescribedBody:
        """Of a server that describes the form alone: what is known by it of the JSON that it takes in its place.

        Names, and the types that JSON has in common with the text of a form: numbers and flags. ``except_for`` are
        fields that are of another type there. There may be others.
        """
        fields = {
            name: each if each.kind in (*_NUMBERS, "boolean", "file") else DescribedField("any", default=each.default)
            for name, each in self.fields.items()
            if name not in except_for
        }
        return replace(self, is_form=False, is_whole=False, fields=fields)


def knowing(can: Capabilities, body: DescribedBody, *, never: Collection[str] = ()) -> Capabilities:
    """The capabilities with the settings that the server names beside those of the table, which stay as they are.

    ``never`` are fields of the body that are no settings.
    """
    spelled = {wire: name for name, wire in COMMON.items()}
    left_out = {*never, *COMMON, *map(_wire_name, can.settings, can.settings.values())}
    new = {
        spelled.get(name, name): Setting("any", field=name if name in spelled else "")
        for name, each in body.fields.items()
        if name not in left_out and each.kind != "file"
    }
    if _SOUND in body.fields:
        new["sound"] = Setting("sound")
    fps = body.fields.get("fps")
    usual = fps.default if fps and is_of("number", fps.default) and fps.default > 0 else None
    return replace(can, settings={**new, **can.settings}, fps=can.fps or usual)


def check_described(
    fields: Mapping[str, Any], body: DescribedBody, profile: str, *, beside: Collection[str] = ()
) -> None:
    """Raises Unsupported for a field that the server does not have, InvalidRequest for a value that it does not take.

    ``fields`` are by the server's names, as they go out; those of ``beside`` it has elsewhere.
    """
    for name, value in fields.items():
        known = body.fields.get(name)
        if known:
            _check_value(name, value, known, body, profile)
        elif body.is_whole and name not in beside:
            raise _no_such(name, body, profile)


def _no_such(name: str, body: DescribedBody, profile: str) -> Unsupported:
    close = difflib.get_close_matches(name, list(body.fields), 1)
    return Unsupported(
        "settings.unknown_like" if close else "settings.unknown",
        profile=profile,
        name=name,
        close=close[0] if close else "",
        known=", ".join(body.fields),
        read_on=body.read_on,
        fix="settings.described",
    )


def _check_value(name: str, value: Any, known: DescribedField, body: DescribedBody, profile: str) -> None:
    read = typed(value) if isinstance(value, str) else value  # a number in quotes is one to every server
    text, allowed = "", ""
    if not _is_of(known.kind, value, read, is_form=body.is_form):
        text = f"settings.must_be_{known.kind}"
    elif known.choices and not {str(value), str(read)} & set(map(str, known.choices)):
        text, allowed = "settings.not_a_choice", ", ".join(map(str, known.choices))
    elif known.kind in _NUMBERS and not known.limits.hold(read):
        text, allowed = "settings.out_of_range", str(known.limits)
    if text:
        raise InvalidRequest(
            text,
            name=name,
            given=short(value),
            profile=profile,
            allowed=allowed,
            read_on=body.read_on,
            fix="settings.described",
        )


def _is_of(kind: str, value: Any, read: Any, *, is_form: bool) -> bool:
    if kind == "integer":
        return is_of("number", read) and float(read).is_integer()
    if kind == "number":
        return is_of("number", read)
    if kind == "boolean":
        return isinstance(read, bool) or str(value).strip().lower() in _FLAG_WORDS
    return is_form or kind not in _JSON_ALONE or is_of(kind, value)


def _wire_name(name: str, setting: Setting) -> str:
    return setting.field or name
