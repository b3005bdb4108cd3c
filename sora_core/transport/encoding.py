"""A call as the headers and the body that go over the wire: the one place where what is secret in it is revealed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import AuthError
from ..models import Secret
from .call import Call


def told(headers: Mapping[str, str | Secret], *, at_home: bool = True) -> dict[str, str]:
    """The headers as they are sent; without what is secret to an origin that the call was not made to.

    Raises AuthError for a secret that cannot stand in a header.
    """
    told: dict[str, str] = {}
    for name, value in headers.items():
        text = value.reveal() if isinstance(value, Secret) else value
        if isinstance(value, Secret) and not (text.isascii() and text.isprintable()):
            raise AuthError("transport.secret_is_no_header", name=name)  # httpx would quote it in its error
        if at_home or not isinstance(value, Secret):
            told[name] = text
    return told


def json_of(call: Call) -> bytes | None:
    if call.json is None:
        return None
    # "replace": a lone surrogate in a prompt is no reason to fail
    return json.dumps(call.json, ensure_ascii=False, default=_revealed).encode("utf-8", "replace")


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} is no JSON")


def multipart_of(call: Call) -> list[tuple[str, Any]] | None:
    if call.form is None:
        return None
    fields: list[tuple[str, Any]] = [
        (name, (None, value.encode("utf-8", "replace"))) for name, value in call.form.items()
    ]
    return fields + [(name, (file.filename, file.data, file.media_type)) for name, file in call.files]
