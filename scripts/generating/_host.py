"""Stands in for ComfyUI while the nodes' schemas are read, so that no ComfyUI is needed for it.

It records what a node declares and does nothing else. That a real ComfyUI reads the same out of the nodes is a test in
`tests/comfyui/test_nodes.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any


class Socket:
    """An input or an output as it was declared; each kind is a subclass with its ``type``."""

    type = ""

    def __init__(self, id: str, **settings: Any) -> None:  # noqa: A002 (ComfyUI's word)
        self.id = id
        self.tooltip: str = settings.pop("tooltip", "")
        self.is_optional: bool = settings.pop("optional", False)
        self.settings = settings


def _kind(io_type: str) -> type[Socket]:
    return type("Kind", (Socket,), {"type": io_type})


class Hidden(Enum):
    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"


@dataclass
class Schema:
    node_id: str
    display_name: str = ""
    category: str = ""
    inputs: Sequence[Socket] = ()
    outputs: Sequence[Socket] = ()
    hidden: Sequence[Hidden] = ()
    description: str = ""
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    not_idempotent: bool = False
    search_aliases: Sequence[str] = field(default_factory=list)


class ComfyNode:
    hidden: Any = None

    @classmethod
    def define_schema(cls) -> Schema:
        raise NotImplementedError

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        return cls.define_schema()


class _Io:
    """`io` of comfy_api: each name that is not here is a kind of socket."""

    Hidden, Schema, ComfyNode = Hidden, Schema, ComfyNode
    Input = Output = Socket

    class Autogrow:
        Input = _kind("COMFY_AUTOGROW_V3")

        @staticmethod
        def TemplatePrefix(*inputs: Any, **settings: Any) -> None:
            pass

        TemplateNames = TemplatePrefix

    class NodeOutput:
        pass

    def Custom(self, io_type: str) -> SimpleNamespace:
        return SimpleNamespace(Input=_kind(io_type), Output=_kind(io_type))

    def __getattr__(self, name: str) -> SimpleNamespace:
        return self.Custom(name.upper())


def install() -> None:
    """Puts the stand-in where `import` finds it."""

    class Interrupt(Exception):
        pass

    modules: dict[str, dict[str, Any]] = {
        "comfy": {},
        "comfy.model_management": {"InterruptProcessingException": Interrupt},
        "comfy.cli_args": {"args": SimpleNamespace()},
        "comfy_execution": {},
        "comfy_execution.graph": {},
        "comfy_execution.graph_utils": {"ExecutionBlocker": object},
        "comfy_execution.utils": {"get_executing_context": lambda: None},
        "folder_paths": {},
        "server": {"PromptServer": SimpleNamespace(instance=None)},
        "comfy_api": {},
        "comfy_api.v0_0_2": {"ComfyAPI": object, "ComfyExtension": object, "InputImpl": object, "io": _Io()},
    }
    for name, contents in modules.items():
        module = ModuleType(name)
        vars(module).update(contents)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
