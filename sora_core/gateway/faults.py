"""Faults on demand: how the gateway misbehaves, so that clients can be tried against it.

A JSON object, given with ``--faults FILE`` or ``POST /_gateway/faults``::

    {"seed": 1, "faults": [
        {"on": "create", "do": "status", "status": 503, "headers": {"Retry-After": "1"}, "times": 2},
        {"on": "content", "do": "truncate", "bytes": 1000},
        {"on": "create", "do": "drop", "when": "after", "skip": 1}]}

``seed`` (optional) makes ``probability`` repeatable. Every fault has

    on           create, remix, retrieve, list, delete, content, quota, models, or any; where a protocol has them
                 token, sentinel, upload, publish, character, account, parse
    do           one of the kinds below
    skip         let so many requests pass first (0)
    times        misbehave so often (1); null: for ever
    probability  of each request that is due (1.0); one that gets away uses up neither skip nor times

and the fields of its kind (* must be given):

    pace    delay          seconds* (real ones), when; "after": true is short for "when": "after"
            slow           bytes_per_second*                            content only
    fate    stuck          the job never finishes, or after seconds     create and remix only
            fail           the job fails in the end: code, message      create and remix only
    answer  status         status*, body (JSON or text; none: an error as the protocol has them), headers, when
            refuse         status*, code*, message, headers: an error with this code as the protocol has them; when
            drop           the connection is reset: when
            garbage        200 and kind: html, bytes or json (cut off): when
            redirect_loop  302 to itself
            expire         status (410) as for a link that is too old    content only
            truncate       all bytes announced, bytes* sent              content only
            corrupt        bytes (4096) of noise announced as a video    content only

``when`` is "before" (the server does nothing: no job is accepted) or "after" (all is done, the job is
accepted, only the answer suffers). Of fates and of answers, the first fault in the list that fires takes the
request, and later ones do not see it; paces all apply.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidRequest

CREATING = frozenset(("create", "remix"))
_BESIDE = ("token", "sentinel", "upload", "publish", "character", "account", "parse")
OPERATIONS = frozenset((*CREATING, "retrieve", "list", "delete", "content", "quota", "models", *_BESIDE))
GARBAGE = ("html", "bytes", "json")

_COMMON = frozenset(("on", "do", "skip", "times", "probability"))


@dataclass(frozen=True)
class _Kind:
    group: str
    fields: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    operations: frozenset[str] = OPERATIONS


def _kind(group: str, *fields: str, on: Iterable[str] = OPERATIONS) -> _Kind:
    """Fields with a star must be given."""
    required = frozenset(name[:-1] for name in fields if name.endswith("*"))
    return _Kind(group, frozenset(name.rstrip("*") for name in fields), required, frozenset(on))


_CONTENT = ("content",)
KINDS: Mapping[str, _Kind] = {
    "delay": _kind("pace", "seconds*", "when"),
    "slow": _kind("pace", "bytes_per_second*", on=_CONTENT),
    "stuck": _kind("fate", "seconds", on=CREATING),
    "fail": _kind("fate", "code", "message", on=CREATING),
    "status": _kind("answer", "status*", "body", "headers", "when"),
    "refuse": _kind("answer", "status*", "code*", "message", "headers", "when"),
    "drop": _kind("answer", "when"),
    "garbage": _kind("answer", "kind", "when"),
    "redirect_loop": _kind("answer"),
    "expire": _kind("answer", "status", on=_CONTENT),
    "truncate": _kind("answer", "bytes*", on=_CONTENT),
    "corrupt": _kind("answer", "bytes", on=_CONTENT),
}


@dataclass(frozen=True)
class FaultRule:
    """One fault, checked; see the module for what the fields mean. Raises InvalidRequest."""

    on: str
    do: str
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    when: str = "before"
    seconds: float = 0.0
    bytes_per_second: float = 0.0
    code: str = "generation_failed"
    message: str = "The video could not be generated."
    status: int = 410
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "html"
    byte_count: int = 4096  # "bytes" in JSON

    def __post_init__(self) -> None:
        kind = KINDS.get(self.do) if isinstance(self.do, str) else None
        if kind is None:
            raise _invalid(f"do must be one of {', '.join(KINDS)}, not {self.do!r}")
        allowed = ["any", *sorted(kind.operations)]
        if self.on not in allowed:
            raise _invalid(f"on must be one of {', '.join(allowed)} for {self.do}, not {self.on!r}")
        _whole("skip", self.skip, 0)
        if self.times is not None:
            _whole("times", self.times, 1)
        _number("probability", self.probability, 0, 1)
        if self.when not in ("before", "after"):
            raise _invalid(f'when must be "before" or "after", not {self.when!r}')
        if self.kind not in GARBAGE:
            raise _invalid(f"kind must be one of {', '.join(GARBAGE)}, not {self.kind!r}")
        _number("seconds", self.seconds, 0, 3600)
        _number("bytes_per_second", self.bytes_per_second, 1 if self.do == "slow" else 0, 1e12)
        _whole("bytes", self.byte_count, 0)
        _whole("status", self.status, 200, 599)
        for name in ("code", "message"):
            if not isinstance(getattr(self, name), str):
                raise _invalid(f"{name} must be text")
        headers = self.headers.items() if isinstance(self.headers, Mapping) else [(None, None)]
        if not all(isinstance(part, str) and part.isprintable() for pair in headers for part in pair):
            raise _invalid("headers must be an object of text values")

    @property
    def group(self) -> str:
        return KINDS[self.do].group

    def concerns(self, operation: str) -> bool:
        return self.on in (operation, "any") and operation in KINDS[self.do].operations

    @classmethod
    def parse(cls, value: object) -> FaultRule:
        """From decoded JSON. Raises InvalidRequest for an unknown, missing or wrong field."""
        if not isinstance(value, dict):
            raise _invalid(f"a fault must be an object, not {value!r:.80}")
        fields = {str(name): given for name, given in value.items()}
        for name in ("on", "do"):
            if name not in fields:
                raise _invalid(f"{name} is missing")
        kind = KINDS.get(fields["do"]) if isinstance(fields["do"], str) else None
        if kind is not None:
            if fields["do"] == "delay" and isinstance(fields.get("after"), bool):
                fields.setdefault("when", "after" if fields.pop("after") else "before")
            unknown = sorted(set(fields) - _COMMON - kind.fields)
            if unknown:
                known = ", ".join(sorted(_COMMON | kind.fields))
                raise _invalid(f"{fields['do']} has no field {unknown[0]!r}; it takes {known}")
            missing = sorted(kind.required - set(fields))
            if missing:
                raise _invalid(f"{fields['do']} needs the field {missing[0]}")
        else:
            fields = {name: fields[name] for name in ("on", "do")}  # refused by the constructor
        if "bytes" in fields:
            fields["byte_count"] = fields.pop("bytes")
        return cls(**fields)

    def as_json(self) -> dict[str, Any]:
        """The rule as it could have been given."""
        shown = sorted(KINDS[self.do].fields)
        own = {name: getattr(self, "byte_count" if name == "bytes" else name) for name in shown}
        common = {"on": self.on, "do": self.do, "skip": self.skip, "times": self.times, "probability": self.probability}
        return {**common, **{name: dict(value) if name == "headers" else value for name, value in own.items()}}


def parse_faults(text: str | bytes) -> tuple[tuple[FaultRule, ...], int | None]:
    """The rules and the seed. Raises InvalidRequest with the place of what is wrong."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("gateway.faults_not_json", error=error) from error
    if not isinstance(value, dict) or not isinstance(value.get("faults"), list) or set(value) - {"seed", "faults"}:
        raise InvalidRequest("gateway.faults_must_object_seed_if")
    seed = value.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InvalidRequest("gateway.seed_faults_must_whole_number")
    rules = []
    for number, entry in enumerate(value["faults"], 1):
        try:
            rules.append(FaultRule.parse(entry))
        except InvalidRequest as error:
            raise InvalidRequest("gateway.fault", number=number, reason=error.message) from None
    return tuple(rules), seed


