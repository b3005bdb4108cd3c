"""What a server's `/openapi.json` (OpenAPI 3) or `/swagger/doc.json` (Swagger 2) says of the body of its create route.

Pure. What is not plain JSON Schema of the one type is left open: nothing may be refused that the server would take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...requests.described import DescribedBody, DescribedField, Route
from ...urls import origin
from .._answers import normalize

_MEDIA_TYPES = {True: "multipart/form-data", False: "application/json"}
_MOST_FIELDS, _MOST_CHOICES, _MOST_DEPTH, _LONGEST = 500, 200, 8, 200
_NAME = re.compile(r"[\w.-]{1,100}")
_KINDS = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "string": "string",
    "object": "object",
    "array": "list",
}
_MERGED = ("extra_body", "extra_json")  # whose insides become fields: where one is, there are fields without a name
_OPEN = DescribedField("any")
_PLAIN = (str, int, float, bool)

Schema = Mapping[str, Any]


def described_in(document: Any, base_url: str, route: Route, *, read_on: str) -> DescribedBody | None:
    """The body of a POST to the route below the base URL; None when the document does not tell it.

    Nor does one that speaks of another server. A body of which not even the prompt is named, as that of LiteLLM, is
    read by the server in some other way.
    """
    if not isinstance(document, dict) or not _is_of(document, base_url):
        return None
    path, is_form = route
    schema = _resolved(document, _body_schema(document, _operation(document, base_url, path), is_form=is_form))
    properties = schema.get("properties")
    if not isinstance(properties, dict) or "prompt" not in properties or len(properties) > _MOST_FIELDS:
        return None
    fields = {
        name: _field(document, value)
        for name, value in properties.items()
        if isinstance(name, str) and _NAME.fullmatch(name)
    }
    return DescribedBody(base_url, path, is_form, _is_whole(schema, fields), read_on, fields)


def _is_of(document: Schema, base_url: str) -> bool:
    """Whether it speaks of the server that it came from."""
    named = [normalize.text_of(normalize.dig(each, "url")) or "" for each in _listed(document.get("servers"))]
    host = document.get("host")
    named += [f"{urlsplit(base_url).scheme}://{host}"] if isinstance(host, str) and host else []
    whole = [url for url in named if "//" in url]
    try:
        return not whole or origin(base_url) in [origin(url) for url in whole]
    except ValueError:
        return False


def _operation(document: Schema, base_url: str, path: str) -> Schema:
    paths = _mapping(document.get("paths"))
    whole = f"{urlsplit(base_url).path.rstrip('/')}{path}"
    version = re.search(r"/v\d+$", base_url.rstrip("/"))
    for each in (whole, f"{version[0] if version else ''}{path}"):
        for spelled in (each, f"{each}/"):
            found = _mapping(_mapping(paths.get(spelled)).get("post"))
            if found:
                return found
    return {}


def _body_schema(document: Schema, operation: Schema, *, is_form: bool) -> Schema:
    body = _resolved(document, _mapping(operation.get("requestBody")))
    found = _mapping(_mapping(_mapping(body.get("content")).get(_MEDIA_TYPES[is_form])).get("schema"))
    if found or is_form:
        return found
    bodies = map(_mapping, _listed(operation.get("parameters")))  # Swagger 2
    return next((_mapping(each.get("schema")) for each in bodies if each.get("in") == "body"), {})


def _is_whole(schema: Schema, fields: Mapping[str, DescribedField]) -> bool:
    """Whether there are no other fields. Without a word on it, servers drop unknown ones, and say nothing."""
    composed = {"allOf", "anyOf", "oneOf", "patternProperties", "unevaluatedProperties"} & schema.keys()
    return not composed and not schema.get("additionalProperties") and not set(_MERGED) & fields.keys()


def _field(document: Schema, value: Any, depth: int = 0) -> DescribedField:
    schema = _resolved(document, value)
    branches = _branches(document, schema)
    if branches is not None:
        if len(branches) != 1 or depth > _MOST_DEPTH:
            return _OPEN
        outer = {name: schema[name] for name in ("default",) if name in schema}
        schema = {**branches[0], **outer}
        return _field(document, schema, depth + 1)
    kind = _kind(schema)
    choices = _choices(schema)
    if kind == "any" and not choices:
        return _OPEN
    low, above = _limit(schema, "minimum", "exclusiveMinimum")
    high, below = _limit(schema, "maximum", "exclusiveMaximum")
    default = schema.get("default")
    plain = default if isinstance(default, _PLAIN) and len(str(default)) <= _LONGEST else None
    return DescribedField(kind, low, high, above, below, choices, plain)


def _branches(document: Schema, schema: Schema) -> list[Schema] | None:
    """What it may be beside null; None for a schema that is only itself."""
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            found = [_resolved(document, each) for each in _listed(schema[word])]
            return [each for each in found if each.get("type") != "null"]
    return None


def _kind(schema: Schema) -> str:
    kinds = schema.get("type")
    named = [each for each in _listed(kinds) or [kinds] if each != "null"]
    if len(named) != 1 or not isinstance(named[0], str):
        return "any"
    if named[0] == "file" or schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    items = _mapping(schema.get("items"))
    if named[0] == "array" and (items.get("format") == "binary" or "contentMediaType" in items):
        return "file"
    return _KINDS.get(named[0], "any")


def _choices(schema: Schema) -> tuple[Any, ...]:
    found = [schema["const"]] if "const" in schema else _listed(schema.get("enum"))
    named = tuple(each for each in found if each is not None)
    is_plain = all(isinstance(each, _PLAIN) and len(str(each)) <= _LONGEST for each in named)
    return named if is_plain and len(named) <= _MOST_CHOICES else ()


def _limit(schema: Schema, word: str, exclusive: str) -> tuple[float | None, float | None]:
    """(the limit that is allowed itself, the one that is not); in OpenAPI 3.0 a flag says which of them it is."""
    limit, other = _number(schema.get(word)), schema.get(exclusive)
    return (None, limit) if other is True else (limit, _number(other))


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _resolved(document: Schema, value: Any) -> Schema:
    """The schema itself where there is a reference to it inside of the document; {} where that leads nowhere."""
    for _ in range(_MOST_DEPTH):
        schema = _mapping(value)
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        value = document if reference.startswith("#/") else {}
        for part in reference[2:].split("/"):
            value = _mapping(value).get(part.replace("~1", "/").replace("~0", "~"))
    return {}


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
