"""What real servers say of themselves: as the conformance suite recorded it, and LocalAI's from its repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parents[1]
_DOCTOR = "the_doctor_knows_the_server_and_charges_nothing"


def description_of(server: str) -> dict[str, Any]:
    """Its `/openapi.json`, or what it has in its place, without what is not of videos."""
    if server == "localai":
        return _read(_TESTS / "providers" / "descriptions" / "localai.json")
    cassettes = sorted((_TESTS / "conformance" / "cassettes").glob(f"{server}-*.json"))
    looks = [_read(path)["scenarios"].get(_DOCTOR, {"exchanges": []})["exchanges"] for path in cassettes]
    return next(each["got"]["json"] for look in looks for each in look if each["path"] == "/openapi.json")


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))