@dataclass(frozen=True)
class Taken:
    """What befalls one request."""

    paces: tuple[FaultRule, ...] = ()
    fate: FaultRule | None = None
    answer: FaultRule | None = None

    def delay_seconds(self, when: str) -> float:
        return sum(rule.seconds for rule in self.paces if rule.do == "delay" and rule.when == when)

    @property
    def bytes_per_second(self) -> float | None:
        speeds = [rule.bytes_per_second for rule in self.paces if rule.do == "slow"]
        return min(speeds) if speeds else None

    def __bool__(self) -> bool:
        return bool(self.paces or self.fate or self.answer)


@dataclass
class _Counter:
    rule: FaultRule
    seen: int = 0
    fired: int = 0


class FaultBox:
    """The rules with what they have done so far. Used from one thread."""

    def __init__(self, rules: Sequence[FaultRule] = (), seed: int | None = None) -> None:
        self.replace(rules, seed)

    def replace(self, rules: Sequence[FaultRule], seed: int | None = None) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - chance for tests
        self._counters = [_Counter(rule) for rule in rules]

    def take(self, operation: str) -> Taken:
        """The faults of this request; counts them as done."""
        paces: list[FaultRule] = []
        single: dict[str, FaultRule] = {}
        for counter in self._counters:
            rule = counter.rule
            if not rule.concerns(operation) or rule.group in single or not self._fires(counter):
                continue
            if rule.group == "pace":
                paces.append(rule)
            else:
                single[rule.group] = rule
        return Taken(tuple(paces), single.get("fate"), single.get("answer"))

    def as_json(self) -> dict[str, Any]:
        rules = [{**entry.rule.as_json(), "seen": entry.seen, "fired": entry.fired} for entry in self._counters]
        return {"seed": self._seed, "faults": rules}

    def _fires(self, counter: _Counter) -> bool:
        rule = counter.rule
        if rule.times is not None and counter.fired >= rule.times:
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        counter.seen += 1
        if counter.seen <= rule.skip:
            return False
        counter.fired += 1
        return True


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest("gateway.said", message=message)


def _whole(name: str, value: object, low: int, high: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"{low} to {high}"
        raise _invalid(f"{name} must be a whole number, {limits}, not {value!r}")


def _number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise _invalid(f"{name} must be a number, {low:g} to {high:g}, not {value!r}")
