"""Reads what a client sent, in any of the usual encodings, and checks single values. Raises Refusal."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from .animatic import MAX_SHOTS, Segment
from .refusal import Refusal, invalid

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_IMAGE_BYTES = 20 * 1024 * 1024
MAX_PROMPT_CHARS = 32_000
MAX_TEXT_CHARS = 2_000  # of a model, a style, a name
MAX_SEED = 2**63 - 1

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)

Fields = dict[str, Any]


def bearer_key(request: web.Request) -> str | None:
    """The key of an ``Authorization: Bearer`` header; None for another scheme."""
    scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


async def read_fields(request: web.Request) -> Fields:
    """The body's fields by name: JSON as it is; of forms, text as str, files as bytes, the first of each name."""
    kind = request.content_type
    if kind == "application/json":
        return _json_object(await request.read())
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        body = await request.read()
        if not body:
            return {}
        raise Refusal(
            415,
            f"Unsupported content type: '{kind}'. Send multipart/form-data or application/json.",
            code="unsupported_content_type",
        )
    try:
        form = await request.post()
    except (ValueError, HttpProcessingError) as error:
        raise Refusal(400, f"The form cannot be read: {error}", code="invalid_form") from error
    fields: Fields = {}
    for name, value in form.items():
        if isinstance(value, web.FileField):
            with value.file as file:
                fields.setdefault(name, file.read())
        else:
            fields.setdefault(name, value.decode("utf-8", "replace") if isinstance(value, bytearray) else value)
    return fields


def read_json(data: str | bytes) -> Any:
    """Raises ValueError, for what is nested too deeply too."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _json_object(body: bytes) -> Fields:
    try:
        value = read_json(body)
    except ValueError as error:
        raise Refusal(400, f"We could not parse the JSON body of your request: {error}", code="invalid_json") from error
    if not isinstance(value, dict):
        raise Refusal(400, "The JSON body of your request must be an object.", code="invalid_json")
    return value


def text_of(fields: Fields, name: str, default: str = "", *, most: int = MAX_TEXT_CHARS) -> str:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise invalid(name, f"Invalid type for '{name}': expected a string.", "invalid_type")
    if len(value) > most:
        raise invalid(
            name,
            f"Invalid '{name}': string too long. Expected at most {most} characters, got {len(value)}.",
            "string_above_max_length",
        )
    return value


def prompt_of(fields: Fields, *, required: bool = True) -> str:
    prompt = text_of(fields, "prompt", most=MAX_PROMPT_CHARS)
    if required and not prompt.strip():
        if fields.get("prompt") is None:
            raise invalid("prompt", "Missing required parameter: 'prompt'.", "missing_required_parameter")
        raise invalid("prompt", "Invalid 'prompt': it must not be empty.", "empty_string")
    return prompt


def whole_of(fields: Fields, name: str, default: int, low: int, high: int) -> int:
    """A whole number, also as text."""
    value = fields.get(name)
    if value is None or value == "":
        return default
    number: int | None = None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,20}", value.strip(), re.ASCII):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if number is None or not low <= number <= high:
        raise invalid(name, f"Invalid value for '{name}': {value!r:.60}. Use a whole number from {low} to {high}.")
    return number


def size_of(fields: Fields, default: tuple[int, int]) -> tuple[int, int]:
    """Width and height in pixels."""
    value = text_of(fields, "size").strip().lower()
    if not value:
        return default
    match = _SIZE.fullmatch(value)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if any(side % 2 or not 64 <= side <= 2048 for side in sides):
        raise invalid(
            "size", f"Invalid value for 'size': '{value:.40}'. Use WIDTHxHEIGHT with even sides from 64 to 2048."
        )
    return sides


def shots_of(fields: Fields) -> tuple[Segment, ...]:
    """``[{"text": ..., "seconds": ...}]``, perhaps with an ``image`` as a data URL; in a form, as JSON text."""
    value = fields.get("shots")
    if value is None or value == "":
        return ()
    if isinstance(value, (str, bytes)):
        try:
            value = read_json(value)
        except ValueError as error:
            raise invalid("shots", "Invalid value for 'shots': it is not JSON.") from error
    if not isinstance(value, list) or len(value) > MAX_SHOTS:
        raise invalid("shots", f"Invalid value for 'shots': expected a list of at most {MAX_SHOTS}.")
    return tuple(_shot(entry, number) for number, entry in enumerate(value, 1))


def _shot(entry: object, number: int) -> Segment:
    given: Fields = entry if isinstance(entry, dict) else {}
    text, seconds = given.get("text"), given.get("seconds")
    try:
        length = math.nan if isinstance(seconds, bool) else float(seconds)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        length = math.nan
    if not isinstance(text, str) or not 0 < length <= 3600:
        raise invalid("shots", f"Invalid value for 'shots': shot {number} needs a text and a number of seconds.")
    try:
        image = image_of(given, "image")
    except Refusal as refusal:
        raise invalid("shots", f"Invalid value for 'shots': shot {number}: {refusal.message}") from refusal
    return Segment(text[:MAX_PROMPT_CHARS], length, image)


def image_of(fields: Fields, name: str) -> bytes | None:
    """A file, a data URL, or an object with one; other URLs are refused because the gateway fetches nothing."""
    value = fields.get(name)
    if value is None:
        value = fields.get(f"{name}[image_url]")
    if isinstance(value, dict):
        value = value.get("image_url")
    if value is None or value in ("", b""):
        if name in fields and fields[name] not in ("", None):
            raise invalid(name, f"Invalid '{name}': send a non-empty file or {{image_url}} with a data URL.")
        return None
    if isinstance(value, str) and _DATA_URL.match(value):
        try:
            return base64.b64decode(value.partition(",")[2], validate=True)
        except binascii.Error as error:
            raise invalid(name, f"Invalid '{name}': the data URL is not base64.") from error
    if not isinstance(value, bytes):
        raise invalid(name, f"Invalid '{name}': the preview fetches no URLs; send a file or a data URL.")
    return value


def check_image_size(name: str, data: bytes) -> None:
    if len(data) > MAX_IMAGE_BYTES:
        raise invalid(name, f"Invalid '{name}': it has {len(data):,} bytes; {MAX_IMAGE_BYTES:,} are the most.")
