"""How a server is to make a video, beyond what every protocol has a field for: steps, guidance, frames, LoRA. Pure.

The value is the same for all servers; which of it a server takes, of what type and under which name, stands in its
capabilities. Those of a server that nobody here knows take what was written.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..errors import InvalidRequest, Unsupported
from ..models import Capabilities, Setting
from .limits import Limits

# what most servers call them
COMMON = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "guidance_2": "guidance_scale_2",
}
LEAST_STEPS = LEAST_FRAMES = 1
_OURS = {spelling: name for name, spelling in COMMON.items()}
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*", re.ASCII)
_LORA = re.compile(r"(?P<name>.*?)(?::(?P<scale>-?\d+(?:\.\d+)?))?", re.DOTALL)
_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string": (str,),
    "object": (dict,),
    "list": (list,),
}
SEVERAL = ("num_outputs_per_prompt", "n", "num_outputs", "num_videos_per_prompt", "num_videos")  # videos of one request
_ANY = Limits()
FLAGS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


@dataclass(frozen=True)
class Lora:
    """An adapter of weights by its name or path on the server, and how strongly it counts."""

    name: str
    scale: float = 1.0


@dataclass(frozen=True)
class Settings:
    """None: as the server itself decides. ``sound`` is on, off, or its length in seconds.

    ``fps`` is frames per second, ``guidance_2`` that of a model's second half, and ``more`` holds names and JSON
    values of a server's own; "a.b" is b in the object a.
    """

    steps: int | None = None
    guidance: float | None = None
    guidance_2: float | None = None
    fps: float | None = None
    num_frames: int | None = None
    flow_shift: float | None = None
    lora: tuple[Lora, ...] = ()
    sound: bool | float | None = None
    more: tuple[tuple[str, Any], ...] = ()

    def __bool__(self) -> bool:
        return self != AS_THE_SERVER_DECIDES

    def plain(self) -> dict[str, Any]:
        """JSON-able, without what is not set; `settings_of` reads it."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        found["lora"] = [{"name": lora.name, "scale": lora.scale} for lora in self.lora]
        found["more"] = dict(self.more)
        return {name: value for name, value in found.items() if value is not None and value not in ([], {})}

    def named(self) -> dict[str, Any]:
        """By name, also those of the server's own; without what is not set."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "more"}
        return {name: value for name, value in {**own, **dict(self.more)}.items() if value not in (None, ())}


AS_THE_SERVER_DECIDES = Settings()


def settings_of(value: Any) -> Settings:
    """A plain value, as sockets and JSON carry it, into settings; other names than ours belong to ``more``.

    Raises InvalidRequest, naming the setting.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest("settings.no_table")
    more = value.get("more", {})
    if not isinstance(more, Mapping):
        raise InvalidRequest("settings.more_no_table")
    found: dict[str, Any] = {}
    for name, each in [*((name, each) for name, each in value.items() if name != "more"), *more.items()]:
        ours = _OURS.get(name) or str(name)
        if ours in found:
            raise InvalidRequest("settings.twice", name=ours, other=name)
        found[ours] = each
    own = {name: _CHECKS[name](name, found.pop(name)) for name in _CHECKS if name in found}
    return Settings(**own, more=tuple(sorted((_checked_name(name), _json(name, each)) for name, each in found.items())))


def settings_of_pairs(pairs: Iterable[tuple[str, str]]) -> Settings:
    """As `settings_of`, from text; what reads as JSON is that. ``lora`` may come several times."""
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name == "lora":
            found[name] = [*found.get(name, []), text]
        elif name in found:
            raise InvalidRequest("settings.twice", name=name, other=name)
        else:
            found[name] = typed(text)
    return settings_of(found)


def settings_of_lines(text: str) -> Settings:
    """As `settings_of_pairs`, of lines `name = value`; those that begin with # are comments."""
    lines = [line.strip() for line in text.splitlines()]
    return settings_of_pairs(pair_of(line) for line in lines if line and not line.startswith("#"))


def pair_of(line: str) -> tuple[str, str]:
    """ "name = value" -> both. Raises InvalidRequest."""
    name, sign, value = line.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise InvalidRequest("settings.no_pair", line=line.strip()[:80])
    return name.strip(), value.strip()


def combined(first: Settings, then: Settings) -> Settings:
    """Both; where they say different things the second counts, and its LoRA come after those of the first."""
    one, two = first.plain(), then.plain()
    lora = [*one.pop("lora", []), *two.pop("lora", [])]
    more = {**one.pop("more", {}), **two.pop("more", {})}
    return settings_of({**one, **two, "lora": lora, "more": more})


