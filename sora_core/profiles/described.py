"""What servers said of their create routes, as `doctor` last read it: in `described.json` of the state folder.

It is kept by the address, so a profile that is led elsewhere has nothing of it. A file that cannot be read is as none.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..files.changing import changing
from ..requests.described import DescribedBody, DescribedField, Route

log = logging.getLogger(__name__)

FILE = "described.json"
_MOST = 50  # routes; the one that was read longest ago goes first
_MOST_BYTES = 2**23


class DescribedBodies:
    """Thread safe; the file is read again when it changed."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._lock = threading.Lock()
        self._cached: tuple[tuple[int, int] | None, tuple[DescribedBody, ...]] = (None, ())

    def by_address(self) -> dict[str, list[DescribedBody]]:
        """What each server said; addresses are as `plain_address` spells them."""
        found: dict[str, list[DescribedBody]] = {}
        for body in self._all():
            found.setdefault(body.address, []).append(body)
        return found

    def keep(self, address: str, route: Route, body: DescribedBody | None) -> None:
        """In the place of what was known of this route at the address. Raises StorageError."""
        if body is None and not self._path.exists():
            return
        address = plain_address(address)
        with changing(self._path) as file:
            others = [each for each in _read(file.data) if (each.address, each.route) != (address, route)]
            kept = [*others, replace(body, address=address)][-_MOST:] if body else others
            file.write(json.dumps([asdict(each) for each in kept]).encode())

    def _all(self) -> tuple[DescribedBody, ...]:
        with self._lock:
            try:
                stat = self._path.stat()
                stamp = (stat.st_mtime_ns, stat.st_size)
                if self._cached[0] != stamp:
                    self._cached = (stamp, _read(self._path.read_bytes() if stat.st_size <= _MOST_BYTES else b""))
            except FileNotFoundError:
                self._cached = (None, ())
            except OSError as error:
                log.warning("%s cannot be read: %s", self._path, error.strerror)
                return ()
            return self._cached[1]


def plain_address(address: str) -> str:
    """One spelling for all that lead to the same place."""
    return address.strip().rstrip("/")


def _read(data: bytes) -> tuple[DescribedBody, ...]:
    try:
        return tuple(map(_body, json.loads(data))) if data else ()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.warning("%s is not as it was written: %s", FILE, error)
        return ()


def _body(value: Any) -> DescribedBody:
    fields = {name: _field(each) for name, each in value["fields"].items()}
    return DescribedBody(**{**value, "fields": fields})


def _field(value: Any) -> DescribedField:
    return DescribedField(**{**value, "choices": tuple(value["choices"])})
