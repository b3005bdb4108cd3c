"""What the nodes declare, read without ComfyUI, and the contract that workflows rely on."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from . import ROOT
from ._host import Schema, Socket, install

CONTRACT = "tests/golden/contract.json"
_FACTS = ("default", "min", "max", "options", "multiline")
_FROM_THE_MACHINE = {"profile": ["preview", "..."]}  # choices that differ from one machine to the next


@functools.cache
def schemas() -> dict[str, Schema]:
    """By node id, in the order of the ids."""
    install()
    # no profile and no job of whoever runs this may get into what is written
    with tempfile.TemporaryDirectory() as home:
        os.environ["SORA_HOME"] = home
        name = "sora_video_nodes"
        spec = importlib.util.spec_from_file_location(
            name, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        assert spec
        assert spec.loader
        pack = importlib.util.module_from_spec(spec)
        sys.modules[name] = pack
        spec.loader.exec_module(pack)
        found = [node.GET_SCHEMA() for node in sys.modules[f"{name}.nodes"].NODES]
    return {each.node_id: each for each in sorted(found, key=lambda each: each.node_id)}


def contract_of(schema: Schema) -> dict[str, Any]:
    """What workflows and scripts rely on, as a ComfyUI tells it; texts may change."""
    groups: dict[str, dict[str, Any]] = {"required": {}}
    for each in schema.inputs:
        group = "optional" if each.is_optional else "required"
        groups.setdefault(group, {})[each.id] = [each.type, _facts(each)]
    return {
        "inputs": groups,
        "order": {group: list(inputs) for group, inputs in groups.items()},
        "outputs": [[each.type, each.id] for each in schema.outputs],
        "output_node": schema.is_output_node,
        "display_name": schema.display_name,
        "category": schema.category,
    }


def _facts(each: Socket) -> dict[str, Any]:
    facts = {name: each.settings[name] for name in _FACTS if name in each.settings}
    if each.type == "STRING":
        facts.setdefault("multiline", False)
    if each.id in _FROM_THE_MACHINE:
        facts["options"] = _FROM_THE_MACHINE[each.id]
    if each.id == "recent":
        facts["options"] = [facts["options"][0], "..."]
    return facts


def files() -> Iterator[tuple[str, str]]:
    made = {name: contract_of(schema) for name, schema in schemas().items()}
    yield CONTRACT, json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def broken() -> list[str]:
    """What is promised in the contract and is not there any more, or is something else now."""
    path = ROOT / CONTRACT
    promised = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return [
        line
        for name, old in promised.items()
        for line in (_broken(name, old, contract_of(schemas()[name])) if name in schemas() else [f"{name} is gone"])
    ]


def _broken(node: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """New inputs at the end, new outputs at the end and new choices are no breach."""
    for group, names in old["order"].items():
        if new["order"].get(group, [])[: len(names)] != names:
            yield f"{node}: its {group} inputs were {', '.join(names)}, in this order"
    for group, inputs in old["inputs"].items():
        for name, (io_type, facts) in inputs.items():
            there = new["inputs"].get(group, {}).get(name)
            if there is not None and not _keeps([io_type, facts], there):
                yield f"{node}: {name} was {json.dumps([io_type, facts])} and is {json.dumps(there)}"
    if len(new["order"].get("required", [])) > len(old["order"].get("required", [])):
        yield f"{node}: a new input must be optional, or older workflows do not run"
    if new["outputs"][: len(old["outputs"])] != old["outputs"]:
        yield f"{node}: its outputs were {old['outputs']}"


def _keeps(old: list[Any], new: list[Any]) -> bool:
    (old_type, was), (new_type, now) = old, new
    choices = set(was.get("options", ())) <= set(now.get("options", ()))
    return old_type == new_type and was.get("default") == now.get("default") and choices
