"""The format of faults is checked strictly, because a fault that silently does nothing proves nothing."""

from __future__ import annotations

import json

import pytest

from sora_core.errors import InvalidRequest
from sora_core.gateway.faults import KINDS, FaultBox, FaultRule, parse_faults

LEAST = {
    "delay": {"seconds": 1},
    "slow": {"bytes_per_second": 10},
    "status": {"status": 500},
    "refuse": {"status": 503, "code": "heavy_load"},
    "truncate": {"bytes": 5},
}


def test_every_kind_can_be_given_with_the_least_and_shown_again() -> None:
    wrong = []
    for kind in KINDS:
        rule = FaultRule.parse({"on": "any", "do": kind, **LEAST.get(kind, {})})
        least = (rule.do, rule.times, rule.skip, rule.probability) == (kind, 1, 0, 1.0)
        if not least or FaultRule.parse(json.loads(json.dumps(rule.as_json()))) != rule:
            wrong.append(kind)
    assert wrong == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (5, "must be an object"),
        ({"do": "drop"}, "on is missing"),
        ({"on": "create"}, "do is missing"),
        ({"on": "create", "do": "explode"}, "do must be one of"),
        ({"on": "create", "do": ["drop"]}, "do must be one of"),
        ({"on": "poll", "do": "drop"}, "on must be one of"),
        ({"on": "retrieve", "do": "stuck"}, "on must be one of any, create, remix for stuck"),
        ({"on": "create", "do": "truncate", "bytes": 1}, "on must be one of any, content for truncate"),
        ({"on": "create", "do": "drop", "bytes": 1}, "drop has no field 'bytes'"),
        ({"on": "create", "do": "drop", "time": 1}, "drop has no field 'time'"),
        ({"on": "create", "do": "status"}, "status needs the field status"),
        ({"on": "create", "do": "status", "status": 99}, "status must be a whole number, 200 to 599"),
        ({"on": "create", "do": "status", "status": "500"}, "status must be a whole number"),
        ({"on": "create", "do": "status", "status": 500, "headers": ["a"]}, "headers must be an object"),
        ({"on": "create", "do": "status", "status": 500, "headers": {"a": 1}}, "headers must be an object"),
        ({"on": "create", "do": "status", "status": 500, "headers": {"a": "b\r\nc: d"}}, "headers must be an object"),
        ({"on": "create", "do": "drop", "when": "during"}, "when must be"),
        ({"on": "create", "do": "delay", "seconds": -1}, "seconds must be a number"),
        ({"on": "create", "do": "delay", "seconds": True}, "seconds must be a number"),
        ({"on": "create", "do": "delay", "seconds": 1, "after": "yes"}, "delay has no field 'after'"),
        ({"on": "create", "do": "drop", "skip": -1}, "skip must be a whole number"),
        ({"on": "create", "do": "drop", "times": 0}, "times must be a whole number"),
        ({"on": "create", "do": "drop", "times": 1.5}, "times must be a whole number"),
        ({"on": "create", "do": "drop", "probability": 2}, "probability must be a number, 0 to 1"),
        ({"on": "create", "do": "garbage", "kind": "xml"}, "kind must be one of html, bytes, json"),
        ({"on": "create", "do": "fail", "code": 5}, "code must be text"),
        ({"on": "content", "do": "slow", "bytes_per_second": 0}, "bytes_per_second must be a number"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(rule: object, says: str) -> None:
    good = {"on": "any", "do": "drop"}
    with pytest.raises(InvalidRequest) as caught:
        parse_faults(json.dumps({"faults": [good, rule]}))
    assert caught.value.message.startswith("Fault 2: ")
    assert says in caught.value.message


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"faults": {}}', '{"faults": [], "sed": 1}', '{"faults": [], "seed": "x"}', b"\xff"],
)
def test_a_wrong_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_faults(text)


def test_after_is_short_for_when() -> None:
    rule = FaultRule.parse({"on": "create", "do": "delay", "seconds": 1, "after": True})
    assert rule.when == "after"


def test_paces_add_up_and_of_answers_the_first_one_counts() -> None:
    box = FaultBox(
        [
            FaultRule("create", "delay", seconds=1),
            FaultRule("any", "delay", seconds=2),
            FaultRule("create", "delay", seconds=4, when="after"),
            FaultRule("create", "drop"),
            FaultRule("create", "status", status=500),
            FaultRule("create", "stuck"),
        ]
    )
    first, second = box.take("create"), box.take("create")
    assert (first.delay_seconds("before"), first.delay_seconds("after")) == (3, 4)
    assert first.answer is not None
    assert first.answer.do == "drop"
    assert first.fate is not None
    assert second.answer is not None
    assert (second.answer.do, second.fate, second.paces) == ("status", None, ())
    assert not box.take("create")


def test_a_request_that_gets_away_uses_nothing_up() -> None:
    box = FaultBox([FaultRule("list", "drop", skip=2, times=3, probability=0.3)], seed=1)
    taken = [bool(box.take("list")) for _ in range(200)]
    assert sum(taken) == 3
    assert box.as_json()["faults"][0]["seen"] == 5


def test_content_faults_leave_other_operations_alone() -> None:
    box = FaultBox([FaultRule("any", "truncate", byte_count=1, times=None)])
    assert not box.take("create")
    assert box.take("content")
