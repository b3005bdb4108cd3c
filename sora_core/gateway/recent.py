"""A store that forgets the oldest, so that no client can fill the memory."""

from __future__ import annotations

from typing import TypeVar

_V = TypeVar("_V")

_KEPT = 1000
_KEPT_BYTES = 256 * 1024 * 1024


class Recent(dict[str, _V]):
    """At most ``most`` entries, and of values that are bytes at most ``most_bytes`` together."""

    def __init__(self, most: int = _KEPT, most_bytes: int = _KEPT_BYTES) -> None:
        super().__init__()
        self._most = most
        self._most_bytes = most_bytes

    def __setitem__(self, name: str, value: _V) -> None:
        super().__setitem__(name, value)
        while len(self) > self._most or (len(self) > 1 and self._bytes() > self._most_bytes):
            del self[next(iter(self))]

    def _bytes(self) -> int:
        return sum(len(value) for value in self.values() if isinstance(value, bytes))
