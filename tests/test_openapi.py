"""docs/openapi.json says what the routes are: every one, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
OPERATIONS = [(path, method, each) for path, methods in DOCUMENT["paths"].items() for method, each in methods.items()]


def _is_effect(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation and {"$ref": "#/components/parameters/Header"} in operation["parameters"]


def test_lists_the_routes_that_are_served():
    table = (ROOT / "nodes" / "routes" / "__init__.py").read_text("utf-8")
    served = re.findall(r'Route\("(\w+)", "(/sora_video/[\w/{}]+)"', table)
    assert sorted((method.upper(), path) for path, method, _ in OPERATIONS) == sorted(served)


def test_every_effect_wants_a_json_body_and_the_header_and_no_read_does():
    offenders = [f"{method} {path}" for path, method, each in OPERATIONS if (method != "get") is not _is_effect(each)]
    assert offenders == []


def test_every_refusal_has_its_words():
    offenders = [
        f"{method} {path} {status}"
        for path, method, each in OPERATIONS
        for status, answer in each["responses"].items()
        if status != "200" and answer["content"]["application/json"]["schema"] != {"$ref": "#/components/schemas/Error"}
    ]
    assert offenders == []


def test_every_name_of_the_document_is_used_once():
    names = [each["operationId"] for _, _, each in OPERATIONS]
    assert len(set(names)) == len(names)
