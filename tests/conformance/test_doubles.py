"""The gateway's doubles of real servers say what those said: the same statuses, fields and kinds of values.

The same tests run over the double, and every kind of answer that a cassette has is compared, field by field.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from _cassette import FOLDER, Cassette, Exchange
from _command import forget_settings
from _gateway import GatewayProcess
from _gateway_recipes import gateway_recipes
from _peers import SECRETS, PreviewGateway
from _wire import RecordingLine

from sora_core.conformance.suite import Case, Conformance, keys
from sora_core.models import Upload

DOUBLES = ("vllm-omni", "sglang", "aquiles", "dynamo", "litellm")
PASSING = {"queued", "in_progress", "processing"}  # a double need not show each of these when it is looked at
SCENARIOS = (
    "a_video_is_made_and_delivered_and_charged_once",
    "an_image_arrives",
    "a_failed_job_says_why_and_its_row_is_closed",
    "a_lost_answer_is_found_in_the_list",
    "a_running_job_is_canceled_at_the_server",
    "a_wrong_key_is_told_and_charges_nothing",
)
Kind = tuple[str, str, int, str]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("dialect", DOUBLES)
def test_a_double_says_what_the_real_one_said(
    dialect: str,
    scenario: str,
    preview_gateway: GatewayProcess,
    picture: Upload,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cassette = Cassette.load(FOLDER / f"{dialect}-{dialect}.json")
    if scenario not in cassette.scenarios or cassette.scenarios[scenario].outcome != "passed":
        pytest.skip(f"{dialect} has nothing of the kind")
    forget_settings(monkeypatch)
    keys(monkeypatch)
    (recipe,) = [each for each in gateway_recipes() if each.dialect == dialect and not each.variant]
    peer, secrets = PreviewGateway(preview_gateway), {base64.b64encode(picture.data).decode("ascii"): "@picture"}
    with peer.line(scenario, {**SECRETS, **secrets}) as wire:
        assert isinstance(wire, RecordingLine)
        case = Case(recipe, peer, wire, tmp_path)
        try:
            test = getattr(Conformance(), f"test_{scenario}")
            test(case, picture) if scenario == "an_image_arrives" else test(case)
        finally:
            case.close()
        double = _kinds(wire.exchanges)
    real = _kinds(cassette.scenarios[scenario].exchanges)
    found = scenario == "a_lost_answer_is_found_in_the_list"  # a quick double's job is done by then, and not asked for
    missing = {kind for kind in real if kind not in double and kind[3] not in PASSING and not found}
    assert not missing, f"the double answers otherwise: {sorted(double)}"
    for kind in real.keys() & double.keys():
        assert _differences(real[kind], double[kind]) == [], kind


def _kinds(exchanges: list[Exchange]) -> dict[Kind, Any]:
    """The JSON of each kind of answer, the last of it: by method, page, HTTP status and the job's word."""
    found = {}
    for each in exchanges:
        value = (each.got or {}).get("json")
        page = re.sub(r"^(/openai~[\w-]+)?(/v1)?/|\?.*", "", each.path)
        page = re.sub(r"^videos/[^/]+", "videos/ID", page)
        word = value.get("status", "") if isinstance(value, dict) else ""
        found[each.method, page, each.status, str(word)] = value
    return found


def _differences(real: Any, double: Any, where: str = "") -> list[str]:
    """Where fields are missing or too many, or of another type; null goes with everything."""
    if real is None or double is None or where.endswith(".stage_durations"):  # its names are the model's
        return []
    if isinstance(real, dict) and isinstance(double, dict):
        lacks = [f"{where}.{name} is missing" for name in real.keys() - double.keys()]
        extra = [f"{where}.{name} is too many" for name in double.keys() - real.keys()]
        both = [
            line
            for name in real.keys() & double.keys()
            for line in _differences(real[name], double[name], f"{where}.{name}")
        ]
        return sorted(lacks + extra + both)
    if isinstance(real, list) and isinstance(double, list):
        return _differences(real[0], double[0], f"{where}[0]") if real and double else []
    kinds = {_type(real), _type(double)}
    return [] if len(kinds) == 1 else [f"{where} is {_type(double)}, not {_type(real)}"]


def _type(value: Any) -> str:
    """A moment in a cassette is text that begins with @now."""
    if isinstance(value, str) and value.startswith("@now"):
        return "int"
    return "number" if type(value) in (int, float) and isinstance(value, float) else type(value).__name__