def typed(text: str) -> Any:
    """The value that a setting's text stands for in JSON: 24, 0.5, true, an object; else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def on_the_wire(settings: Settings, can: Capabilities, profile: str) -> dict[str, Any]:
    """The values by the names that the server has for them, checked: what is "a.b" here is in an object there.

    LoRA and sound stay as they are, under these names. Raises Unsupported for a name that the server does not have,
    InvalidRequest for a value that it does not take; both name what it does.
    """
    found: dict[str, Any] = {}
    for name, value in settings.named().items():
        _put(found, *_settled(name, value, can, profile))
    return found


def unknown_to(settings: Settings, can: Capabilities) -> list[str]:
    """Names that go out unchecked, as nobody here knows whether the server has them."""
    return [name for name in settings.named() if _known(name, can) is None]


def _settled(name: str, value: Any, can: Capabilities, profile: str) -> tuple[str, Any]:
    known = _known(name, can)
    if known:
        spelled, setting = known
        return spelled, _fitting(name, value, setting, profile)
    if can.any_setting:
        return COMMON.get(name, name), value
    if name in SEVERAL:
        raise Unsupported("settings.one_output", profile=profile, name=name)
    if not can.settings:
        raise Unsupported("settings.none", profile=profile, name=name)
    names = [*can.settings, *(each.field for each in can.settings.values() if each.field)]
    close = difflib.get_close_matches(name, names, 1)
    raise Unsupported(
        "settings.unknown_like" if close else "settings.unknown",
        profile=profile,
        name=name,
        close=close[0] if close else "",
        known=", ".join(can.settings),
    )


def _known(name: str, can: Capabilities) -> tuple[str, Setting | None] | None:
    """What the server calls it, and what it takes; of the insides of an object nothing is known."""
    for ours, setting in can.settings.items():
        spelled = setting.field or ours
        if name in (ours, spelled):
            return spelled, setting
        head, dot, rest = name.partition(".")
        if dot and setting.kind in ("object", "any") and head in (ours, spelled):
            return f"{spelled}.{rest}", None
    return None


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    *outer, last = name.split(".")
    place = found
    for each in outer:
        place = place.setdefault(each, {})
        if not isinstance(place, dict):
            raise InvalidRequest("settings.twice", name=each, other=name)
    if last in place:
        raise InvalidRequest("settings.twice", name=last, other=name)
    place[last] = value


def _fitting(name: str, value: Any, setting: Setting | None, profile: str) -> Any:
    """The value in the type that the server takes. Raises InvalidRequest, Unsupported."""
    if setting is None or setting.kind in ("sound", "any"):
        return value
    if setting.kind == "lora":
        if setting.high is not None and len(value) > setting.high:
            raise Unsupported("settings.lora_count", profile=profile, most=int(setting.high), count=len(value))
        return value
    value = FLAGS.get(value.strip().lower(), value) if setting.kind == "boolean" and isinstance(value, str) else value
    if setting.kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if setting.kind == "string" and isinstance(value, (int, float)):
        value = json.dumps(value)
    if not is_of(setting.kind, value):
        raise InvalidRequest(f"settings.must_be_{setting.kind}", name=name, given=short(value))
    if setting.choices and value not in setting.choices:
        raise InvalidRequest(
            "settings.not_a_choice", name=name, given=value, allowed=", ".join(setting.choices), profile=profile
        )
    limits = Limits(setting.low, setting.high)
    if limits and not limits.hold(value):
        raise InvalidRequest("settings.out_of_range", name=name, given=value, allowed=str(limits), profile=profile)
    return value


def is_of(kind: str, value: Any) -> bool:
    """Whether the value is of the kind, as `Setting` names kinds of JSON; true and false are no numbers."""
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest("settings.no_name", name=short(name))
    return name


def _json(name: str, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest("settings.no_json", name=name, given=short(value)) from error


def _number(name: str, value: Any, *, whole: bool = False, limits: Limits = _ANY) -> Any:
    if whole and isinstance(value, float) and value.is_integer():
        value = int(value)
    kind = "integer" if whole else "number"
    if not is_of(kind, value) or not math.isfinite(value):
        raise InvalidRequest(f"settings.must_be_{kind}", name=name, given=short(value))
    if not limits.hold(value):
        raise InvalidRequest("settings.too_small", name=name, given=short(value), allowed=str(limits))
    return value


def _sound(name: str, value: Any) -> bool | float:
    value = FLAGS.get(value.strip().lower(), value) if isinstance(value, str) else value
    if isinstance(value, bool):
        return value
    if not is_of("number", value) or not math.isfinite(value) or value <= 0:
        raise InvalidRequest("settings.must_be_sound", name=name, given=short(value))
    return float(value)


def _loras(name: str, value: Any) -> tuple[Lora, ...]:
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(_lora(name, each) for each in several)


def _lora(name: str, value: Any) -> Lora:
    """From {"name", "scale"}, or from "name:scale"; a path may hold colons of its own."""
    if isinstance(value, str):
        match = _LORA.fullmatch(value.strip())
        assert match, "everything matches"
        value = {"name": match["name"], "scale": float(match["scale"] or 1)}
    if not isinstance(value, Mapping) or set(value) - {"name", "scale"}:
        raise InvalidRequest("settings.no_lora", given=short(value))
    called = value.get("name")
    if not isinstance(called, str) or not called.strip():
        raise InvalidRequest("settings.no_lora", given=short(value))
    scale = _number(f"{name} {called}", value.get("scale", 1.0))
    return Lora(called.strip(), float(scale))


def short(value: Any) -> str:
    """A value as a message shows it."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr, ensure_ascii=False)
    return text[:80]


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "steps": lambda name, value: _number(name, value, whole=True, limits=Limits(LEAST_STEPS)),
    "guidance": lambda name, value: _number(name, value, limits=Limits(0)),
    "guidance_2": lambda name, value: _number(name, value, limits=Limits(0)),
    "fps": lambda name, value: _number(name, value, limits=Limits(above=0)),
    "num_frames": lambda name, value: _number(name, value, whole=True, limits=Limits(LEAST_FRAMES)),
    "flow_shift": _number,
    "lora": _loras,
    "sound": _sound,
}
