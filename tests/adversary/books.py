"""The books of a server: a paid job is a row from the moment at which the server decided to take the POST."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Charge:
    """One paid job. ``order`` is the prompt as it came; ``wire`` tells requests apart by what was sent."""

    id: str
    order: str
    wire: str
    account: str
    at: float  # server's clock
    fields: dict[str, Any]
    idempotency: str | None
    path: str
    state: str = "running"  # running, done, failed, gone
    polls: int = 0
    own: bool = True  # False: a stranger's, or made by other means
    film: str = field(default_factory=lambda: uuid.uuid4().hex)  # what its video says in its last box
    real: float = field(default_factory=time.time)  # real clock, to be set against runs


@dataclass
class Books:
    """``seen`` is every request in order: (method, path, key)."""

    rows: list[Charge] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)  # Idempotency-Key of every POST that could charge
    lock: Any = field(default_factory=threading.RLock)

    def of(self, order: str) -> list[Charge]:
        with self.lock:
            return [row for row in self.rows if row.own and row.order == order]

    @property
    def own(self) -> list[Charge]:
        with self.lock:
            return [row for row in self.rows if row.own]

    def find(self, name: str) -> Charge | None:
        with self.lock:
            return next((row for row in self.rows if row.id == name), None)


def wire_of(path: str, fields: dict[str, Any]) -> str:
    """The same for requests that say the same; the order of fields and a form's boundary say nothing."""
    plain = {
        name: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value for name, value in fields.items()
    }
    return hashlib.sha256(json.dumps([path, plain], sort_keys=True).encode()).hexdigest()
