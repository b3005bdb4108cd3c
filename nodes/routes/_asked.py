"""What was asked for, read with its bounds. What does not fit is an InvalidRequest that names what does."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...sora_core.errors import InvalidRequest

MOST_BYTES = 256 * 1024
_JOB_ID = re.compile(r"job_[0-9a-f]{20}")


@dataclass(frozen=True)
class Asked:
    """The query of a read, the body of an effect, and what the path names, under one roof.

    ``is_from_here``: from a browser or a script on this machine, and not through a proxy.
    """

    values: Mapping[str, Any]
    is_from_here: bool = False

    def only(self, *names: str) -> Asked:
        """Raises InvalidRequest for a field that there is not: a typing error must not be an effect."""
        unknown = sorted(set(self.values) - set(names))
        if unknown:
            raise InvalidRequest("route_unknown_field", field=unknown[0][:80], allowed=", ".join(names) or "-")
        return self

    def text(self, name: str, *, most: int = 500, default: str | None = None) -> str:
        """Without the spaces around it. Missing or empty is the default, or refused where there is none."""
        value = self.values.get(name, "")
        if value is None:
            value = ""
        if not isinstance(value, str):
            raise InvalidRequest("route_not_text", field=name)
        if len(value) > most or "\0" in value or not _is_encodable(value):
            raise InvalidRequest("route_text_too_long", field=name, most=most)
        if not value.strip() and default is None:
            raise InvalidRequest("route_missing", field=name)
        return value.strip() or default or ""

    def job_id(self) -> str:
        value = self.text("job_id", most=100)
        if not _JOB_ID.fullmatch(value):
            raise InvalidRequest("route_not_a_job_id", field="job_id")
        return value

    def choice(self, name: str, among: Sequence[str], default: str) -> str:
        value = self.text(name, default=default)
        if value not in among:
            raise InvalidRequest("route_not_a_choice", field=name, allowed=", ".join(among))
        return value

    def number(self, name: str, *, least: int, most: int, default: int | None) -> int | None:
        if name not in self.values:
            return default
        value = self.values[name]
        if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidRequest("route_not_a_number", field=name, least=least, most=most)
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise InvalidRequest("route_not_an_object", field=name)
        return value


def body_of(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises InvalidRequest for anything else, however odd."""
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("route_not_json") from error
    if not isinstance(value, dict):
        raise InvalidRequest("route_not_an_object", field="body")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("too large")
    return value


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
