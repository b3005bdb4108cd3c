"""Many requests as one text: a prompt a line, or a JSON object; `#` begins a comment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidRequest


@dataclass(frozen=True)
class Fields:
    """What an object may name, by the kind of its values."""

    texts: tuple[str, ...] = ("prompt",)
    numbers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def check(self, number: int, named: Mapping[str, Any]) -> None:
        """Raises InvalidRequest."""
        allowed = (*self.texts, *self.numbers, *self.lists)
        for name, value in named.items():
            if name not in allowed:
                raise InvalidRequest("batch.no_such_field", number=number, name=name, allowed=", ".join(allowed))
            if not self._fits(name, value):
                raise InvalidRequest("batch.wrong_type", number=number, name=name, wanted=self._wanted(name))

    def _wanted(self, name: str) -> str:
        if name in self.texts:
            return "a text"
        return "a whole number" if name in self.numbers else "a list of texts"

    def _fits(self, name: str, value: Any) -> bool:
        if name in self.texts:
            return isinstance(value, str)
        if name in self.numbers:
            return isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, list) and all(isinstance(each, str) for each in value)


def lines_of(text: str, fields: Fields, *, source: str) -> list[tuple[int, dict[str, Any]]]:
    """(number of the line, what it names) of each line that is no comment.

    Raises InvalidRequest, naming the line; ``source`` is what the text is called when it holds none.
    """
    written = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    found = [(number, _named(number, line)) for number, line in written if line and not line.startswith("#")]
    for number, named in found:
        fields.check(number, named)
    if not found:
        raise InvalidRequest("batch.empty", file=source)
    return found


def _named(number: int, line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {"prompt": line}
    try:
        value: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("batch.not_json", number=number, error=error) from error
    return value
