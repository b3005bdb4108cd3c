"""What is asked of a server and what it answered, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..models import Effect, Secret, Upload
from ..urls import shown_url
from .spool import Filed


@dataclass(frozen=True)
class Call:
    """One HTTP request. ``path`` is joined to the connection's base URL, or is a whole URL.

    Multipart is sent when ``form`` is set, with or without ``files``. ``timeout`` in seconds
    is for the wait between bytes of the answer. ``anonymous`` calls carry no key, whoever they go to. A ``patient``
    one is made again for as long as the server is busy and somebody waits. What is secret in ``headers`` and ``json``
    is a ``Secret``: it prints as ``***`` and goes to the origin that the call is made to, wherever that redirects.
    """

    method: str
    path: str
    effect: Effect
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    files: tuple[tuple[str, Upload], ...] = ()
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    timeout: float = 60.0
    anonymous: bool = False
    patient: bool = False

    def __repr__(self) -> str:
        return f"Call({self.method} {shown_url(self.path)}, {self.effect.value})"


@dataclass(frozen=True)
class Reply:
    """A whole answer. Header names are in lower case.

    ``files`` are what the answer is or holds that is too large for the memory; ``body`` is what is around them.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)  # it may be signed
    files: tuple[Filed, ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def holds_secret(value: Any) -> bool:
    """Whether a JSON value has a `Secret` anywhere in it."""
    if isinstance(value, Mapping):
        return any(map(holds_secret, value.values()))
    return isinstance(value, Secret) or (isinstance(value, (list, tuple)) and any(map(holds_secret, value)))


def is_html(body: bytes) -> bool:
    """Whether it is a web page rather than an answer of an API."""
    head = body[:512].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
